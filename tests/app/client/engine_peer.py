"""A ROUTER in the test's own process that plays the engine: well, or as badly as the test wants."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from types import TracebackType

import zmq

from mezzotint_sdk import messages as m
from mezzotint_sdk.endpoint import EngineFile, write_engine_file
from mezzotint_sdk.home import Home
from mezzotint_sdk.records import LogRecord, ServerInfo
from mezzotint_sdk.wire_codec import CALLS, FROM_SERVER
from tests.app.fake_engine_client import make_snapshot

SERVER = ServerInfo(pid=os.getpid(), engine_version="0", home="", started=0.0, uptime_seconds=0.0)
WELCOME = m.Welcome(protocol=1, server=SERVER, devices=(), capabilities=(), seq=0)


def logged(text: str) -> m.Logged:
    return m.Logged(line=LogRecord(time=0.0, level="info", topic="test", message=text))


class EnginePeer:
    """Answers Hello, Ping and GetSnapshot by itself; `on_call` may answer the rest or take over all.

    `on_call(call)` returns a reply, None for the default, or False for silence.
    """

    def __init__(self, home: Home, *, curve: bool = False) -> None:
        self.home = home
        self.calls: list[m.Call] = []
        self.identities: list[bytes] = []
        self.seq = 0
        self.silent = False
        self.on_call: Callable[[m.Call], m.Reply | bool | None] = lambda call: None
        self._outgoing: list[bytes] = []
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.sndhwm = 0  # what is published must arrive, or not be numbered
        keys: dict[str, str] = {}
        home.ensure()
        if curve:
            server_public, server_secret = zmq.curve_keypair()
            client_public, client_secret = zmq.curve_keypair()
            self._socket.curve_publickey = server_public
            self._socket.curve_secretkey = server_secret
            self._socket.curve_server = True
            keys = {
                "server_public_key": server_public.decode(),
                "client_public_key": client_public.decode(),
                "client_secret_key": client_secret.decode(),
            }
            endpoint = f"tcp://127.0.0.1:{self._socket.bind_to_random_port('tcp://127.0.0.1')}"
        else:
            endpoint = f"ipc://{home.runtime / 'peer'}"
            self._socket.bind(endpoint)
        write_engine_file(
            home,
            EngineFile(
                pid=os.getpid(),
                started=time.time(),
                protocol=1,
                engine_version="0",
                client_endpoint=endpoint,
                **keys,
            ),
        )
        self._thread = threading.Thread(target=self._run, name="engine-peer")
        self._thread.start()

    def __enter__(self) -> EnginePeer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self, *, keep_file: bool = False) -> None:
        if not keep_file:
            self.home.engine_file.unlink(missing_ok=True)
        self._stop.set()
        self._thread.join()

    def send_raw(self, data: bytes) -> None:
        with self._changed:
            self._outgoing.append(data)

    def publish(self, event: m.Event, *, skip: int = 0, volatile: bool = False) -> None:
        """Send an event; `skip` numbers are left out before it, as if as many events had been lost."""
        with self._changed:
            if not volatile:
                self.seq += 1 + skip
            self._outgoing.append(FROM_SERVER.encode(m.Notice(0 if volatile else self.seq, event)))

    def wait_for(self, kind: type[m.Body], count: int = 1, timeout_s: float = 20.0) -> list[m.Call]:
        """Until so many calls of this kind have come."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self._of(kind)) >= count, timeout_s)
            assert arrived, f"{count} {kind.__name__} wanted, {len(self._of(kind))} came"
            return self._of(kind)

    def _of(self, kind: type[m.Body]) -> list[m.Call]:
        return [call for call in self.calls if isinstance(call.body, kind)]

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._socket.poll(5):
                identity, data = self._socket.recv_multipart()
                self._handle(identity, CALLS.decode(data))
            with self._changed:
                waiting, self._outgoing = self._outgoing, []
            for data in waiting:
                self._socket.send_multipart([self.identities[-1], data])
        self._socket.close(0)
        self._context.term()

    def _handle(self, identity: bytes, call: m.Call) -> None:
        if isinstance(call.body, m.Hello):
            self.identities.append(identity)
        answer = False if self.silent else self.on_call(call)
        if answer is None:
            match call.body:
                case m.Hello():
                    answer = m.Welcome(protocol=1, server=SERVER, devices=(), capabilities=(), seq=self.seq)
                case m.GetSnapshot():
                    answer = make_snapshot(seq=self.seq)
                case m.Goodbye():
                    answer = False
                case _:
                    answer = m.Done()
        if not isinstance(answer, bool):
            data = FROM_SERVER.encode(m.Answer(call.request_id, answer))
            self._socket.send_multipart([identity, data])
        with self._changed:
            self.calls.append(call)
            self._changed.notify_all()
