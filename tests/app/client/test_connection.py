"""The connection against a real ROUTER: handshake, gaps, loss, silence, garbage, and what calls get then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mezzotint_app.client import connection as connection_module
from mezzotint_app.client.connection import EngineConnection, Launch
from mezzotint_sdk import messages as m
from mezzotint_sdk.endpoint import EngineFile, read_engine_file
from mezzotint_sdk.errors import (
    BadMessageError,
    EngineError,
    EngineLostError,
    NotFoundError,
    ProtocolError,
    StorageError,
)
from mezzotint_sdk.home import Home
from mezzotint_sdk.wire_codec import CALLS
from tests.app.client.engine_peer import EnginePeer, logged

pytestmark = pytest.mark.slow

WAIT_S = 20.0


class Listener:
    """What a connection said, and a way to wait for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.notices: list[m.Notice] = []
        self.snapshots: list[m.Snapshot] = []
        self.states: list[tuple[str, str]] = []

    def on_notice(self, notice: m.Notice) -> None:
        self._keep(self.notices, notice)

    def on_snapshot(self, snapshot: m.Snapshot) -> None:
        self._keep(self.snapshots, snapshot)

    def on_state(self, state: str, sentence: str) -> None:
        self._keep(self.states, (state, sentence))

    def _keep(self, where: list[object], what: object) -> None:  # type: ignore[type-arg, unused-ignore]
        with self._changed:
            where.append(what)
            self._changed.notify_all()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S), (self.states, self.notices, self.snapshots)

    def wait_for_state(self, state: str, count: int = 1) -> None:
        self.wait_until(lambda: [name for name, _ in self.states].count(state) >= count)

    @property
    def texts(self) -> list[str]:
        return [notice.body.line.message for notice in self.notices if isinstance(notice.body, m.Logged)]


@pytest.fixture
def home(mezzotint_home: Path) -> Home:
    return Home(mezzotint_home)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def connect(home: Home, listener: Listener) -> Iterator[Callable[..., EngineConnection]]:
    made: list[EngineConnection] = []

    def make(launch: Launch | None = None) -> EngineConnection:
        connection = EngineConnection(
            home,
            client="test",
            wants_events=True,
            wants_previews=False,
            on_notice=listener.on_notice,
            on_state=listener.on_state,
            on_snapshot=listener.on_snapshot,
            launch=launch,
        )
        made.append(connection)
        return connection

    yield make
    for connection in made:
        connection.close()


def test_handshake_then_snapshot_then_answers(home: Home, listener: Listener, connect) -> None:
    with EnginePeer(home) as peer:
        connection = connect()
        welcome = connection.connect(WAIT_S)
        assert welcome.protocol == 1
        assert connection.call(m.GetStatus()).result(WAIT_S) == m.Done()
        listener.wait_until(lambda: len(listener.snapshots) == 1)
        (hello,) = peer.wait_for(m.Hello)
        assert isinstance(hello.body, m.Hello)
        assert hello.body.client == "test"


def test_curve_on_tcp(home: Home, connect) -> None:
    with EnginePeer(home, curve=True):
        connection = connect()
        connection.connect(WAIT_S)
        assert connection.call(m.Ping()).result(WAIT_S) == m.Done()


def test_calls_from_many_threads_get_their_own_answers(home: Home, connect) -> None:
    def echo(call: m.Call) -> m.Reply | None:
        if isinstance(call.body, m.GetRun):
            return m.JobsSubmitted(run_ids=(call.body.run_id,))
        return None

    with EnginePeer(home) as peer:
        peer.on_call = echo
        connection = connect()
        connection.connect(WAIT_S)
        wrong: list[str] = []

        def ask(name: str) -> None:
            futures = {f"{name}-{n}": connection.call(m.GetRun(run_id=f"{name}-{n}")) for n in range(200)}
            wrong.extend(key for key, future in futures.items() if future.result(WAIT_S).run_ids != (key,))

        threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


def test_a_refusal_is_the_error_it_names(home: Home, connect) -> None:
    with EnginePeer(home) as peer:
        refusal = m.Refused(error=NotFoundError("There is no such run.").info())
        peer.on_call = lambda call: refusal if isinstance(call.body, m.GetRun) else None
        connection = connect()
        connection.connect(WAIT_S)
        with pytest.raises(NotFoundError, match="no such run"):
            connection.call(m.GetRun(run_id="x")).result(WAIT_S)


def test_another_protocol_version_is_said_so(home: Home, connect) -> None:
    with EnginePeer(home) as peer:
        peer.on_call = lambda call: m.Refused(error=ProtocolError("Of another version.").info())
        with pytest.raises(ProtocolError, match="another version"):
            connect().connect(WAIT_S)


def test_no_engine_at_all(connect) -> None:
    with pytest.raises(EngineError, match="No engine is running"):
        connect().connect(WAIT_S)


def test_a_socket_that_nobody_listens_on_fails_at_once(home: Home, connect) -> None:
    peer = EnginePeer(home)
    peer.close(keep_file=True)
    with pytest.raises(EngineLostError):
        connect().connect(WAIT_S)


def test_a_gap_makes_it_ask_for_a_snapshot_and_no_gap_doesnt(home: Home, listener: Listener, connect) -> None:
    with EnginePeer(home) as peer:
        connect().connect(WAIT_S)
        listener.wait_until(lambda: len(listener.snapshots) == 1)
        peer.publish(logged("one"))
        peer.publish(logged("two"))
        peer.publish(logged("live"), volatile=True)
        listener.wait_until(lambda: listener.texts == ["one", "two", "live"])
        assert len(listener.snapshots) == 1
        peer.publish(logged("after a gap"), skip=3)
        listener.wait_until(lambda: len(listener.snapshots) == 2)
        assert listener.snapshots[-1].seq == peer.seq
        assert listener.texts[-1] == "after a gap"


def test_events_that_a_snapshot_holds_already_are_not_told_again(
    home: Home, listener: Listener, connect
) -> None:
    with EnginePeer(home) as peer:
        peer.seq = 7
        connect().connect(WAIT_S)
        listener.wait_until(lambda: len(listener.snapshots) == 1)
        peer.seq = 5
        peer.publish(logged("number 6"))
        peer.publish(logged("number 7"))
        peer.publish(logged("number 8"))
        listener.wait_until(lambda: bool(listener.texts))
        assert listener.texts == ["number 8"]


@pytest.mark.parametrize("garbage", [b"", b"\xc1", b"\x81\xa4type\xa4nope", bytes(range(256)) * 40])
def test_garbage_is_survived_and_made_good_by_a_snapshot(
    home: Home, listener: Listener, connect, garbage: bytes
) -> None:
    with EnginePeer(home) as peer:
        connection = connect()
        connection.connect(WAIT_S)
        listener.wait_until(lambda: len(listener.snapshots) == 1)
        peer.send_raw(garbage)
        listener.wait_until(lambda: len(listener.snapshots) == 2)
        assert connection.call(m.Ping()).result(WAIT_S) == m.Done()


def test_calls_under_way_fail_when_the_engine_goes(home: Home, listener: Listener, connect) -> None:
    peer = EnginePeer(home)
    peer.on_call = lambda call: False if isinstance(call.body, m.GetStatus) else None
    connection = connect()
    connection.connect(WAIT_S)
    future = connection.call(m.GetStatus())
    peer.wait_for(m.GetStatus)
    peer.close()
    with pytest.raises(EngineLostError):
        future.result(WAIT_S)
    with pytest.raises(EngineLostError):
        connection.call(m.GetStatus()).result(WAIT_S)
    listener.wait_for_state("lost")


def test_a_silent_engine_is_lost(
    home: Home, listener: Listener, connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "PING_EVERY_S", 0.05)
    monkeypatch.setattr(connection_module, "SILENCE_S", 0.5)
    with EnginePeer(home) as peer:
        connection = connect()
        connection.connect(WAIT_S)
        peer.wait_for(m.Ping, 2)
        peer.silent = True
        with pytest.raises(EngineLostError, match="not answered"):
            connection.call(m.GetStatus()).result(WAIT_S)
        listener.wait_for_state("lost")


def test_pings_keep_a_quiet_connection(
    home: Home, listener: Listener, connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "PING_EVERY_S", 0.05)
    monkeypatch.setattr(connection_module, "SILENCE_S", 1.0)
    with EnginePeer(home) as peer:
        connection = connect()
        connection.connect(WAIT_S)
        peer.wait_for(m.Ping, 30)
        assert [state for state, _ in listener.states] == ["connected"]


def test_a_persistent_connection_comes_back_with_a_snapshot(home: Home, listener: Listener, connect) -> None:
    peer = EnginePeer(home)
    connection = connect()
    connection.start()
    early = connection.call(m.GetStatus())  # asked before there is a handshake: waits for it
    assert early.result(WAIT_S) == m.Done()
    listener.wait_until(lambda: len(listener.snapshots) == 1)
    peer.close()
    listener.wait_for_state("lost")
    with EnginePeer(home):
        listener.wait_for_state("connected", 2)
        listener.wait_until(lambda: len(listener.snapshots) == 2)
        assert connection.call(m.Ping()).result(WAIT_S) == m.Done()
        states = [state for state, _ in listener.states]
        assert states == ["starting", "connected", "lost", "connected"]
        assert all(sentence for _, sentence in listener.states)


def test_a_dead_engine_is_started_again(home: Home, listener: Listener, connect) -> None:
    peers: list[EnginePeer] = []

    def launch(stop: threading.Event) -> EngineFile:
        peers.append(EnginePeer(home))
        engine = read_engine_file(home)
        assert engine is not None
        return engine

    connection = connect(launch)
    try:
        connection.start()
        listener.wait_for_state("connected")
        peers[0].close()
        listener.wait_for_state("connected", 2)
        assert len(peers) == 2
    finally:
        for peer in peers:
            peer.close()


def test_an_engine_that_was_stopped_is_not_started_again_unasked(
    home: Home, listener: Listener, connect
) -> None:
    launched = threading.Semaphore(0)
    peers: list[EnginePeer] = []

    def launch(stop: threading.Event) -> EngineFile:
        peers.append(EnginePeer(home))
        launched.release()
        engine = read_engine_file(home)
        assert engine is not None
        return engine

    connection = connect(launch)
    try:
        connection.start()
        listener.wait_until(lambda: len(listener.snapshots) == 1)
        peers[0].publish(m.EngineStopping(reason="asked"))
        listener.wait_until(lambda: bool(listener.notices))
        peers[0].close()
        listener.wait_for_state("stopped")
        with pytest.raises(EngineLostError, match="was stopped"):
            connection.call(m.Ping()).result(WAIT_S)
        assert launched.acquire(timeout=WAIT_S)
        assert not launched.acquire(timeout=0.5), "nobody asked for another engine"
        connection.restart_engine()
        listener.wait_for_state("connected", 2)
        assert len(peers) == 2
    finally:
        for peer in peers:
            peer.close()


def test_an_engine_that_cant_be_started_fails_calls_with_its_sentence(listener: Listener, connect) -> None:
    def launch(stop: threading.Event) -> EngineFile:
        raise StorageError("The data folder is full.", "detail")

    connection = connect(launch)
    connection.start()
    waiting = connection.call(m.ListModels())
    with pytest.raises(EngineError, match="The data folder is full"):
        waiting.result(WAIT_S)
    listener.wait_for_state("failed")
    assert listener.states[-1] == ("failed", "The data folder is full.")


def test_a_message_that_cant_be_sent_fails_its_call_alone(
    home: Home, connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EnginePeer(home):
        connection = connect()
        connection.connect(WAIT_S)
        with pytest.raises(BadMessageError):
            connection.call(m.GetRun(run_id="\ud800")).result(WAIT_S)
        assert connection.call(m.Ping()).result(WAIT_S) == m.Done()


def test_a_listener_that_raises_doesnt_end_the_connection(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    heard = threading.Event()

    def raise_on_notice(notice: m.Notice) -> None:
        heard.set()
        raise RuntimeError("a bug")

    connection = EngineConnection(
        home, client="test", wants_events=True, wants_previews=False, on_notice=raise_on_notice
    )
    with EnginePeer(home) as peer:
        connection.connect(WAIT_S)
        peer.publish(logged("one"))
        assert heard.wait(WAIT_S)
        assert connection.call(m.Ping()).result(WAIT_S) == m.Done()
        connection.close()
    assert "a listener failed on Logged" in caplog.text


def test_close_says_goodbye_and_fails_what_waits(home: Home, connect) -> None:
    with EnginePeer(home) as peer:
        peer.on_call = lambda call: False if isinstance(call.body, m.GetStatus) else None
        connection = connect()
        connection.connect(WAIT_S)
        future = connection.call(m.GetStatus())
        peer.wait_for(m.GetStatus)
        connection.close()
        peer.wait_for(m.Goodbye)
        with pytest.raises(EngineLostError):
            future.result(0)


def test_requests_are_decodable_by_the_engine() -> None:
    data = CALLS.encode(m.Call(1, m.Goodbye()))
    assert CALLS.decode(data) == m.Call(1, m.Goodbye())
