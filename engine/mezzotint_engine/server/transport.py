"""The server's two sockets: ipc in the private run-time folder, or loopback with CURVE where there is no ipc.

With CURVE the server's key proves it is ours, and only the client keys made at this start may connect: one
pair for clients (in the engine file, which only the user may read) and one for workers (in their
environment).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import zmq
from zmq.auth.thread import ThreadAuthenticator

from mezzotint_sdk.endpoint import MAX_SOCKET_PATH
from mezzotint_sdk.errors import EngineError
from mezzotint_sdk.home import HOME_VARIABLE, Home

__all__ = ["CurvePair", "Transport"]

CLIENT_SOCKET = "c"  # short names: the whole path must fit into 107 bytes
WORKER_SOCKET = "w"


@dataclass(frozen=True)
class CurvePair:
    public: str = ""
    secret: str = field(default="", repr=False)

    @classmethod
    def new(cls) -> CurvePair:
        public, secret = zmq.curve_keypair()
        return cls(public.decode(), secret.decode())


class _KnownKeys:
    """Says to the authenticator which keys may connect."""

    def __init__(self, keys: set[bytes]) -> None:
        self._keys = keys

    def callback(self, domain: str, key: bytes) -> bool:
        return key in self._keys


def _socket_path(folder: Path, name: str) -> Path:
    path = folder / name
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise EngineError(
            f"The socket path {path} is longer than {MAX_SOCKET_PATH} bytes; set XDG_RUNTIME_DIR or "
            f"{HOME_VARIABLE} to a shorter folder."
        )
    return path


class Transport:
    """Bound sockets, and what the other sides need to connect. Raises EngineError where binding fails."""

    def __init__(self, home: Home, kind: Literal["ipc", "tcp"]) -> None:
        self._context = zmq.Context()
        self._context.setsockopt(zmq.MAX_SOCKETS, 4096)
        self._authenticator: ThreadAuthenticator | None = None
        self._paths: list[Path] = []
        self.server_keys = self.client_keys = self.worker_keys = CurvePair()
        if kind == "tcp":
            self._start_authenticator()
        self.clients = self._router(high_water_mark=500)
        self.workers = self._router(high_water_mark=2000)
        try:
            if kind == "ipc":
                self.client_endpoint = self._bind_ipc(self.clients, _socket_path(home.runtime, CLIENT_SOCKET))
                self.worker_endpoint = self._bind_ipc(self.workers, _socket_path(home.runtime, WORKER_SOCKET))
            else:
                self.client_endpoint = self._bind_tcp(self.clients, "clients")
                self.worker_endpoint = self._bind_tcp(self.workers, "workers")
        except (zmq.ZMQError, EngineError) as error:
            self.close()
            if isinstance(error, EngineError):
                raise
            raise EngineError(f"The engine's sockets can't be opened in {home.runtime}: {error}.") from error

    def _start_authenticator(self) -> None:
        self.server_keys, self.client_keys, self.worker_keys = (CurvePair.new() for _ in range(3))
        self._authenticator = ThreadAuthenticator(self._context)
        self._authenticator.start()
        for domain, pair in (("clients", self.client_keys), ("workers", self.worker_keys)):
            known = _KnownKeys({pair.public.encode()})
            self._authenticator.configure_curve_callback(domain, known)

    def _router(self, high_water_mark: int) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.LINGER, 300)
        # without it, messages to a full or vanished peer are dropped without a word
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        socket.setsockopt(zmq.SNDHWM, high_water_mark)
        socket.setsockopt(zmq.RCVHWM, 20_000)
        socket.setsockopt(zmq.MAXMSGSIZE, 64 * 1024 * 1024)
        return socket

    def _bind_ipc(self, socket: zmq.Socket[bytes], path: Path) -> str:
        path.unlink(missing_ok=True)
        socket.bind(f"ipc://{path}")
        self._paths.append(path)
        return f"ipc://{path}"

    def _bind_tcp(self, socket: zmq.Socket[bytes], domain: str) -> str:
        socket.setsockopt_string(zmq.ZAP_DOMAIN, domain)
        socket.setsockopt_string(zmq.CURVE_PUBLICKEY, self.server_keys.public)
        socket.setsockopt_string(zmq.CURVE_SECRETKEY, self.server_keys.secret)
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        return f"tcp://127.0.0.1:{port}"

    def worker_environment(self) -> dict[str, str]:
        """Keys for the environment of a worker; empty with ipc."""
        if not self.server_keys.public:
            return {}
        return {
            "MEZZOTINT_SERVER_KEY": self.server_keys.public,
            "MEZZOTINT_CLIENT_PUBLIC": self.worker_keys.public,
            "MEZZOTINT_CLIENT_SECRET": self.worker_keys.secret,
        }

    def close(self) -> None:
        for socket in (self.clients, self.workers):
            socket.close()
        if self._authenticator is not None:
            self._authenticator.stop()
        self._context.term()
        for path in self._paths:
            path.unlink(missing_ok=True)
