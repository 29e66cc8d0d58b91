"""The list of breakpoints, its line for new ones, and the form with all conditions."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt

from mezzotint_app.opdebug.breakpoint_dialog import BreakpointDialog
from mezzotint_app.opdebug.breakpoint_guess import guess_breakpoint
from mezzotint_app.opdebug.breakpoints_model import HITS, HOW, WHERE
from mezzotint_app.opdebug.breakpoints_panel import BreakpointsPanel
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import Breakpoint
from mezzotint_sdk.errors import BadInputError
from tests.app.opdebug.debug_script import DebugScript


@pytest.fixture
def panel(app_state: AppState, script: DebugScript, qtbot: Any) -> BreakpointsPanel:
    script.reply(m.SetBreakpoints, lambda ask: m.BreakpointsSet(breakpoints=ask.breakpoints))
    panel = BreakpointsPanel(app_state)
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


def add(panel: BreakpointsPanel, **fields: Any) -> None:
    panel._points.put(Breakpoint(breakpoint_id=0, **fields))


def texts(panel: BreakpointsPanel, column: int) -> list[str]:
    model = panel.model
    return [model.index(row, column).data() for row in range(model.rowCount())]


def dialog_of(panel: BreakpointsPanel) -> BreakpointDialog:
    found = [one for one in panel.findChildren(BreakpointDialog) if one.isVisible()]
    assert found, "no form is open"
    return found[-1]


def test_the_list_shows_where_how_and_hits(panel: BreakpointsPanel, script: DebugScript) -> None:
    assert panel.empty.isVisible()
    add(panel, op="aten.mm*", module="unet.*")
    add(panel, nan=True, temporary=True)
    assert panel.table.isVisible()
    assert texts(panel, WHERE) == ["aten.mm* in unet.*", "NaN appears"]
    assert texts(panel, HOW) == ["", "once"]
    script.armed()
    panel.table.selectRow(0)
    script.report(
        m.BreakpointsChanged(
            breakpoints=(
                Breakpoint(breakpoint_id=1, op="aten.mm*", module="unet.*", hits=1200),
                *panel._points.all[1:],
            )
        )
    )
    assert texts(panel, HITS) == ["1,200", ""]
    assert [one.breakpoint_id for one in panel.selected()] == [1], "hits don't lose the selection"
    script.stopped(1, breakpoint_id=1)
    tip = panel.model.index(0, WHERE).data(Qt.ItemDataRole.ToolTipRole)
    assert "stands here" in tip


def test_check_box_keys_and_removal(panel: BreakpointsPanel, app_state: AppState, qtbot: Any) -> None:
    for op in ("aten.mm", "aten.add", "aten.mul"):
        add(panel, op=op)
    first = panel.model.index(0, WHERE)
    panel.model.setData(first, Qt.CheckState.Unchecked.value, Qt.ItemDataRole.CheckStateRole)
    assert not app_state.debug.breakpoints[0].enabled
    panel.table.setFocus()
    panel.table.selectRow(0)
    qtbot.waitUntil(panel.table.hasFocus, timeout=5000)
    panel.toggle_selected()
    assert app_state.debug.breakpoints[0].enabled
    panel.toggle_all()
    assert not any(one.enabled for one in app_state.debug.breakpoints)
    panel.table.selectRow(1)
    panel.remove.click()
    assert [one.op for one in app_state.debug.breakpoints] == ["aten.mm", "aten.mul"]
    app_state.notices.undo()
    assert [one.op for one in app_state.debug.breakpoints] == ["aten.mm", "aten.add", "aten.mul"]


def test_a_typed_line_opens_the_form_while_nothing_stands(
    panel: BreakpointsPanel, app_state: AppState, qtbot: Any
) -> None:
    qtbot.keyClicks(panel.quick, "unet_2d.py:120")
    qtbot.keyClick(panel.quick, Qt.Key.Key_Return)
    form = dialog_of(panel)
    assert (form.texts["file"].text(), form.line.value()) == ("unet_2d.py", 120)
    form.take()
    assert [(one.file, one.line) for one in app_state.debug.breakpoints] == [("unet_2d.py", 120)]
    assert panel.quick.text() == ""


def test_at_a_stop_the_console_reads_the_line(
    panel: BreakpointsPanel, app_state: AppState, script: DebugScript, qtbot: Any
) -> None:
    script.stopped(1)
    script.reply(m.SayToConsole, m.ConsoleSaid(text="Breakpoint 1: aten.mm*"))
    qtbot.keyClicks(panel.quick, "aten.mm*")
    qtbot.keyClick(panel.quick, Qt.Key.Key_Return)
    assert script.asked(m.SayToConsole)[-1].line == "b aten.mm*"
    assert panel.quick.text() == ""
    script.reply(m.SayToConsole, m.ConsoleSaid(text="*** 'floot16' is no dtype."))
    qtbot.keyClicks(panel.quick, "dtype=floot16")
    qtbot.keyClick(panel.quick, Qt.Key.Key_Return)
    assert panel.quick.text() == "dtype=floot16", "what was wrong stays, to be corrected"
    assert app_state.notices.notices[-1].sentence == "'floot16' is no dtype."


def test_the_form_has_all_conditions(panel: BreakpointsPanel, app_state: AppState) -> None:
    whole = Breakpoint(
        breakpoint_id=0,
        op="aten.mm*",
        module="unet.*",
        file="a.py",
        line=3,
        phase="denoise",
        step=2,
        shape="2, *",
        dtype="float16",
        device="cuda*",
        nan=True,
        inf=True,
        expression="out.max() > 1",
        when="before",
        ignore=5,
        temporary=True,
        log="max {out.max()}",
        enabled=False,
    )
    form = panel.open_dialog(whole)
    assert form.made() == whole, "nothing is lost on the way through the form"
    form.take()
    assert len(app_state.debug.breakpoints) == 1
    panel.table.selectRow(0)
    panel.edit.click()
    form = dialog_of(panel)
    form.texts["op"].setText("aten.add")
    form.take()
    assert [(one.breakpoint_id, one.op, one.step) for one in app_state.debug.breakpoints] == [
        (1, "aten.add", 2)
    ]


def test_the_form_says_what_is_wrong(panel: BreakpointsPanel, script: DebugScript) -> None:
    form = panel.open_dialog(Breakpoint(breakpoint_id=0, expression="out.max( > 1"))
    form.take()
    assert form.isVisible()
    assert form.error.text().startswith("The expression is no Python")
    form.texts["expression"].setText("")
    form.line.setValue(7)
    form.take()
    assert "needs its file" in form.error.text()
    form.line.setValue(0)
    script.armed()
    script.reply(m.SetBreakpoints, BadInputError("'floot16' is no dtype."))
    form.texts["dtype"].setText("floot16")
    form.take()
    assert form.error.text() == "'floot16' is no dtype."
    assert form.buttons.isEnabled()
    form.reject()


def test_the_menu_is_for_what_is_selected(panel: BreakpointsPanel, app_state: AppState, qtbot: Any) -> None:
    assert panel.build_menu() is None
    add(panel, file="/x/a.py", line=3)
    panel.table.selectRow(0)
    menu = panel.build_menu()
    assert menu is not None
    actions = {action.text(): action for action in menu.actions()}
    with qtbot.waitSignal(app_state.trace.source_wanted, timeout=1000) as wanted:
        actions["Show source line"].trigger()
    assert wanted.args == ["/x/a.py", 3]
    actions["Disable"].trigger()
    assert not app_state.debug.breakpoints[0].enabled


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("nan", {"nan": True}),
        ("file.py:12", {"file": "file.py", "line": 12}),
        ("file.py", {"file": "file.py"}),
        ("step=3", {"step": 3}),
        ("aten.mm*", {"op": "aten.mm*"}),
        ("*softmax*", {"op": "*softmax*"}),
        ("unet.mid_block.*", {"module": "unet.mid_block.*"}),
        ("out.abs().max() > 1e3", {"expression": "out.abs().max() > 1e3"}),
        ("if step > 3", {"expression": "step > 3"}),
        ("mm", {"op": "mm"}),
        ("", {}),
    ],
)
def test_a_guess_of_what_is_meant(text: str, fields: dict[str, Any]) -> None:
    assert guess_breakpoint(text) == Breakpoint(breakpoint_id=0, **fields)
