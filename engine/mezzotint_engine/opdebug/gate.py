"""Where a thread stands while the debugger has stopped it, and does what the user asks in the meantime.

Everything that is asked at a stop runs on the thread that was stopped, so its device, its stream, its grad
mode and its frames are the ones that the user sees.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mezzotint_sdk.errors import CancelledRunError

__all__ = ["PASSED_ON", "Gate", "LookEndedError", "RestartRunError"]


class RestartRunError(Exception):
    """Raised in the stopped thread: the run is to begin anew."""


class LookEndedError(Exception):
    """Raised where a re-execution that was made for looking has served its purpose."""


# What the debugger raises on purpose, and its own handlers must let through.
PASSED_ON = (CancelledRunError, RestartRunError, LookEndedError)


class Gate:
    """One thread stands, others hand it work. `wait` returns when `open` or `cancel` was called."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self._open = False
        self._cancelled = False

    @property
    def waiting(self) -> bool:
        return self._waiting > 0

    def put(self, task: Callable[[], None]) -> bool:
        """Have the stopped thread call `task`, which must not raise. False: no thread stands here."""
        with self._lock:
            if not self._waiting or self._open:
                return False
            self._tasks.put(task)
            return True

    def open(self) -> None:
        """Let the thread go on once it has done what was put before."""
        with self._lock:
            if self._waiting:
                self._open = True
                self._tasks.put(None)

    def cancel(self) -> None:
        """For good: whoever waits, or comes later, gets CancelledRunError."""
        with self._lock:
            self._cancelled = True
            self._tasks.put(None)

    def check(self) -> None:
        if self._cancelled:
            raise CancelledRunError("The run was cancelled.")

    @contextmanager
    def arrived(self) -> Iterator[None]:
        """From here on work is taken, also before `wait` is called: whoever hears of a stop may ask at
        once."""
        self.check()
        with self._lock:
            self._waiting += 1
            self._open = False
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                self._open = False

    def wait(self) -> None:
        """Stand here, inside of `arrived`. Raises CancelledRunError."""
        self.check()
        while (task := self._tasks.get()) is not None:
            task()
            if self._open_now():
                break
        self.check()

    def _open_now(self) -> bool:
        """Opened by the task itself, that is by this thread: its wake-up still lies in the queue."""
        with self._lock:
            if not self._open:
                return False
        while self._tasks.get() is not None:
            pass
        return True
