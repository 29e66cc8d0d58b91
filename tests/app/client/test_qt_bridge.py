"""Engine to GUI thread: signals and callbacks arrive there, in order, coalesced, and with slots released."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from mezzotint_app.client import qt_bridge
from mezzotint_app.client.qt_bridge import QtBridge
from mezzotint_sdk import messages as m
from mezzotint_sdk.array_slots import SlotWriter, create_slot_file
from mezzotint_sdk.endpoint import EngineFile, read_engine_file
from mezzotint_sdk.errors import EngineError, NotFoundError, SlotExpiredError
from mezzotint_sdk.home import Home
from tests.app.client.engine_peer import SERVER, EnginePeer, logged

WAIT_MS = 20_000


@pytest.fixture
def home(mezzotint_home: Path) -> Home:
    return Home(mezzotint_home)


@pytest.fixture
def peer(home: Home) -> Iterator[EnginePeer]:
    with EnginePeer(home) as peer:
        yield peer


@pytest.fixture
def bridge(qtbot: QtBot, home: Home, peer: EnginePeer) -> Iterator[QtBridge]:
    bridge = QtBridge(home)
    yield bridge
    bridge.close()


def start(qtbot: QtBot, bridge: QtBridge) -> m.Snapshot:
    with qtbot.waitSignal(bridge.snapshotArrived, timeout=WAIT_MS) as arrived:
        bridge.start()
    (snapshot,) = arrived.args
    return snapshot


def test_connection_then_snapshot(qtbot: QtBot, bridge: QtBridge) -> None:
    told: list[object] = []
    bridge.connectionChanged.connect(lambda state, sentence: told.append(state))
    bridge.snapshotArrived.connect(told.append)
    start(qtbot, bridge)
    assert told[:2] == ["starting", "connected"]
    assert isinstance(told[2], m.Snapshot)


def test_callbacks_come_later_and_on_the_gui_thread(qtbot: QtBot, bridge: QtBridge, peer: EnginePeer) -> None:
    refusal = m.Refused(error=NotFoundError("No such run.").info())
    peer.on_call = lambda call: refusal if isinstance(call.body, m.GetRun) else None
    start(qtbot, bridge)
    got: list[tuple[object, threading.Thread]] = []

    def keep(what: object) -> None:
        got.append((what, threading.current_thread()))

    bridge.call(m.GetStatus(), keep, keep)
    bridge.call(m.GetRun(run_id="x"), keep, keep)
    assert got == [], "never inside of call"
    qtbot.waitUntil(lambda: len(got) == 2, timeout=WAIT_MS)
    assert got[0][0] == m.Done()
    assert isinstance(got[1][0], NotFoundError)
    assert {thread for _, thread in got} == {threading.current_thread()}


def test_a_thousand_points_a_second_arrive_in_few_events(
    qtbot: QtBot, bridge: QtBridge, peer: EnginePeer
) -> None:
    start(qtbot, bridge)
    events: list[m.MetricsAdded] = []
    bridge.eventArrived.connect(lambda event: events.append(event))
    # Held up as by a long paint: all of it piles up on the other side.
    for number in range(2000):
        point = (float(number),)
        added = m.MetricsAdded(run_id="r", name="loss", unit="", steps=point, values=point, times=point)
        peer.publish(added, volatile=True)
    peer.publish(logged("last"))
    qtbot.waitUntil(lambda: any(isinstance(event, m.Logged) for event in events), timeout=WAIT_MS)
    points = [value for event in events if isinstance(event, m.MetricsAdded) for value in event.values]
    assert points == [float(number) for number in range(2000)]
    assert len(events) < 500


def test_a_long_queue_is_worked_off_in_slices(
    qtbot: QtBot, bridge: QtBridge, peer: EnginePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qt_bridge, "SLICE_S", 0.0)
    start(qtbot, bridge)
    texts: list[str] = []
    bridge.eventArrived.connect(lambda event: texts.append(event.line.message))
    for number in range(30):
        peer.publish(logged(str(number)))
    qtbot.waitUntil(lambda: len(texts) == 30, timeout=WAIT_MS)
    assert texts == [str(number) for number in range(30)]


def test_arrays_are_copied_and_their_slots_released(
    qtbot: QtBot, bridge: QtBridge, peer: EnginePeer, home: Home
) -> None:
    home.slots.mkdir()
    create_slot_file(home.slots / "s0", 1 << 16)
    writer = SlotWriter(home.slots)
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    ref = writer.write("s0", 5, picture)
    welcome = m.Welcome(
        protocol=1, server=SERVER, devices=(), capabilities=(), seq=0, slots_folder=str(home.slots)
    )
    peer.on_call = lambda call: welcome if isinstance(call.body, m.Hello) else None
    start(qtbot, bridge)
    copy = bridge.read_array(ref)
    assert np.array_equal(copy, picture)
    (release,) = peer.wait_for(m.ReleaseSlots)
    assert release.body == m.ReleaseSlots(refs=(ref,))
    writer.write("s0", 6, picture)
    assert np.array_equal(copy, picture), "a copy, not a view"
    with pytest.raises(SlotExpiredError):
        bridge.read_array(ref)
    writer.close()


def test_previews_replaced_on_the_way_are_released(qtbot: QtBot, bridge: QtBridge, peer: EnginePeer) -> None:
    from tests.app.client.test_event_batch import preview

    start(qtbot, bridge)
    seen: list[m.PreviewMade] = []
    bridge.eventArrived.connect(lambda event: seen.append(event))
    for generation in range(1, 51):
        peer.publish(preview(generation), volatile=True)
    qtbot.waitUntil(lambda: bool(seen) and seen[-1].step == 50, timeout=WAIT_MS)
    shown = {event.array.generation for event in seen}

    def released() -> set[int]:
        calls = [call.body for call in peer.calls if isinstance(call.body, m.ReleaseSlots)]
        return {ref.generation for body in calls for ref in body.refs}

    qtbot.waitUntil(lambda: shown | released() == set(range(1, 51)), timeout=WAIT_MS)
    assert not shown & released(), "who is shown a preview releases it"


def test_a_listener_that_raises_keeps_nobody_from_theirs(
    qtbot: QtBot, bridge: QtBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught: list[type[BaseException]] = []
    monkeypatch.setattr("sys.excepthook", lambda kind, error, trace: caught.append(kind))
    start(qtbot, bridge)
    got: list[object] = []

    def fail(_reply: object) -> None:
        raise ZeroDivisionError

    bridge.call(m.GetStatus(), fail)
    bridge.call(m.GetStatus(), got.append)
    qtbot.waitUntil(lambda: bool(got), timeout=WAIT_MS)
    assert caught == [ZeroDivisionError]


def test_an_engine_that_cant_start_is_told_and_can_be_tried_again(
    qtbot: QtBot, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers: list[EnginePeer] = []

    def obtain(home: Home, *, linger_s: float, stop: threading.Event) -> tuple[EngineFile, bool]:
        if not may_start.is_set():
            raise EngineError("The engine could not be started: no room.")
        peers.append(EnginePeer(home))
        engine = read_engine_file(home)
        assert engine is not None
        return engine, False

    may_start = threading.Event()
    monkeypatch.setattr(qt_bridge, "obtain_engine", obtain)
    bridge = QtBridge(home)
    told: list[tuple[str, str]] = []
    bridge.connectionChanged.connect(lambda state, sentence: told.append((state, sentence)))
    try:
        bridge.start()
        failed = ("failed", "The engine could not be started: no room.")
        qtbot.waitUntil(lambda: failed in told, timeout=WAIT_MS)
        may_start.set()
        bridge.restart_engine()
        qtbot.waitUntil(lambda: told[-1][0] == "connected", timeout=WAIT_MS)
    finally:
        bridge.close()
        for peer in peers:
            peer.close()


def test_after_close_nothing_comes_and_calls_do_nothing(
    qtbot: QtBot, bridge: QtBridge, peer: EnginePeer
) -> None:
    start(qtbot, bridge)
    got: list[object] = []
    bridge.call(m.GetStatus(), got.append, got.append)
    bridge.close()
    bridge.call(m.GetStatus(), got.append, got.append)
    qtbot.wait(50)
    assert got == []
    bridge.close()
