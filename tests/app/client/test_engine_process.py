"""Finding and starting engines, with a stand-in for the engine's own process where its failures matter."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mezzotint_app.client import engine_process
from mezzotint_app.client.engine_process import engine_is_alive, find_engine, obtain_engine, start_engine
from mezzotint_app.client.start_lock import StartLock
from mezzotint_sdk.endpoint import EngineFile, write_engine_file
from mezzotint_sdk.errors import EngineError, StorageError
from mezzotint_sdk.home import Home


@pytest.fixture
def home(mezzotint_home: Path) -> Home:
    home = Home(mezzotint_home)
    home.ensure()
    return home


def engine_file(pid: int, started: float | None = None) -> EngineFile:
    return EngineFile(
        pid=pid,
        started=time.time() if started is None else started,
        protocol=1,
        engine_version="0",
        client_endpoint="ipc:///nowhere",
    )


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Put a script in the place of the engine's package."""
    package = tmp_path / "fake" / "mezzotint_engine"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(body)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))


def test_a_file_of_a_living_process_counts(home: Home) -> None:
    assert find_engine(home) is None
    write_engine_file(home, engine_file(os.getpid()))
    assert find_engine(home) is not None


def test_a_pid_that_another_process_got_later_does_not() -> None:
    assert not engine_is_alive(engine_file(os.getpid(), started=1000.0))


def test_a_process_that_has_ended_does_not_even_as_a_zombie() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and not reaped
        assert not engine_is_alive(engine_file(process.pid))
    finally:
        process.wait()
    assert not engine_is_alive(engine_file(process.pid))


def test_garbage_in_the_engine_file_is_no_engine(home: Home) -> None:
    home.engine_file.write_bytes(b"\x00{not json")
    assert find_engine(home) is None


def test_what_the_engine_says_at_its_end_is_the_reason(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "import sys\nprint('long story', file=sys.stderr)\nsys.exit('The data folder is full.')\n"
    stand_in(tmp_path, monkeypatch, body)
    with pytest.raises(EngineError) as failed:
        start_engine(home, linger_s=1.0, stop=threading.Event())
    assert failed.value.message == "The engine could not be started: The data folder is full."
    assert "long story" in failed.value.detail
    assert "long story" in (home.logs / "engine-start.log").read_text()


def test_an_engine_without_room_for_its_data_is_told_apart(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, "import sys\nprint('The data folder is full.')\nsys.exit(6)\n")
    with pytest.raises(StorageError, match=r"could not be started: The data folder is full\."):
        start_engine(home, linger_s=1.0, stop=threading.Event())


def test_an_engine_that_dies_without_a_word(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    with pytest.raises(EngineError, match="ended by signal 9"):
        start_engine(home, linger_s=1.0, stop=threading.Event())


def test_an_engine_that_never_becomes_ready_is_ended(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_process, "START_TIMEOUT_S", 1.0)
    stand_in(tmp_path, monkeypatch, "import threading\nprint('ready!')\nthreading.Event().wait()\n")
    with pytest.raises(EngineError, match="did not become ready"):
        start_engine(home, linger_s=1.0, stop=threading.Event())


def test_giving_up_ends_what_was_started(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "import threading\nthreading.Event().wait()\n")
    stop = threading.Event()
    stop.set()
    with pytest.raises(EngineError, match="given up"):
        start_engine(home, linger_s=1.0, stop=stop)


def test_an_engine_that_is_not_installed_names_the_command(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_process, "_is_there", lambda name: name != "torch")
    with pytest.raises(EngineError, match=r"pip install 'mezzotint\[engine\]'") as failed:
        obtain_engine(home)
    assert "torch" in failed.value.message


def test_a_home_that_cant_be_made_is_a_matter_of_storage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="MEZZOTINT_HOME"):
        obtain_engine(Home(tmp_path / "file" / "home"))


def test_the_start_lock_is_had_by_one_at_a_time_and_freed_by_death(home: Home) -> None:
    code = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from mezzotint_app.client.start_lock import StartLock\n"
        "from mezzotint_sdk.home import Home\n"
        "with StartLock(Home(Path(sys.argv[1])), 10, threading.Event()):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(home.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(EngineError, match="Another process"):
            StartLock(home, 0.1, threading.Event()).__enter__()
        holder.kill()
    with StartLock(home, 10.0, threading.Event()):
        pass


def test_relative_python_paths_still_lead_to_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["here", "/there"]))
    environment = engine_process._environment(Home(Path("/somewhere")))
    assert environment["PYTHONPATH"] == os.pathsep.join([os.path.abspath("here"), "/there"])
    assert environment["MEZZOTINT_HOME"] == "/somewhere"
