"""The log panel: filters, a hundred thousand lines, and following the end."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from mezzotint_app.panels.log_panel import LogPanel
from mezzotint_app.state import log_state
from mezzotint_app.state.app_state import AppState
from tests.app.app_records import log_line


@pytest.fixture
def panel(app_state: AppState, qtbot: Any) -> LogPanel:
    panel = LogPanel(app_state)
    panel.resize(700, 300)
    qtbot.addWidget(panel)
    panel.show()
    return panel


def shown(panel: LogPanel) -> list[str]:
    return [str(panel.model.index(row, 3).data()) for row in range(panel.model.rowCount())]


def choose(box: Any, data: str) -> None:
    box.setCurrentIndex(box.findData(data))
    box.activated.emit(box.currentIndex())


def test_lines_are_filtered_by_level_topic_and_text(panel: LogPanel, app_state: AppState, qtbot: Any) -> None:
    assert panel.empty.isVisible()
    app_state.log.add(
        [
            log_line("one", "debug", "server"),
            log_line("two", "info", "worker"),
            log_line("Three", "warning", "worker"),
            log_line("four", "error", "queue"),
        ]
    )
    qtbot.waitUntil(lambda: shown(panel) == ["two", "Three", "four"], timeout=5000)
    choose(panel.level, "debug")
    assert len(shown(panel)) == 4
    choose(panel.topic, "worker")
    assert shown(panel) == ["two", "Three"]
    panel.search.setText("THR")
    assert shown(panel) == ["Three"]
    panel.search.setText("nothing like it")
    assert panel.empty.isVisible()
    assert "No line matches" in panel.empty._title.text()


def test_a_hundred_thousand_lines_stay_a_list_in_view_only(
    panel: LogPanel, app_state: AppState, qtbot: Any
) -> None:
    app_state.log.add([log_line(f"line {number}") for number in range(100_000)])
    qtbot.waitUntil(lambda: panel.model.rowCount() == 100_000, timeout=10_000)
    bar = panel.table.verticalScrollBar()
    assert bar.value() == bar.maximum(), "follows the end"
    bar.setValue(0)
    app_state.log.add([log_line("one more")])
    qtbot.waitUntil(lambda: panel.model.rowCount() == 100_001 - app_state.log.base, timeout=10_000)
    assert bar.value() <= 1, "who scrolled up is left where they are"
    panel.search.setText("line 99999")
    assert shown(panel) == ["line 99999"]


def test_trimming_keeps_rows_and_lines_together(
    panel: LogPanel, app_state: AppState, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_state, "MAX_LINES", 50)
    monkeypatch.setattr(log_state, "TRIM", 10)
    for number in range(120):
        app_state.log.add([log_line(str(number))])
    qtbot.waitUntil(lambda: shown(panel)[-1:] == ["119"], timeout=5000)
    assert shown(panel) == [line.message for line in app_state.log.lines]


def test_copy_and_clear(panel: LogPanel, app_state: AppState, qtbot: Any) -> None:
    app_state.log.add([log_line("alpha"), log_line("beta", "error")])
    qtbot.waitUntil(lambda: panel.model.rowCount() == 2, timeout=5000)
    panel.table.selectRow(1)
    panel.copy.click()
    text = QGuiApplication.clipboard().text()
    assert "server: beta" in text
    assert "alpha" not in text
    panel.table.clearSelection()
    panel.copy.click()
    assert "alpha" in QGuiApplication.clipboard().text()
    panel.clear.click()
    assert panel.model.rowCount() == 0
    assert panel.empty.isVisible()


def test_a_line_that_says_more_than_its_row_is_shown_whole(
    panel: LogPanel, app_state: AppState, qtbot: Any
) -> None:
    long = "a sentence that is far too long for the panel " * 5
    app_state.log.add(
        [
            log_line("short"),
            log_line(
                "the worker died", "error", "run", run_id="20260101-abcdef", detail="Traceback\nlast line"
            ),
            log_line(long),
        ]
    )
    qtbot.waitUntil(lambda: panel.model.rowCount() == 3, timeout=5000)
    panel.table.selectRow(0)
    assert not panel.detail.isVisible()
    panel.table.selectRow(1)
    assert panel.detail.toPlainText() == "the worker died\nTraceback\nlast line\nrun 20260101-abcdef"
    assert shown(panel)[1] == "the worker died  (+2 lines)"
    assert panel.model.index(1, 2).data() == "run abcdef"
    panel.table.selectRow(2)
    assert panel.detail.toPlainText().startswith("a sentence")
    assert panel.table.height() > 100, "the list stays"
    rows = panel.detail.height() / panel.detail.fontMetrics().lineSpacing()
    panel.resize(1200, 300)
    qtbot.waitUntil(lambda: panel.detail.height() / panel.detail.fontMetrics().lineSpacing() < rows)
    qtbot.keyClick(panel.table, Qt.Key.Key_Escape)
    assert not panel.detail.isVisible()
    panel.table.selectRow(2)
    panel.search.setText("last LINE")
    assert shown(panel) == ["the worker died  (+2 lines)"], "details are searched too"
    assert not panel.detail.isVisible()
    panel.search.setText("abcdef")
    assert panel.model.rowCount() == 1


def test_copying_says_so(panel: LogPanel, app_state: AppState, qtbot: Any) -> None:
    panel.copy.click()
    assert not app_state.notices.notices, "there is nothing to copy"
    app_state.log.add([log_line("alpha"), log_line("beta", run_id="20260101-abcdef")])
    qtbot.waitUntil(lambda: panel.model.rowCount() == 2, timeout=5000)
    panel.copy.click()
    assert app_state.notices.notices[-1].sentence == "2 lines of the log are on the clipboard."
    assert QGuiApplication.clipboard().text().endswith("beta (run 20260101-abcdef)")


def test_in_a_narrow_panel_the_message_has_most_of_the_room(
    panel: LogPanel, app_state: AppState, qtbot: Any
) -> None:
    app_state.log.add([log_line("all is well"), log_line("disk is full", "warning")])
    qtbot.waitUntil(lambda: panel.model.rowCount() == 2, timeout=5000)
    for width in (418, 500):
        panel.resize(width, 240)
        qtbot.waitUntil(lambda: panel.table.columnWidth(3) > 0.5 * panel.table.viewport().width())
        assert panel.table.isColumnHidden(1)
        assert shown(panel) == ["all is well", "warning: disk is full"], "colour alone tells no level"
        assert "." not in str(panel.model.index(0, 0).data())
    panel.resize(900, 240)
    assert not panel.table.isColumnHidden(1)
    assert shown(panel) == ["all is well", "disk is full"]
