"""One connection to an engine: a thread that owns the socket, futures for answers, a callback for events.

Qt-free: the command line and the tests use it as it is, the window through `qt_bridge`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Literal

import psutil
import zmq

from mezzotint_sdk import messages as m
from mezzotint_sdk.endpoint import EngineFile, read_engine_file
from mezzotint_sdk.errors import (
    BadMessageError,
    EngineError,
    EngineLostError,
    MezzotintError,
    error_from_info,
)
from mezzotint_sdk.home import Home
from mezzotint_sdk.version import __version__
from mezzotint_sdk.wire_codec import CALLS, FROM_SERVER

__all__ = ["ConnectionState", "EngineConnection", "engine_is_alive"]

ConnectionState = Literal["connecting", "connected", "lost", "closed"]

PING_EVERY_S = 2.0
SILENCE_S = 10.0  # with Pings answered at once by a healthy engine, this is long
RETRY_S = (0.2, 0.5, 1.0, 2.0)

LOST = "The connection to the engine was lost."


def engine_is_alive(engine: EngineFile) -> bool:
    """Whether the process that wrote this file still runs: same pid, and not started after the file was."""
    try:
        process = psutil.Process(engine.pid)
        return process.create_time() <= engine.started + 5.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


class EngineConnection:
    """A connection to the engine of a home.

    `connect` waits for the handshake (command line); `start` returns at once and reconnects for ever (window).
    `call` may be used from any thread. `on_notice` and `on_state` are called on the connection's own thread and
    must return soon. After a reconnect or a gap in the numbers of events, `on_snapshot` gets a fresh Snapshot.
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
        self._context = zmq.Context()
        self._outgoing: queue.SimpleQueue[tuple[int, m.Request]] = queue.SimpleQueue()
        self._wake_lock = threading.Lock()
        self._wake_sender = self._context.socket(zmq.PAIR)
        self._wake_receiver = self._context.socket(zmq.PAIR)
        wake = f"inproc://wake-{id(self)}"
        self._wake_receiver.bind(wake)
        self._wake_sender.connect(wake)
        self._numbers = itertools.count(1)
        self._pending: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._first: Future[m.Welcome] = Future()
        self._reconnects = False
        self._connected = False
        self._thread: threading.Thread | None = None
        self._seq = 0
        self._wants_snapshot = False

    # --- for users --------------------------------------------------------------------------------------

    def connect(self, timeout_s: float) -> m.Welcome:
        """Connect and wait for the handshake.

        Raises EngineError when there is no engine or none answers in time, ProtocolError when the engine is of
        another version.
        """
        self._start_thread()
        try:
            return self._first.result(timeout_s)
        except TimeoutError:
            self.close()
            raise EngineError("The engine does not answer; `mezzotint engine stop` ends it.") from None
        except MezzotintError:
            self.close()
            raise

    def start(self) -> None:
        """Connect in the background and stay connected: reconnect with back-off until closed."""
        self._reconnects = True
        self._start_thread()

    def call(self, body: m.Request) -> Future[Any]:
        """Send a request. The future gives the reply, or raises the error that refused it (a MezzotintError)."""
        future: Future[Any] = Future()
        number = next(self._numbers)
        with self._lock:
            if self._closing.is_set() or not self._connected:
                future.set_exception(EngineLostError("There is no connection to the engine."))
                return future
            self._pending[number] = future
        self._outgoing.put((number, body))
        self._wake()
        return future

    def close(self) -> None:
        self._closing.set()
        self._wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        if not self._context.closed:
            self._wake_sender.close(0)
            self._wake_receiver.close(0)
            self._context.destroy(0)

    # --- the thread -------------------------------------------------------------------------------------

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="mezzotint-connection", daemon=True)
            self._thread.start()

    def _wake(self) -> None:
        with self._wake_lock, contextlib.suppress(zmq.ZMQError):
            self._wake_sender.send(b"", zmq.NOBLOCK)

    def _run(self) -> None:
        attempt = 0
        while not self._closing.is_set():
            try:
                engine = self._find_engine()
                self._on_state("connecting", "Connecting to the engine …")
                self._talk(engine)
                sentence = LOST
            except MezzotintError as error:
                sentence = error.message
                if not self._first.done():
                    if not self._reconnects:
                        self._first.set_exception(error)
                        return
                elif not self._reconnects:
                    self._fail_pending(EngineLostError(sentence))
            if self._connected:
                attempt = 0
            self._disconnected(sentence)
            if not self._reconnects or self._closing.wait(RETRY_S[min(attempt, len(RETRY_S) - 1)]):
                break
            attempt += 1
        self._fail_pending(EngineLostError("The connection was closed."))
        self._on_state("closed", "")

    def _find_engine(self) -> EngineFile:
        engine = read_engine_file(self.home)
        if engine is None or not engine_is_alive(engine):
            raise EngineLostError("No engine is running for this home.")
        return engine

    def _disconnected(self, sentence: str) -> None:
        with self._lock:
            self._connected = False
        self._fail_pending(EngineLostError(sentence))
        if not self._closing.is_set():
            self._on_state("lost", sentence)

    def _fail_pending(self, error: MezzotintError) -> None:
        with self._lock:
            pending, self._pending = self._pending, {}
        for future in pending.values():
            future.set_exception(error)

    def _open(self, engine: EngineFile) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.DEALER)
        socket.linger = 500
        socket.sndhwm = socket.rcvhwm = 10_000
        if engine.server_public_key:
            socket.curve_serverkey = engine.server_public_key.encode()
            socket.curve_publickey = engine.client_public_key.encode()
            socket.curve_secretkey = engine.client_secret_key.encode()
        socket.connect(engine.client_endpoint)
        return socket

    def _talk(self, engine: EngineFile) -> None:
        """From Hello until the engine is lost (raises) or the connection is closed (returns)."""
        socket = self._open(engine)
        try:
            self._shake_hands(socket, engine)
            poller = zmq.Poller()
            poller.register(socket, zmq.POLLIN)
            poller.register(self._wake_receiver, zmq.POLLIN)
            heard = pinged = time.monotonic()
            while not self._closing.is_set():
                ready = dict(poller.poll(200))
                now = time.monotonic()
                if self._wake_receiver in ready:
                    self._drain_wakes()
                self._send_outgoing(socket)
                if socket in ready:
                    heard = now
                    self._receive(socket)
                if now - pinged >= PING_EVERY_S:
                    pinged = now
                    socket.send(CALLS.encode(m.Call(0, m.Ping())), zmq.NOBLOCK)
                    if not engine_is_alive(engine):
                        raise EngineLostError("The engine has ended.")
                if now - heard > SILENCE_S:
                    raise EngineLostError(f"The engine has not answered for {SILENCE_S:.0f} s.")
            self._send_outgoing(socket)
        except zmq.ZMQError as error:
            raise EngineLostError(f"{LOST} ({error})") from error
        finally:
            socket.close(500)

    def _drain_wakes(self) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                self._wake_receiver.recv(zmq.NOBLOCK)

    def _shake_hands(self, socket: zmq.Socket[bytes], engine: EngineFile) -> None:
        socket.send(CALLS.encode(m.Call(0, self._hello)))
        end = time.monotonic() + SILENCE_S
        while True:
            if self._closing.is_set():
                raise EngineLostError("The connection was closed.")
            if time.monotonic() > end or not engine_is_alive(engine):
                raise EngineLostError("The engine does not answer.")
            if not socket.poll(100):
                continue
            try:
                message = FROM_SERVER.decode(socket.recv())
            except BadMessageError:
                continue
            if not isinstance(message, m.Answer):
                continue
            match message.body:
                case m.Welcome() as welcome:
                    break
                case m.Refused(error=error):
                    raise error_from_info(error)
        reconnected = self.welcome is not None
        self.welcome = welcome
        self._seq = welcome.seq
        with self._lock:
            self._connected = True
        self._on_state("connected", "Connected to the engine.")
        if self._on_snapshot is not None or reconnected:
            self._ask_for_snapshot()
        if not self._first.done():
            self._first.set_result(welcome)

    def _ask_for_snapshot(self) -> None:
        if self._on_snapshot is None or self._wants_snapshot:
            return
        self._wants_snapshot = True
        self.call(m.GetSnapshot()).add_done_callback(self._on_snapshot_answer)

    def _on_snapshot_answer(self, future: Future[Any]) -> None:
        self._wants_snapshot = False
        if future.exception() is None and self._on_snapshot is not None:
            snapshot: m.Snapshot = future.result()
            self._seq = max(self._seq, snapshot.seq)
            self._on_snapshot(snapshot)

    def _send_outgoing(self, socket: zmq.Socket[bytes]) -> None:
        while True:
            try:
                number, body = self._outgoing.get_nowait()
            except queue.Empty:
                return
            try:
                socket.send(CALLS.encode(m.Call(number, body)), zmq.NOBLOCK)
            except (BadMessageError, zmq.Again) as error:
                with self._lock:
                    future = self._pending.pop(number, None)
                if future is not None:
                    lost = EngineLostError("The engine takes no more requests.")
                    future.set_exception(error if isinstance(error, BadMessageError) else lost)

    def _receive(self, socket: zmq.Socket[bytes]) -> None:
        """All that has arrived, up to a bound, so that requests get their turn."""
        for _ in range(1000):
            try:
                data = socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                message = FROM_SERVER.decode(data)
            except BadMessageError:
                # a message of a newer engine, or damage: what it said is in the next snapshot
                self._ask_for_snapshot()
                continue
            match message:
                case m.Answer(request_id=number, body=body):
                    self._answered(number, body)
                case m.Notice():
                    self._noticed(message)

    def _answered(self, number: int, body: m.Reply) -> None:
        with self._lock:
            future = self._pending.pop(number, None)
        if future is None:
            return
        match body:
            case m.Refused(error=error):
                future.set_exception(error_from_info(error))
            case _:
                future.set_result(body)

    def _noticed(self, notice: m.Notice) -> None:
        if notice.seq:
            if notice.seq <= self._seq:
                return  # already part of the snapshot
            gap = notice.seq > self._seq + 1
            self._seq = notice.seq
            if gap:
                self._ask_for_snapshot()
        self._on_notice(notice)
