"""Settings and guards for the whole suite; fixtures of one room belong into that room's own conftest."""

from __future__ import annotations

import os

# Before Qt, numpy and torch are imported. One OpenMP thread: the tests run many processes on few cores, where
# OpenMP's spinning threads would starve each other.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The order is the order of set-up; guards are torn down in reverse. The home comes first, so that it is
# removed last, after the processes that lived in it were looked for.
pytest_plugins = [
    "tests.guards.isolated_home",
    "tests.guards.log_guard",
    "tests.guards.process_guard",
    "tests.guards.socket_guard",
    "tests.guards.thread_guard",
    "tests.guards.timer_guard",
]
