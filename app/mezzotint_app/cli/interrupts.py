"""Ctrl-C and SIGTERM: raised while there is no run; counted while one goes on, for who waits for it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Interrupts", "TerminatedError", "raised_at_sigterm"]


class TerminatedError(KeyboardInterrupt):
    """SIGTERM, where Ctrl-C raises KeyboardInterrupt."""


@contextmanager
def raised_at_sigterm() -> Iterator[None]:
    """So that a command that is told to end can say so, and let go of the engine that it started."""

    def end(number: int, frame: FrameType | None) -> None:
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Interrupts:
    """Used with `with`: SIGINT and SIGTERM no longer end the process, but are counted.

    The handler only counts: it may run while this thread holds any lock, so it must not talk to the engine.
    """

    def __init__(self) -> None:
        self.count = 0
        self.was_terminated = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.was_terminated = self.was_terminated or number == signal.SIGTERM
