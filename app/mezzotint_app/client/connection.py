"""One connection to the engine: a thread that owns the socket, futures for answers, callbacks for events.

Qt-free: the command line and the tests use it as it is, the window through `qt_bridge`.
"""

from __future__ import annotations

import logging
import os
import socket as sockets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Literal

import zmq

from mezzotint_app.client.engine_process import engine_is_alive, find_engine
from mezzotint_app.client.engine_socket import EngineSocket
from mezzotint_app.client.pending_calls import PendingCalls
from mezzotint_sdk import messages as m
from mezzotint_sdk.endpoint import EngineFile
from mezzotint_sdk.errors import (
    BadMessageError,
    EngineError,
    EngineLostError,
    InternalError,
    MezzotintError,
    error_from_info,
)
from mezzotint_sdk.home import Home
from mezzotint_sdk.version import __version__
from mezzotint_sdk.wire_codec import CALLS, FROM_SERVER

__all__ = ["ConnectionState", "EngineConnection", "Launch"]

log = logging.getLogger(__name__)

ConnectionState = Literal["starting", "connected", "lost", "stopped", "failed"]
Launch = Callable[[threading.Event], EngineFile]  # finds or starts an engine; gives up when the event is set

PING_EVERY_S = 2.0
SILENCE_S = 10.0  # Pings are answered at once by a healthy engine
LOOK_EVERY_S = 0.5  # at the engine's process
RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)
LAUNCH_RETRY_S = (0.5, 2.0, 5.0, 15.0, 30.0)
STEADY_S = 30.0  # an engine that lived so long did not die of how it was started
BATCH = 500  # messages read before requests get their turn

STARTING = "The engine is starting…"
CONNECTED = "The engine is ready."
STOPPED = "The engine was stopped."
CLOSED = "The connection to the engine was closed."


class EngineConnection:
    """A connection to the engine of a home.

    `connect` waits for the handshake, and the first loss ends the connection (command line). `start` returns
    at once and stays connected for good, with back-off (window); with `launch` it starts an engine where none
    lives.

    `call` may be used from any thread and never blocks. `on_notice`, `on_state` and `on_snapshot` are called
    on the connection's own thread and must return soon. `on_snapshot` gets a fresh Snapshot after each
    handshake, and where the numbers of events show a gap.
    """

    def __init__(
        self,
        home: Home,
        *,
        client: str,
        wants_events: bool,
        wants_previews: bool,
        on_notice: Callable[[m.Notice], None] = lambda notice: None,
        on_state: Callable[[ConnectionState, str], None] = lambda state, sentence: None,
        on_snapshot: Callable[[m.Snapshot], None] | None = None,
        launch: Launch | None = None,
    ) -> None:
        self.home = home
        self.welcome: m.Welcome | None = None
        self._hello = m.Hello(
            protocol=m.PROTOCOL_VERSION,
            client=client,
            version=__version__,
            pid=os.getpid(),
            wants_events=wants_events,
            wants_previews=wants_previews,
        )
        self._on_notice = on_notice
        self._on_state = on_state
        self._on_snapshot = on_snapshot
        self._launch = launch
        self._calls = PendingCalls(self._wake)
        self._closing = threading.Event()
        self._first: Future[m.Welcome] = Future()
        self._state: tuple[str, str] = ("", "")
        self._is_persistent = False
        self._may_launch = True
        self._launch_failures = 0
        self._was_stopped = False
        self._seq = 0
        self._gap_seq = 0  # a snapshot must reach at least this
        self._snapshot_at = float("inf")  # when to ask for one
        self._thread: threading.Thread | None = None
        self._wake_reader, self._wake_writer = sockets.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)

    # --- for users --------------------------------------------------------------------------------------

    def connect(self, timeout_s: float) -> m.Welcome:
        """Connect to the engine that runs, and wait for the handshake.

        Raises EngineError when there is none or it doesn't answer in time, ProtocolError when it is of
        another version; the connection is then closed.
        """
        self._run_thread()
        try:
            return self._first.result(timeout_s)
        except TimeoutError:
            self.close()
            raise EngineError("The engine does not answer; end its process and try again.") from None
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Connect in the background, and again whenever the connection is lost, until closed."""
        self._is_persistent = True
        self._tell("starting", STARTING)
        self._run_thread()

    def restart_engine(self) -> None:
        """Start an engine again after it was stopped or could not be started; of use after `start` alone."""
        self._may_launch = True
        self._launch_failures = 0
        self._wake()

    def call(self, body: m.Request) -> Future[Any]:
        """Ask the engine. The future gives the reply, or raises what refused it: always a MezzotintError.

        A connection that is lost fails it with EngineLostError. Don't wait for it in a callback of ours.
        """
        return self._calls.add(body)

    def close(self) -> None:
        """Say goodbye and end the thread. Calls under way fail with EngineLostError."""
        self._closing.set()
        self._wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._calls.refuse(EngineLostError(CLOSED))
        self._wake_reader.close()
        self._wake_writer.close()

    # --- the thread: from one engine to the next -------------------------------------------------------

    def _run_thread(self) -> None:
        assert self._thread is None, "a connection is used once"
        self._thread = threading.Thread(target=self._run, name="mezzotint-connection", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        attempt = 0
        try:
            while not self._closing.is_set():
                began = time.monotonic()
                try:
                    self._converse(context, self._engine())
                except MezzotintError as error:
                    self._lose(error)
                except Exception as error:  # a bug of ours must not leave callers waiting for ever
                    log.exception("the connection to the engine failed")
                    self._lose(InternalError(f"The connection to the engine failed: {error}.", repr(error)))
                if not self._is_persistent:
                    break
                attempt = 0 if time.monotonic() - began > STEADY_S else attempt + 1
                self._pause(attempt)
        finally:
            self._calls.refuse(EngineLostError(CLOSED))
            context.term()

    def _pause(self, attempt: int) -> None:
        """Back-off. `restart_engine` and `close` end it early."""
        if self._launch_failures:
            seconds = LAUNCH_RETRY_S[min(self._launch_failures, len(LAUNCH_RETRY_S)) - 1]
        else:
            seconds = RETRY_S[min(attempt, len(RETRY_S)) - 1] if attempt else 0.0
        end = time.monotonic() + seconds
        failures = self._launch_failures
        while not self._closing.is_set() and (left := end - time.monotonic()) > 0:
            self._closing.wait(min(left, 0.1))
            if self._launch_failures < failures:
                return  # asked to try again
            # An engine that somebody else started is found at once, whatever our own back-off.
            if self._launch_failures and find_engine(self.home) is not None:
                return

    def _engine(self) -> EngineFile:
        engine = find_engine(self.home)
        if engine is not None:
            return engine
        if self._launch is None or not self._may_launch:
            if self._was_stopped:
                raise EngineLostError(STOPPED)
            raise EngineLostError(
                "No engine is running; start one with `mezzotint`, or any command that draws."
            )
        if self._state[0] == "stopped":
            self._tell("starting", STARTING)
        self._was_stopped = False
        try:
            return self._launch(self._closing)
        except MezzotintError:
            self._launch_failures += 1
            raise

    def _lose(self, error: MezzotintError) -> None:
        if self._closing.is_set():
            error = EngineLostError(CLOSED)
        self._calls.refuse(
            error if isinstance(error, EngineError) else EngineLostError(error.message, error.detail)
        )
        if not self._first.done():
            self._first.set_exception(error)
        if self._closing.is_set():
            return
        if self._was_stopped:
            self._tell("stopped", STOPPED)
        elif self.welcome is None or self._launch_failures:
            self._tell("failed", error.message)
        else:
            self._tell("lost", error.message)

    def _tell(self, state: ConnectionState, sentence: str) -> None:
        if (state, sentence) != self._state:
            self._state = (state, sentence)
            self._on_state(state, sentence)

    # --- the thread: one engine, from Hello to the end --------------------------------------------------

    def _converse(self, context: zmq.Context[zmq.Socket[bytes]], engine: EngineFile) -> None:
        """Returns when the connection is closed; raises EngineLostError when the engine is lost."""
        socket = EngineSocket(context, engine)
        self._was_stopped = False
        try:
            self._shake_hands(socket, engine)
            now = time.monotonic()
            heard = pinged = looked = now
            while not self._closing.is_set():
                self._send_outgoing(socket)
                due = min(self._snapshot_at, pinged + PING_EVERY_S, looked + LOOK_EVERY_S)
                socket.wait(max(0.0, due - now), self._wake_reader)
                now = time.monotonic()
                for data in socket.received(BATCH):
                    heard = now
                    self._receive(data)
                if now >= self._snapshot_at:
                    self._ask_for_snapshot()
                if socket.is_gone or now - looked >= LOOK_EVERY_S:
                    looked = now
                    self._look(socket, engine)
                if now - pinged >= PING_EVERY_S:
                    pinged = now
                    socket.send(CALLS.encode(m.Call(0, m.Ping())))
                if now - heard > SILENCE_S:
                    raise EngineLostError(f"The engine has not answered for {SILENCE_S:.0f} seconds.")
            self._send_outgoing(socket)
            socket.send(CALLS.encode(m.Call(0, m.Goodbye())))
        finally:
            self._snapshot_at = float("inf")
            socket.close()

    def _look(self, socket: EngineSocket, engine: EngineFile) -> None:
        """Raises when the engine is no longer there."""
        if not socket.is_gone and engine_is_alive(engine):
            return
        for data in socket.received(1_000_000):  # its last words: an answer, or that it is stopping
            self._receive(data)
        if self._was_stopped:
            raise EngineLostError(STOPPED)
        if engine_is_alive(engine) and not _ends_soon(engine):
            raise EngineLostError("The connection to the engine was lost.")
        raise EngineLostError("The engine ended unexpectedly.")

    def _shake_hands(self, socket: EngineSocket, engine: EngineFile) -> None:
        socket.send(CALLS.encode(m.Call(0, self._hello)))
        deadline = time.monotonic() + SILENCE_S
        while True:
            socket.wait(0.1, self._wake_reader)
            for data in socket.received(1):
                try:
                    message = FROM_SERVER.decode(data)
                except BadMessageError as error:
                    log.info("bytes that are no message, instead of a welcome: %s", error.message)
                    continue
                match message:
                    case m.Answer(body=m.Welcome() as welcome):
                        self._enter(welcome)
                        return
                    case m.Answer(body=m.Refused(error=info)):
                        raise error_from_info(info)
            if self._closing.is_set():
                raise EngineLostError(CLOSED)
            if socket.is_gone or not engine_is_alive(engine):
                raise EngineLostError("The engine ended before it answered.")
            if time.monotonic() > deadline:
                raise EngineLostError("The engine does not answer; end its process and try again.")

    def _enter(self, welcome: m.Welcome) -> None:
        self.welcome = welcome
        self._seq = welcome.seq
        self._gap_seq = 0
        self._may_launch = True
        self._launch_failures = 0
        self._calls.accept()
        if self._on_snapshot is not None:
            self._snapshot_at = 0.0
        self._tell("connected", CONNECTED)
        if not self._first.done():
            self._first.set_result(welcome)

    def _send_outgoing(self, socket: EngineSocket) -> None:
        for data in self._calls.take_outgoing():
            socket.send(data)

    def _receive(self, data: bytes) -> None:
        try:
            message = FROM_SERVER.decode(data)
        except BadMessageError as error:
            log.info("bytes that are no message: %s", error.message)
            self._notice_gap(self._seq)  # what they should have said is in the next snapshot
            return
        match message:
            case m.Answer(request_id=number, body=body):
                self._calls.answer(number, body)
            case m.Notice():
                self._take_notice(message)

    def _take_notice(self, notice: m.Notice) -> None:
        if notice.seq:
            if notice.seq <= self._seq:
                return  # already part of what a snapshot told
            if notice.seq > self._seq + 1:
                self._notice_gap(notice.seq)
            self._seq = notice.seq
        if isinstance(notice.body, m.EngineStopping):
            self._was_stopped = True
            self._may_launch = False
        try:
            self._on_notice(notice)
        except Exception:
            log.exception("a listener failed on %s", type(notice.body).__name__)

    # --- snapshots --------------------------------------------------------------------------------------

    def _notice_gap(self, seq: int) -> None:
        if self._on_snapshot is not None:
            self._gap_seq = max(self._gap_seq, seq)
            self._snapshot_at = min(self._snapshot_at, time.monotonic())

    def _ask_for_snapshot(self) -> None:
        self._snapshot_at = float("inf")
        self.call(m.GetSnapshot()).add_done_callback(self._on_snapshot_answer)

    def _on_snapshot_answer(self, future: Future[Any]) -> None:
        error = future.exception()
        if error is not None:
            if not isinstance(error, EngineLostError):
                log.info("the engine gave no snapshot: %s", error)
                self._snapshot_at = time.monotonic() + 1.0
            return
        snapshot: m.Snapshot = future.result()
        self._seq = max(self._seq, snapshot.seq)
        if snapshot.seq < self._gap_seq:
            self._snapshot_at = time.monotonic()  # another gap, after this one was taken
        if self._on_snapshot is not None:
            try:
                self._on_snapshot(snapshot)
            except Exception:
                log.exception("a listener failed on a snapshot")

    def _wake(self) -> None:
        try:
            self._wake_writer.send(b"!")
        except OSError:
            return  # full: a wake-up is under way already; closed: there is nobody to wake


def _ends_soon(engine: EngineFile) -> bool:
    """A process that has closed its sockets is often still ending; its exit tells the better reason."""
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        if not engine_is_alive(engine):
            return True
        time.sleep(0.02)
    return False
