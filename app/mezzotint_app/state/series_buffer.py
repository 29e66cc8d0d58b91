"""Points of one metric series, as many as a plot can use: an overview, a closer look, the live end.

A series of ten million points never gets here whole: the engine thins what it sends to the lowest and highest
value of each stretch. Live points are appended as they come, and thinned in the same way when they grow long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.messages import MetricsAdded, SeriesData

__all__ = ["Points", "SeriesBuffer", "thin"]

Floats = npt.NDArray[np.float64]

MAX_LIVE_POINTS = 50_000  # then neighbours are joined, which halves them
SAMPLED_LIVE = 16  # before that one of so many is kept as it is


@dataclass(frozen=True)
class Points:
    """Parallel arrays in the order of time; where nothing was thinned `lows` equals `highs`."""

    steps: Floats
    lows: Floats
    highs: Floats
    times: Floats  # seconds since the run's start

    def __len__(self) -> int:
        return len(self.steps)

    @classmethod
    def empty(cls) -> Points:
        none = np.empty(0)
        return cls(none, none, none, none)

    @classmethod
    def of(cls, data: SeriesData) -> Points:
        """Raises ValueError where the arrays are not of one length."""
        parts = (data.steps, data.lows, data.highs, data.times)
        arrays = [np.frombuffer(part, "<f8") for part in parts]
        if len({len(array) for array in arrays}) != 1:
            raise ValueError(f"the arrays of the series {data.name} differ in length")
        return cls(*arrays)

    def where(self, mask: npt.NDArray[np.bool_] | slice) -> Points:
        """Those of a mask, or of a slice (which copies nothing)."""
        return Points(self.steps[mask], self.lows[mask], self.highs[mask], self.times[mask])

    @classmethod
    def concatenated(cls, parts: list[Points]) -> Points:
        """All of them in a row; they must be in order."""
        if not parts:
            return cls.empty()
        rows = zip(*((part.steps, part.lows, part.highs, part.times) for part in parts), strict=True)
        return cls(*(np.concatenate(row) for row in rows))

    def __add__(self, other: Points) -> Points:
        return Points.concatenated([self, other])

    @property
    def is_thinned(self) -> bool:
        return not np.array_equal(self.lows, self.highs, equal_nan=True)

    def values(self) -> Floats:
        """All values that are known: each point once, or lowest and highest of each thinned stretch."""
        if not self.is_thinned:
            return self.highs
        return np.stack([self.lows, self.highs], axis=1).ravel()


def thin(points: Points, buckets: int) -> Points:
    """At most `buckets` points: lowest and highest value of each stretch, which no peak can escape."""
    count = len(points)
    if count <= buckets or buckets < 1:
        return points
    starts = np.unique(np.linspace(0, count, buckets, endpoint=False, dtype=np.intp))
    return Points(
        points.steps[starts],
        np.fmin.reduceat(points.lows, starts),
        np.fmax.reduceat(points.highs, starts),
        points.times[starts],
    )


class SeriesBuffer:
    """One series of one run. `total` is the number of points that were measured, shown or not."""

    def __init__(self, name: str, unit: str) -> None:
        self.name = name
        self.unit = unit
        self.total = 0
        self._stored = Points.empty()
        self._refined: tuple[float, float, Points] | None = None
        self._sample = Points.empty()
        self._live = np.empty((4, 256))  # rows: step, low, high, time
        self._live_count = 0
        self._cached: Points | None = None

    # --- filling ----------------------------------------------------------------------------------------

    def set_stored(self, data: SeriesData) -> None:
        """What the engine has on file. Live points that the file already holds are dropped."""
        self._stored = Points.of(data)
        self._refined = None
        last = self._stored.times[-1] if len(self._stored) else -np.inf
        newer = self._live[:, : self._live_count][:, self._live[3, : self._live_count] > last]
        self._live_count = newer.shape[1]
        self._live[:, : self._live_count] = newer
        # The last stretch of thinned points may go on into what is live: those are not counted twice.
        shared = -(-data.total // max(1, len(self._stored))) if data.total > len(self._stored) else 0
        self.total = data.total + max(0, self._live_count - shared)
        self._cached = None

    def set_refined(self, first: float, last: float, data: SeriesData) -> None:
        """A closer look at the steps from `first` to `last`."""
        self._refined = (first, last, Points.of(data))
        self._cached = None

    def set_sample(self, points: Points) -> None:
        """Points from all over the series, none of them thinned: what median and percentiles are taken of."""
        self._sample = points

    def sample_between(self, first: float, last: float) -> Floats:
        """Values of whole points from `first` to `last`: of the sample, the closer look and the live end."""
        live = self._live_points()
        parts = [self._sample.where(self._sample.steps <= (live.steps[0] if len(live) else np.inf)), live]
        if self._refined is not None and not self._refined[2].is_thinned:
            parts = [self._refined[2]]
        points = Points.concatenated(parts)
        inside = (points.steps >= first) & (points.steps <= last) & (points.lows == points.highs)
        return points.highs[inside]

    def append(self, event: MetricsAdded) -> None:
        count = min(len(event.steps), len(event.values), len(event.times))
        steps, values, times = (
            np.asarray(part[:count], float) for part in (event.steps, event.values, event.times)
        )
        last = self._stored.times[-1] if len(self._stored) else -np.inf
        new = times > last
        steps, values, times = steps[new], values[new], times[new]
        self._make_room(len(steps))
        end = self._live_count + len(steps)
        self._live[:, self._live_count : end] = np.stack([steps, values, values, times])
        self._live_count = end
        self.total += len(steps)
        self._cached = None

    def _make_room(self, count: int) -> None:
        if self._live_count + count > MAX_LIVE_POINTS:
            live = self._live_points()
            whole = live.where(live.lows == live.highs)
            self._sample = Points.concatenated([self._sample, whole.where(slice(None, None, SAMPLED_LIVE))])
            kept = thin(live, MAX_LIVE_POINTS // 2)
            self._live_count = len(kept)
            self._live[:, : len(kept)] = np.stack([kept.steps, kept.lows, kept.highs, kept.times])
        if self._live_count + count > self._live.shape[1]:
            grown = np.empty((4, max(self._live.shape[1] * 2, self._live_count + count)))
            grown[:, : self._live_count] = self._live[:, : self._live_count]
            self._live = grown

    # --- reading ----------------------------------------------------------------------------------------

    def _live_points(self) -> Points:
        return Points(*self._live[:, : self._live_count].copy())

    def points(self) -> Points:
        """Everything there is to draw, finest where a closer look was taken."""
        if self._cached is None:
            self._cached = self._composed()
        return self._cached

    def _composed(self) -> Points:
        stored, live = self._stored, self._live_points()
        if self._refined is not None:
            first, last, closer = self._refined
            before, after = stored.where(stored.steps < first), stored.where(stored.steps > last)
            stored = before + closer + after
        if not len(live):
            return stored
        if len(stored):  # a closer look may already hold what came live after the overview
            live = live.where(live.times > stored.times[-1])
        return stored + live if len(stored) else live

    @property
    def is_whole(self) -> bool:
        """Whether every measured point is here, none thinned away."""
        return len(self._stored) + self._live_count >= self.total
