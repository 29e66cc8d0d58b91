"""Values of watches as they come: for each expression the newest one, and its course over ops and steps.

Nothing here knows Qt. A course is kept thinned: when it is full, every other point of its older half goes, so
that a run of any length keeps its shape within a fixed memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.debug_records import WatchValue

__all__ = ["CAPACITY", "WatchCourse", "WatchCourses"]

CAPACITY = 20_000  # points of one expression

Numbers = npt.NDArray[np.float64]
StepsOf = Callable[[Numbers], Numbers]  # the step of each op, by number; -1 where there is none


class WatchCourse:
    """Points of one expression: number of the op, value."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._points = np.empty((2, capacity), np.float64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def last_op(self) -> float:
        return float(self._points[0, self._count - 1]) if self._count else -1.0

    def add(self, x: float, value: float) -> None:
        if x <= self.last_op:
            return  # executed again for a look back, or told twice
        if self._count == self._points.shape[1]:
            self._thin()
        self._points[:, self._count] = (x, value)
        self._count += 1

    def _thin(self) -> None:
        half = self._count // 2
        kept = np.concatenate([self._points[:, :half:2], self._points[:, half : self._count]], axis=1)
        self._count = kept.shape[1]
        self._points[:, : self._count] = kept

    def over_ops(self) -> tuple[Numbers, Numbers]:
        """Op numbers and values."""
        return self._points[0, : self._count], self._points[1, : self._count]

    def over_steps(self, steps_of: StepsOf) -> tuple[Numbers, Numbers]:
        """Steps or iterations and the last value in each; what was before the first step is left out."""
        ops, values = self.over_ops()
        steps = steps_of(ops)
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

    def take(self, values: Iterable[WatchValue]) -> None:
        """Values at a stop; their points come with the run's series."""
        for value in values:
            self.newest[value.expression] = value

    def take_points(
        self, expression: str, ops: Sequence[float], values: Sequence[float], *, stands: bool
    ) -> None:
        """Points of the run's series, in the order of ops. While the run `stands`, the newest value is that
        of the stop."""
        course = self.courses.setdefault(expression, WatchCourse())
        for op, value in zip(ops, values, strict=True):
            course.add(op, value)
        if len(values) and not stands:
            last = float(values[-1])
            self.newest[expression] = WatchValue(expression=expression, value=last, text=f"{last:.6g}")

    def stand_at(self, op_number: int) -> None:
        """The run stands at this op: where it was farther before, it has begun anew."""
        if any(course.last_op > op_number for course in self.courses.values()):
            self.courses.clear()
