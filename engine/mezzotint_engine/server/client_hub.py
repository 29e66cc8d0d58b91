"""All clients of the server: handshake, answers, events, and who is still there.

Nothing here waits for a client. Answers and durable events to one that reads slowly pile up in its outbox up
to a limit; past it durable events are dropped, and the gap in `seq` makes that client ask for a snapshot.
Volatile events are coalesced in its mailbox.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import psutil
import zmq

from mezzotint_engine.server.engine_log import EngineLog
from mezzotint_engine.server.slot_ledger import SlotLedger
from mezzotint_engine.server.volatile_mailbox import VolatileMailbox
from mezzotint_sdk.errors import BadMessageError, ErrorInfo, InternalError, MezzotintError, ProtocolError
from mezzotint_sdk.messages import (
    PROTOCOL_VERSION,
    Answer,
    Call,
    Event,
    Goodbye,
    Hello,
    Notice,
    PreviewMade,
    Refused,
    Reply,
    RunChanged,
)
from mezzotint_sdk.records import FINAL_STATES, ArrayRef
from mezzotint_sdk.wire_codec import CALLS, FROM_SERVER

__all__ = ["Client", "ClientHub"]

MAX_WAITING_EVENTS = 5000
MAX_WAITING_BYTES = 512 * 1024**2
MAX_DEBUG_LEASES = 64  # unreleased arrays of the op debugger, which are kept apart from previews
MAX_PREVIEW_LEASES = 2  # unreleased previews of one client; the newest waits until it has released one
BATCH = 200  # messages taken before the other sockets have their turn


class _Envelope(msgspec.Struct, frozen=True, tag="call"):
    """A call whose body may be anything: so that one that is not valid can be answered by its number."""

    request_id: int
    body: msgspec.Raw


_ENVELOPES = msgspec.msgpack.Decoder(_Envelope)


def _request_id(data: bytes) -> int:
    """The number of a call that could not be decoded; 0 where even that can't be known."""
    try:
        return _ENVELOPES.decode(data).request_id
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return 0


@dataclass
class Client:
    key: str
    identity: bytes
    hello: Hello
    heard: float
    pid_started: float | None  # None: not a process of this machine
    mailbox: VolatileMailbox = field(repr=False)
    outbox: deque[bytes] = field(default_factory=deque)
    outbox_bytes: int = 0


def _process_started(pid: int) -> float | None:
    try:
        return float(psutil.Process(pid).create_time())
    except (psutil.Error, ValueError, OverflowError):
        return None


class ClientHub:
    """`on_call(client, request_id, body)` answers through `answer`, now or later; `on_change` hears of
    clients that came or went.
    """

    def __init__(
        self, socket: zmq.Socket[bytes], ledger: SlotLedger, log: EngineLog, timeout_s: float
    ) -> None:
        self._socket = socket
        self._ledger = ledger
        self._log = log
        self._timeout_s = timeout_s
        self._clients: dict[bytes, Client] = {}
        self._cause: tuple[bytes, int] | None = None
        self.seq = 0
        self.undecodable = 0
        self.on_call: Callable[[Client, int, object], None] = lambda client, request_id, body: None
        self.on_change: Callable[[], None] = lambda: None

    @property
    def clients(self) -> list[Client]:
        return list(self._clients.values())

    @property
    def wants_previews(self) -> bool:
        return any(client.hello.wants_previews for client in self._clients.values())

    def is_there(self, client: Client) -> bool:
        return self._clients.get(client.identity) is client

    # --- receiving ----------------------------------------------------------------------------------------

    def read(self) -> None:
        for _ in range(BATCH):
            try:
                identity, *frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._read_one(identity, frames)

    def _read_one(self, identity: bytes, frames: list[bytes]) -> None:
        if (client := self._clients.get(identity)) is not None:
            client.heard = time.monotonic()
        try:
            if len(frames) != 1:
                raise BadMessageError(f"A message has one frame, not {len(frames)}.")
            call = CALLS.decode(frames[0])
        except BadMessageError as error:
            self.undecodable += 1
            self._log.warning(
                "wire", f"A client sent bytes that are no message ({self.undecodable} so far): {error}"
            )
            request_id = _request_id(frames[0]) if len(frames) == 1 else 0
            self._send(identity, Answer(request_id, Refused(error=error.info())))
            return
        match call.body:
            case Hello() as hello:
                self._welcome(identity, call.request_id, hello)
            case Goodbye():
                self._remove(identity)
            case _ if client is None:
                error_info = ErrorInfo(
                    "protocol", "Say Hello first: the engine doesn't know this connection."
                )
                self._send(identity, Answer(call.request_id, Refused(error=error_info)))
            case _:
                self._handle(client, call)

    def _welcome(self, identity: bytes, request_id: int, hello: Hello) -> None:
        if hello.protocol != PROTOCOL_VERSION:
            error = ProtocolError(
                f"This {hello.client} (version {hello.version}) speaks protocol {hello.protocol}, the "
                f"running engine {PROTOCOL_VERSION}; stop it and start again, to have both of one version."
            )
            self._send(identity, Answer(request_id, Refused(error=error.info())))
            return
        key = f"client-{identity.hex()}"
        mailbox = VolatileMailbox(lambda ref: self._drop_array(key, ref))
        client = Client(key, identity, hello, time.monotonic(), _process_started(hello.pid), mailbox)
        if (known := self._clients.get(identity)) is not None:
            known.mailbox.clear()
        self._clients[identity] = client
        self._log.debug("wire", f"{hello.client} {hello.version} (process {hello.pid}) connected")
        self._handle(client, Call(request_id, hello))
        self.on_change()

    def _handle(self, client: Client, call: Call) -> None:
        self._cause = (client.identity, call.request_id)
        try:
            self.on_call(client, call.request_id, call.body)
        except MezzotintError as error:
            self.answer(client, call.request_id, Refused(error=error.info()))
        except Exception as error:
            self._log.exception("server", f"{type(call.body).__name__} failed", error)
            internal = InternalError(f"The engine failed to handle {type(call.body).__name__}: {error}.")
            self.answer(client, call.request_id, Refused(error=internal.info()))
        finally:
            self._cause = None

    # --- sending ------------------------------------------------------------------------------------------

    def answer(self, client: Client, request_id: int, body: Reply) -> None:
        """For a client that has gone this does nothing."""
        if self.is_there(client):
            self._send(client.identity, Answer(request_id, body))

    def caused_by(self, client: Client, request_id: int, action: Callable[[], None]) -> None:
        """Run `action` so that the events it publishes name the call, with its errors as the answer to it."""
        self._cause = (client.identity, request_id)
        try:
            action()
        except MezzotintError as error:
            self.answer(client, request_id, Refused(error=error.info()))
        finally:
            self._cause = None

    def publish(
        self, event: Event, run_id: str = "", *, array: ArrayRef | None = None, bare: Event | None = None
    ) -> None:
        """Tell every client that wants events; durable, in order.

        `array`: one that lies in the event, leased to clients that want previews; the others, and those that
        release nothing, get `bare`.
        """
        self.seq += 1
        plain: dict[bool, bytes] = {}
        for client in self.clients:
            if not client.hello.wants_events:
                continue
            if isinstance(event, RunChanged) and event.run.state in FINAL_STATES:
                # a late "step 7 of 20" must not follow the end of its run
                self._flush(client)
                client.mailbox.forget_run(event.run.run_id)
            if len(client.outbox) >= MAX_WAITING_EVENTS:
                continue
            is_bare = bare is not None and not (
                array is not None and client.hello.wants_previews and self.lease(client, array)
            )
            told = bare if bare is not None and is_bare else event
            if self._cause is not None and self._cause[0] == client.identity:
                data = FROM_SERVER.encode(Notice(self.seq, told, run_id, self._cause[1]))
            else:
                if is_bare not in plain:
                    plain[is_bare] = FROM_SERVER.encode(Notice(self.seq, told, run_id))
                data = plain[is_bare]
            self._send_bytes(client.identity, data)

    def lease(self, client: Client, ref: ArrayRef) -> bool:
        """Let a client read an array of the op debugger; False when it holds too many already."""
        key = _debugged(client.key)
        if self._ledger.leases_of(key) >= MAX_DEBUG_LEASES:
            return False
        self._ledger.lease(key, ref)
        return True

    def release(self, client: Client, ref: ArrayRef) -> None:
        """The client has read a preview, or an array of the op debugger."""
        if not self._ledger.release(client.key, ref):
            self._ledger.release(_debugged(client.key), ref)

    def publish_volatile(self, event: Event) -> None:
        for client in self._clients.values():
            if not client.hello.wants_events:
                continue
            if isinstance(event, PreviewMade):
                if not client.hello.wants_previews:
                    continue
                self._ledger.lease(_waiting(client.key), event.array)
            client.mailbox.put(event)

    def flush(self) -> None:
        """Send what is waiting, as far as the clients take it."""
        for client in self.clients:
            self._flush_outbox(client)
            self._flush(client)

    def _flush(self, client: Client) -> None:
        if client.mailbox and not client.outbox:
            client.mailbox.send_all(lambda event: self._send_volatile(client, event))

    def _send_volatile(self, client: Client, event: Event) -> bool:
        if client.identity not in self._clients or client.outbox:
            return False
        is_preview = isinstance(event, PreviewMade)
        if is_preview and self._ledger.leases_of(client.key) >= MAX_PREVIEW_LEASES:
            return False
        run_id = getattr(event, "run_id", "")
        if not self._try_send(client.identity, FROM_SERVER.encode(Notice(0, event, run_id))):
            return False
        if isinstance(event, PreviewMade):
            self._ledger.lease(client.key, event.array)
            self._ledger.release(_waiting(client.key), event.array)
        return True

    def _drop_array(self, key: str, ref: ArrayRef) -> None:
        self._ledger.release(_waiting(key), ref)

    def _send(self, identity: bytes, message: Answer | Notice) -> None:
        try:
            data = FROM_SERVER.encode(message)
        except BadMessageError as error:
            if not isinstance(message, Answer):
                self._log.error("wire", f"An event could not be sent: {error}")
                return
            data = FROM_SERVER.encode(Answer(message.request_id, Refused(error=error.info())))
        self._send_bytes(identity, data)

    def _send_bytes(self, identity: bytes, data: bytes) -> None:
        client = self._clients.get(identity)
        if client is None:
            self._try_send(identity, data)
        elif client.outbox or not self._try_send(identity, data):
            client.outbox.append(data)
            client.outbox_bytes += len(data)
            if client.outbox_bytes > MAX_WAITING_BYTES:
                self._log.warning("wire", f"{client.hello.client} doesn't read its messages and was let go")
                self._remove(identity)

    def _flush_outbox(self, client: Client) -> None:
        while client.outbox and self._try_send(client.identity, client.outbox[0]):
            if client.outbox:  # sending may have found that the client is gone
                client.outbox_bytes -= len(client.outbox.popleft())

    def _try_send(self, identity: bytes, data: bytes) -> bool:
        """False when the client's pipe is full. To one that is gone everything counts as sent."""
        try:
            self._socket.send_multipart([identity, data], zmq.NOBLOCK)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._remove(identity)
        return True

    # --- who is there -------------------------------------------------------------------------------------

    def check_liveness(self) -> None:
        now = time.monotonic()
        for client in self.clients:
            silent = now - client.heard > self._timeout_s
            ended = (
                client.pid_started is not None and _process_started(client.hello.pid) != client.pid_started
            )
            if silent or ended:
                how = "has been silent for too long" if silent else "has ended"
                self._log.debug("wire", f"{client.hello.client} (process {client.hello.pid}) {how}")
                self._remove(client.identity)

    def _remove(self, identity: bytes) -> None:
        client = self._clients.pop(identity, None)
        if client is None:
            return
        client.mailbox.clear()
        client.outbox.clear()
        self._ledger.free_reader(client.key)
        self._ledger.free_reader(_waiting(client.key))
        self._ledger.free_reader(_debugged(client.key))
        self.on_change()


def _waiting(key: str) -> str:
    """Under which name the ledger keeps an array that waits in a client's mailbox."""
    return f"{key}/waiting"


def _debugged(key: str) -> str:
    """Under which name the ledger keeps what a client got of the op debugger."""
    return f"{key}/debugger"
