"""The pacer: at most so many times a second, the first time at once, the last request never lost."""

from __future__ import annotations

import time
from typing import Any

from mezzotint_app.state.pacer import Pacer


def test_requests_in_between_become_one(qtbot: Any) -> None:
    pacer = Pacer(20)
    times: list[float] = []
    pacer.due.connect(lambda: times.append(time.monotonic()))
    pacer.request()
    assert len(times) == 1
    for _ in range(100):
        pacer.request()
    assert len(times) == 1
    qtbot.waitUntil(lambda: len(times) == 2, timeout=5000)
    assert times[1] - times[0] >= 0.045
    pacer.request()
    pacer.stop()
    qtbot.wait(120)
    assert len(times) == 2
