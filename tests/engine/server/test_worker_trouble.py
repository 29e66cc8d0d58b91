"""Workers that crash, hang, are killed or never start: the run says what happened, the next one runs."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import psutil
import pytest

from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import NotFoundError
from tests.engine.server.engine_harness import Engine, WireClient, is_alive, running_engine, wait_for

pytestmark = pytest.mark.slow

NEXT_RUN_S = 5.0


def started_after(client: WireClient, first: str, second: str) -> float:
    """Seconds from the end of one run to the start of the next, by the records' own times."""
    ended, begun = client.until_final(first).finished, client.until_state(second, "running").started
    assert ended is not None
    assert begun is not None
    return begun - ended


def wait_for_spare(client: WireClient) -> None:
    wait_for(
        lambda: len([w for w in client.status().workers if w.state in ("ready", "spare")]) == 2,
        "a warm spare",
    )


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ("crash", r"crashed \(SIGSEGV\)"),
        ("exit", "ended with exit code 7"),
        ("killed", "probably because memory ran out"),
    ],
)
def test_a_worker_that_dies_fails_its_run_and_the_queue_goes_on(
    client: WireClient, behaviour: str, sentence: str
) -> None:
    wait_for_spare(client)
    first, second = client.submit(behaviour, "normal")
    failed = client.until_final(first)
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error.code == "worker_lost"
    assert re.search(sentence, failed.error.message)
    assert client.until_final(second).state == "finished"
    assert started_after(client, first, second) < NEXT_RUN_S
    runs = client.get(m.ListRuns())
    assert runs.total == 2, "a job whose worker died is never queued again by itself"


def test_the_last_words_of_a_worker_are_in_the_details(client: WireClient) -> None:
    (run_id,) = client.submit("exit")
    error = client.until_final(run_id).error
    assert error is not None
    assert "the last words of a worker" in error.detail
    assert "the last words" not in error.message


@pytest.mark.parametrize("behaviour", ["hang", "deaf", "fork"])
def test_cancel_kills_a_worker_that_ignores_everything(mezzotint_home: Path, behaviour: str) -> None:
    with running_engine(mezzotint_home, MEZZOTINT_CANCEL_DEADLINE="0.3") as engine:
        client = engine.client()
        wait_for_spare(client)
        first, second = client.submit(f"{behaviour} 0.01", "normal", steps=10_000)
        client.until_state(first, "running")
        child = 0
        if behaviour == "fork":
            line = client.until(lambda n: re.search(r"child (\d+)", repr(n.body)), "the worker's child")
            child = int(line[1])
            assert is_alive(child)
        busy = next(w.pid for w in client.status().workers if w.state == "busy")
        client.get(m.CancelRun(run_id=first))
        assert client.until_final(first).state == "cancelled"
        assert not is_alive(busy)
        assert not child or not is_alive(child)
        assert client.until_state(second, "running")
        assert started_after(client, first, second) < NEXT_RUN_S
        client.get(m.CancelRun(run_id=second, force=True))
        assert client.until_final(second).state == "cancelled"


def test_forced_cancel_does_not_wait_for_the_deadline(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home, MEZZOTINT_CANCEL_DEADLINE="1000") as engine:
        client = engine.client()
        (run_id,) = client.submit("hang")
        client.until_state(run_id, "running")
        client.get(m.CancelRun(run_id=run_id))
        client.until_state(run_id, "stopping")
        client.get(m.CancelRun(run_id=run_id, force=True))
        assert client.until_final(run_id).state == "cancelled"


def test_a_killed_worker_is_replaced_and_its_run_says_so(client: WireClient) -> None:
    first, second = client.submit("normal 0.01", "normal", steps=50)
    client.until_state(first, "running")
    worker = next(w for w in client.status().workers if w.state == "busy")
    client.get(m.KillWorker(worker_id=worker.worker_id))
    failed = client.until_final(first)
    assert (failed.state, failed.error and failed.error.code) == ("failed", "worker_lost")
    assert "by request" in (failed.error.message if failed.error else "")
    assert client.until_final(second).state == "finished"
    with pytest.raises(NotFoundError):
        client.get(m.KillWorker(worker_id=worker.worker_id))


def test_sigkill_of_a_worker_from_outside(client: WireClient) -> None:
    first, second = client.submit("normal 0.01", "normal", steps=100)
    client.until_state(first, "running")
    os.kill(next(w.pid for w in client.status().workers if w.state == "busy"), signal.SIGKILL)
    assert client.until_final(first).state == "failed"
    assert client.until_final(second).state == "finished"


def test_a_silent_worker_is_shown_and_never_killed_for_it(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home, MEZZOTINT_BEAT_TIMEOUT="0.5") as engine:
        client = engine.client()
        (run_id,) = client.submit("mute 1.5")
        states = []

        def answering_again(notice: m.Notice) -> bool:
            if isinstance(notice.body, m.WorkerChanged):
                states.append(notice.body.worker.state)
            return "not_answering" in states and states[-1] == "busy"

        client.until(answering_again, "silence and its end")
        assert client.until_final(run_id).state == "finished"


def test_bytes_that_are_no_message_from_a_worker_are_counted_and_skipped(engine: Engine) -> None:
    client = engine.client()
    (run_id,) = client.submit("garbage")
    assert client.until_final(run_id).state == "finished"
    assert "no message" in engine.log()


def test_no_spare_is_started_while_a_run_is_active(client: WireClient) -> None:
    (run_id,) = client.submit("normal 0.01", steps=60)
    client.until_final(run_id)
    started_while_active = False
    active = False
    for notice in client.notices:
        match notice.body:
            case m.RunChanged(run=run):
                active = run.state in ("running", "queued")
            case m.WorkerChanged(worker=worker) if worker.state == "starting":
                started_while_active |= active and any(
                    isinstance(n.body, m.WorkerChanged) and n.body.worker.state == "busy"
                    for n in client.notices[: client.notices.index(notice)]
                )
    assert not started_while_active
    wait_for_spare(client)


def test_workers_that_never_start_fail_the_run_with_their_reason(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home, FAKE_WORKER_BROKEN="1") as engine:
        client = engine.client()
        first, second = client.submit("normal", "normal")
        failed = client.until_final(first)
        assert (failed.state, failed.error and failed.error.code) == ("failed", "worker_lost")
        assert failed.error is not None
        assert "No module named 'torch'" in failed.error.detail
        assert client.until_final(second).state == "failed"


def test_a_worker_of_another_version_is_not_used(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home, FAKE_WORKER_PROTOCOL="99") as engine:
        client = engine.client()
        (run_id,) = client.submit("normal")
        error = client.until_final(run_id).error
        assert error is not None
        assert "protocol 99" in error.message


def test_workers_do_not_outlive_a_killed_server(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home) as engine:
        client = engine.client()
        (run_id,) = client.submit("hang")
        client.until_state(run_id, "running")
        workers = engine.workers()
        assert workers
        engine.kill()
        _, alive = psutil.wait_procs(workers, timeout=5)
        assert not alive


def test_a_worker_is_started_without_path_or_source_tree_from_any_folder(mezzotint_home: Path) -> None:
    started = time.time()
    with running_engine(mezzotint_home, PATH="/nowhere") as engine:
        client = engine.client()
        (run_id,) = client.submit("normal")
        assert client.until_final(run_id).state == "finished"
        worker = engine.workers()[0]
        assert worker.cwd() == str(engine.home.runtime)
        assert worker.environ()["OMP_WAIT_POLICY"] == "PASSIVE"
        assert worker.create_time() > started - 60
