"""All runs that the app knows of, their progress, and the queue.

It is filled by snapshots and events, and changed by verbs.

A verb only asks the engine; what shows is what the engine answers with its events, so that two windows on one
engine agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from mezzotint_app.state.changed_model import show_refusal
from mezzotint_app.state.notice_state import NoticeState
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import MezzotintError
from mezzotint_sdk.records import ACTIVE_STATES, FINAL_STATES, RunRecord

if TYPE_CHECKING:
    from mezzotint_app.client.qt_bridge import EngineClient

__all__ = ["RunsState"]


class RunsState(QObject):
    """Runs by id. Final runs stay known until a snapshot no longer holds them or they are deleted."""

    runAdded = Signal(str)
    runChanged = Signal(str)
    runsRemoved = Signal(list)
    reset = Signal()
    progressChanged = Signal(str)
    queueChanged = Signal()
    currentChanged = Signal(str)

    def __init__(self, client: EngineClient, notices: NoticeState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._notices = notices
        self._runs: dict[str, RunRecord] = {}
        self._progress: dict[str, m.RunProgressed] = {}
        self._standing: dict[str, str] = {}
        self._picked = ""
        self._current = ""
        self._follow_live = True
        self.queue_order: list[str] = []
        self.queue_paused = False
        client.eventArrived.connect(self._on_event)
        client.snapshotArrived.connect(self._on_snapshot)

    # --- what there is ---------------------------------------------------------------------------------

    def run(self, run_id: str) -> RunRecord | None:
        return self._runs.get(run_id)

    def runs(self) -> list[RunRecord]:
        """All known runs, newest first."""
        return sorted(self._runs.values(), key=lambda run: run.created, reverse=True)

    def progress(self, run_id: str) -> m.RunProgressed | None:
        return self._progress.get(run_id)

    def standing(self, run_id: str) -> str:
        """Where a run stands in the op debugger, as a sentence; "" while it goes on."""
        return self._standing.get(run_id, "")

    def set_standing(self, run_id: str, sentence: str) -> None:
        """The op debugger's state says so; to all others it is a change of the run."""
        if sentence != self.standing(run_id):
            if sentence:
                self._standing[run_id] = sentence
            else:
                del self._standing[run_id]
            if run_id in self._runs:
                self.runChanged.emit(run_id)

    def active(self) -> list[RunRecord]:
        """Runs that hold a worker, the one that started last first."""
        runs = [run for run in self._runs.values() if run.state in ACTIVE_STATES]
        return sorted(runs, key=lambda run: run.started or run.created, reverse=True)

    def queued(self) -> list[RunRecord]:
        """Runs that wait, next first."""
        return [self._runs[run_id] for run_id in self.queue_order if run_id in self._runs]

    @property
    def current(self) -> str:
        """The run that panels follow: what the user picked, else the newest active one; "" is none."""
        return self._current

    @property
    def picked(self) -> str:
        """The run that the user picked; "" while the live run is followed."""
        return self._picked

    def select(self, run_id: str) -> None:
        """Show this run in all panels; "" follows the live run again."""
        self._picked = run_id
        self._choose_current()

    def set_follow_live(self, follow: bool) -> None:
        """Whether a run that starts comes into view by itself; else what is in view stays."""
        self._follow_live = follow
        self._choose_current()

    # --- verbs -----------------------------------------------------------------------------------------

    def cancel(self, run_id: str, *, force: bool = False) -> None:
        self._ask(m.CancelRun(run_id=run_id, force=force))

    def cancel_all(self) -> None:
        self._ask(m.CancelAll())

    def pause(self, run_id: str) -> None:
        self._ask(m.PauseRun(run_id=run_id))

    def resume(self, run_id: str) -> None:
        self._ask(m.ResumeRun(run_id=run_id))

    def retry(self, run_id: str) -> None:
        """Queue the same spec again; also "duplicate"."""

        def refused(error: MezzotintError) -> None:
            show_refusal(
                self._notices, error, lambda: self._ask(m.RetryRun(run_id=run_id, present_model=True))
            )

        self._client.call(m.RetryRun(run_id=run_id), None, refused)

    def move(self, run_id: str, before: str = "") -> None:
        """Put a queued run before another one; "" puts it last."""
        self._ask(m.MoveRun(run_id=run_id, before=before))

    def pause_queue(self) -> None:
        self._ask(m.PauseQueue())

    def resume_queue(self) -> None:
        self._ask(m.ResumeQueue())

    def delete(self, run_ids: Sequence[str]) -> None:
        """Delete runs, and offer to take it back."""
        ids = tuple(run_ids)
        if not ids:
            return
        what = "The run was deleted." if len(ids) == 1 else f"{len(ids)} runs were deleted."

        def deleted(_reply: Any) -> None:
            self._notices.show_undoable(what, lambda: self.restore(ids))

        self._ask(m.DeleteRuns(run_ids=ids), deleted)

    def restore(self, run_ids: Sequence[str]) -> None:
        self._ask(m.RestoreRuns(run_ids=tuple(run_ids)))

    def _ask(self, body: m.Request, on_reply: Callable[[Any], None] | None = None) -> None:
        self._client.call(body, on_reply, self._notices.show_error)

    # --- what the engine tells -------------------------------------------------------------------------

    def _on_snapshot(self, snapshot: m.Snapshot) -> None:
        # Finished runs that the snapshot left out (it holds the newest 100) are still there, so they stay.
        known = {run.run_id: run for run in snapshot.runs}
        for run_id, run in self._runs.items():
            if run_id not in known and run.state in FINAL_STATES:
                known[run_id] = run
        self._runs = known
        self._progress = {key: value for key, value in self._progress.items() if key in known}
        self.queue_order = [run.run_id for run in snapshot.runs if run.state == "queued"]
        self.queue_paused = snapshot.queue_paused
        self.reset.emit()
        self.queueChanged.emit()
        self._choose_current()

    def _on_event(self, event: m.Event) -> None:
        match event:
            case m.RunProgressed():
                if event.run_id in self._runs:
                    self._progress[event.run_id] = event
                    self.progressChanged.emit(event.run_id)
            case m.RunChanged():
                self._put(event.run)
            case m.QueueChanged():
                self.queue_order = list(event.order)
                self.queue_paused = event.paused
                self.queueChanged.emit()
            case m.RunsDeleted():
                self._remove(event.run_ids)
            case m.RunsRestored():
                for run_id in event.run_ids:
                    self._client.call(m.GetRun(run_id=run_id), self._on_found, self._notices.show_error)
            case _:
                pass

    def _on_found(self, found: m.RunFound) -> None:
        self._put(found.run)

    def _put(self, run: RunRecord) -> None:
        if run.deleted:
            self._remove((run.run_id,))
            return
        is_new = run.run_id not in self._runs
        self._runs[run.run_id] = run
        if run.state in FINAL_STATES:
            self._progress.pop(run.run_id, None)
        # What left the queue is off it at once, also before the engine tells the new order.
        if run.state != "queued" and run.run_id in self.queue_order:
            self.queue_order.remove(run.run_id)
            self.queueChanged.emit()
        (self.runAdded if is_new else self.runChanged).emit(run.run_id)
        self._choose_current()

    def _remove(self, run_ids: Iterable[str]) -> None:
        gone = [run_id for run_id in run_ids if self._runs.pop(run_id, None) is not None]
        for run_id in gone:
            self._progress.pop(run_id, None)
        if gone:
            self.queue_order = [run_id for run_id in self.queue_order if run_id in self._runs]
            self.runsRemoved.emit(gone)
            self._choose_current()

    def _choose_current(self) -> None:
        if self._picked and self._picked not in self._runs:
            self._picked = ""
        active = self.active()
        if self._picked:
            chosen = self._picked
        elif active and (self._follow_live or self._current not in self._runs):
            chosen = active[0].run_id
        elif self._current in self._runs:
            chosen = self._current  # a run that has ended stays in view until the next one starts
        else:
            chosen = ""
        if chosen != self._current:
            self._current = chosen
            self.currentChanged.emit(chosen)
