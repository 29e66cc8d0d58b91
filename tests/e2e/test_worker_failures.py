"""Workers that die, hang or run out of memory: the engine lives and says so, and the next job runs."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mezzotint_sdk import messages as m
from tests.e2e.live_engine import LiveEngine, emoji_spec, processes_below, wait_gone

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="POSIX signals")]


@pytest.fixture
def engine(mezzotint_home: Path) -> Iterator[LiveEngine]:
    with LiveEngine(mezzotint_home) as engine:
        yield engine


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_killed_worker_fails_its_run_and_the_next_one_is_drawn(engine: LiveEngine) -> None:
    (done,) = engine.submit(emoji_spec())
    assert engine.wait_for_end(done).state == "finished"
    picture = engine.artifacts(done)[0]
    before = digest(picture)
    engine.wait_until(lambda: engine.worker("spare"), "a warm spare, which is started while nothing runs")

    run_id, worker = engine.start_long_run()
    (following,) = engine.submit(emoji_spec(prompt="next one"))
    killed = time.time()
    os.kill(worker.pid, signal.SIGKILL)

    failed = engine.wait_for_end(run_id)
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error.code == "worker_lost"
    assert "Traceback" not in failed.error.message
    engine.assert_next_run_starts_in_time(following, killed)
    assert engine.wait_for_end(following).state == "finished"
    assert digest(picture) == before


def test_a_worker_deaf_to_everything_is_killed_after_the_deadline_of_cancel(engine: LiveEngine) -> None:
    run_id, worker = engine.start_long_run()
    (following,) = engine.submit(emoji_spec(prompt="next one"))
    tree = processes_below(worker.pid)
    os.kill(worker.pid, signal.SIGSTOP)  # hears nothing, answers nothing, ignores SIGTERM until continued
    engine.call(m.CancelRun(run_id=run_id))
    assert engine.wait_for_end(run_id).state == "cancelled"
    wait_gone(tree)
    assert engine.wait_for_end(following).state == "finished"


def test_cancel_is_cooperative_where_the_worker_listens(engine: LiveEngine) -> None:
    run_id, worker = engine.start_long_run()
    engine.call(m.CancelRun(run_id=run_id))
    assert engine.wait_for_end(run_id).state == "cancelled"
    assert psutil.pid_exists(worker.pid), "a worker that stops by itself is kept, with its model loaded"
    engine.assert_healthy()


def test_pause_holds_a_run_and_resume_lets_it_go_on(engine: LiveEngine) -> None:
    run_id, _ = engine.start_long_run()
    engine.call(m.PauseRun(run_id=run_id))
    engine.wait_for_state(run_id, "paused")
    seen = len(engine.events)
    engine.call(m.ResumeRun(run_id=run_id))
    engine.wait_for_state(run_id, "running")

    def moved() -> bool:
        return any(isinstance(notice.body, m.RunProgressed) for notice in engine.events[seen:])

    engine.wait_until(moved, "progress after resuming")
    engine.call(m.CancelRun(run_id=run_id))
    assert engine.wait_for_end(run_id).state == "cancelled"


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit of another process")
def test_a_run_out_of_memory_says_so_and_the_next_one_is_drawn(engine: LiveEngine) -> None:
    (first,) = engine.submit(emoji_spec())
    assert engine.wait_for_end(first).state == "finished"
    worker = engine.wait_until(lambda: engine.worker("ready"), "an idle worker")
    in_use = psutil.Process(worker.pid).memory_info().vms
    limit = in_use + 256 * 1024 * 1024
    resource.prlimit(
        worker.pid, resource.RLIMIT_AS, (limit, limit)
    )  # a real limit: malloc fails from here on
    (large,) = engine.submit(emoji_spec(width=2048, height=2048))
    failed = engine.wait_for_end(large)
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error.code == "out_of_memory", failed.error
    assert "Traceback" not in failed.error.message
    engine.assert_healthy()


def test_a_prompt_of_a_megabyte_is_drawn(engine: LiveEngine) -> None:
    prompt = "red apple 🍎 ünïcode " * 50_000
    (run_id,) = engine.submit(emoji_spec(prompt=prompt))
    run = engine.wait_for_end(run_id)
    assert run.state == "finished", run.error
    assert engine.run(run_id).spec.prompt == prompt
