"""What a user does with the op debugger, as data; keys are those of IDE debuggers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mezzotint_app.commands import Command
from mezzotint_app.opdebug.level_names import LEVEL_TITLES
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.debug_cursor import Cursor
from mezzotint_app.state.debug_state import LEVELS
from mezzotint_sdk.debug_records import Level, Verb
from mezzotint_sdk.job_spec import GenerateSpec
from mezzotint_sdk.records import ACTIVE_STATES

__all__ = [
    "BREAK",
    "BREAKPOINT",
    "COMMANDS",
    "CONTINUE",
    "DEBUG",
    "DETACH",
    "RESTART",
    "STEPS",
    "STOP",
    "why_not",
]


def why_not(command: Command, state: AppState) -> str:
    """Why a command of the debugger can't be used now, for its tooltip; "" when it can."""
    if command.enabled(state):
        return ""
    debug = state.debug
    if command is STEP_BACK:
        return debug.back_refused
    if debug.has_failed and debug.is_stopped and command in STEPS:
        return "The run has failed here; there is nothing to step through. F5 ends it as failed."
    if command is RUN_TO_CURSOR and debug.is_stopped:
        return "Pick an op, a module or a source line first."
    if command is BREAK:
        return "No run is going."
    if command is DETACH or command is STOP or command is RESTART:
        return "No run is being debugged."
    if command is BREAKPOINT:
        return "Pick an op, a module or a source line first."
    return "The run goes on." if debug.armed else "No run stands at a stop."


# --- what they do -------------------------------------------------------------------------------------------


def _can_step(state: AppState) -> bool:
    return state.debug.is_stopped and not state.debug.has_failed


def _step(verb: Verb) -> Callable[[AppState], None]:
    return lambda state: state.debug.resume(verb)


def _can_debug(state: AppState) -> bool:
    return not state.generate.blocker()


def _debug(state: AppState) -> None:
    state.debug.want_view()
    state.generate.submit(debug=state.debug.plan())


def _can_continue(state: AppState) -> bool:
    debug = state.debug
    return debug.is_stopped or (not debug.armed and not debug.arming and _can_debug(state))


def _continue(state: AppState) -> None:
    if state.debug.stop is not None:
        state.debug.resume("continue")
    else:
        _debug(state)


def _break(state: AppState) -> None:
    state.debug.want_view()
    state.debug.arm()


def _can_restart(state: AppState) -> bool:
    return state.debug.is_stopped or state.debug.run is not None


def _restart(state: AppState) -> None:
    """At a stop the engine begins anew under the same plan; else the same settings are queued again."""
    debug, run = state.debug, state.debug.run
    if debug.is_stopped:
        debug.resume("restart")
    elif run is not None and isinstance(run.spec, GenerateSpec):
        if run.state in ACTIVE_STATES:
            state.runs.cancel(run.run_id)
        state.generate.submit_spec(run.spec, debug=debug.plan())


def _can_stop(state: AppState) -> bool:
    run = state.debug.run
    return run is not None and run.state in ACTIVE_STATES and run.state != "stopping"


def _stop(state: AppState) -> None:
    if state.debug.is_stopped:
        state.debug.resume("stop")
    else:
        state.runs.cancel(state.debug.run_id)


def _has_cursor(state: AppState) -> bool:
    return _can_step(state) and bool(state.debug.cursor.text)


def _can_toggle(state: AppState) -> bool:
    return state.debug.cursor != Cursor() or state.debug.stop is not None


def _set_level(level: Level) -> Callable[[AppState], None]:
    return lambda state: state.debug.set_level(level)


def _go_farther(by: int) -> Callable[[AppState], None]:
    """1 from op towards run, -1 back."""

    def go(state: AppState) -> None:
        now = LEVELS.index(state.debug.level) if state.debug.level in LEVELS else 0
        state.debug.set_level(LEVELS[min(max(now + by, 0), len(LEVELS) - 1)])

    return go


# --- the commands -------------------------------------------------------------------------------------------


def _command(name: str, title: str, keys: str, icon: str, run: Any, enabled: Any, help: str) -> Command:
    return Command(f"debug.{name}", title, keys, icon, run, enabled, "Debug", help)


DEBUG = _command(
    "start",
    "Debug",
    "Ctrl+Shift+Return",
    "bug",
    _debug,
    _can_debug,
    "Queue the settings of the form as a run that stops at the first breakpoint, or at its first op",
)
BREAK = _command(
    "break",
    "Break",
    "Ctrl+Shift+B",
    "hand",
    _break,
    lambda state: state.debug.can_break,
    "Attach the debugger to the run that is going: it stops at its next step",
)
CONTINUE = _command(
    "continue",
    "Continue",
    "F5",
    "debug-continue",
    _continue,
    _can_continue,
    "Go on to the next breakpoint; where nothing is debugged, start with Debug",
)
STEP_OVER = _command(
    "over",
    "Step over",
    "F10",
    "debug-over",
    _step("over"),
    _can_step,
    "To the next op, module, phase or step, as the level says",
)
STEP_INTO = _command(
    "into",
    "Step into",
    "F11",
    "debug-into",
    _step("into"),
    _can_step,
    "To the first place inside of this one",
)
STEP_OUT = _command(
    "out",
    "Step out",
    "Shift+F11",
    "debug-out",
    _step("out"),
    _can_step,
    "To the end of what this lies in: its module; outside of modules, its sampler step or phase",
)
RUN_TO_CURSOR = _command(
    "to_cursor",
    "Run to cursor",
    "Ctrl+F10",
    "debug-cursor",
    lambda state: state.debug.run_to_cursor(),
    _has_cursor,
    "Go on to the op, module or source line that is picked",
)
STEP_BACK = _command(
    "back",
    "Step back",
    "Alt+F10",
    "debug-back",
    _step("back"),
    lambda state: state.debug.is_stopped and not state.debug.back_refused,
    "To the op before, for looking only",
)
RESTART = _command(
    "restart",
    "Restart",
    "Ctrl+Shift+F5",
    "retry",
    _restart,
    _can_restart,
    "Begin the run anew, with the same settings and breakpoints",
)
STOP = _command("stop", "Stop", "Shift+F5", "stop", _stop, _can_stop, "Cancel the run that is debugged")
BREAKPOINT = _command(
    "breakpoint",
    "Toggle breakpoint",
    "F9",
    "breakpoint",
    lambda state: state.debug.toggle_breakpoint(),
    _can_toggle,
    "At the op, module or source line that is picked, else at the op of the stop",
)
DETACH = _command(
    "detach",
    "Detach",
    "",
    "detach",
    lambda state: state.debug.disarm(),
    lambda state: state.debug.armed,
    "Take the debugger off; the run goes on without it",
)
STEPS: tuple[Command, ...] = (CONTINUE, STEP_OVER, STEP_INTO, STEP_OUT, RUN_TO_CURSOR, STEP_BACK)


def _level(level: Level) -> Command:
    return Command(
        f"debug_level.{level}",
        f"Step by {LEVEL_TITLES[level].lower()}",
        "",
        "",
        _set_level(level),
        menu="Debug",
        help="The level at which Step over, into and out work",
    )


def _dock(key: str, title: str, icon: str, keys: str = "") -> Command:
    return Command(
        f"debug_view.{key}",
        f"Go to {title}",
        keys,
        icon,
        lambda state: state.debug.want_view(key),
        menu="Debug",
    )


COMMANDS: tuple[Command, ...] = (
    DEBUG,
    BREAK,
    *STEPS,
    RESTART,
    STOP,
    DETACH,
    BREAKPOINT,
    *(_level(level) for level in LEVELS),
    Command("debug_level.farther", "Step by a farther level", "Ctrl+Alt+Up", "", _go_farther(1)),
    Command("debug_level.nearer", "Step by a nearer level", "Ctrl+Alt+Down", "", _go_farther(-1)),
    _dock("source", "Source", "document"),
    _dock("modules", "Modules", "model"),
    _dock("ops", "Ops", "list", "Alt+9"),
    _dock("tensors", "Tensors", "tensors", "Alt+8"),
    _dock("console", "Console", "console", "Alt+0"),
    _dock("divergence", "Compare runs", "compare"),
    _dock("watches", "Watches", "eye"),
    _dock("breakpoints", "Breakpoints", "breakpoint"),
)
