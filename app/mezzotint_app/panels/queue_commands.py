"""Commands of the queue. They act on the run in view; the queue's own menu acts on what is selected there."""

from __future__ import annotations

from mezzotint_app.commands import Command
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk.records import ACTIVE_STATES, FINAL_STATES, RunRecord

__all__ = ["CANCEL_ALL", "COMMANDS", "PAUSE_QUEUE"]


def _run(state: AppState) -> RunRecord | None:
    return state.runs.run(state.runs.current)


def _is_final(state: AppState) -> bool:
    run = _run(state)
    return run is not None and run.state in FINAL_STATES


def _is_open(state: AppState) -> bool:
    return any(run.state in ACTIVE_STATES or run.state == "queued" for run in state.runs.runs())


def _pause_or_resume(state: AppState) -> None:
    if state.runs.queue_paused:
        state.runs.resume_queue()
    else:
        state.runs.pause_queue()


def _retry(state: AppState) -> None:
    if (run := _run(state)) is not None:
        state.runs.retry(run.run_id)


def _delete(state: AppState) -> None:
    if (run := _run(state)) is not None:
        state.runs.delete((run.run_id,))


PAUSE_QUEUE = Command(
    "queue.pause",
    "Pause or resume queue",
    "Ctrl+Shift+Space",
    "pause",
    _pause_or_resume,
    lambda state: state.engine.is_connected,
    "Run",
    "Let the active run finish, and start no other until the queue is resumed",
)
CANCEL_ALL = Command(
    "queue.cancel_all",
    "Cancel all runs",
    "Ctrl+Shift+.",
    "cancel",
    lambda state: state.runs.cancel_all(),
    _is_open,
    "Run",
    "End the active run, and take all that wait off the queue",
)
COMMANDS: tuple[Command, ...] = (
    PAUSE_QUEUE,
    CANCEL_ALL,
    Command(
        "queue.retry",
        "Run again",
        "Ctrl+R",
        "retry",
        _retry,
        lambda state: _run(state) is not None,
        "Run",
        "Queue the run in view once more, with the same settings",
    ),
    Command("queue.delete", "Delete run", "", "delete", _delete, _is_final, "Run", "It can be undone"),
)
