"""Numbers to colours by maps that are even to the eye: viridis; for differences blue and red around zero.

What is no number gets a colour of its own, so that one NaN among a million numbers is seen.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pyqtgraph as pg

__all__ = ["COLOR_MAPS", "NAN_COLOR", "color_levels", "color_map", "colors_of"]

NAN_COLOR = (255, 0, 255)  # magenta: in neither of the maps
COLOR_MAPS = {"values": "viridis", "difference": "CET-D1A"}


@cache
def color_map(use: str) -> pg.ColorMap:
    """The map for "values" or for a "difference"."""
    return pg.colormap.get(COLOR_MAPS[use])


@cache
def _table(use: str) -> np.ndarray:
    return np.asarray(color_map(use).getLookupTable(nPts=256, alpha=False), np.uint8)


def color_levels(low: float, high: float, use: str) -> tuple[float, float]:
    """The values at the ends of the colours; of a difference, zero is in the middle. Never of no width."""
    low, high = (value if np.isfinite(value) else 0.0 for value in (low, high))
    if use == "difference":
        high = max(abs(low), abs(high))
        low = -high
    if high <= low:
        span = abs(low) * 1e-3 or 1.0
        low, high = low - span, low + span
    return low, high


def colors_of(numbers: np.ndarray, low: float, high: float, use: str) -> np.ndarray:
    """uint8, shape (rows, columns, 4), of float numbers of shape (rows, columns)."""
    is_nan = np.isnan(numbers)
    clipped = np.clip(np.where(is_nan, low, numbers).astype(np.float64), low, high)
    places = np.rint((clipped - low) * (255.0 / (high - low))).astype(np.uint8)
    colors = np.empty((*numbers.shape, 4), np.uint8)
    colors[..., :3] = _table(use)[places]
    colors[..., 3] = 255
    colors[is_nan, :3] = NAN_COLOR
    return colors
