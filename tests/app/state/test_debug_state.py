"""The debugged run as the window follows it: reports, verbs, breakpoints, watches, runs that come and go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mezzotint_app.state.app_state import AppState, build_app_state
from mezzotint_app.state.debug_cursor import Cursor
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import Breakpoint, WatchValue
from mezzotint_sdk.errors import BadInputError
from tests.app.app_records import run_record
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.opdebug.debug_script import RUN, DebugScript, place, stop


@pytest.fixture
def script(client: FakeEngineClient, app_state: AppState) -> DebugScript:
    return DebugScript(client, app_state)


def sentences(state: AppState) -> list[str]:
    return [notice.sentence for notice in state.notices.notices]


# --- where it stands ---------------------------------------------------------------------------------------


def test_reports_say_how_the_run_stands(app_state: AppState, script: DebugScript, qtbot: Any) -> None:
    debug = app_state.debug
    with qtbot.waitSignals([debug.armed_changed, debug.trace_changed], timeout=1000):
        script.armed(trace="/runs/r1/debug/trace.mzt")
    assert (debug.run_id, debug.armed, debug.stop) == (RUN, True, None)
    assert debug.trace_path.endswith("trace.mzt")
    with qtbot.waitSignal(debug.stop_changed, timeout=1000):
        at = script.stopped(1)
    assert debug.stop == at
    assert debug.is_stopped
    assert app_state.runs.standing(RUN) == at.message
    with qtbot.waitSignal(debug.stop_changed, timeout=1000):
        script.report(m.WentOn(stop_id=1))
    assert debug.stop is None
    assert app_state.runs.standing(RUN) == ""
    script.report(m.Disarmed())
    assert not debug.armed
    assert debug.run_id == RUN, "its trace can still be looked at"


def test_the_latent_is_copied_and_its_slot_given_back(
    app_state: AppState, script: DebugScript, client: FakeEngineClient
) -> None:
    pixels = np.full((4, 4, 3), 7, np.uint8)
    ref = client.add_array(pixels)
    script.stopped(latent=ref)
    assert app_state.debug.latent is not None
    assert np.array_equal(app_state.debug.latent, pixels)
    assert client.released == [ref]
    other = client.add_array(pixels, "slot-1")
    script.report(m.Stopped(stop=stop(), latent=other), run_id="of another run")
    assert client.released == [ref, other], "of runs that aren't followed, too"
    assert app_state.debug.run_id == RUN, "another run's stop doesn't take this one's place"


def test_a_latent_that_can_not_be_read_is_left_out(
    app_state: AppState, script: DebugScript, client: FakeEngineClient
) -> None:
    ref = client.add_array(np.zeros((2, 2, 3), np.uint8))
    client.arrays.clear()
    script.stopped(latent=ref)
    assert app_state.debug.stop is not None
    assert app_state.debug.latent is None


def test_the_run_that_ends_is_debugged_no_more(app_state: AppState, script: DebugScript) -> None:
    script.stopped()
    script.run("failed")
    debug = app_state.debug
    assert (debug.armed, debug.stop, app_state.runs.standing(RUN)) == (False, None, "")
    assert debug.run is not None
    app_state.client.eventArrived.emit(m.RunsDeleted(run_ids=(RUN,)))
    assert debug.run_id == ""


def test_another_run_is_followed_when_this_one_does_not_stand(
    app_state: AppState, script: DebugScript
) -> None:
    script.armed(trace="/one")
    script.run(run_id="r2")
    script.report(m.Armed(trace="/two"), run_id="r2")
    assert (app_state.debug.run_id, app_state.debug.trace_path) == ("r2", "/two")
    script.report(m.Printed(text="late"), run_id=RUN)
    assert not app_state.debug.console.lines, "what the other one says is not this one's"


def test_after_a_reconnect_it_is_asked_how_the_run_stands(
    app_state: AppState, script: DebugScript, client: FakeEngineClient
) -> None:
    at = stop(5)
    point = Breakpoint(breakpoint_id=1, op="aten.mm*")
    script.reply(m.GetStop, m.Standing(armed=True, stop=at, breakpoints=(point,), trace="/trace"))
    client.connect_engine(runs=(run_record(RUN, "running", debugged=True),))
    debug = app_state.debug
    assert (debug.run_id, debug.stop, debug.breakpoints) == (RUN, at, (point,))
    assert debug.trace_path == "/trace"
    script.reply(m.GetStop, BadInputError("The run is not debugged."))
    client.connect_engine(runs=(run_record(RUN, "running", debugged=True),))
    assert (debug.armed, debug.stop) == (False, None)
    assert sentences(app_state) == []


def test_a_failure_of_the_capture_is_told_once(app_state: AppState, script: DebugScript, qtbot: Any) -> None:
    script.armed()
    for number in range(3):
        with qtbot.waitSignal(app_state.debug.failed, timeout=1000):
            error = BadInputError("The debugger failed at an op.").info()
            script.report(m.CaptureFailed(error=error, op_number=number))
    assert sentences(app_state) == ["The debugger failed at an op."]
    assert app_state.debug.failures == 3


def test_what_cannot_be_stopped_at_is_told(app_state: AppState, script: DebugScript) -> None:
    script.armed(note="unet is compiled.")
    assert sentences(app_state) == ["unet is compiled."]


# --- verbs -------------------------------------------------------------------------------------------------


def test_a_step_is_asked_once_until_the_run_stands_again(app_state: AppState, script: DebugScript) -> None:
    debug = app_state.debug
    script.stopped(1)
    debug.resume("over")
    debug.resume("over")
    assert [(ask.verb, ask.level) for ask in script.asked(m.Resume)] == [("over", "op")]
    assert not debug.is_stopped
    script.report(m.WentOn(stop_id=1))
    script.stopped(2, level="module")
    assert debug.level == "module", "the level goes with the stop"
    debug.resume("out")
    assert script.asked(m.Resume)[-1].level == "module"


def test_a_refused_step_is_told_and_can_be_tried_again(app_state: AppState, script: DebugScript) -> None:
    script.stopped(1)
    script.reply(m.Resume, BadInputError("The run has failed; continue to end it."))
    app_state.debug.resume("over")
    assert sentences(app_state) == ["The run has failed; continue to end it."]
    assert app_state.debug.is_stopped


def test_a_late_word_of_an_earlier_stop_changes_nothing(app_state: AppState, script: DebugScript) -> None:
    script.stopped(2)
    script.report(m.WentOn(stop_id=1))
    assert app_state.debug.stop is not None


@pytest.mark.parametrize(
    ("cursor", "target"),
    [
        (Cursor(op_number=2000, op="aten.add"), {"op_number": 2000}),
        (Cursor(file="/x/a.py", line=7), {"file": "/x/a.py", "line": 7}),
        (Cursor(module="unet.mid"), {"module": "unet.mid"}),
    ],
)
def test_run_to_cursor(
    app_state: AppState, script: DebugScript, cursor: Cursor, target: dict[str, Any]
) -> None:
    script.stopped()
    app_state.debug.set_cursor(cursor)
    app_state.debug.run_to_cursor()
    asked = script.asked(m.Resume)[-1]
    assert asked.verb == "until"
    assert {name: getattr(asked, name) for name in target} == target
    assert app_state.debug.cursor.text


def test_break_arms_the_run_that_goes_on(app_state: AppState, script: DebugScript) -> None:
    debug = app_state.debug
    assert not debug.can_break
    script.run(debugged=False)
    assert debug.can_break
    debug.arm()
    assert debug.arming == RUN
    plan = script.asked(m.Arm)[-1].plan
    assert plan.stop_at == "first_op"
    script.report(m.Armed(trace="/trace"))
    assert (debug.arming, debug.armed) == ("", True)
    script.stopped()
    assert not debug.can_break, "it stands already"


def test_a_refused_break_is_told(app_state: AppState, script: DebugScript) -> None:
    script.run(debugged=False)
    script.reply(m.Arm, BadInputError("'out.' is no expression."))
    app_state.debug.arm()
    assert sentences(app_state) == ["'out.' is no expression."]
    assert app_state.debug.arming == ""


def test_nothing_is_asked_where_no_run_is_debugged(app_state: AppState, script: DebugScript) -> None:
    app_state.debug.ask(m.GetStop())
    assert script.asks == []
    assert "No run is being debugged" in sentences(app_state)[0]


def test_stepping_back_says_why_it_cannot_be(app_state: AppState, script: DebugScript) -> None:
    assert app_state.debug.back_refused
    script.stopped(back_refused="It is a script.")
    assert app_state.debug.back_refused == "It is a script."
    script.stopped(2)
    assert app_state.debug.back_refused == ""
    app_state.debug.resume("back")
    assert app_state.debug.is_stopped, "looking back leaves the run where it is"


def test_the_plan_stops_at_the_first_op_where_no_breakpoint_would(
    app_state: AppState, script: DebugScript
) -> None:
    debug = app_state.debug
    assert debug.plan().stop_at == "first_op"
    debug.breakpoint_list.put(Breakpoint(breakpoint_id=0, op="aten.mm", log="{out}"))
    assert debug.plan().stop_at == "first_op", "a logpoint doesn't stop"
    debug.breakpoint_list.put(Breakpoint(breakpoint_id=0, nan=True))
    plan = debug.plan()
    assert (plan.stop_at, len(plan.breakpoints)) == ("never", 2)
    app_state.settings.set(debug_stop_at="first_step", debug_record="statistics", debug_on_exception=False)
    plan = debug.plan()
    assert (plan.stop_at, plan.record, plan.on_exception) == ("first_step", "statistics", False)


# --- breakpoints -------------------------------------------------------------------------------------------


def test_breakpoints_are_kept_without_hits_and_without_temporary_ones(
    app_state: AppState, script: DebugScript, client: FakeEngineClient, mezzotint_home: Path, qtbot: Any
) -> None:
    points = app_state.debug.breakpoint_list
    points.put(Breakpoint(breakpoint_id=0, op="aten.mm*"))
    points.put(Breakpoint(breakpoint_id=0, nan=True, temporary=True))
    assert [one.breakpoint_id for one in points.all] == [1, 2]
    script.armed()
    hit = tuple(Breakpoint(breakpoint_id=one.breakpoint_id, op=one.op, hits=5) for one in points.all[:1])
    with qtbot.waitSignal(app_state.debug.breakpoints_changed, timeout=1000):
        script.report(m.BreakpointsChanged(breakpoints=hit))
    assert app_state.debug.breakpoints[0].hits == 5
    app_state.settings.flush()
    again = build_app_state(client, mezzotint_home / "settings.json")
    assert again.debug.breakpoints == (Breakpoint(breakpoint_id=1, op="aten.mm*"),)
    again.close()


def test_while_a_run_is_armed_the_engine_has_the_last_word(app_state: AppState, script: DebugScript) -> None:
    debug, points = app_state.debug, app_state.debug.breakpoint_list
    script.armed()
    script.reply(m.SetBreakpoints, lambda ask: m.BreakpointsSet(breakpoints=ask.breakpoints))
    points.put(Breakpoint(breakpoint_id=0, op="aten.mm*"))
    assert len(debug.breakpoints) == 1
    script.reply(m.SetBreakpoints, BadInputError("'floot16' is no dtype."))
    told: list[str] = []
    points.put(Breakpoint(breakpoint_id=0, dtype="floot16"), None, lambda error: told.append(error.message))
    assert told == ["'floot16' is no dtype."]
    assert len(debug.breakpoints) == 1


def test_toggling_sets_and_takes_away_the_same_place(app_state: AppState, script: DebugScript) -> None:
    debug = app_state.debug
    debug.toggle_breakpoint(file="a.py", line=3)
    debug.toggle_breakpoint(file="a.py", line=4)
    debug.toggle_breakpoint(file="a.py", line=3)
    assert [(one.file, one.line) for one in debug.breakpoints] == [("a.py", 4)]
    debug.toggle_breakpoint()
    assert len(debug.breakpoints) == 1, "nobody is anywhere yet"
    script.reply(m.SetBreakpoints, lambda ask: m.BreakpointsSet(breakpoints=ask.breakpoints))
    script.stopped()
    debug.toggle_breakpoint()
    assert (debug.breakpoints[-1].op, debug.breakpoints[-1].module) == ("aten.mm.default", place().module)
    debug.set_cursor(Cursor(module="unet.mid"))
    debug.toggle_breakpoint()
    assert debug.breakpoints[-1].module == "unet.mid"


# --- watches and what is looked at -------------------------------------------------------------------------


def test_watches_are_set_kept_and_read(app_state: AppState, script: DebugScript) -> None:
    debug = app_state.debug
    debug.set_watches(["out.max()", " ", "out.max()", "out.min()"])
    assert debug.watches == ("out.max()", "out.min()")
    assert app_state.settings.values.watches == debug.watches
    assert script.asks == []
    value = WatchValue(expression="out.max()", value=3.0, text="3.0")
    script.reply(m.GetStop, lambda _ask: m.Standing(armed=True, stop=stop(1, watches=(value,))))
    script.stopped(1)
    script.watched("out.max()", (10,), (3.0,))
    assert len(debug.watch_courses.courses["out.max()"]) == 1
    debug.set_watches(["out.max()"])
    assert script.asked(m.SetWatches)[-1].expressions == ("out.max()",)
    assert debug.watch_courses.newest["out.max()"].text == "3.0"
    debug.set_watches([])
    assert debug.watch_courses.courses == {}


def test_selections_go_back_to_the_stop_with_the_next_one(
    app_state: AppState, script: DebugScript, qtbot: Any
) -> None:
    debug = app_state.debug
    script.stopped(1)
    with qtbot.waitSignal(debug.selection_changed, timeout=1000):
        debug.select_op(12)
    debug.select_op(1234)
    assert debug.selected_op == -1, "the op of the stop itself"
    debug.select_op(12)
    debug.select_tensor("a")
    with qtbot.waitSignal(debug.selection_changed, timeout=1000):
        script.stopped(2)
    assert (debug.selected_op, debug.selected_tensor) == (-1, "a")


# --- the console -------------------------------------------------------------------------------------------


def test_the_console_keeps_what_was_said(app_state: AppState, script: DebugScript, qtbot: Any) -> None:
    console = app_state.debug.console
    script.stopped(1)
    script.reply(m.SayToConsole, m.ConsoleSaid(text="2\n"))
    console.say("p 1 + 1")
    console.say("")
    script.reply(m.SayToConsole, BadInputError("That went wrong."))
    console.say("p x")
    with qtbot.waitSignal(app_state.debug.printed, timeout=1000):
        script.report(m.Printed(text="max 3"))
    assert [(line.kind, line.text) for line in console.lines] == [
        ("stop", "Stopped at aten.mm (op 1,234)."),
        ("said", "(mzt) p 1 + 1"),
        ("answer", "2"),
        ("said", "(mzt) "),
        ("answer", "2"),
        ("said", "(mzt) p x"),
        ("error", "That went wrong."),
        ("report", "max 3"),
    ]
    assert list(console.history) == ["p 1 + 1", "p x"]
    assert not console.is_busy
