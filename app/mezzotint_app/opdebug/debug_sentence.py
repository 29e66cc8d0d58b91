"""How the debugger stands, in one sentence."""

from __future__ import annotations

from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.breakpoint_conditions import condition_text
from mezzotint_app.state.debug_state import FAILURES
from mezzotint_sdk.records import FINAL_STATES

__all__ = ["debug_sentence"]


def debug_sentence(state: AppState) -> tuple[str, str, str]:
    """The sentence, the name of an icon, and its colour (a field of the theme)."""
    debug, run = state.debug, state.debug.run
    stop = debug.stop
    if stop is not None:
        sentence = stop.message
        point = debug.breakpoint_list.find(stop.breakpoint_id) if stop.reason == "breakpoint" else None
        if point is not None:
            sentence = f"{sentence.rstrip('.')}: {condition_text(point)}."
        if stop.looking_back:
            sentence = f"{sentence.rstrip('.')}; nothing can be changed here, F5 returns to the present."
        if stop.ran > stop.shown:
            missed = stop.ran - stop.shown
            sentence += f" {missed:,} of {stop.ran:,} ops were not recorded."
        is_bad = stop.reason in FAILURES
        if debug.has_failed:
            sentence = f"F5 ends the run as failed. {sentence}"
        elif is_bad:  # its code may catch it
            sentence = f"F5 hands the error on. {sentence}"
        return sentence, "error" if is_bad else "hand", "danger" if is_bad else "warning"
    if state.trace.is_file and not debug.armed and not debug.arming:
        return "A recorded trace; there is no run behind it.", "list", "muted"
    if debug.arming:
        return "The run stops at its next step…", "spinner", "muted"
    if debug.armed:
        return "The run goes on under the debugger.", "play", "accent"
    if run is not None and run.state in FINAL_STATES:
        return f"The run has ended: {run.state}.", "check" if run.state == "finished" else "info", "muted"
    if run is not None:
        return "The run goes on without the debugger.", "play", "muted"
    return "Press Debug (F5) to start a run, or Break to stop one that is going.", "bug", "muted"
