"""Commands around making pictures: generate, cancel, pause, seeds."""

from __future__ import annotations

from mezzotint_app.commands import Command
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk.records import RunRecord

__all__ = ["CANCEL", "COMMANDS", "GENERATE", "PAUSE", "followed_run"]


def followed_run(state: AppState) -> RunRecord | None:
    """The run that Cancel and Pause are about: the one in view while it is active, else the newest active."""
    run = state.runs.run(state.runs.current)
    active = state.runs.active()
    if run is not None and any(run.run_id == other.run_id for other in active):
        return run
    return active[0] if active else None


def _has_active(state: AppState) -> bool:
    run = followed_run(state)
    return run is not None and run.state != "stopping"


def _cancel(state: AppState) -> None:
    if (run := followed_run(state)) is not None:
        state.runs.cancel(run.run_id)


def _pause_or_resume(state: AppState) -> None:
    run = followed_run(state)
    if run is None:
        return
    if run.state == "paused":
        state.runs.resume(run.run_id)
    else:
        state.runs.pause(run.run_id)


GENERATE = Command(
    "run.generate",
    "Generate",
    "Ctrl+Return",
    "generate",
    lambda state: state.generate.submit(),
    lambda state: not state.generate.blocker(),
    "Run",
    "Queue the settings of the form as a run",
)
PAUSE = Command(
    "run.pause",
    "Pause or resume run",
    "Ctrl+P",
    "pause",
    _pause_or_resume,
    _has_active,
    "Run",
    "Hold the run at its next step, or let it go on",
)
CANCEL = Command(
    "run.cancel",
    "Cancel run",
    "Ctrl+.",
    "stop",
    _cancel,
    _has_active,
    "Run",
    "End the run at its next step",
)
COMMANDS: tuple[Command, ...] = (
    GENERATE,
    PAUSE,
    CANCEL,
    Command(
        "generate.roll_seed",
        "Roll a random seed",
        "Ctrl+D",
        "dice",
        lambda state: state.generate.roll_seed(),
        menu="Run",
    ),
    Command(
        "engine.restart",
        "Start the engine again",
        "",
        "retry",
        lambda state: state.engine.restart(),
        lambda state: state.engine.connection in ("stopped", "failed"),
        "Run",
    ),
    Command(
        "generate.refresh_models",
        "Look for models again",
        "",
        "model",
        lambda state: state.generate.refresh_models(),
        lambda state: state.engine.is_connected,
        "Run",
    ),
)
