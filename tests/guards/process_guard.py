"""A process that outlives its test fails that test, also when it was orphaned on the way.

Children are compared before and after. Orphans (a worker whose server was killed) are found by the test's own
`MEZZOTINT_HOME` in their environment, which is readable on Linux only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mezzotint_sdk.home import HOME_VARIABLE

GRACE_S = 8.0

# Lives until the interpreter ends, by design.
LASTING = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


def _children() -> set[int]:
    """Direct children of this process, from /proc where there is one: psutil would read every process."""
    tasks = Path("/proc/self/task")
    try:
        return {int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()}
    except FileNotFoundError:
        import psutil

        return {child.pid for child in psutil.Process().children()}


def _living_in(home: Path) -> set[int]:
    """Processes whose environment names this home; empty where environments can't be read."""
    if not sys.platform.startswith("linux"):
        return set()
    wanted = f"{HOME_VARIABLE}={home}\0".encode()
    found = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                environment = file.read()
        except OSError:  # another user's, or it has just ended
            continue
        if wanted in environment:
            found.add(int(entry))
    return found


def _end_leaked(suspects: set[int]) -> list[str]:
    """Kill those of the processes that don't end by themselves in time; returns them as "pid command"."""
    import psutil

    processes: list[tuple[psutil.Process, str]] = []
    for pid in sorted(suspects):
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            command = " ".join(process.cmdline()) or process.name()
        except psutil.NoSuchProcess:
            continue
        if not any(word in command for word in LASTING):
            processes.append((process, f"{pid} {command}"))
    _, alive = psutil.wait_procs([process for process, _ in processes], timeout=GRACE_S)
    for process in alive:
        try:
            for child in process.children(recursive=True):
                child.kill()
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=GRACE_S)
    return [line for process, line in processes if process in alive]


def _check(before: set[int], home: Path, owner: str) -> None:
    suspects = (_children() - before) | _living_in(home)
    if suspects and (leaked := _end_leaked(suspects)):
        pytest.fail(f"processes left running by {owner}:\n  " + "\n  ".join(leaked), pytrace=False)


@pytest.fixture(autouse=True)
def guard_against_leaked_processes(mezzotint_home: Path) -> Iterator[None]:
    before = _children()
    yield
    _check(before, mezzotint_home, "this test")


@pytest.fixture(scope="session", autouse=True)
def guard_against_processes_of_wider_fixtures(session_home: Path) -> Iterator[None]:
    """Engines that a module or the session shares must be gone when all is over."""
    before = _children()
    yield
    _check(before, session_home, "a fixture of module or session scope")
