"""The log panel: filters, a hundred thousand lines, and following the end."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtGui import QGuiApplication

from mezzotint_app.panels.log_panel import LogPanel
from mezzotint_app.state import log_state
from mezzotint_app.state.app_state import AppState
from tests.app.app_records import log_line


@pytest.fixture
def panel(app_state: AppState, qtbot: Any) -> LogPanel:
    panel = LogPanel(app_state)
    panel.resize(500, 300)
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
