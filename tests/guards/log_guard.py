"""A record at WARNING or above fails the test, unless the test said that it expects it.

Say so with `@pytest.mark.allow_logs("pattern", ...)` (regular expressions searched in "logger: message"; no
pattern allows all), or take `caplog` and check the records yourself.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest


class _RecordKeeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()} [{record.levelname}]")


@pytest.fixture(autouse=True)
def guard_against_unexpected_logs(request: pytest.FixtureRequest) -> Iterator[None]:
    keeper = _RecordKeeper()
    logging.getLogger().addHandler(keeper)
    yield
    logging.getLogger().removeHandler(keeper)
    if "caplog" in request.fixturenames or not keeper.lines:
        return
    patterns: list[str] = []
    for mark in request.node.iter_markers("allow_logs"):
        if not mark.args:
            return
        patterns.extend(mark.args)
    unexpected = [line for line in keeper.lines if not any(re.search(p, line) for p in patterns)]
    if unexpected:
        shown = "\n  ".join(unexpected[:20])
        pytest.fail(f"unexpected log records (allow_logs names expected ones):\n  {shown}", pytrace=False)
