"""Ctrl+C for a command that also reads lines: counted while a run goes on, raised while a line is read."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from mezzotint_app.cli.interrupts import Interrupts

__all__ = ["PromptInterrupts", "WokenError"]


class WokenError(Exception):
    """Reading a line was given up because there is news."""


class PromptInterrupts(Interrupts):
    """While `reading` is set, Ctrl+C and SIGTERM raise KeyboardInterrupt, and `wake` raises WokenError, in
    the main thread. A terminal that is closed (SIGHUP, as when a connection over ssh breaks) counts as
    SIGTERM: a run must not stand at a stop for ever because nobody can speak to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reading = False
        self._woken = False
        self._before_hangup: Any = None

    def __enter__(self) -> PromptInterrupts:
        super().__enter__()
        if hasattr(signal, "SIGHUP"):
            self._before_hangup = signal.signal(signal.SIGHUP, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._before_hangup)
        super().__exit__(kind, error, trace)

    def wake(self) -> None:
        """From any thread. Where a system can't interrupt a read, the line is read to its end."""
        ident = threading.main_thread().ident
        if self.reading and ident is not None and hasattr(signal, "pthread_kill"):
            self._woken = True
            signal.pthread_kill(ident, signal.SIGINT)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        woken, self._woken = self._woken and number == signal.SIGINT, False
        if woken:
            if self.reading:
                raise WokenError
            return
        self.count += 1
        self.was_terminated = self.was_terminated or number != signal.SIGINT
        if self.reading:
            raise KeyboardInterrupt
