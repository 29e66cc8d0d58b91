"""The thread that owns the worker's socket: it answers the server whatever the job's thread computes.

Other threads hand it messages with `send`, which never waits: a queue, and a byte through a socket pair that
wakes the poll. It beats every second, and ends the process when the server has not been heard for 10 s of
listening.
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import zmq

from mezzotint_engine.metrics.process_memory import device_bytes, process_bytes
from mezzotint_sdk.errors import BadMessageError
from mezzotint_sdk.messages import Beat, BeatSeen, FromWorker, ToWorker, WorkerHello
from mezzotint_sdk.wire_codec import FROM_WORKER, TO_WORKER

__all__ = ["ControlThread", "CurveKeys", "WorkerState"]

BEAT_SECONDS = 1.0
SILENCE_SECONDS = 10.0
FIRST_ANSWER_SECONDS = 30.0  # the server may be busy starting

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CurveKeys:
    """CURVE keys of a connection over loopback, Z85."""

    server: str
    public: str
    secret: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> CurveKeys | None:
        names = ("MEZZOTINT_SERVER_KEY", "MEZZOTINT_CLIENT_PUBLIC", "MEZZOTINT_CLIENT_SECRET")
        keys = [environment.get(name, "") for name in names]
        return cls(*keys) if all(keys) else None


class WorkerState:
    """What the beats tell of the job; written by the job's thread, read by the control thread."""

    def __init__(self) -> None:
        self.run_id = ""
        self.progressed_at = time.monotonic()

    def progressed(self) -> None:
        self.progressed_at = time.monotonic()


class ControlThread:
    """`on_message` is called on this thread for each message.

    It must not wait. `on_lost` when the server is gone.
    """

    def __init__(
        self,
        endpoint: str,
        worker_id: str,
        keys: CurveKeys | None,
        state: WorkerState,
        on_message: Callable[[ToWorker], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._endpoint, self._worker_id, self._keys = endpoint, worker_id, keys
        self._state = state
        self._on_message, self._on_lost = on_message, on_lost
        self._outgoing: queue.SimpleQueue[FromWorker] = queue.SimpleQueue()
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._wake_in.setblocking(False)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def start(self, hello: WorkerHello) -> None:
        self.send(hello)
        self._thread.start()

    def send(self, message: FromWorker) -> None:
        """Any thread; never waits."""
        self._outgoing.put(message)
        try:
            self._wake_out.send(b"\0")
        except (BlockingIOError, OSError):
            pass  # the pipe is full, so it will wake up anyway; or it is closed with the thread

    def close(self) -> None:
        """Send what is queued, then let go of the socket."""
        self._closing.set()
        try:
            self._wake_out.send(b"\0")
        except (BlockingIOError, OSError):
            pass
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(5.0)
        self._wake_out.close()
        self._wake_in.close()

    def _run(self) -> None:
        context = zmq.Context()
        dealer = context.socket(zmq.DEALER)
        try:
            self._set_up(dealer)
            self._serve(dealer)
        finally:
            dealer.close(linger=1000)
            context.term()

    def _set_up(self, dealer: zmq.Socket[bytes]) -> None:
        dealer.setsockopt(zmq.IDENTITY, self._worker_id.encode())
        # what a server that stands still does not take must not fill our memory; previews and progress
        # suffer first
        dealer.setsockopt(zmq.SNDHWM, 100_000)
        dealer.setsockopt(zmq.LINGER, 1000)
        if self._keys is not None:
            dealer.setsockopt(zmq.CURVE_SERVERKEY, self._keys.server.encode())
            dealer.setsockopt(zmq.CURVE_PUBLICKEY, self._keys.public.encode())
            dealer.setsockopt(zmq.CURVE_SECRETKEY, self._keys.secret.encode())
        dealer.connect(self._endpoint)

    def _serve(self, dealer: zmq.Socket[bytes]) -> None:
        poller = zmq.Poller()
        poller.register(dealer, zmq.POLLIN)
        poller.register(self._wake_in.fileno(), zmq.POLLIN)
        next_beat = time.monotonic()
        silence, limit = 0.0, FIRST_ANSWER_SECONDS
        while not self._closing.is_set():
            begun = time.monotonic()
            timeout = max(0.0, next_beat - begun)
            ready = dict(poller.poll(int(timeout * 1000) + 1))
            # Only time spent listening counts as silence, so that a machine that slept, or a thread that was
            # kept from running by a long import, is not taken for a server that died.
            silence += min(time.monotonic() - begun, BEAT_SECONDS)
            if self._wake_in.fileno() in ready:
                self._drain_wake()
            if dealer in ready:
                silence, limit = 0.0, SILENCE_SECONDS
                self._receive(dealer)
            self._send_queued(dealer)
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + BEAT_SECONDS
                self._send(dealer, self._beat())
            if silence > limit:
                self._on_lost()
                return
        self._send_queued(dealer)

    def _drain_wake(self) -> None:
        try:
            while self._wake_in.recv(4096):
                pass
        except (BlockingIOError, OSError):
            pass

    def _receive(self, dealer: zmq.Socket[bytes]) -> None:
        while True:
            try:
                frames = dealer.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            try:
                message = TO_WORKER.decode(frames[-1])
            except BadMessageError as error:
                _log.warning("The server sent something that is no message: %s", error)
                continue
            if not isinstance(message, BeatSeen):
                self._on_message(message)

    def _send_queued(self, dealer: zmq.Socket[bytes]) -> None:
        while True:
            try:
                message = self._outgoing.get_nowait()
            except queue.Empty:
                return
            self._send(dealer, message)

    def _send(self, dealer: zmq.Socket[bytes], message: FromWorker) -> None:
        try:
            dealer.send(FROM_WORKER.encode(message), zmq.DONTWAIT)
        except zmq.Again:
            pass  # 100,000 messages wait already: the server will be given up in a moment
        except BadMessageError as error:
            _log.warning("A message could not be sent: %s", error)

    def _beat(self) -> Beat:
        return Beat(
            memory_bytes=process_bytes(),
            device_bytes=device_bytes(),
            run_id=self._state.run_id,
            progress_age_seconds=time.monotonic() - self._state.progressed_at,
        )
