"""The console: lines in, text out, history, completion, and what happens while the run goes on."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt

from mezzotint_app.look.theme import theme_manager
from mezzotint_app.opdebug.console_line_edit import common_start
from mezzotint_app.opdebug.console_panel import GOING_ON, NO_RUN, ConsolePanel
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import BadInputError
from tests.app.opdebug.debug_script import DebugScript


@pytest.fixture
def panel(app_state: AppState, script: DebugScript, qtbot: Any) -> ConsolePanel:
    panel = ConsolePanel(app_state)
    qtbot.addWidget(panel)
    panel.resize(500, 300)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


def type_line(panel: ConsolePanel, qtbot: Any, text: str) -> None:
    qtbot.keyClicks(panel.input, text)
    qtbot.keyClick(panel.input, Qt.Key.Key_Return)


def color_of(panel: ConsolePanel, text: str) -> str:
    cursor = panel.text.document().find(text)
    assert not cursor.isNull(), f"{text!r} is not there"
    return str(cursor.charFormat().foreground().color().name())


def test_lines_go_to_the_engine_and_text_comes_back(
    panel: ConsolePanel, script: DebugScript, qtbot: Any
) -> None:
    assert "help" in panel.text.placeholderText()
    script.stopped(1)
    script.reply(m.SayToConsole, m.ConsoleSaid(text="tensor(3.)\n"))
    type_line(panel, qtbot, "p out.max()")
    type_line(panel, qtbot, "")
    assert [ask.line for ask in script.asked(m.SayToConsole)] == ["p out.max()", ""]
    script.reply(m.SayToConsole, BadInputError("name 'x' is not defined"))
    type_line(panel, qtbot, "p x")
    script.report(m.Printed(text="max 12"))
    assert panel.text.toPlainText().split("\n") == [
        "Stopped at aten.mm (op 1,234).",
        "(mzt) p out.max()",
        "tensor(3.)",
        "(mzt) ",
        "tensor(3.)",
        "(mzt) p x",
        "name 'x' is not defined",
        "max 12",
    ]
    theme = theme_manager().theme
    assert color_of(panel, "max 12") == theme.accent
    assert color_of(panel, "is not defined") == theme.danger
    assert color_of(panel, "tensor(3.)") == theme.text
    panel.clear.click()
    assert panel.text.toPlainText() == ""


def test_what_was_said_before_the_panel_was_made_is_there(
    app_state: AppState, script: DebugScript, qtbot: Any
) -> None:
    script.stopped(1)
    script.report(m.Printed(text="early"))
    panel = ConsolePanel(app_state)
    qtbot.addWidget(panel)
    assert panel.text.toPlainText().endswith("early")


def test_up_and_down_go_through_the_history(panel: ConsolePanel, script: DebugScript, qtbot: Any) -> None:
    script.stopped(1)
    script.reply(m.SayToConsole, m.ConsoleSaid(text=""))
    for line in ("one", "two", "two"):
        type_line(panel, qtbot, line)
    qtbot.keyClicks(panel.input, "thr")
    seen = []
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Down):
        qtbot.keyClick(panel.input, key)
        seen.append(panel.input.text())
    assert seen == ["two", "one", "one", "two", "thr"], "what was being typed comes back"


def test_tab_completes(panel: ConsolePanel, script: DebugScript, qtbot: Any) -> None:
    script.stopped(1)
    script.reply(m.CompleteWord, m.Completions(words=("out.max",), start=2))
    qtbot.keyClicks(panel.input, "p out.m")
    qtbot.keyClick(panel.input, Qt.Key.Key_Tab)
    asked = script.asked(m.CompleteWord)[-1]
    assert (asked.line, asked.cursor) == ("p out.m", 7)
    assert panel.input.text() == "p out.max"
    script.reply(m.CompleteWord, m.Completions(words=("out.mean", "out.median"), start=2))
    panel.input.setText("p out.")
    qtbot.keyClick(panel.input, Qt.Key.Key_Tab)
    assert panel.input.text() == "p out.me", "what they share goes in"
    popup = panel.input.completer_of_words.popup()
    assert popup.isVisible()
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert panel.input.text() == "p out.mean"


def test_tab_in_an_empty_line_goes_on(panel: ConsolePanel, script: DebugScript, qtbot: Any) -> None:
    script.stopped(1)
    panel.input.setFocus()
    qtbot.waitUntil(panel.input.hasFocus, timeout=5000)
    qtbot.keyClick(panel.input, Qt.Key.Key_Tab)
    assert not panel.input.hasFocus()
    assert script.asked(m.CompleteWord) == []


def test_while_the_run_goes_on_nothing_typed_is_lost(
    panel: ConsolePanel, script: DebugScript, qtbot: Any
) -> None:
    assert panel.input.placeholderText() == NO_RUN
    script.armed()
    assert panel.input.placeholderText() == GOING_ON
    type_line(panel, qtbot, "p out")
    assert panel.input.text() == "p out"
    assert script.asked(m.SayToConsole) == []
    script.stopped(1)
    assert panel.input.placeholderText() == ""
    qtbot.keyClick(panel.input, Qt.Key.Key_Return)
    assert len(script.asked(m.SayToConsole)) == 1


def test_common_start() -> None:
    assert common_start(("out.mean", "out.median", "out.max")) == "out.m"
    assert common_start(("a", "b")) == ""
    assert common_start(("ab", "abc")) == "ab"
    assert common_start(()) == ""


def test_the_end_stays_in_view_where_the_panel_becomes_lower_unless_one_reads_above(
    panel: ConsolePanel, app_state: AppState, script: DebugScript, qtbot: Any
) -> None:
    for number in range(200):
        app_state.debug.console.add("report", f"line {number}")
    bar = panel.text.verticalScrollBar()
    assert bar.value() == bar.maximum()
    panel.resize(panel.width(), panel.height() - 60)
    qtbot.waitUntil(lambda: bar.value() == bar.maximum())
    app_state.debug.console.add("stop", "At aten.mm.")
    assert bar.value() == bar.maximum()
    bar.setValue(10)
    app_state.debug.console.add("stop", "At aten.add.")
    assert bar.value() == 10


def test_what_was_no_good_is_told_apart(panel: ConsolePanel, app_state: AppState) -> None:
    app_state.debug.console.add("answer", "*** NameError: name 'foo' is not defined")
    app_state.debug.console.add("answer", "3")
    document, theme = panel.text.document(), theme_manager().theme
    colors = [
        document.findBlockByNumber(number).begin().fragment().charFormat().foreground().color()
        for number in (document.blockCount() - 2, document.blockCount() - 1)
    ]
    assert colors == [theme.color("danger"), theme.color("text")]
