"""Watches: the list, their values, and the plot over ops and steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt

from mezzotint_app.look.theme import DARK, theme_manager
from mezzotint_app.opdebug.watch_panel import EXPRESSION, VALUE, WatchPanel
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import WatchValue
from tests.app.app_records import run_record
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.opdebug.debug_script import RUN, DebugScript, stop
from tests.app.opdebug.trace_files import TraceMaker


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
        script.watched("out.max()", (x,), (x % 10,))


def test_expressions_are_added_edited_and_removed(panel: WatchPanel, app_state: AppState, qtbot: Any) -> None:
    assert panel.empty.isVisible()
    for text in ("out.max()", "foo"):
        qtbot.keyClicks(panel.field, text)
        qtbot.keyClick(panel.field, Qt.Key.Key_Return)
    assert list(app_state.debug.watches) == ["out.max()", "foo"]
    assert panel.table.isVisible()
    panel.model.setData(panel.model.index(1, EXPRESSION), "out.min()")
    assert list(app_state.debug.watches) == ["out.max()", "out.min()"]
    panel.table.selectRow(0)
    panel.remove.click()
    assert list(app_state.debug.watches) == ["out.min()"]
    panel.model.setData(panel.model.index(0, EXPRESSION), "")
    assert list(app_state.debug.watches) == [], "an emptied one is gone"


def test_values_and_curves_come_live(
    panel: WatchPanel, app_state: AppState, script: DebugScript, qtbot: Any
) -> None:
    app_state.debug.set_watches(["out.max()", "foo"])
    script.armed()
    watched(script)
    qtbot.waitUntil(
        lambda: "out.max()" in panel.plot._points and len(panel.plot._points["out.max()"][0]) == 40
    )
    wrong = WatchValue(expression="foo", text="name 'foo' is not defined", failed=True)
    script.stopped(1, watches=(WatchValue(expression="out.max()", value=9.0, text="9.0"), wrong))
    model = panel.model
    assert [model.index(row, VALUE).data() for row in range(2)] == ["9.0", "name 'foo' is not defined"]
    assert model.index(1, VALUE).data(Qt.ItemDataRole.ForegroundRole) == theme_manager().theme.color("danger")
    panel.plot.point_at(13.2)
    assert panel.plot.figures == "op 13:  out.max() 3"
    theme_manager().choose("dark")
    assert theme_manager().theme is DARK
    panel.grab()
    theme_manager().choose("system")


def test_over_steps_the_last_value_of_each_is_drawn(
    panel: WatchPanel, app_state: AppState, script: DebugScript, qtbot: Any, tmp_path: Path
) -> None:
    maker = TraceMaker(tmp_path / "t.mzt").steps(0, 4)
    app_state.debug.set_watches(["out.max()"])
    script.armed(trace=str(maker.done()))
    panel.axis.button("steps").click()
    script.watched("out.max()", range(maker.count), range(maker.count))
    each = maker.count // 4
    qtbot.waitUntil(lambda: len(panel.plot._points.get("out.max()", ([],))[0]) == 4, timeout=5000)
    steps, values = panel.plot._points["out.max()"]
    assert list(steps) == [0, 1, 2, 3]
    assert list(values) == [each - 1, 2 * each - 1, 3 * each - 1, 4 * each - 1]
    panel.plot.point_at(2.1)
    assert panel.plot.figures == f"step 3:  out.max() {3 * each - 1}"
    left, right = panel.plot.box.viewRange()[0]
    assert left <= 0
    assert right >= 3


def test_a_window_that_joins_late_reads_what_came_before(
    panel: WatchPanel, app_state: AppState, client: FakeEngineClient, script: DebugScript, qtbot: Any
) -> None:
    app_state.debug.set_watches(["out.max()"])
    ops = np.arange(12, dtype="<f8").tobytes()
    client.reply(
        m.ReadSeries,
        m.SeriesData(name="watch/out.max()", unit="", total=12, steps=ops, lows=ops, highs=ops, times=ops),
    )
    script.reply(m.GetStop, m.Standing(armed=True, stop=stop(1)))
    client.emit_snapshot(runs=(run_record(RUN, "running", debugged=True, started=2.0),))
    qtbot.waitUntil(lambda: len(panel.plot._points.get("out.max()", ([],))[0]) == 12, timeout=5000)
    asked = client.last_call(m.ReadSeries)
    assert (asked.run_id, asked.name) == (RUN, "watch/out.max()")


def test_what_is_no_expression_stays_in_the_field_and_is_said(
    panel: WatchPanel, app_state: AppState, qtbot: Any
) -> None:
    qtbot.keyClicks(panel.field, "foo(")
    qtbot.keyClick(panel.field, Qt.Key.Key_Return)
    assert list(app_state.debug.watches) == []
    assert panel.field.text() == "foo("
    assert "no Python expression" in panel.error.text()
    qtbot.keyClicks(panel.field, ") @ unet.mid_block")
    assert panel.error.text() == ""
    qtbot.keyClick(panel.field, Qt.Key.Key_Return)
    assert list(app_state.debug.watches) == ["foo() @ unet.mid_block"]


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
