"""The engine as shown: connection, workers, memory, and what is offered when a worker doesn't answer."""

from __future__ import annotations

import msgspec

from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from tests.app.app_records import CPU, worker
from tests.app.fake_engine_client import FakeEngineClient, make_snapshot


def test_it_starts_as_starting_and_becomes_connected(client: FakeEngineClient, app_state: AppState) -> None:
    engine = app_state.engine
    assert not engine.is_connected
    assert "starting" in engine.sentence
    client.connect_engine(devices=(CPU,), workers=(worker(memory_bytes=5),))
    assert engine.is_connected
    assert engine.devices == (CPU,)
    client.emit_event(m.WorkerBeat(worker_id="w1", memory_bytes=7, device_bytes=9))
    client.emit_event(m.WorkerBeat(worker_id="unknown", memory_bytes=1, device_bytes=1))
    assert (engine.workers["w1"].memory_bytes, engine.workers["w1"].device_bytes) == (7, 9)
    client.emit_event(m.WorkerChanged(worker=worker(state="gone")))
    assert engine.workers == {}


def test_the_worker_of_a_run_comes_before_others(client: FakeEngineClient, app_state: AppState) -> None:
    engine = app_state.engine
    assert engine.worker_of("a") is None
    client.connect_engine(
        workers=(worker("spare", "spare"), worker("idle"), worker("busy", "busy", run_id="a"))
    )
    assert engine.worker_of("a").worker_id == "busy"  # type: ignore[union-attr]
    assert engine.worker_of("").worker_id == "idle"  # type: ignore[union-attr]


def test_a_silent_worker_is_said_and_killing_it_is_offered(
    client: FakeEngineClient, app_state: AppState
) -> None:
    withdrawn: list[int] = []
    app_state.notices.withdrawn.connect(withdrawn.append)
    client.connect_engine(workers=(worker(),))
    for _ in range(3):
        client.emit_event(m.WorkerChanged(worker=worker(state="not_answering")))
    told = [notice for notice in app_state.notices.notices if "not answering" in notice.sentence]
    assert len(told) == 1, "said once, however often it is told"
    assert told[0].action is not None
    told[0].action()
    assert client.last_call(m.KillWorker).worker_id == "w1"
    client.emit_event(m.WorkerChanged(worker=worker(state="busy")))
    assert withdrawn == [told[0].number], "it answers again, so the notice goes"


def test_a_lost_connection_is_said_until_it_is_back(client: FakeEngineClient, app_state: AppState) -> None:
    client.connect_engine(workers=(worker(),))
    withdrawn: list[int] = []
    app_state.notices.withdrawn.connect(withdrawn.append)
    client.emit_connection("lost", "The engine went away.")
    client.emit_connection("lost", "The engine went away.")
    assert [notice.sentence for notice in app_state.notices.notices] == ["The engine went away."]
    assert app_state.engine.workers == {}
    client.connect_engine()
    assert len(withdrawn) == 1


def test_an_engine_that_cannot_start_can_be_started_again(
    client: FakeEngineClient, app_state: AppState, monkeypatch: object
) -> None:
    started: list[bool] = []
    client.restart_engine = lambda: started.append(True)  # type: ignore[method-assign]
    client.emit_connection("failed", "The engine could not be started: no torch.")
    notice = app_state.notices.notices[-1]
    assert notice.level == "error"
    assert notice.action is not None
    notice.action()
    assert started == [True]


def test_warnings_of_the_server_are_told_once(client: FakeEngineClient, app_state: AppState) -> None:
    server = msgspec.structs.replace(make_snapshot().server, warnings=("The data folder is on a network.",))
    client.connect_engine(server=server)
    client.connect_engine(server=server)
    assert [notice.sentence for notice in app_state.notices.notices] == ["The data folder is on a network."]


def test_a_full_data_folder_is_said_when_it_becomes_full_and_taken_back_when_there_is_room(
    client: FakeEngineClient, app_state: AppState
) -> None:
    withdrawn: list[int] = []
    app_state.notices.withdrawn.connect(withdrawn.append)
    server = make_snapshot().server
    full = msgspec.structs.replace(server, home_writable=False, warnings=("The data folder is full.",))
    client.connect_engine(server=server)
    client.emit_event(m.ServerChanged(server=full))
    (notice,) = app_state.notices.notices
    assert (notice.level, notice.sentence) == ("warning", "The data folder is full.")
    client.emit_event(m.ServerChanged(server=server))
    assert withdrawn == [notice.number]
    client.emit_event(m.ServerChanged(server=full))
    assert len(app_state.notices.notices) == 2, "it is said anew when it is full anew"
