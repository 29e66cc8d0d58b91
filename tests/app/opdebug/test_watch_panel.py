"""Watches: the list, their values, and the plot over ops and steps."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt

from mezzotint_app.look.theme import DARK, theme_manager
from mezzotint_app.opdebug.watch_panel import EXPRESSION, VALUE, WatchPanel
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import WatchValue
from tests.app.opdebug.debug_script import DebugScript


@pytest.fixture
def panel(app_state: AppState, script: DebugScript, qtbot: Any) -> WatchPanel:
    panel = WatchPanel(app_state)
    qtbot.addWidget(panel)
    panel.resize(420, 420)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


def watched(script: DebugScript, count: int = 40, start: int = 0) -> None:
    for x in range(start, start + count):
        value = WatchValue(expression="out.max()", value=float(x % 10), text=f"{x % 10}.0")
        wrong = WatchValue(expression="foo", text="name 'foo' is not defined", failed=True)
        script.report(m.Watched(x=x, step=x // 10, values=(value, wrong)))


def test_expressions_are_added_edited_and_removed(panel: WatchPanel, app_state: AppState, qtbot: Any) -> None:
    assert panel.empty.isVisible()
    for text in ("out.max()", "foo"):
        qtbot.keyClicks(panel.field, text)
        qtbot.keyClick(panel.field, Qt.Key.Key_Return)
    assert app_state.debug.watches == ("out.max()", "foo")
    assert panel.table.isVisible()
    panel.model.setData(panel.model.index(1, EXPRESSION), "out.min()")
    assert app_state.debug.watches == ("out.max()", "out.min()")
    panel.table.selectRow(0)
    panel.remove.click()
    assert app_state.debug.watches == ("out.min()",)
    panel.model.setData(panel.model.index(0, EXPRESSION), "")
    assert app_state.debug.watches == (), "an emptied one is gone"


def test_values_and_curves_come_live(
    panel: WatchPanel, app_state: AppState, script: DebugScript, qtbot: Any
) -> None:
    app_state.debug.set_watches(["out.max()", "foo"])
    script.armed()
    watched(script)
    qtbot.waitUntil(
        lambda: "out.max()" in panel.plot._points and len(panel.plot._points["out.max()"][0]) == 40
    )
    model = panel.model
    assert [model.index(row, VALUE).data() for row in range(2)] == ["9.0", "name 'foo' is not defined"]
    assert model.index(1, VALUE).data(Qt.ItemDataRole.ForegroundRole) == theme_manager().theme.color("danger")
    panel.plot.point_at(13.2)
    assert panel.plot.figures == "op 13:  out.max() 3"
    panel.axis.button("steps").click()
    assert list(panel.plot._points["out.max()"][0]) == [0, 1, 2, 3]
    panel.plot.point_at(2.1)
    assert panel.plot.figures == "step 3:  out.max() 9"
    left, right = panel.plot.box.viewRange()[0]
    assert left <= 0
    assert right >= 3
    theme_manager().choose("dark")
    assert theme_manager().theme is DARK
    panel.grab()
    theme_manager().choose("system")


def test_zooming_stays_until_everything_is_asked_for(
    panel: WatchPanel, app_state: AppState, script: DebugScript, qtbot: Any
) -> None:
    app_state.debug.set_watches(["out.max()"])
    script.armed()
    watched(script)
    qtbot.waitUntil(lambda: len(panel.plot._points.get("out.max()", ([],))[0]) == 40)
    panel.plot.setFocus()
    qtbot.keyClick(panel.plot, Qt.Key.Key_Plus)
    zoomed = panel.plot.box.viewRange()[0]
    watched(script, start=40)
    qtbot.waitUntil(lambda: len(panel.plot._points["out.max()"][0]) == 80)
    assert panel.plot.box.viewRange()[0] == zoomed
    qtbot.keyClick(panel.plot, Qt.Key.Key_Home)
    assert panel.plot.box.viewRange()[0][1] >= 79


def test_nothing_is_drawn_while_nobody_looks(
    panel: WatchPanel, app_state: AppState, script: DebugScript, qtbot: Any
) -> None:
    app_state.debug.set_watches(["out.max()"])
    panel.hide()
    script.armed()
    watched(script)
    qtbot.waitUntil(lambda: panel.plot.is_stale, timeout=5000)
    assert panel.plot._points == {}
    panel.show()
    qtbot.waitUntil(lambda: len(panel.plot._points.get("out.max()", ([],))[0]) == 40, timeout=5000)
