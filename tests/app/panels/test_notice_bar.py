"""The banner: one sentence, details and copy on request, one action, and nothing that hides an error."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication

from mezzotint_app.panels import notice_bar
from mezzotint_app.panels.notice_bar import NoticeBar
from mezzotint_app.state.notice_state import NoticeState


@pytest.fixture
def notices(qapp: Any) -> NoticeState:
    return NoticeState()


@pytest.fixture
def bar(notices: NoticeState, qtbot: Any) -> NoticeBar:
    bar = NoticeBar(notices)
    qtbot.addWidget(bar)
    return bar


def test_an_error_stays_until_it_is_dismissed(bar: NoticeBar, notices: NoticeState) -> None:
    assert not bar.isVisible()
    notices.show("error", "It broke.", "Traceback …")
    assert bar.isVisible()
    assert bar.sentence.text() == "It broke."
    assert not bar.detail_text.isVisible(), "no traceback in the user's face"
    bar.details.click()
    assert bar.detail_text.isVisible()
    assert bar.detail_text.toPlainText() == "Traceback …"
    bar.copy.click()
    assert QGuiApplication.clipboard().text() == "It broke.\nTraceback …"
    bar.close_button.click()
    assert not bar.isVisible()


def test_details_and_action_are_there_only_where_there_is_something(
    bar: NoticeBar, notices: NoticeState
) -> None:
    notices.show("warning", "Just so you know.")
    assert not bar.details.isVisible()
    assert not bar.action.isVisible()
    done: list[bool] = []
    notices.show("warning", "Deleted.", action_title="Undo", action=lambda: done.append(True))
    assert bar.count.text() == "1 of 2"
    bar.action.click()
    assert done == [True]
    assert bar.sentence.text() == "Just so you know."


def test_an_info_goes_by_itself_and_an_error_behind_it_comes_back(
    bar: NoticeBar, notices: NoticeState, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_bar, "INFO_MS", 30)
    notices.show("error", "It broke.")
    notices.show("info", "Saved.")
    assert bar.sentence.text() == "Saved."
    qtbot.waitUntil(lambda: bar.sentence.text() == "It broke.", timeout=5000)
    qtbot.wait(60)
    assert bar.isVisible()


def test_the_same_sentence_is_not_stacked(bar: NoticeBar, notices: NoticeState) -> None:
    for _ in range(5):
        notices.show("error", "It broke.")
    assert bar.count.text() == ""


def test_a_withdrawn_notice_goes(bar: NoticeBar, notices: NoticeState) -> None:
    notice = notices.show("warning", "The worker is not answering.")
    notices.withdraw(notice)
    assert not bar.isVisible()


def test_a_very_long_sentence_is_shortened_and_kept_in_the_details(
    bar: NoticeBar, notices: NoticeState
) -> None:
    notices.show("error", "x" * 5000)
    assert len(bar.sentence.text()) <= notice_bar.LONG_SENTENCE + 1
    assert "x" * 5000 in bar.detail_text.toPlainText()


def test_notices_from_before_the_window_are_shown(notices: NoticeState, qtbot: Any) -> None:
    notices.show("warning", "The settings file was damaged.")
    bar = NoticeBar(notices)
    qtbot.addWidget(bar)
    assert bar.sentence.text() == "The settings file was damaged."


def test_text_from_outside_is_not_markup(bar: NoticeBar, notices: NoticeState) -> None:
    notices.show("error", "<b>bold</b> <img src='file:///etc/passwd'>")
    assert bar.sentence.textFormat().name == "PlainText"


def test_details_take_the_room_of_their_lines_and_no_more(bar: NoticeBar, notices: NoticeState) -> None:
    notices.show("error", "It broke.", "one\ntwo")
    low = bar.detail_text.height()
    notices.show("error", "It broke badly.", "\n".join(str(line) for line in range(200)))
    high = bar.detail_text.height()
    assert low < high <= 12 * bar.detail_text.fontMetrics().lineSpacing() + 20


def test_a_notice_is_spoken_to_a_screen_reader(
    bar: NoticeBar, notices: NoticeState, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[QAccessibleAnnouncementEvent] = []
    monkeypatch.setattr(notice_bar.QAccessible, "updateAccessibility", told.append)
    notices.show("info", "Saved.")
    notices.show("error", "It broke.")
    spoken = [event for event in told if isinstance(event, QAccessibleAnnouncementEvent)]
    assert [event.message() for event in spoken] == ["Saved.", "It broke."]
    assert spoken[1].politeness() is QAccessible.AnnouncementPoliteness.Assertive
