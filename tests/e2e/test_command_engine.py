"""Commands and the engine's life: who starts it, who stops it, and what they say when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from mezzotint_app.client.engine_process import engine_is_alive, find_engine, wait_until_ended
from mezzotint_app.client.start_lock import StartLock
from mezzotint_sdk.home import Home
from tests.e2e.command_line import COMMAND, CommandLine
from tests.e2e.live_engine import processes_below, wait_gone

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")]


@pytest.fixture
def home(mezzotint_home: Path) -> Home:
    return Home(mezzotint_home)


@pytest.fixture
def mezzotint(home: Home) -> Iterator[CommandLine]:
    command = CommandLine(home.root)
    yield command
    command("engine", "stop")


def test_a_command_starts_an_engine_and_stops_it_after(mezzotint: CommandLine, home: Home) -> None:
    ended = mezzotint("jobs", "--json")
    assert ended.status == 0, ended.err
    assert ended.json == {"jobs": [], "paused": False}
    assert find_engine(home) is None
    assert (home.logs / "engine-start.log").is_file()


def test_keep_engine_keeps_it_and_stop_stops_it(mezzotint: CommandLine, home: Home) -> None:
    assert mezzotint("models", "--keep-engine").status == 0
    engine = find_engine(home)
    assert engine is not None
    assert mezzotint("status", "--json").json["server"]["pid"] == engine.pid
    assert engine_is_alive(engine), "a command that found it running leaves it running"
    stopped = mezzotint("engine", "stop", "--json")
    assert stopped.json == {"stopped": True, "pid": engine.pid}
    assert not engine_is_alive(engine)
    assert mezzotint("engine", "stop", "--json").json == {"stopped": False, "pid": None}


def test_commands_at_once_share_one_engine(mezzotint: CommandLine, home: Home) -> None:
    words = ("generate", "emoji-64", "--steps", "2", "--json", "--prompt")
    processes = [mezzotint.start(*words, f"number {number}") for number in range(3)]
    ended = [mezzotint.end(process) for process in processes]
    assert [one.status for one in ended] == [0, 0, 0], [one.err for one in ended]
    runs = mezzotint("runs", "--json").json["runs"]
    assert {run["run_id"] for run in runs} == {one.json["run_id"] for one in ended}
    assert {run["state"] for run in runs} == {"finished"}


def test_an_engine_killed_in_the_middle_of_a_run_is_status_3(mezzotint: CommandLine, home: Home) -> None:
    words = ("generate", "emoji-64", "--steps", "1000", "--count", "100", "--prompt", "long", "--json")
    process = mezzotint.start(*words)
    watch = CommandLine(home.root)

    def run_id() -> str:
        jobs = watch("jobs", "--json", "--keep-engine").json["jobs"]
        return next((str(job["run_id"]) for job in jobs if job["state"] == "running"), "")

    found = ""
    while not found:
        assert process.poll() is None, process.communicate()
        found = run_id()
    engine = find_engine(home)
    assert engine is not None
    family = processes_below(engine.pid)
    os.kill(engine.pid, signal.SIGKILL)
    ended = watch.end(process)
    assert ended.status == 3, ended.out + ended.err
    assert ended.json["code"] == "engine_lost"
    assert ended.json["run_id"] == found
    assert ended.json["state"] == "interrupted"
    assert "engine" in ended.error_line
    wait_gone(family)
    # What became of it is told honestly by the next engine.
    (run,) = mezzotint("runs", "--json").json["runs"]
    assert run["state"] == "interrupted"


def test_an_engine_that_cant_start_says_why_in_one_line(mezzotint: CommandLine, home: Home) -> None:
    home.database.write_bytes(b"this is not a database at all, whatever its name says\n" * 100)
    ended = mezzotint("jobs", "--json")
    assert ended.status in (3, 6), ended.out + ended.err
    assert len(ended.error_line) < 400
    assert ended.json["code"] in ("engine", "storage")


def catches_sigterm(process: subprocess.Popen[str]) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    (caught,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught, 16) & 1 << signal.SIGTERM - 1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_sigterm_before_there_is_a_run_leaves_its_line(mezzotint: CommandLine, home: Home) -> None:
    with StartLock(home, 5.0, threading.Event()):  # the command waits for it, and has no engine meanwhile
        process = mezzotint.start("generate", "emoji-64", "--prompt", "too late", "--json")
        deadline = time.monotonic() + 30.0
        while not catches_sigterm(process):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        ended = mezzotint.end(process)
    assert ended.status == 143, ended.err
    facts = {"run_id": "", "state": "cancelled", "seconds": 0.0, "files": [], "code": "cancelled"}
    assert facts.items() <= ended.json.items()
    assert ended.json["message"] in ended.error_line


def test_a_home_that_is_no_folder(mezzotint: CommandLine, home: Home) -> None:
    mezzotint.environment["MEZZOTINT_HOME"] = str(home.root / "file" / "home")
    (home.root / "file").write_text("in the way")
    ended = mezzotint("jobs", "--json")
    assert ended.status == 6, ended.out + ended.err
    assert "MEZZOTINT_HOME" in ended.error_line
    mezzotint.environment["MEZZOTINT_HOME"] = str(home.root)


def test_a_reader_that_goes_away_is_no_error(mezzotint: CommandLine, home: Home) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [*COMMAND, "status"],
        env=mezzotint.environment,
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 141
    assert err == ""
    assert find_engine(home) is None


def test_without_a_display_one_picture_is_made(mezzotint: CommandLine, home: Home, tmp_path: Path) -> None:
    environment = {key: value for key, value in mezzotint.environment.items() if "DISPLAY" not in key}
    environment.pop("QT_QPA_PLATFORM", None)
    done = subprocess.run(
        COMMAND,
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("window visible", "engine ready", "picture"):
        assert what in done.stdout
    with Image.open(tmp_path / "out" / "first-picture.png") as picture:
        assert picture.size == (64, 64)
        assert len(picture.convert("RGB").getcolors(64 * 64) or []) > 1
    with Image.open(tmp_path / "out" / "window.png") as window:
        assert window.size == (1280, 800)
    assert not done.stderr
    engine = find_engine(home)
    assert engine is None or wait_until_ended(engine, 10.0), "what it started it has stopped"


def test_without_qt_the_window_is_refused_in_one_sentence(mezzotint: CommandLine) -> None:
    hide = (
        "import importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'PySide6' else find(name, *rest)\n"
    )
    code = f"import sys\n{hide}from mezzotint_app.bootstrap import main\nsys.exit(main([]))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'mezzotint[app]'" in done.stderr


def test_an_engine_ends_by_itself_when_its_command_was_killed(mezzotint: CommandLine, home: Home) -> None:
    """A command that is killed can't stop what it started; the engine then goes after its linger time."""
    code = (
        "import os, signal\n"
        "from mezzotint_app.client.engine_process import obtain_engine\n"
        "from mezzotint_sdk.home import Home\n"
        "obtain_engine(Home.default(), linger_s=0.5)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], env=mezzotint.environment, stdin=subprocess.DEVNULL, check=False
    )
    engine = find_engine(home)
    assert engine is None or wait_until_ended(engine, 30.0)
