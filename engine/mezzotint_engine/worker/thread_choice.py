"""How many threads a job's arithmetic gets, and how they wait. No torch here: OpenMP reads its settings once.

More threads than cores that are ours make OpenMP collapse: each operation ends when its slowest thread does,
and a thread without a core ends late. So: physical cores, of those that this process may use, and on few of
them one less, for the window, the server and whatever else runs. Figures stand in docs/DECISIONS.md; how
threads wait is set by `mezzotint_sdk.openmp`.
"""

from __future__ import annotations

import functools
import math
import os
from pathlib import Path

import psutil

__all__ = ["THREADS_VARIABLE", "default_threads", "usable_cores"]

THREADS_VARIABLE = "MEZZOTINT_THREADS"
FEW_CORES = 4


def default_threads() -> int:
    """`MEZZOTINT_THREADS` if it is set to a number, else the physical cores that are ours to use."""
    asked = os.environ.get(THREADS_VARIABLE, "")
    if asked.isdecimal() and 0 < int(asked) <= 4096:
        return int(asked)
    cores = usable_cores()
    return cores - 1 if 1 < cores <= FEW_CORES else cores


def usable_cores() -> int:
    """Physical cores that this process may use, by its affinity and its container's quota."""
    physical = _physical_cores()
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed, _quota() or physical))


@functools.cache
def _physical_cores() -> int:
    return psutil.cpu_count(logical=False) or os.cpu_count() or 1


def _quota() -> int | None:
    """Whole cores that the control group of a container grants (Linux); None without a limit."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if limit == "max" else max(1, math.floor(int(limit) / int(period)))
    except (OSError, ValueError):
        return None
