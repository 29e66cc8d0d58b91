"""The engine as a process: find the one of a home, or start it detached and wait until it is there.

Readiness is what the engine's file says (and the handshake after it), never printed text.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from mezzotint_app.client.start_lock import StartLock
from mezzotint_sdk.endpoint import EngineFile, read_engine_file
from mezzotint_sdk.errors import EngineError, MezzotintError, StorageError
from mezzotint_sdk.home import HOME_VARIABLE, Home

__all__ = [
    "DEFAULT_LINGER_S",
    "engine_is_alive",
    "find_engine",
    "obtain_engine",
    "start_engine",
    "wait_until_ended",
]

DEFAULT_LINGER_S = 30.0
START_TIMEOUT_S = 60.0  # an engine needs half a second; a machine that swaps may need long
LOOK_EVERY_S = 0.02
CLOCK_SLACK_S = (
    5.0  # between a process's start and the time its file names, on clocks that were set meanwhile
)
KEPT_LINES = 30
NO_STORAGE = 6  # exit status of an engine whose data folder is full or can't be written
ALREADY_RUNNING = 3  # exit status of an engine whose home has one; that one may be about to write its file
PATIENCE_S = 10.0

# Engines that this process started. They outlive it, and a Popen that goes away before its process complains.
_started: list[subprocess.Popen[bytes]] = []


def engine_is_alive(engine: EngineFile) -> bool:
    """Whether the process that wrote this file still runs, and not another one that got its pid later."""
    for process in list(_started):
        if process.poll() is not None:
            _started.remove(process)
    try:
        found = psutil.Process(engine.pid)
        is_same = found.create_time() <= engine.started + CLOCK_SLACK_S
        return is_same and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def find_engine(home: Home) -> EngineFile | None:
    """The running engine of this home; None when there is none."""
    engine = read_engine_file(home)
    return engine if engine is not None and engine_is_alive(engine) else None


def obtain_engine(
    home: Home, *, linger_s: float = DEFAULT_LINGER_S, stop: threading.Event | None = None
) -> tuple[EngineFile, bool]:
    """The engine of this home, started if there is none; True when it was this call that started it.

    Raises EngineError (or StorageError) in one sentence, with the end of the engine's log as its detail.
    """
    engine = find_engine(home)
    if engine is not None:
        return engine, False
    stop = stop or threading.Event()
    # Of two that start at once, the second waits here and then finds the first one's engine.
    with StartLock(home, START_TIMEOUT_S, stop):
        engine = find_engine(home)
        if engine is not None:
            return engine, False
        return start_engine(home, linger_s=linger_s, stop=stop), True


def start_engine(home: Home, *, linger_s: float, stop: threading.Event) -> EngineFile:
    """Start an engine that outlives this process, and wait for its file; `stop` ends both."""
    _check_installed()
    log = _start_log(home)
    command = [sys.executable, "-P", "-m", "mezzotint_engine"]
    command += ["--home", str(home.root), "--linger", f"{linger_s:g}"]
    try:
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd=home.root,
                env=_environment(home),
                **_detached(),
            )
    except OSError as error:
        kind = StorageError if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS) else EngineError
        raise kind(f"The engine could not be started: {error.strerror or error}.") from error
    _started.append(process)
    return _wait_ready(home, process, log, stop)


def wait_until_ended(engine: EngineFile, timeout_s: float) -> bool:
    """True as soon as the engine's process has gone; False when it hasn't in time."""
    deadline = time.monotonic() + timeout_s
    while engine_is_alive(engine):
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def _wait_ready(home: Home, process: subprocess.Popen[bytes], log: Path, stop: threading.Event) -> EngineFile:
    deadline = time.monotonic() + START_TIMEOUT_S
    patience = time.monotonic() + PATIENCE_S
    while True:
        engine = find_engine(home)
        if engine is not None:
            return engine  # ours, or one that somebody else started by hand just before it
        status = process.poll()
        if status is not None and not (status == ALREADY_RUNNING and time.monotonic() < patience):
            raise _start_failure(status, log)
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise EngineError(
                f"The engine did not become ready within {START_TIMEOUT_S:.0f} seconds; see {log}.",
                _end_of(log),
            )
        if stop.wait(LOOK_EVERY_S):
            process.terminate()
            raise EngineError("Starting the engine was given up.")


def _check_installed() -> None:
    missing = [
        name for name in ("mezzotint_engine", "torch", "diffusers", "transformers") if not _is_there(name)
    ]
    if missing:
        raise EngineError(
            f"The engine is not installed here ({', '.join(missing)} can't be found); "
            "install it with: pip install 'mezzotint[engine]'"
        )


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _start_log(home: Home) -> Path:
    try:
        home.ensure()
    except OSError as error:
        raise StorageError(
            f"The data folder {home.root} can't be used: {error.strerror or error}; "
            f"free or repair it, or choose another with {HOME_VARIABLE}."
        ) from error
    kept = home.logs / "engine-start.log"
    try:
        with kept.open("ab"):
            return kept
    except OSError:
        # A full or read-only home is for the engine to judge; what it says must still arrive here.
        return home.runtime / "engine-start.log"


def _environment(home: Home) -> dict[str, str]:
    environment = dict(os.environ)
    environment[HOME_VARIABLE] = str(home.root)
    # The engine runs in another folder than we do, where relative paths would lead elsewhere.
    if path := environment.get("PYTHONPATH"):
        environment["PYTHONPATH"] = os.pathsep.join(
            os.path.abspath(part) for part in path.split(os.pathsep) if part
        )
    # Buffered text of a process that is killed is lost, and with it the reason.
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def _detached() -> dict[str, Any]:
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        return {"creationflags": flags}
    return {"start_new_session": True}


def _end_of(log: Path) -> str:
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-KEPT_LINES:])


def _start_failure(status: int, log: Path) -> MezzotintError:
    detail = _end_of(log)
    said = detail.splitlines()[-1].removeprefix("mezzotint-engine: ").strip() if detail else ""
    how = f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status}"
    if status == NO_STORAGE:  # and could not write why
        how = f"there is no room in {log.parent}, or it can't be written; free some space and try again"
    reason = said.rstrip(".") or how
    kind = StorageError if status == NO_STORAGE else EngineError
    return kind(f"The engine could not be started: {reason}.", detail)
