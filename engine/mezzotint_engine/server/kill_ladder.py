"""Ending a process with all that it started: ask, wait a little, kill, and see that it's gone.

A worker may have started processes that have left its tree (their parent ended), so members of its session
count as well. Everything in here blocks and runs on a thread of its own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

import psutil

from mezzotint_engine.server.worker_environment import WORKER_MARK

__all__ = ["end_left_behind", "end_tree", "wait_for_device"]

GONE_TIMEOUT_S = 10.0
POLL_S = 0.01


def _session_members(session: int) -> list[psutil.Process]:
    if not hasattr(os, "getsid"):
        return []
    found = []
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == session:
                found.append(psutil.Process(pid))
        except (OSError, psutil.Error):
            continue
    return found


def _tree(pid: int) -> set[psutil.Process]:
    """The process, its descendants, and all of the session that it leads; those still alive."""
    members: set[psutil.Process] = set(_session_members(pid))
    try:
        root = psutil.Process(pid)
        members.add(root)
        members.update(root.children(recursive=True))
    except psutil.Error:
        pass  # the leader has ended; its session may go on
    return {process for process in members if _alive(process)}


def _alive(process: psutil.Process) -> bool:
    """A zombie is as good as gone: it holds no memory and no device."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _signal_all(processes: set[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except (psutil.Error, OSError):
            continue


def end_tree(pid: int, grace_s: float) -> bool:
    """End the process `pid` and everything it has started; `grace_s` 0 kills at once.

    True when nothing of it is alive any more; False when something survived even SIGKILL (a process that
    hangs in a driver).
    """
    members = _tree(pid)
    if grace_s > 0:
        _signal_all(members, signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        while time.monotonic() < deadline and any(map(_alive, members)):
            time.sleep(POLL_S)
    deadline = time.monotonic() + GONE_TIMEOUT_S
    while time.monotonic() < deadline:
        # looked up again each time: a process may have been started meanwhile
        members = {process for process in members | _tree(pid) if _alive(process)}
        if not members:
            return True
        _signal_all(members, getattr(signal, "SIGKILL", signal.SIGTERM))
        time.sleep(POLL_S)
    return False


def wait_for_device(
    pid: int, device: str, timeout_s: float, holds: Callable[[int], bool] | None = None
) -> bool:
    """Wait until the driver says that `pid` holds no memory on its device any more. True when that is so."""
    if not device.startswith("cuda"):
        return True  # host memory is back with the process
    still_holds = holds or _holds_nvidia_memory
    deadline = time.monotonic() + timeout_s
    while still_holds(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _holds_nvidia_memory(pid: int) -> bool:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        done = subprocess.run(
            [tool, "--query-compute-apps=pid", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return str(pid) in done.stdout.split()


def end_left_behind(home: str) -> int:
    """End workers of this home whose server was killed, and their children; gives how many there were."""
    ended = 0
    wanted = os.path.realpath(home)
    for process in psutil.process_iter():
        try:
            if (
                process.pid != os.getpid()
                and process.environ().get(WORKER_MARK) == wanted
                and _alive(process)
            ):
                process.kill()
                ended += 1
        except (psutil.Error, OSError):
            continue
    return ended
