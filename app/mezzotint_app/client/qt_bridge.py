"""Where the engine's events become Qt signals, and nowhere else.

`EngineClient` is what the app's state is written against; tests give it a scripted one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    import numpy as np

    from mezzotint_sdk.errors import MezzotintError
    from mezzotint_sdk.messages import Request
    from mezzotint_sdk.records import ArrayRef

__all__ = ["EngineClient"]


class EngineClient(QObject):
    """The engine as the app's state sees it. All signals and callbacks come on the GUI thread."""

    eventArrived = Signal(object)  # an Event body (RunChanged, RunProgressed, ...)
    snapshotArrived = Signal(object)  # messages.Snapshot, after a connect, a reconnect or a gap
    connectionChanged = Signal(str, str)  # starting, connected, lost, stopped or failed; one sentence

    def call(
        self,
        body: Request,
        on_reply: Callable[[Any], None] | None = None,
        on_error: Callable[[MezzotintError], None] | None = None,
    ) -> None:
        """Ask the engine. Never blocks; of the two callbacks at most one is called, later, on this thread."""
        raise NotImplementedError

    def read_array(self, ref: ArrayRef) -> np.ndarray:
        """A copy of a mapped array; its slot is released. Raises SlotExpiredError."""
        raise NotImplementedError
