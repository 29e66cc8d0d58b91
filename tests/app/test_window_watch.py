"""What watches over the window: blocks are logged, bugs become notices, Qt's messages go to the log."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QTimer, qWarning
from pytestqt.qtbot import QtBot

from mezzotint_app.block_watch import BlockWatch
from mezzotint_app.crash_notices import CrashNotices
from mezzotint_app.qt_messages import install_qt_messages, remove_qt_messages
from mezzotint_app.state.notice_state import NoticeState


def test_a_block_is_noticed_and_logged(qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    watch = BlockWatch()
    watch.start()
    QTimer.singleShot(0, lambda: time.sleep(0.5))
    qtbot.waitUntil(lambda: watch.longest_s > 0.25, timeout=5_000)
    watch.stop()
    assert "was blocked for" in caplog.text


def test_no_block_no_record(qtbot: QtBot) -> None:
    watch = BlockWatch()
    watch._tick()
    assert watch.longest_s < 0.25


@pytest.fixture
def notices(qtbot: QtBot) -> NoticeState:
    return NoticeState()


@pytest.fixture
def crashes(notices: NoticeState) -> Iterator[CrashNotices]:
    quits.clear()
    crashes = CrashNotices(notices, lambda: quits.append(True))
    crashes.install()
    yield crashes
    crashes.restore()


quits: list[bool] = []


def raise_bug() -> None:
    raise LookupError("no such colour")


def report_bug() -> None:
    try:
        raise_bug()
    except LookupError:
        sys.excepthook(*sys.exc_info())


@pytest.mark.allow_logs("no such colour")
def test_a_bug_becomes_a_notice_with_its_traceback(
    qtbot: QtBot, crashes: CrashNotices, notices: NoticeState, capsys: pytest.CaptureFixture[str]
) -> None:
    report_bug()
    qtbot.waitUntil(lambda: len(notices.notices) == 1, timeout=5_000)
    notice = notices.notices[0]
    assert notice.level == "error"
    assert "no such colour" in notice.sentence
    assert "raise_bug" in notice.detail
    assert "Traceback" not in notice.sentence
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.allow_logs("no such colour")
def test_one_and_the_same_bug_is_told_a_few_times_only(
    qtbot: QtBot, crashes: CrashNotices, notices: NoticeState
) -> None:
    for _ in range(20):
        report_bug()
    qtbot.waitUntil(lambda: len(notices.notices) >= 3, timeout=5_000)
    qtbot.wait(50)
    assert len(notices.notices) == 3


@pytest.mark.allow_logs("no such colour")
def test_a_bug_in_a_thread_is_told_too(qtbot: QtBot, crashes: CrashNotices, notices: NoticeState) -> None:
    thread = threading.Thread(target=raise_bug)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: len(notices.notices) == 1, timeout=5_000)


def test_ctrl_c_in_a_slot_ends_the_app(crashes: CrashNotices, notices: NoticeState) -> None:
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert quits == [True]
    assert notices.notices == []


def test_hooks_are_put_back(notices: NoticeState) -> None:
    before = (sys.excepthook, threading.excepthook)
    crashes = CrashNotices(notices, lambda: None)
    crashes.install()
    assert sys.excepthook != before[0]
    crashes.restore()
    assert (sys.excepthook, threading.excepthook) == before


def test_qt_messages_go_to_the_log_but_for_harmless_ones(qapp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    install_qt_messages()
    try:
        qWarning("the press is stuck")
        qWarning("This plugin does not support propagateSizeHints()")
    finally:
        remove_qt_messages()
    assert [record.message for record in caplog.records] == ["Qt: the press is stuck"]
