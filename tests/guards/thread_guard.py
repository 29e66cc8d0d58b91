"""A thread that is still alive a moment after its test fails that test, daemon or not."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator

import pytest

GRACE_S = 5.0

# Threads of libraries that live as long as the process by design, by class or name.
LASTING_CLASSES = {
    "TMonitor",  # tqdm's one monitor for all bars
    "_DummyThread",  # what `threading` shows for a foreign thread that ran Python once; it can't be joined
}
LASTING_NAMES = (
    r"^pytest[-_]timeout",
    r"^QueueFeederThread$",  # multiprocessing's, ended with its queue at exit
)


@pytest.fixture(autouse=True)
def guard_against_leaked_threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    new = [thread for thread in threading.enumerate() if thread not in before]
    if not new:
        return
    patterns = list(LASTING_NAMES)
    for mark in request.node.iter_markers("allow_threads"):
        patterns.extend(mark.args or (".",))
    suspects = [
        thread
        for thread in new
        if type(thread).__name__ not in LASTING_CLASSES
        and not any(re.search(pattern, thread.name) for pattern in patterns)
    ]
    deadline = time.monotonic() + GRACE_S
    for thread in suspects:
        thread.join(max(0.0, deadline - time.monotonic()))
    leaked = [f"{t.name} ({'daemon' if t.daemon else 'not daemon'})" for t in suspects if t.is_alive()]
    if leaked:
        pytest.fail(f"threads left running by this test: {', '.join(leaked)}", pytrace=False)
