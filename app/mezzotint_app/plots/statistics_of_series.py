"""Median, 95th percentile and outliers of what is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Spread", "clip_limit", "spread_of"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    median: float
    p95: float
    largest: float
    count: int


def spread_of(values: Floats) -> Spread | None:
    """None where there is no finite value."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    median, p95 = np.percentile(finite, [50, 95])
    return Spread(float(median), float(p95), float(finite.max()), len(finite))


def clip_limit(values: Floats) -> float | None:
    """Where to cut an axis so that a few outliers (a warm-up step) don't flatten all the rest; None: no need.

    At least three quarters of the values lie below the limit, by construction.
    """
    finite = values[np.isfinite(values)]
    if len(finite) < 4:
        return None
    quarter, three_quarters = np.percentile(finite, [25, 75])
    limit = float(three_quarters + 6.0 * max(three_quarters - quarter, 0.25 * abs(three_quarters)))
    return limit if float(finite.max()) > 1.25 * limit > 0 else None
