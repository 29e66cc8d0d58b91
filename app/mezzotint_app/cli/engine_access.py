"""The engine for the length of one command: the one that runs, or one that is started and stopped after."""

from __future__ import annotations

from concurrent.futures import Future
from types import TracebackType
from typing import Any, Protocol

from mezzotint_app.client.connection import EngineConnection
from mezzotint_app.client.engine_process import DEFAULT_LINGER_S, obtain_engine, wait_until_ended
from mezzotint_sdk import messages as m
from mezzotint_sdk.endpoint import EngineFile
from mezzotint_sdk.errors import EngineError, EngineLostError
from mezzotint_sdk.home import Home

__all__ = ["EngineAccess"]

ANSWER_S = 60.0  # for any request; each is answered in milliseconds unless the disk or the machine is stuck
CONNECT_S = 15.0
STOP_S = 15.0
TRIES = 3  # an engine may be ending just as we find it


class EngineListener(Protocol):
    """Who hears what happens in the engine meanwhile; on the connection's thread."""

    def on_notice(self, notice: m.Notice) -> None: ...

    def on_snapshot(self, snapshot: m.Snapshot) -> None: ...

    def on_state(self, state: str, sentence: str) -> None: ...


class EngineAccess:
    """Used with `with`. Raises EngineError where no engine can be had."""

    def __init__(
        self,
        *,
        keep: bool,
        listener: EngineListener | None = None,
    ) -> None:
        self.home = Home.default()
        self._keep = keep
        self._listener = listener
        self._engine: EngineFile | None = None
        self._is_ours = False
        self._is_stopping = False
        self._connection: EngineConnection | None = None

    def __enter__(self) -> EngineAccess:
        listener = self._listener
        for left in range(TRIES - 1, -1, -1):
            self._engine, is_new = obtain_engine(self.home, linger_s=DEFAULT_LINGER_S)
            self._is_ours = self._is_ours or is_new
            self._connection = EngineConnection(
                self.home,
                client="cli",
                wants_events=True,
                wants_previews=False,
                on_notice=self._hear,
                on_snapshot=listener.on_snapshot if listener is not None else None,
                on_state=listener.on_state if listener is not None else lambda state, sentence: None,
            )
            try:
                self._connection.connect(CONNECT_S)
                break
            except EngineLostError:
                if not left:
                    raise
        if self._keep:
            self.call(m.SetLinger(seconds=-1.0))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._connection is not None
        try:
            if self._is_ours and not self._keep:
                self._stop_if_unused()
        except EngineError:
            pass  # it has ended already, which is what was wanted
        finally:
            self._connection.close()

    def call(self, body: m.Request, timeout_s: float = ANSWER_S) -> Any:
        """The reply. Raises the error that refused it, EngineLostError when the engine has gone."""
        try:
            return self.begin(body).result(timeout_s)
        except TimeoutError:
            name = type(body).__name__
            raise EngineError(f"The engine did not answer {name} within {timeout_s:.0f} seconds.") from None

    def tell(self, body: m.Request) -> None:
        """Ask without waiting for the answer."""
        self.begin(body)

    def begin(self, body: m.Request) -> Future[Any]:
        """Ask; the answer is the future's, or the error that refused it, always a MezzotintError."""
        assert self._connection is not None
        return self._connection.call(body)

    def _stop_if_unused(self) -> None:
        """So that a command after this one doesn't meet an engine that is just ending, its end is awaited."""
        self.call(m.StopEngine(if_unused=True), timeout_s=STOP_S)
        if self._is_stopping:  # told before the answer
            assert self._engine is not None
            wait_until_ended(self._engine, STOP_S)

    def _hear(self, notice: m.Notice) -> None:
        if isinstance(notice.body, m.EngineStopping):
            self._is_stopping = True
        if self._listener is not None:
            self._listener.on_notice(notice)
