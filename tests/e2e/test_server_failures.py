"""Server killed, clients killed, two apps at once: the queue is as it was, and says what was lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mezzotint_sdk import messages as m
from mezzotint_sdk.endpoint import read_engine_file
from mezzotint_sdk.job_spec import canonical_json
from tests.e2e.live_engine import LiveEngine, emoji_spec, processes_below, wait_gone

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="POSIX signals")]


@pytest.fixture
def engine(mezzotint_home: Path) -> Iterator[LiveEngine]:
    with LiveEngine(mezzotint_home) as engine:
        yield engine


def test_a_killed_server_keeps_its_queue_and_its_workers_end(engine: LiveEngine) -> None:
    (done,) = engine.submit(emoji_spec())
    assert engine.wait_for_end(done).state == "finished"
    running, _ = engine.start_long_run()
    queued = engine.submit(*(emoji_spec(prompt=f"waiting {number}") for number in range(5)))
    assert engine.process is not None
    family = processes_below(engine.process.pid)[1:]

    engine.kill()
    wait_gone(family)

    engine.start()
    assert engine.run(running).state == "interrupted"
    ends = [engine.wait_for_end(run_id) for run_id in queued]
    assert [run.state for run in ends] == ["finished"] * 5
    starts = [run.started or 0.0 for run in ends]
    assert starts == sorted(starts), "the queue's order survives"
    assert engine.run(running).state == "interrupted", "never silently queued again"
    assert engine.run(done).state == "finished"
    assert engine.artifacts(done)[0].is_file()


def test_slots_and_sockets_left_behind_by_a_killed_server_are_cleaned(engine: LiveEngine) -> None:
    watcher = engine.connect(wants_previews=True)
    engine.start_long_run()
    watcher.close()
    left = {path.name for path in engine.home.slots.iterdir()}
    assert left
    (engine.home.slots / "strange.slot").write_bytes(b"left by something else")
    engine.kill()
    engine.start()
    assert not (engine.home.slots / "strange.slot").exists()
    engine.assert_healthy()
    engine.stop()
    assert read_engine_file(engine.home) is None
    assert not engine.home.slots.exists() or not list(engine.home.slots.iterdir())


def test_a_second_engine_of_the_same_home_leaves_the_first_alone(engine: LiveEngine) -> None:
    command = [sys.executable, "-m", "mezzotint_engine", "--home", str(engine.home.root)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert second.returncode != 0
    assert len(second.stderr.strip().splitlines()) == 1, second.stderr
    assert engine.process is not None
    found = read_engine_file(engine.home)
    assert found is not None
    assert found.pid == engine.process.pid
    engine.assert_healthy()


def test_two_apps_see_the_same_run(engine: LiveEngine) -> None:
    first, second = engine.connect(client="app"), engine.connect(client="app")
    try:
        (run_id,) = first.call(m.SubmitJobs(specs=(emoji_spec(),))).result(60).run_ids
        assert engine.wait_for_end(run_id).state == "finished"
        answers = [connection.call(m.GetRun(run_id=run_id)).result(60) for connection in (first, second)]
        assert answers[0] == answers[1]
    finally:
        first.close()
        second.close()


WATCHING_CLIENT = """
import sys, threading
from pathlib import Path
from mezzotint_app.client.connection import EngineConnection
from mezzotint_sdk import messages as m
from mezzotint_sdk.home import Home

def on_notice(notice):
    if isinstance(notice.body, m.PreviewMade):
        print("preview", flush=True)      # and the lease is never given back

connection = EngineConnection(Home(Path(sys.argv[1])), client="app", wants_events=True, wants_previews=True,
                              on_notice=on_notice, on_state=lambda *_: None)
connection.connect(60)
threading.Event().wait()
"""


def test_a_killed_app_takes_nothing_with_it(engine: LiveEngine) -> None:
    engine.call(m.SetPreviewRate(hz=30.0))
    command = [sys.executable, "-c", WATCHING_CLIENT, str(engine.home.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as app:
        assert app.stdout is not None
        run_id, _ = engine.start_long_run()
        assert app.stdout.readline() == "preview\n"
        app.kill()
    assert engine.run(run_id).state == "running"
    engine.call(m.CancelRun(run_id=run_id))
    assert engine.wait_for_end(run_id).state == "cancelled"
    engine.assert_healthy()


def test_the_same_spec_gives_the_same_pixels_after_a_restart_too(engine: LiveEngine) -> None:
    spec = emoji_spec(seed=5, steps=3, count=2)
    (first,) = engine.submit(spec)
    assert engine.wait_for_end(first).state == "finished"
    pixels = [path.read_bytes() for path in engine.artifacts(first)]
    engine.stop()
    engine.start()
    (again,) = engine.submit(spec)
    assert engine.wait_for_end(again).state == "finished"
    assert [_pixels(data) for data in pixels] == [
        _pixels(path.read_bytes()) for path in engine.artifacts(again)
    ]
    assert canonical_json(engine.run(first).spec) == canonical_json(engine.run(again).spec)


def _pixels(data: bytes) -> bytes:
    import io

    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB").tobytes()


def test_a_clean_stop_leaves_no_process(engine: LiveEngine) -> None:
    engine.start_long_run()
    assert engine.process is not None
    family: list[psutil.Process] = processes_below(engine.process.pid)
    engine.stop()
    wait_gone(family)
