"""A socket that still listens, or is open over IP, after its test fails that test (Linux: read from /proc).

Connected Unix sockets are left out: D-Bus, X11 and font services open them for the whole process.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

GRACE_S = 5.0
# Column and flag values of /proc/net/unix, from the kernel's __SO_ACCEPTCON.
ACCEPTS_CONNECTIONS = 0x10000


def _open_socket_inodes() -> set[str]:
    inodes = set()
    try:
        descriptors = os.listdir("/proc/self/fd")
    except FileNotFoundError:
        return inodes
    for descriptor in descriptors:
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:  # the one that listed the folder
            continue
        if match := re.fullmatch(r"socket:\[(\d+)\]", target):
            inodes.add(match[1])
    return inodes


def _described(inodes: set[str]) -> list[str]:
    """What those of the sockets are that count as left behind."""
    found = []
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        table = Path(f"/proc/self/net/{kind}")
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            columns = line.split()
            if columns[9] in inodes:
                found.append(f"{kind} port {int(columns[1].rpartition(':')[2], 16)}")
    for line in Path("/proc/self/net/unix").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[6] in inodes and int(columns[3], 16) & ACCEPTS_CONNECTIONS:
            found.append(f"unix {columns[7] if len(columns) > 7 else '(unnamed)'}")
    return found


@pytest.fixture(autouse=True)
def guard_against_leaked_sockets() -> Iterator[None]:
    before = _open_socket_inodes()
    yield
    leaked = _described(new) if (new := _open_socket_inodes() - before) else []
    # ZeroMQ closes on its own thread, a moment after `close()` has returned.
    deadline = time.monotonic() + GRACE_S
    pause = threading.Event()
    while leaked and time.monotonic() < deadline:
        pause.wait(0.02)
        leaked = _described(new) if (new := _open_socket_inodes() - before) else []
    if leaked:
        pytest.fail(f"sockets left open by this test: {', '.join(leaked)}", pytrace=False)
