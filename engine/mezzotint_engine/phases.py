"""The clock of a run's phases.

Jobs say which phase begins, listeners hear when one begins and what it took.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mezzotint_sdk.records import PhaseTime

__all__ = ["PhaseClock"]


class PhaseClock:
    """Times the phases of one run. Exactly one phase runs at a time; paused time belongs to none.

    `on_end(name, seconds)` is called when a phase ends, `on_begin(name)` when one begins (set by whoever
    follows the run closely, the op debugger). Used by the job's thread alone.
    """

    def __init__(
        self,
        on_end: Callable[[str, float], None] | None = None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._now = now
        self._on_end = on_end
        self.on_begin: Callable[[str], None] | None = None
        self._totals: dict[str, float] = {}
        self._name = ""
        self._begun = 0.0
        self._paused_seconds = 0.0
        self._start = now()

    @property
    def phase(self) -> str:
        return self._name

    def enter(self, name: str) -> None:
        """End the phase that runs, if any, and begin another."""
        self.leave()
        self._name, self._begun = name, self._now()
        if self.on_begin:
            self.on_begin(name)

    def leave(self) -> None:
        if not self._name:
            return
        name, seconds = self._name, self._now() - self._begun
        self._name = ""
        self._totals[name] = self._totals.get(name, 0.0) + seconds
        if self._on_end:
            self._on_end(name, seconds)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time spent inside counts for nothing."""
        begun = self._now()
        try:
            yield
        finally:
            lost = self._now() - begun
            self._begun += lost
            self._paused_seconds += lost

    def elapsed(self) -> float:
        """Seconds since the run's start, pauses left out."""
        return self._now() - self._start - self._paused_seconds

    def totals(self) -> tuple[PhaseTime, ...]:
        return tuple(PhaseTime(name, seconds) for name, seconds in self._totals.items())
