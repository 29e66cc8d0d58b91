"""As many points as a plot has columns of pixels: lowest and highest value of each, so no peak is lost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["decimate"]

Floats = npt.NDArray[np.float64]


def decimate(
    x: Floats, lows: Floats, highs: Floats, first: float, last: float, columns: int
) -> tuple[Floats, Floats]:
    """The line through what is visible between `first` and `last`, on `columns` columns of pixels.

    `x` must not fall. Returns x and y of one length, at most 4 * columns + 4. Where there are few points
    these are the points themselves (both values of a thinned stretch); else each column has its lowest and
    its highest value, at the place of its first point. One neighbour on each side is kept, so that the line
    leaves the view instead of ending in it.
    """
    start = max(0, int(np.searchsorted(x, first, side="left")) - 1)
    end = min(len(x), int(np.searchsorted(x, last, side="right")) + 1)
    x, lows, highs = x[start:end], lows[start:end], highs[start:end]
    columns = max(1, columns)
    if len(x) > 2 * columns:
        edges = np.linspace(first, last, columns + 1)
        # one column more on each side takes the neighbours; equal starts are columns without a point
        starts = np.unique(np.concatenate([[0], np.searchsorted(x, edges, side="left")]))
        starts = starts[starts < len(x)]
        x, lows, highs = x[starts], np.fmin.reduceat(lows, starts), np.fmax.reduceat(highs, starts)
    if np.array_equal(lows, highs, equal_nan=True):
        return x, highs
    return np.repeat(x, 2), np.stack([lows, highs], axis=1).ravel()
