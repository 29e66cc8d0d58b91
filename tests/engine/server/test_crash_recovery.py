"""The server killed, stopped, started twice; what it leaves behind and what it finds."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mezzotint_engine.server.home_lock import HomeLock
from mezzotint_sdk import messages as m
from mezzotint_sdk.array_slots import create_slot_file
from mezzotint_sdk.endpoint import read_engine_file
from mezzotint_sdk.file_lock import try_lock
from mezzotint_sdk.home import Home
from mezzotint_sdk.job_spec import spec_from_json
from mezzotint_sdk.records import FINAL_STATES
from tests.engine.server.engine_harness import Engine, is_alive, running_engine, wait_for
from tests.engine.server.fake_worker import png

pytestmark = pytest.mark.slow


def test_a_killed_server_keeps_its_queue_and_tells_what_was_interrupted(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home) as first:
        client = first.client()
        run_ids = client.submit("normal 0.01", *(f"normal 0 {k}" for k in range(5)), steps=20, count=50)
        client.get(m.MoveRun(run_id=run_ids[5], before=run_ids[1]))
        client.until(lambda n: isinstance(n.body, m.ArtifactAdded), "the first picture")
        # a picture that was finished on disk, but the server died before it was told
        folder = first.home.run_folder(run_ids[0]) / "artifacts"
        first.kill()
        (folder / "00049.png").write_bytes(png(64, 64, 1))
        (folder / "00048.png").write_bytes(png(64, 64, 1)[:-5])
    order = [run_ids[0], run_ids[5], *run_ids[1:5]]
    with running_engine(mezzotint_home) as second:
        client = second.client()
        interrupted = client.get(m.GetRun(run_id=run_ids[0]))
        assert interrupted.run.state == "interrupted"
        assert "retry" in interrupted.run.error.message
        indexes = [artifact.index for artifact in interrupted.artifacts]
        assert 49 in indexes
        assert 48 not in indexes
        assert interrupted.run.artifact_count == len(indexes)
        for run_id in order[1:]:
            client.get(m.CancelRun(run_id=run_id)) if run_id == order[-1] else client.until_state(
                run_id, "running", timeout_s=60
            )
        started = [e.run.run_id for e in client.events(m.RunChanged) if e.run.state == "running"]
        assert list(dict.fromkeys(started)) == order[1 : 1 + len(dict.fromkeys(started))]
        client.get(m.CancelAll())


def test_a_second_engine_of_a_home_leaves_the_first_alone(engine: Engine) -> None:
    client = engine.client()
    second = subprocess.run(
        [sys.executable, "-m", "mezzotint_engine", "--home", str(engine.home.root)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 3
    assert second.stderr.count("\n") == 1
    assert f"process {engine.process.pid}" in second.stderr
    (run_id,) = client.submit("normal")
    assert client.until_final(run_id).state == "finished"


def test_slots_that_were_left_behind_are_removed(mezzotint_home: Path) -> None:
    home = Home(mezzotint_home)
    home.ensure()
    home.slots.mkdir()
    create_slot_file(home.slots / "00000", 1000)
    create_slot_file(home.slots / "left-behind", 1000)
    with running_engine(mezzotint_home) as engine:
        engine.client()
        assert list(home.slots.iterdir()) == []


def test_a_stopped_engine_leaves_nothing_behind(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home) as engine:
        client = engine.client(previews=True)
        (run_id,) = client.submit("preview 0.01", steps=10_000)
        client.until(lambda n: isinstance(n.body, m.PreviewMade), "a preview")
        workers = engine.workers()
        engine.process.send_signal(signal.SIGTERM)
        client.until(lambda n: isinstance(n.body, m.EngineStopping), "the end")
        assert engine.process.wait(20) == 0
        assert not any(is_alive(worker.pid) for worker in workers)
        assert not engine.home.runtime.exists(), "on Linux it lies in memory, and would stay there for ever"
    with running_engine(mezzotint_home) as engine:
        run = engine.client().get(m.GetRun(run_id=run_id)).run
        assert run.state == "interrupted"


def test_the_runtime_folder_stays_while_somebody_starts_an_engine(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home) as engine:
        engine.client()
        starting = try_lock(engine.home.start_lock)
        assert starting is not None
        assert engine.stop() == 0
        left = {path.name for path in engine.home.runtime.iterdir()}
        os.close(starting)
        assert left == {"engine.lock", "start.lock"}


def test_what_is_not_ours_keeps_the_runtime_folder(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home) as engine:
        engine.client()
        (engine.home.runtime / "somebody's").write_text("file")
        assert engine.stop() == 0
        assert (engine.home.runtime / "somebody's").exists()


def test_who_waits_for_an_engine_that_ends_gets_a_lock_that_counts(mezzotint_home: Path) -> None:
    """The file that it waits for is removed under its hands: the lock must be on the new one."""
    home = Home(mezzotint_home)
    home.ensure()
    first = HomeLock(home)
    found: list[HomeLock] = []
    waiter = threading.Thread(target=lambda: found.append(HomeLock(home)))
    waiter.start()
    first.remove_runtime_folder()
    assert not home.runtime.exists()
    first.release()
    waiter.join(20)
    assert found
    assert home.engine_lock.exists()
    assert try_lock(home.engine_lock) is None
    found[0].release()


def test_sigint_ends_it_as_well_even_with_a_deaf_worker(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home) as engine:
        client = engine.client()
        (run_id,) = client.submit("hang")
        client.until_state(run_id, "running")
        engine.process.send_signal(signal.SIGINT)
        assert engine.process.wait(20) == 0


def test_a_stale_engine_file_does_not_hinder_a_start(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home) as engine:
        stale = engine.file
        engine.kill()
    assert read_engine_file(Home(mezzotint_home)) == stale
    with running_engine(mezzotint_home) as engine:
        assert engine.file.pid == engine.process.pid != stale.pid
        assert engine.client().status().server.pid == engine.process.pid


def test_it_ends_by_itself_when_nobody_needs_it(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home, linger=0.3) as engine:
        client = engine.client()
        client.submit("normal 0.01", steps=50)
        client.close()
        engine.clients.clear()
        assert engine.process.wait(20) == 0
    with running_engine(mezzotint_home) as engine:
        assert engine.client().get(m.ListRuns()).runs[0].state == "finished", "work was finished first"


def test_linger_can_be_changed_and_clients_keep_it(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home, linger=0.2) as engine:
        client = engine.client()
        client.read_for(0.6)
        assert engine.process.poll() is None, "a client is connected"
        client.get(m.SetLinger(seconds=-1))
        client.send(m.Goodbye())
        client.read_for(0.6)
        assert engine.process.poll() is None, "negative: for good"
        other = engine.client()
        other.get(m.StopEngine(if_unused=True))
        assert engine.process.wait(20) == 0


def test_stop_if_unused_spares_an_engine_that_is_used(engine: Engine) -> None:
    first, second = engine.client(), engine.client()
    assert isinstance(second.get(m.StopEngine(if_unused=True)), m.Done)
    second.read_for(0.3)
    assert engine.process.poll() is None
    first.send(m.Goodbye())
    (run_id,) = second.submit("normal 0.01", steps=10_000)
    second.get(m.StopEngine(if_unused=True))
    second.until_state(run_id, "running")
    assert engine.process.poll() is None
    second.get(m.StopEngine())
    assert engine.process.wait(20) == 0


def check_store(home: Path) -> dict[str, str]:
    """States by run id; fails on anything half written."""
    connection = sqlite3.connect(home / "mezzotint.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        states = {}
        for run_id, state, text, count in connection.execute(
            "SELECT run_id, state, spec, artifact_count FROM runs"
        ):
            states[run_id] = state
            spec_from_json(text)
            (listed,) = connection.execute(
                "SELECT count(*) FROM artifacts WHERE run_id = ?", (run_id,)
            ).fetchone()
            assert listed == count
        for run_id, file, nbytes in connection.execute("SELECT run_id, file, nbytes FROM artifacts"):
            assert (home / "runs" / run_id / file).stat().st_size == nbytes
        return states
    finally:
        connection.close()


def kill_at_random(home: Path, rounds: int, seed: int) -> None:
    """Submit, run, move and delete in a hurry, kill the server at any moment, and look at what is there."""
    chance = random.Random(seed)
    promised: dict[
        str, set[str]
    ] = {}  # what the server has confirmed: run ids and the states they may have now
    for _ in range(rounds):
        with running_engine(home) as engine:
            client = engine.client()
            client.get(m.ResumeQueue())
            end = time.monotonic() + chance.uniform(0.02, 0.6)
            while time.monotonic() < end:
                for run_id in client.submit("normal 0", "normal 0", count=2, steps=1):
                    promised[run_id] = {"queued", "running", "finished", "interrupted", "failed"}
                client.read_for(0.01)
                done = [e.run.run_id for e in client.events(m.RunChanged) if e.run.state == "finished"]
                for run_id in done:
                    promised[run_id] = {"finished"}
                client.notices.clear()
            engine.kill()
        states = check_store(home)
        for run_id, allowed in promised.items():
            assert states.get(run_id) in allowed, f"{run_id} was confirmed and is {states.get(run_id)}"
    with running_engine(home) as engine:
        client = engine.client()
        client.get(m.CancelAll())
        wait_for(lambda: not client.status().queue, "the queue's end", 60)
    assert set(check_store(home).values()) <= FINAL_STATES


def test_kills_at_random_moments_lose_nothing_that_was_confirmed(mezzotint_home: Path) -> None:
    kill_at_random(mezzotint_home, rounds=4, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_kills_at_random_moments(mezzotint_home: Path) -> None:
    kill_at_random(mezzotint_home, rounds=100, seed=os.getpid())
