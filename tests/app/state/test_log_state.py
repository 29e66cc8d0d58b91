"""The log: order, bounds, nothing twice, and lines of the app's own."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from mezzotint_app.state import log_state
from mezzotint_app.state.log_state import AppLogHandler, LogState
from mezzotint_sdk import messages as m
from tests.app.app_records import log_line
from tests.app.fake_engine_client import FakeEngineClient


@pytest.fixture
def log(client: FakeEngineClient) -> LogState:
    return LogState(client)


def test_history_comes_first_and_news_that_arrive_meanwhile_after_it(
    client: FakeEngineClient, log: LogState
) -> None:
    client.emit_snapshot()
    client.emit_event(m.Logged(line=log_line("third", time=3.0)))
    assert log.lines == [], "news wait for the history"
    history = m.LogLines(
        lines=(log_line("first", time=1.0), log_line("second", time=2.0), log_line("third", time=3.0))
    )
    client.answer(m.ReadLog, history)
    client.emit_event(m.Logged(line=log_line("fourth", time=4.0)))
    assert [line.message for line in log.lines] == ["first", "second", "third", "fourth"]
    client.emit_snapshot()
    client.answer(m.ReadLog, m.LogLines(lines=(*history.lines, log_line("fifth", time=5.0))))
    assert [line.message for line in log.lines][-2:] == ["fourth", "fifth"], "known lines don't come twice"


def test_news_from_before_the_snapshot_wait_for_the_history(client: FakeEngineClient, log: LogState) -> None:
    client.emit_event(m.Logged(line=log_line("second", time=2.0)))
    assert log.lines == []
    client.emit_snapshot()
    client.answer(m.ReadLog, m.LogLines(lines=(log_line("first", time=1.0),)))
    assert [line.message for line in log.lines] == ["first", "second"]


def test_news_are_not_lost_when_the_history_cannot_be_read(client: FakeEngineClient, log: LogState) -> None:
    from mezzotint_sdk.errors import EngineLostError

    client.emit_snapshot()
    client.emit_event(m.Logged(line=log_line("news")))
    client.answer(m.ReadLog, EngineLostError("gone"))
    assert [line.message for line in log.lines] == ["news"]


def test_the_log_is_bounded_and_numbers_stay_valid(log: LogState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_state, "MAX_LINES", 100)
    monkeypatch.setattr(log_state, "TRIM", 10)
    trimmed: list[int] = []
    log.trimmed.connect(trimmed.append)
    for number in range(250):
        log.add([log_line(str(number))])
        assert len(log.lines) <= 100
    assert sum(trimmed) == log.base
    assert log.lines[0].message == str(log.base)
    log.clear()
    assert (log.lines, log.base) == ([], 250)


def test_records_of_any_thread_join_on_the_gui_thread(log: LogState, qtbot: Any) -> None:
    handler = AppLogHandler(log)
    logger = logging.getLogger("test.app.log")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        thread = threading.Thread(target=lambda: logger.info("from a thread %d", 7))
        thread.start()
        thread.join()
        qtbot.waitUntil(lambda: bool(log.lines), timeout=5000)
    finally:
        logger.removeHandler(handler)
    assert (log.lines[0].topic, log.lines[0].level, log.lines[0].message) == (
        "app",
        "info",
        "from a thread 7",
    )
    assert log.topics == {"app"}
