"""The debugger's commands, buttons and ladder: what can be used when, what they ask, what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mezzotint_app.main_window import MainWindow
from mezzotint_app.opdebug.debug_bar import DebugBar
from mezzotint_app.state.debug_cursor import Cursor
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import Breakpoint, Place
from mezzotint_sdk.errors import BadInputError
from tests.app.app_records import spec
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.opdebug.debug_script import RUN, DebugScript, place
from tests.app.opdebug.trace_files import TraceMaker

pytestmark = pytest.mark.slow


@pytest.fixture
def bar(window: MainWindow) -> DebugBar:
    window.debug.open()
    assert window.debug.bar is not None
    return window.debug.bar


def test_keys_are_those_of_ide_debuggers(window: MainWindow) -> None:
    keys = {command.id: command.shortcut for command in window.commands.in_menu("Debug")}
    assert keys["debug.continue"] == "F5"
    assert (keys["debug.over"], keys["debug.into"], keys["debug.out"]) == ("F10", "F11", "Shift+F11")
    assert (keys["debug.to_cursor"], keys["debug.back"], keys["debug.breakpoint"]) == (
        "Ctrl+F10",
        "Alt+F10",
        "F9",
    )
    assert (keys["debug.restart"], keys["debug.stop"]) == ("Ctrl+Shift+F5", "Shift+F5")
    palette = {command.id for command in window.commands}
    assert {
        "debug.start",
        "debug.break",
        "debug.detach",
        "debug_level.module",
        "debug_view.console",
    } <= palette


@pytest.mark.parametrize(
    ("command", "verb"),
    [
        ("debug.continue", "continue"),
        ("debug.over", "over"),
        ("debug.into", "into"),
        ("debug.out", "out"),
        ("debug.to_cursor", "until"),
        ("debug.back", "back"),
        ("debug.restart", "restart"),
        ("debug.stop", "stop"),
    ],
)
def test_commands_ask_their_verb_at_the_level(
    window: MainWindow, bar: DebugBar, script: DebugScript, command: str, verb: str
) -> None:
    window.actions_of.actions[command].trigger()
    assert script.asked(m.Resume) == [], "nothing stands yet"
    script.stopped(1)
    window.actions_of.actions["debug_level.module"].trigger()
    window.state.debug.set_cursor(Cursor(op_number=2000, op="aten.add"))
    bar.toolbar.refresh()
    button = bar.toolbar.buttons[command]
    assert button.isEnabled()
    button.click()
    asked = script.asked(m.Resume)[-1]
    assert (asked.verb, asked.level) == (verb, "module")


def test_buttons_follow_the_run_and_say_why_not(
    window: MainWindow, bar: DebugBar, script: DebugScript, qtbot: Any
) -> None:
    buttons = bar.toolbar.buttons
    over = buttons["debug.over"]
    assert not over.isEnabled()
    assert "No run stands at a stop" in over.toolTip()
    script.stopped(1, back_refused="It is somebody's script.")
    assert over.isEnabled()
    assert "(F10)" in over.toolTip()
    back = buttons["debug.back"]
    assert not back.isEnabled()
    assert "It is somebody's script." in back.toolTip()
    assert back.accessibleDescription() == "It is somebody's script."
    script.report(m.WentOn(stop_id=1))
    assert over.isEnabled(), "a quick step doesn't make it blink"
    qtbot.waitUntil(lambda: not over.isEnabled(), timeout=5000)
    assert "The run goes on." in over.toolTip()
    assert buttons["debug.break"].isEnabled()


def test_where_a_run_has_failed_it_says_how_it_goes_on(
    window: MainWindow, bar: DebugBar, script: DebugScript
) -> None:
    failed = "The run failed: ValueError: no."
    script.stopped(1, reason="exception", message=failed, place=Place(op_number=7, function="forward"))
    assert bar.sentence.text() == f"F5 ends the run as failed. {failed}"
    buttons = bar.toolbar.buttons
    assert [name for name, button in buttons.items() if button.isEnabled()] == [
        "debug.continue",
        "debug.back",
        "debug.restart",
        "debug.stop",
        "debug.breakpoint",
        "debug.detach",
    ]
    assert "F5 ends it as failed" in buttons["debug.over"].toolTip()
    script.stopped(2, reason="exception", message="aten.mm failed.", place=Place(op_number=7, op="aten.mm"))
    assert bar.sentence.text() == "F5 hands the error on. aten.mm failed."
    assert bar.ladder.side.text() == "failed"
    assert buttons["debug.over"].isEnabled(), "its caller may catch the error and go on"


def test_a_key_that_cannot_be_used_here_is_no_error(window: MainWindow, script: DebugScript) -> None:
    script.stopped(1)
    script.reply(m.Resume, BadInputError("Op 3 is over."))
    window.actions_of.actions["debug.over"].trigger()
    told = window.state.notices.notices[-1]
    assert (told.level, told.sentence) == ("info", "Op 3 is over.")
    assert window.state.debug.is_stopped


def test_a_button_that_has_the_keyboard_keeps_it(
    window: MainWindow, bar: DebugBar, script: DebugScript, qtbot: Any
) -> None:
    over = bar.toolbar.buttons["debug.over"]
    script.stopped(1)
    over.setFocus()
    qtbot.waitUntil(over.hasFocus, timeout=5000)
    script.report(m.WentOn(stop_id=1))
    bar.toolbar.refresh()
    assert over.hasFocus()
    over.click()
    assert script.asked(m.Resume) == [], "it does nothing meanwhile"


def test_continue_starts_where_nothing_is_debugged(
    window: MainWindow, client: FakeEngineClient, script: DebugScript
) -> None:
    key = window.actions_of.actions["debug.continue"]
    key.trigger()
    assert len(client.calls_of(m.SubmitJobs)) == 1
    script.armed()
    key.trigger()
    assert len(client.calls_of(m.SubmitJobs)) == 1, "a run that goes on is not started twice"
    script.stopped(1)
    key.trigger()
    assert script.asked(m.Resume)[-1].verb == "continue"


def test_break_detach_stop_and_restart_of_a_run_that_goes_on(
    window: MainWindow, client: FakeEngineClient, script: DebugScript
) -> None:
    script.run(debugged=False)
    assert window.generate.break_button.isEnabled()
    window.generate.break_button.click()
    assert window.debug.is_open
    assert window.debug.bar is not None
    assert "next step" in window.debug.bar.sentence.text()
    assert script.asked(m.Arm)[-1].plan.stop_at == "first_op"
    script.armed()
    window.actions_of.actions["debug.detach"].trigger()
    assert len(script.asked(m.Disarm)) == 1
    window.actions_of.actions["debug.stop"].trigger()
    assert client.last_call(m.CancelRun).run_id == RUN
    script.run("finished", spec=spec(prompt="a cat", seed=7))
    window.actions_of.actions["debug.restart"].trigger()
    asked = client.last_call(m.SubmitJobs)
    assert (asked.specs[0].prompt, asked.specs[0].seed) == ("a cat", 7)
    assert asked.debug is not None


def test_f9_toggles_a_breakpoint_where_the_user_is(window: MainWindow) -> None:
    def lines() -> list[tuple[str, int]]:
        return [(one.file, one.line) for one in window.state.debug.breakpoints]

    key = window.actions_of.actions["debug.breakpoint"]
    key.trigger()
    assert lines() == []
    window.state.debug.set_cursor(Cursor(file="/x/unet.py", line=12))
    key.trigger()
    assert lines() == [("/x/unet.py", 12)]
    key.trigger()
    assert lines() == []


def test_options_are_kept(window: MainWindow, bar: DebugBar) -> None:
    menu = bar.toolbar.build_options()
    chosen = {action.text(): action for action in menu.actions() if action.text()}
    assert chosen["Stop where the run fails"].isChecked()
    chosen["Stop at breakpoints only"].trigger()
    chosen["Record every op with statistics of its outputs"].trigger()
    chosen["Stop where the run fails"].trigger()
    plan = window.state.debug.plan()
    assert (plan.stop_at, plan.record, plan.on_exception) == ("never", "statistics", False)


# --- the ladder --------------------------------------------------------------------------------------------


def test_the_ladder_shows_the_place_and_sets_the_level(
    window: MainWindow, bar: DebugBar, script: DebugScript, client: FakeEngineClient
) -> None:
    assert not any(rung.isVisible() for rung in bar.ladder.rungs.values())
    latent = client.add_array(np.full((8, 8, 3), 200, np.uint8))
    script.stopped(1, latent=latent)
    texts = {level: rung.whole for level, rung in bar.ladder.rungs.items()}
    assert texts == {
        "run": "Run",
        "step": "Step 3 of 8  t 601  σ 2.147",
        "phase": "denoise",
        "module": "unet.mid_block.attn",
        "op": "aten.mm.default  #1,234",
    }
    assert bar.latent.isVisible()
    assert bar.latent.image.pixelColor(3, 3).red() == 200
    bar.ladder.rungs["phase"].click()
    assert window.state.debug.level == "phase"
    assert bar.toolbar.level.currentText() == "By phase"
    window.actions_of.actions["debug_level.farther"].trigger()
    assert bar.ladder.rungs["step"].isChecked()
    window.actions_of.actions["debug_level.nearer"].trigger()
    bar.toolbar.level.activated.emit(0)
    assert bar.ladder.rungs["op"].isChecked()
    bar.latent.click()


def test_the_ladder_shortens_long_names_and_leaves_out_what_is_not_there(
    window: MainWindow, bar: DebugBar, script: DebugScript
) -> None:
    long = ".".join(["block"] * 60)
    script.stopped(1, place=place(module=long, when="before"))
    rung = bar.ladder.rungs["module"]
    assert rung.whole == long
    assert long in rung.toolTip()
    rung.grab()
    assert rung.text().startswith("…"), "the end of a path says most"
    assert bar.ladder.side.text() == "before it runs"
    script.stopped(2, place=Place(op_number=3, op="aten.add", image_index=1, image_count=4))
    texts = {level: rung.whole for level, rung in bar.ladder.rungs.items()}
    assert texts == {"run": "Picture 2 of 4", "step": "", "phase": "", "module": "", "op": "aten.add  #3"}


def test_the_bar_says_how_it_stands(window: MainWindow, bar: DebugBar, script: DebugScript) -> None:
    assert "Press Debug" in bar.sentence.text()
    script.armed()
    assert bar.sentence.text() == "The run goes on under the debugger."
    script.stopped(1, ran=12, shown=10)
    assert bar.sentence.text().endswith("2 of 12 ops were not recorded.")
    script.stopped(2, looking_back=True)
    assert "nothing can be changed" in bar.sentence.text()
    window.state.debug.breakpoint_list.put(Breakpoint(breakpoint_id=0, nan=True))
    script.report(m.BreakpointsChanged(breakpoints=(Breakpoint(breakpoint_id=1, nan=True, hits=1),)))
    script.stopped(3, reason="breakpoint", message="Breakpoint 1 at aten.mm.", breakpoint_id=1)
    assert bar.sentence.text() == "Breakpoint 1 at aten.mm: NaN appears."
    script.run("finished")
    assert bar.sentence.text() == "The run has ended: finished."


def test_a_trace_from_disk_is_told_and_the_last_stop_goes(
    window: MainWindow, bar: DebugBar, script: DebugScript, tmp_path: Path, qtbot: Any
) -> None:
    script.stopped(1)
    script.run("finished")
    assert bar.ladder.isVisible()
    window.state.trace.open_file(str(TraceMaker(tmp_path / "t.mzt").steps(0, 1).done()))
    qtbot.waitUntil(lambda: "recorded trace" in bar.sentence.text())
    assert not bar.ladder.isVisible()
    window.state.trace.close_trace()
    qtbot.waitUntil(bar.ladder.isVisible)
    assert bar.sentence.text() == "The run has ended: finished."
