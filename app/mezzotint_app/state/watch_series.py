"""Values of watches as they come: for each expression the newest one, and its course over ops and steps.

Nothing here knows Qt. A course is kept thinned: when it is full, every other point of its older half goes, so
that a run of any length keeps its shape within a fixed memory.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.debug_records import WatchValue

__all__ = ["CAPACITY", "WatchCourse", "WatchCourses"]

CAPACITY = 20_000  # points of one expression

Numbers = npt.NDArray[np.float64]


class WatchCourse:
    """Points of one expression: number of the op, step, value."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._points = np.empty((3, capacity), np.float64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, x: float, step: int, value: float) -> None:
        if self._count == self._points.shape[1]:
            self._thin()
        self._points[:, self._count] = (x, step, value)
        self._count += 1

    def _thin(self) -> None:
        half = self._count // 2
        kept = np.concatenate([self._points[:, :half:2], self._points[:, half : self._count]], axis=1)
        self._count = kept.shape[1]
        self._points[:, : self._count] = kept

    def over_ops(self) -> tuple[Numbers, Numbers]:
        """Op numbers and values."""
        return self._points[0, : self._count], self._points[2, : self._count]

    def over_steps(self) -> tuple[Numbers, Numbers]:
        """Steps or iterations and the last value in each; what was before the first step is left out."""
        steps, values = self._points[1, : self._count], self._points[2, : self._count]
        inside = steps >= 0
        steps, values = steps[inside], values[inside]
        if not len(steps):
            return steps, values
        last = np.append(steps[1:] != steps[:-1], True)
        return steps[last], values[last]


class WatchCourses:
    """Of all expressions of one run."""

    def __init__(self) -> None:
        self.newest: dict[str, WatchValue] = {}
        self.courses: dict[str, WatchCourse] = {}

    def clear(self) -> None:
        self.newest.clear()
        self.courses.clear()

    def keep_only(self, expressions: Iterable[str]) -> None:
        """Forget those that are no longer watched."""
        wanted = set(expressions)
        for known in (self.newest, self.courses):
            for expression in set(known) - wanted:
                del known[expression]

    def take(self, values: Iterable[WatchValue], x: float, step: int, *, plotted: bool = True) -> None:
        """`plotted` False: values at a stop, which a report gives as well."""
        for value in values:
            self.newest[value.expression] = value
            if plotted and value.value is not None:
                self.courses.setdefault(value.expression, WatchCourse()).add(x, step, value.value)
