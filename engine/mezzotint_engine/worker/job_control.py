"""What the user wants of the job that runs.

Set by the control thread, obeyed by the job's thread between steps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from mezzotint_sdk.errors import CancelledRunError

__all__ = ["JobControl"]


class JobControl:
    """Cancel, pause and resume of one run."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._changed = threading.Condition()
        self._cancelled = False
        self._paused = False
        self.on_cancel: Callable[[], None] | None = None  # for whoever else holds the job's thread

    def cancel(self) -> None:
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
        if self.on_cancel is not None:
            self.on_cancel()

    def pause(self) -> None:
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    @property
    def wants_pause(self) -> bool:
        return self._paused and not self._cancelled

    def check(self) -> None:
        """Raise CancelledRunError once the run is cancelled."""
        if self._cancelled:
            raise CancelledRunError("The run was cancelled.")

    def wait_while_paused(self, on_wait: Callable[[], None]) -> None:
        """Stand still until resumed or cancelled; `on_wait` is called once before."""
        if not self.wants_pause:
            return
        on_wait()
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or not self._paused)
