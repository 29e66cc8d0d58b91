"""A real worker process over a real socket: what the server sees of it."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from mezzotint_sdk import messages as m
from mezzotint_sdk.array_slots import SlotReader
from tests.engine.worker.fake_server import WorkerUnderTest, emoji_spec

pytestmark = pytest.mark.slow


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerUnderTest]:
    worker = WorkerUnderTest(tmp_path / "w", hz=1000.0)
    yield worker
    assert worker.close() == b"", "the worker wrote to standard output"


def digest(path: Path) -> str:
    return hashlib.sha256(np.asarray(Image.open(path)).tobytes()).hexdigest()


def test_a_worker_draws_previews_answers_and_ends(worker: WorkerUnderTest) -> None:
    (hello,) = worker.of(m.WorkerHello)
    assert hello.protocol == m.PROTOCOL_VERSION
    assert hello.devices[-1].name == "cpu"
    worker.start_job(emoji_spec(steps=8), "one")
    preview = worker.wait_for(m.JobPreviewed)
    assert preview.array.shape == (256, 256, 3)
    assert 0 < preview.cost_ms < 10_000
    end = worker.wait_for(m.JobFinished, m.JobFailed)
    assert isinstance(end, m.JobFinished), end
    reader = SlotReader(worker.slots)
    with reader.view(worker.of(m.JobPreviewed)[-1].array) as picture:
        assert picture.dtype == np.uint8
        assert picture.std() > 1
    reader.close()

    # it answers while it computes: pause, resume and cancel on one run
    worker.start_job(emoji_spec(steps=1000), "two")
    worker.wait_for(m.JobProgressed)
    worker.send(m.PauseJob(run_id="two"))
    assert worker.wait_for(m.JobPaused).run_id == "two"
    worker.send(m.ResumeJob(run_id="two"))
    worker.wait_for(m.JobResumed)
    worker.send(m.SetPreviews(hz=0.0))
    while worker.wait_for(m.Beat).run_id != "two":
        continue  # one from before the run may still be on its way
    worker.send(m.CancelJob(run_id="two"))
    assert worker.wait_for(m.JobCancelled).run_id == "two"

    worker.send(m.Shutdown())
    assert worker.process.wait(60) == 0


def test_the_same_spec_gives_the_same_pixels_in_another_process(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        worker = WorkerUnderTest(tmp_path / name, curve=name == "b", MEZZOTINT_THREADS="2")
        try:
            for run_id in ("one", "two"):
                worker.start_job(emoji_spec(steps=4, threads=0), run_id)
                end = worker.wait_for(m.JobFinished, m.JobFailed)
                assert isinstance(end, m.JobFinished), end
                found.append(digest(tmp_path / name / run_id / "artifacts" / "0000.png"))
            assert {started.spec.threads for started in worker.of(m.JobStarted)} == {2}
        finally:
            worker.close()
    assert len(set(found)) == 1


def test_it_ends_when_its_server_does_also_in_the_middle_of_a_run(tmp_path: Path) -> None:
    worker = WorkerUnderTest(tmp_path / "w")
    worker.start_job(emoji_spec(steps=1000), "one")
    worker.wait_for(m.JobProgressed)
    worker.close()
    assert worker.process.returncode == 3


@pytest.mark.skipif(sys.platform != "linux", reason="signals, and a child that reads /proc")
def test_its_children_end_with_it(tmp_path: Path) -> None:
    # a fake `torch` extension would be the honest child; sitecustomize is the nearest that a test can have
    (tmp_path / "sitecustomize.py").write_text(
        "import subprocess, sys\n"
        "if '--worker-id' in sys.orig_argv:\n"
        "    subprocess.Popen([sys.executable, '-S', '-c', 'import signal; signal.pause()'])\n"
    )
    worker = WorkerUnderTest(tmp_path / "w", PYTHONPATH=str(tmp_path))
    (child,) = psutil.Process(worker.process.pid).children(recursive=True)
    os.kill(worker.process.pid, signal.SIGINT)  # Ctrl-C in the terminal is the server's to judge
    worker.wait_for(m.Beat)
    worker.close()
    child.wait(60)
    assert not child.is_running()


def test_it_ends_when_the_server_falls_silent(tmp_path: Path) -> None:
    worker = WorkerUnderTest(tmp_path / "w")
    worker.answers_beats = False
    with pytest.raises(AssertionError, match="the worker ended with 3"):
        worker.wait_for(m.JobFinished)
    beats = worker.of(m.Beat)
    assert 5 <= len(beats) <= 20
    worker.close()
