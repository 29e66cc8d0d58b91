"""Where the engine's events become Qt signals, and nowhere else.

`EngineClient` is what the app's state is written against; tests give it a scripted one. `QtBridge` is the
real one: all that its connection's thread hears crosses to the GUI thread in batches, at most one a frame.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from mezzotint_app.client.connection import EngineConnection
from mezzotint_app.client.engine_process import (
    DEFAULT_LINGER_S,
    engine_is_alive,
    obtain_engine,
    wait_until_ended,
)
from mezzotint_app.client.event_batch import EventBatch
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import InternalError, MezzotintError
from mezzotint_sdk.home import Home

if TYPE_CHECKING:
    import numpy as np

    from mezzotint_app.client.slot_access import SlotAccess
    from mezzotint_sdk.endpoint import EngineFile
    from mezzotint_sdk.messages import Request
    from mezzotint_sdk.records import ArrayRef

__all__ = ["EngineClient", "QtBridge"]

log = logging.getLogger(__name__)

FRAME_S = 1 / 60
SLICE_S = 0.008  # of the GUI thread's time before its other events get their turn

OnReply = Callable[[Any], None]
OnError = Callable[[MezzotintError], None]


class EngineClient(QObject):
    """The engine as the app's state sees it. All signals and callbacks come on the GUI thread."""

    eventArrived = Signal(object)  # an Event body (RunChanged, RunProgressed, ...)
    snapshotArrived = Signal(object)  # messages.Snapshot, after a connect, a reconnect or a gap
    connectionChanged = Signal(str, str)  # starting, connected, lost, stopped or failed; one sentence

    def call(self, body: Request, on_reply: OnReply | None = None, on_error: OnError | None = None) -> None:
        """Ask the engine. Never blocks; one of the two callbacks is called, later, on this thread."""
        raise NotImplementedError

    def read_array(self, ref: ArrayRef) -> np.ndarray:
        """A copy of a mapped array; its slot is released. Raises SlotExpiredError."""
        raise NotImplementedError

    def restart_engine(self) -> None:
        """Start an engine again after it was stopped or could not be started."""
        raise NotImplementedError


@dataclass(frozen=True)
class _Answered:
    """The end of a call, on its way to the GUI thread."""

    result: Any  # a Reply or a MezzotintError
    on_reply: OnReply | None
    on_error: OnError | None


@dataclass(frozen=True)
class _StateTold:
    state: str
    sentence: str


class QtBridge(EngineClient):
    """Starts the engine of a home where none runs, connects, and comes back when it was lost.

    Make it on the GUI thread, connect its signals, then `start`; `close` before the application ends.
    """

    _woken = Signal()

    def __init__(
        self, home: Home, *, linger_s: float = DEFAULT_LINGER_S, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._linger_s = linger_s
        self._slots: SlotAccess | None = None
        self._started: EngineFile | None = None
        self._is_closed = False
        self._is_urgent = False  # something waits in the batch that must not wait
        self._batch = EventBatch()
        self._due: deque[Any] = deque()  # taken from the batch, not yet delivered
        self._delivered_at = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._deliver)
        self._woken.connect(self._on_woken, Qt.ConnectionType.QueuedConnection)
        self._connection = EngineConnection(
            home,
            client="app",
            wants_events=True,
            wants_previews=True,
            on_notice=self._on_notice,
            on_state=lambda state, sentence: self._put(_StateTold(state, sentence)),
            on_snapshot=self._put,
            launch=self._launch,
        )

    # --- for state --------------------------------------------------------------------------------------

    @property
    def home(self) -> Home:
        return self._connection.home

    def start(self) -> None:
        """Returns at once; `connectionChanged` tells the rest."""
        self._connection.start()

    def close(self) -> None:
        """End the connection. The engine goes on as long as it has work, and then for its linger time."""
        if self._is_closed:
            return
        self._is_closed = True
        self._timer.stop()
        self._connection.close()
        self._due.clear()
        self._batch.take()
        if self._slots is not None:
            self._slots.close()

    def stop_engine_if_ours(self, timeout_s: float) -> None:
        """End an engine that was started here and that nobody else needs, and wait for its end. Blocks."""
        engine = self._started
        if engine is None or not engine_is_alive(engine):
            return
        try:
            self._connection.call(m.StopEngine(if_unused=True)).result(timeout_s)
        except (MezzotintError, TimeoutError) as error:
            log.info("the engine could not be asked to end: %s", error)
        self.close()
        wait_until_ended(engine, timeout_s)

    def call(self, body: Request, on_reply: OnReply | None = None, on_error: OnError | None = None) -> None:
        if self._is_closed:
            return
        future = self._connection.call(body)
        if on_reply is not None or on_error is not None:
            future.add_done_callback(lambda done: self._put(_Answered(_result(done), on_reply, on_error)))

    def read_array(self, ref: ArrayRef) -> np.ndarray:
        from mezzotint_app.client.slot_access import SlotAccess

        if self._slots is None:
            self._slots = SlotAccess()
        welcome = self._connection.welcome
        self._slots.use(welcome.slots_folder if welcome is not None else "")
        try:
            return self._slots.copy(ref)
        finally:
            self.call(m.ReleaseSlots(refs=(ref,)))

    def restart_engine(self) -> None:
        self._connection.restart_engine()

    # --- on the connection's thread ---------------------------------------------------------------------

    def _launch(self, stop: threading.Event) -> EngineFile:
        engine, is_new = obtain_engine(self.home, linger_s=self._linger_s, stop=stop)
        if is_new:
            self._started = engine
        return engine

    def _on_notice(self, notice: m.Notice) -> None:
        self._put(notice.body)
        if isinstance(notice.body, m.PreviewMade) and (dropped := self._batch.take_dropped()):
            self._connection.call(m.ReleaseSlots(refs=dropped))

    def _put(self, item: object) -> None:
        must_wake = self._batch.put(item)
        if self._is_closed:
            return
        # What somebody waits for does not wait for the next frame.
        if isinstance(item, (_Answered, m.RunChanged, m.DebuggerReported)) and not self._is_urgent:
            self._is_urgent = must_wake = True
        if must_wake:
            self._woken.emit()

    # --- on the GUI thread ------------------------------------------------------------------------------

    def _on_woken(self) -> None:
        if self._is_closed:
            return
        if self._is_urgent:
            self._timer.start(0)
            return
        if self._timer.isActive():
            return
        since = time.monotonic() - self._delivered_at
        self._timer.start(max(0, round((FRAME_S - since) * 1000)))

    def _deliver(self) -> None:
        self._is_urgent = False  # first: what comes from here on wakes us again
        self._due.extend(self._batch.take())
        end = time.monotonic() + SLICE_S
        while self._due and not self._is_closed:
            try:
                self._deliver_one(self._due.popleft())
            except Exception:
                # As Qt does with slots: a listener's bug is told, and keeps nobody from what they wait for.
                sys.excepthook(*sys.exc_info())
            if time.monotonic() > end:
                break
        self._delivered_at = time.monotonic()
        if self._due and not self._is_closed:
            self._timer.start(1)

    def _deliver_one(self, item: Any) -> None:
        match item:
            case _Answered(result=MezzotintError() as error, on_error=on_error):
                if on_error is not None:
                    on_error(error)
            case _Answered(result=result, on_reply=on_reply):
                if on_reply is not None:
                    on_reply(result)
            case _StateTold():
                self.connectionChanged.emit(item.state, item.sentence)
            case m.Snapshot():
                self.snapshotArrived.emit(item)
            case _:
                self.eventArrived.emit(item)


def _result(done: Future[Any]) -> Any:
    error = done.exception()
    if error is None:
        return done.result()
    return (
        error if isinstance(error, MezzotintError) else InternalError(f"A call failed: {error}.", repr(error))
    )
