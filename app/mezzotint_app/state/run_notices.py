"""Tells the user when a run fails or is cut off, with what can be done about it."""

from __future__ import annotations

from PySide6.QtCore import QObject

from mezzotint_app.state.notice_state import NoticeState
from mezzotint_app.state.runs_state import RunsState
from mezzotint_sdk.records import RunRecord

__all__ = ["RunNotices"]


class RunNotices(QObject):
    """One notice for each run that ends badly while the app looks on; old failures are not told again."""

    def __init__(self, runs: RunsState, notices: NoticeState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runs = runs
        self._notices = notices
        self._states: dict[str, str] = {}
        runs.runAdded.connect(self._on_change)
        runs.runChanged.connect(self._on_change)
        runs.reset.connect(self._on_reset)

    def _on_reset(self) -> None:
        """A snapshot may bring the end of a run that went on while the connection was lost."""
        before, self._states = self._states, {}
        for run in self._runs.runs():
            if before.get(run.run_id, run.state) != run.state:
                self._tell(run)
            self._states[run.run_id] = run.state

    def _on_change(self, run_id: str) -> None:
        run = self._runs.run(run_id)
        if run is None:
            return
        before = self._states.get(run_id)
        self._states[run_id] = run.state
        if before != run.state:
            self._tell(run)

    def _tell(self, run: RunRecord) -> None:
        if run.state == "failed":
            message = run.error.message if run.error else "The run failed."
            detail = run.error.detail if run.error else ""
            self._notices.show(
                "error", message, detail, action_title="Retry", action=lambda: self._runs.retry(run.run_id)
            )
        elif run.state == "interrupted":
            message = run.error.message if run.error else "A run was interrupted when its worker ended."
            self._notices.show(
                "warning", message, action_title="Run again", action=lambda: self._runs.retry(run.run_id)
            )
