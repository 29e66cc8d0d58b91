"""One DEALER socket to one engine, from connect to disconnect. Belongs to the thread that made it."""

from __future__ import annotations

import socket as sockets
from collections.abc import Iterator

import zmq
from zmq.utils.monitor import recv_monitor_message

from mezzotint_sdk.endpoint import EngineFile
from mezzotint_sdk.wire_codec import MAX_MESSAGE_BYTES

__all__ = ["EngineSocket"]

HIGH_WATER_MARK = 20_000  # messages; beyond that the server keeps them, and drops what a snapshot makes good
GONE = (
    zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CLOSED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


class EngineSocket:
    """`is_gone` turns true as soon as the peer has closed or refused, with no waiting for a heartbeat.

    ZeroMQ's own reconnect is off: after it the server would not know us, so a reconnect is a new socket with
    a new handshake.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], engine: EngineFile) -> None:
        self.is_gone = False
        self._socket = context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.RCVHWM, HIGH_WATER_MARK)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES + 1024)
        if engine.server_public_key:
            self._socket.setsockopt(zmq.CURVE_SERVERKEY, engine.server_public_key.encode())
            self._socket.setsockopt(zmq.CURVE_PUBLICKEY, engine.client_public_key.encode())
            self._socket.setsockopt(zmq.CURVE_SECRETKEY, engine.client_secret_key.encode())
        self._monitor = self._socket.get_monitor_socket(GONE)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)
        try:
            self._socket.connect(engine.client_endpoint)
        except zmq.ZMQError:
            self.is_gone = True

    def send(self, data: bytes) -> None:
        """Never blocks: what the engine doesn't take yet waits in memory, until it is given up as lost."""
        self._socket.send(data, zmq.NOBLOCK)

    def wait(self, timeout_s: float, wake: sockets.socket) -> None:
        """Until something has arrived, the peer has gone, or `wake` is readable (which is then emptied)."""
        self._poller.register(wake, zmq.POLLIN)
        ready = dict(self._poller.poll(round(timeout_s * 1000)))
        self._poller.unregister(wake)
        if wake.fileno() in ready:
            drain(wake)
        if self._monitor in ready:
            recv_monitor_message(self._monitor)
            self.is_gone = True

    def received(self, limit: int) -> Iterator[bytes]:
        """What has arrived, at most so many messages, so that requests get their turn."""
        for _ in range(limit):
            try:
                # An engine sends one frame; more are no message of ours, and the decoder says so.
                yield b"".join(self._socket.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return

    def close(self) -> None:
        self._socket.disable_monitor()
        self._monitor.close(0)
        # A moment for what was sent last (Goodbye, StopEngine); a peer that is gone takes nothing any more.
        self._socket.close(0 if self.is_gone else 300)


def drain(wake: sockets.socket) -> None:
    """Take all bytes out of a non-blocking wake-up socket."""
    try:
        while wake.recv(4096):
            pass
    except BlockingIOError:
        return
