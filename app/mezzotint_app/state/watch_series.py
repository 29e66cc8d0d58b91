"""Values of watches as they come: for each expression the newest one, and its course over ops and steps.

Nothing here knows Qt. A course is kept thinned, so that a run of any length keeps its shape within a fixed
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.debug_records import WatchValue

__all__ = ["CAPACITY", "WatchCourse", "WatchCourses"]

CAPACITY = 10_000  # buckets of one expression
POINTS = LEAST, GREATEST, LAST = 0, 2, 4  # where they lie in a bucket

Numbers = npt.NDArray[np.float64]
StepsOf = Callable[[Numbers], Numbers]  # the step of each op, by number; -1 where there is none


class WatchCourse:
    """Points of one expression: number of the op, value.

    They lie in buckets of one point each. When all are full, neighbours are joined, and from then on each
    takes twice as many: a bucket keeps its least, its greatest and its last point, so that no peak is lost,
    however long a run goes on.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._buckets = np.empty((capacity, len(POINTS) * 2), np.float64)  # op and value of each of POINTS
        self._count = 0  # buckets
        self._size = 1  # points that a bucket takes
        self._inside = 0  # points in the last bucket

    def __len__(self) -> int:
        return len(self.over_ops()[0])

    @property
    def last_op(self) -> float:
        return float(self._buckets[self._count - 1, LAST]) if self._count else -1.0

    def add(self, x: float, value: float) -> None:
        if x <= self.last_op:
            return  # executed again for a look back, or told twice
        if self._count and self._inside < self._size:
            self._inside += 1
            bucket = self._buckets[self._count - 1]
            least, greatest = bucket[LEAST + 1], bucket[GREATEST + 1]
            # NaN counts as less than all: it is to be seen
            if value < least or (np.isnan(value) and not np.isnan(least)):
                bucket[LEAST : LEAST + 2] = (x, value)
            if value > greatest or np.isnan(greatest):
                bucket[GREATEST : GREATEST + 2] = (x, value)
            bucket[LAST : LAST + 2] = (x, value)
            return
        if self._count == len(self._buckets):
            self._join()
            if self._inside < self._size:
                self.add(x, value)
                return
        self._buckets[self._count] = (x, value) * len(POINTS)
        self._count += 1
        self._inside = 1

    def _join(self) -> None:
        """Two buckets become one."""
        odd = self._count % 2
        left, right = self._buckets[: self._count - odd : 2], self._buckets[1 : self._count : 2]
        joined = right.copy()
        less = (left[:, LEAST + 1] <= right[:, LEAST + 1]) | np.isnan(left[:, LEAST + 1])
        greater = (left[:, GREATEST + 1] >= right[:, GREATEST + 1]) | np.isnan(right[:, GREATEST + 1])
        for place, from_left in ((LEAST, less), (GREATEST, greater)):
            joined[from_left, place : place + 2] = left[from_left, place : place + 2]
        tail = self._buckets[self._count - odd : self._count].copy()
        self._inside = self._inside if odd else self._size + self._inside
        self._count = len(joined) + odd
        self._buckets[: len(joined)] = joined
        self._buckets[len(joined) : self._count] = tail
        self._size *= 2

    def over_ops(self) -> tuple[Numbers, Numbers]:
        """Op numbers and values: all of them, or the least and the greatest of each bucket."""
        held = self._buckets[: self._count]
        if self._size == 1:
            return held[:, LAST], held[:, LAST + 1]
        pairs = np.stack([held[:, LEAST : LEAST + 2], held[:, GREATEST : GREATEST + 2]], axis=1)
        points = np.take_along_axis(pairs, pairs[:, :, :1].argsort(axis=1), axis=1).reshape(-1, 2)
        kept = np.append(True, points[1:, 0] != points[:-1, 0]) if len(points) else np.empty(0, bool)
        return points[kept, 0], points[kept, 1]

    def over_steps(self, steps_of: StepsOf) -> tuple[Numbers, Numbers]:
        """Steps or iterations and the last value in each; what was before the first step is left out."""
        held = self._buckets[: self._count]
        steps, values = steps_of(held[:, LAST]), held[:, LAST + 1]
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
