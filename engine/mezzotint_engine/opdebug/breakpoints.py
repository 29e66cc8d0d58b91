"""The breakpoints of a run: set, counted, and asked.

Set from the control thread or the console, asked on whichever thread runs ops. `compiled` is replaced as a
whole, never changed, and `version` rises with it: a caller's answers kept by site are dropped when it does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from mezzotint_engine.opdebug.breakpoint_matching import BreakpointTest
from mezzotint_engine.opdebug.breakpoint_text import breakpoint_from_text, breakpoint_text
from mezzotint_sdk.debug_records import Breakpoint
from mezzotint_sdk.errors import BadInputError, NotFoundError

__all__ = ["BreakpointBook", "BreakpointTest", "Hit", "breakpoint_from_text", "breakpoint_text"]


class Hit(NamedTuple):
    """A breakpoint that counted. `stop` is False for a logpoint, whose line `text` is."""

    breakpoint: Breakpoint
    stop: bool
    text: str


class BreakpointBook:
    """All breakpoints by id.

    `compiled` are the enabled ones as tests; of these `op_tests` are asked at ops, `module_borders` at
    modules' borders.
    """

    def __init__(self, breakpoints: Iterable[Breakpoint] = ()) -> None:
        self._lock = threading.RLock()
        self._tests: dict[int, BreakpointTest] = {}
        self._next_id = 1
        self._changed = False
        self.version = 0
        self.compiled: tuple[BreakpointTest, ...] = ()
        self.op_tests: tuple[BreakpointTest, ...] = ()
        self.module_borders: tuple[BreakpointTest, ...] = ()
        if breakpoints:
            self.set(breakpoints)

    # --- setting -------------------------------------------------------------------------------

    def set(self, breakpoints: Iterable[Breakpoint]) -> tuple[Breakpoint, ...]:
        """All of them anew; the ids of those with 0 are given here, hits of unchanged ones are kept.

        Raises `BadInputError` with the sentence of the first bad one; nothing is changed then.
        """
        with self._lock:
            tests: dict[int, BreakpointTest] = {}
            given = list(breakpoints)
            next_id = max([self._next_id - 1, *(one.breakpoint_id for one in given)]) + 1
            for one in given:
                if one.breakpoint_id <= 0:
                    one, next_id = msgspec.structs.replace(one, breakpoint_id=next_id), next_id + 1
                if one.breakpoint_id in tests:
                    raise BadInputError(
                        f"Two breakpoints have the number {one.breakpoint_id}; give each its own."
                    )
                tests[one.breakpoint_id] = self._unchanged(one) or _compiled(one)
            self._tests, self._next_id = tests, next_id
            self._recompile()
            return self.list()

    def add(self, breakpoint: Breakpoint) -> Breakpoint:
        """One more. An id of 0, or one that is taken, is replaced by the next free one."""
        with self._lock:
            if breakpoint.breakpoint_id <= 0 or breakpoint.breakpoint_id in self._tests:
                breakpoint = msgspec.structs.replace(breakpoint, breakpoint_id=self._next_id)
            self._tests[breakpoint.breakpoint_id] = _compiled(breakpoint)
            self._next_id = max(self._next_id, breakpoint.breakpoint_id + 1)
            self._recompile()
            return breakpoint

    def change(self, breakpoint_id: int, **fields: Any) -> Breakpoint:
        """Change fields of one, as `change(3, enabled=False)`."""
        with self._lock:
            changed = msgspec.structs.replace(self.get(breakpoint_id), **fields)
            self._tests[breakpoint_id] = _compiled(changed)
            self._recompile()
            return changed

    def ignore_next(self, breakpoint_id: int, count: int) -> Breakpoint:
        """pdb's `ignore`: let the next `count` hits pass, whatever was counted before."""
        if count < 0:
            raise BadInputError(f"Hits to ignore are counted from 0 on; {count} is less.")
        with self._lock:
            return self.change(breakpoint_id, ignore=self.get(breakpoint_id).hits + count if count else 0)

    def remove(self, breakpoint_id: int) -> Breakpoint:
        with self._lock:
            removed = self.get(breakpoint_id)
            del self._tests[breakpoint_id]
            self._recompile()
            return removed

    def clear(self) -> None:
        self.set(())

    # --- reading -------------------------------------------------------------------------------

    def get(self, breakpoint_id: int) -> Breakpoint:
        test = self._tests.get(breakpoint_id)
        if test is None:
            known = ", ".join(map(str, self._tests)) or "none"
            raise NotFoundError(f"There is no breakpoint {breakpoint_id}; there are: {known}.")
        return test.breakpoint

    def list(self) -> tuple[Breakpoint, ...]:
        with self._lock:
            return tuple(test.breakpoint for test in self._tests.values())

    @property
    def needs_ops(self) -> bool:
        """Whether any must see ops, rather than modules' borders alone."""
        return bool(self.op_tests)

    def needs_ops_at(self, phase: str, step: int) -> bool:
        """The same for one phase and step: elsewhere nothing need listen to ops."""
        return any(test.matches_mark(phase, step) for test in self.op_tests)

    @property
    def needs_values(self) -> bool:
        return any(test.needs_values for test in self.compiled)

    def module_globs(self) -> tuple[str, ...]:
        return tuple(test.breakpoint.module for test in self.module_borders)

    def take_changed(self) -> bool:
        """Whether there is something to tell since the last call: hits, a temporary one gone."""
        with self._lock:
            changed, self._changed = self._changed, False
            return changed

    def take_failures(self) -> tuple[tuple[int, str], ...]:
        """Conditions that could not be evaluated, each told once: (breakpoint, sentence)."""
        found = []
        for test in self.compiled:
            if test.failure and not test.failure_told:
                test.failure_told = True
                found.append((test.breakpoint_id, test.failure))
        return tuple(found)

    # --- counting ------------------------------------------------------------------------------

    def hit(self, test: BreakpointTest, names: Mapping[str, object]) -> Hit | None:
        """Count a match. None: to be ignored (hits to let pass), or the breakpoint is gone meanwhile.

        A temporary one is removed by the hit that stops.
        """
        with self._lock:
            if self._tests.get(test.breakpoint_id) is not test:
                return None
            counted = msgspec.structs.replace(test.breakpoint, hits=test.breakpoint.hits + 1)
            test.breakpoint = counted
            self._changed = True
            if counted.hits <= counted.ignore:
                return None
            if counted.temporary:
                self.remove(counted.breakpoint_id)
        # Outside the lock: expressions of a logpoint may take long, and other threads count meanwhile.
        return Hit(counted, not test.log, test.log.fill(names) if test.log else "")

    def _unchanged(self, breakpoint: Breakpoint) -> BreakpointTest | None:
        """The test that stands for it already, with its count: clients send hits that they heard of last."""
        test = self._tests.get(breakpoint.breakpoint_id)
        if test and msgspec.structs.replace(breakpoint, hits=test.breakpoint.hits) == test.breakpoint:
            return test
        return None

    def _recompile(self) -> None:
        self.compiled = tuple(test for test in self._tests.values() if test.breakpoint.enabled)
        self.op_tests = tuple(test for test in self.compiled if not test.border)
        self.module_borders = tuple(test for test in self.compiled if test.border)
        self.version += 1
        self._changed = True


def _compiled(breakpoint: Breakpoint) -> BreakpointTest:
    try:
        return BreakpointTest(breakpoint)
    except BadInputError as error:
        number = f"Breakpoint {breakpoint.breakpoint_id}: " if breakpoint.breakpoint_id > 0 else ""
        raise BadInputError(number + error.message, error.detail) from None
