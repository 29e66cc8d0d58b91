"""The queue as a list: what runs, what waits in its order, and what ended lately, each under its heading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QPersistentModelIndex, Qt, Signal

from mezzotint_app.state.pacer import Pacer
from mezzotint_app.state.progress_text import progress_text, run_summary
from mezzotint_app.state.runs_state import RunsState
from mezzotint_sdk.records import ACTIVE_STATES, FINAL_STATES, RunRecord

__all__ = ["ENDED", "HEADING_ROLE", "RUN_ROLE", "RUNNING", "WAITING", "QueueModel", "run_title"]

RUN_ROLE = Qt.ItemDataRole.UserRole  # RunRecord, None for a heading
HEADING_ROLE = Qt.ItemDataRole.UserRole + 1  # (title, count), None for a run
RUNNING, WAITING, ENDED = "#running", "#waiting", "#ended"
TITLES = {RUNNING: "Running", WAITING: "Waiting", ENDED: "Ended"}
MIME = "application/x-mezzotint-runs"
MOST_ENDED = 200
REBUILD_HZ = 20.0  # a batch of 1,000 jobs is 1,000 events; the list is built anew a few times meanwhile

AnyIndex = QModelIndex | QPersistentModelIndex


def run_title(run: RunRecord) -> str:
    """The prompt on one line."""
    return " ".join(run.spec.prompt[:300].split()) or "No prompt"


class QueueModel(QAbstractListModel):
    """Rows are headings and runs. Keeps rows in place where it can, so that selection and scrolling stay."""

    dropped = Signal(list, str)  # run ids, the id before which they were dropped ("" is the end)
    progressed = Signal(int)  # row whose progress changed; apart, since a row's height doesn't change by it
    rebuilt = Signal()

    def __init__(self, runs: RunsState) -> None:
        super().__init__()
        self._runs = runs
        self._entries: list[str] = []
        self._rows: dict[str, int] = {}
        self._changed: set[str] = set()
        self._pacer = Pacer(REBUILD_HZ, self)
        self._pacer.due.connect(self.rebuild)
        runs.reset.connect(self._pacer.request)
        runs.queueChanged.connect(self._pacer.request)
        runs.runAdded.connect(self._on_run)
        runs.runChanged.connect(self._on_run)
        runs.runsRemoved.connect(lambda _ids: self._pacer.request())
        runs.progressChanged.connect(self._on_progress)
        self.rebuild()

    # --- rows --------------------------------------------------------------------------------------------

    def run_at(self, row: int) -> RunRecord | None:
        if not 0 <= row < len(self._entries):
            return None
        return self._runs.run(self._entries[row])

    def row_of(self, run_id: str) -> int:
        return self._rows.get(run_id, -1)

    def count_of(self, heading: str) -> int:
        """How many runs stand under a heading."""
        start = self._rows.get(heading, -1)
        if start < 0:
            return 0
        later = [row for key, row in self._rows.items() if key in TITLES and row > start]
        return min(later, default=len(self._entries)) - start - 1

    def place_in_queue(self, run_id: str) -> int:
        """1 for the next one; 0 when it doesn't wait."""
        row, start = self.row_of(run_id), self._rows.get(WAITING, -1)
        run = self._runs.run(run_id)
        return row - start if run is not None and run.state == "queued" and 0 <= start < row else 0

    def progress_of(self, run: RunRecord) -> Any:
        return self._runs.progress(run.run_id)

    def standing(self, run: RunRecord) -> str:
        """Where a run stands in the op debugger, as a sentence; "" while it goes on."""
        return self._runs.standing(run.run_id)

    def rebuild(self) -> None:
        """Bring the rows in line with the runs, with as little change as can be."""
        self._pacer.stop()
        new = self._wanted()
        old, changed = self._entries, self._changed
        self._changed = set()
        if new == old:
            for row in sorted(self._rows[run_id] for run_id in changed if run_id in self._rows):
                self.dataChanged.emit(self.index(row), self.index(row))
        elif len(new) == len(old) and set(new) == set(old):
            self._reorder(new)
        else:
            self._replace_middle(new)
        self.rebuilt.emit()

    def _wanted(self) -> list[str]:
        known = self._runs.runs()
        active = sorted(
            (run for run in known if run.state in ACTIVE_STATES), key=lambda run: run.started or run.created
        )
        listed = set(self._runs.queue_order)
        waiting = [run.run_id for run in self._runs.queued() if run.state == "queued"]
        # new ones whose place the engine hasn't told yet
        late = [run for run in known if run.state == "queued" and run.run_id not in listed]
        waiting += [run.run_id for run in sorted(late, key=lambda run: (run.position, run.created))]
        ended = sorted(
            (run for run in known if run.state in FINAL_STATES),
            key=lambda run: run.finished or run.created,
            reverse=True,
        )
        new: list[str] = []
        for heading, ids in (
            (RUNNING, [run.run_id for run in active]),
            (WAITING, waiting),
            (ENDED, [run.run_id for run in ended[:MOST_ENDED]]),
        ):
            if ids:
                new += [heading, *ids]
        return new

    def _reorder(self, new: list[str]) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        keys = [self._entries[index.row()] for index in before]
        self._set(new)
        self.changePersistentIndexList(before, [self.index(self._rows[key]) for key in keys])
        self.layoutChanged.emit()

    def _replace_middle(self, new: list[str]) -> None:
        old = self._entries
        head = 0
        while head < min(len(old), len(new)) and old[head] == new[head]:
            head += 1
        tail = 0
        while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
            tail += 1
        if len(old) - tail > head:
            self.beginRemoveRows(QModelIndex(), head, len(old) - tail - 1)
            self._set(old[:head] + old[len(old) - tail :])
            self.endRemoveRows()
        if len(new) - tail > head:
            self.beginInsertRows(QModelIndex(), head, len(new) - tail - 1)
            self._set(new)
            self.endInsertRows()
        if new:  # counts in headings, places in the queue, states
            self.dataChanged.emit(self.index(0), self.index(len(new) - 1))

    def _set(self, entries: list[str]) -> None:
        self._entries = entries
        self._rows = {key: row for row, key in enumerate(entries)}

    def _on_run(self, run_id: str) -> None:
        self._changed.add(run_id)
        self._pacer.request()

    def _on_progress(self, run_id: str) -> None:
        row = self.row_of(run_id)
        if row >= 0:
            self.progressed.emit(row)

    # --- Qt's model --------------------------------------------------------------------------------------

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self._entries):
            return None
        key = self._entries[index.row()]
        if key in TITLES:
            if role == HEADING_ROLE:
                return TITLES[key], self.count_of(key)
            if role == Qt.ItemDataRole.DisplayRole:
                return TITLES[key]
            return None
        run = self._runs.run(key)
        if run is None:
            return None
        if role == RUN_ROLE:
            return run
        if role == Qt.ItemDataRole.DisplayRole:
            return run_title(run)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{run_title(run)}, {'stopped in the debugger' if self.standing(run) else run.state}"
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            return f"{run_title(run)}\n{self.state_line(run)}"
        return None

    def state_line(self, run: RunRecord) -> str:
        """One sentence on how the run stands: progress, place, or how it ended."""
        progress = self._runs.progress(run.run_id)
        if run.state in ("running", "paused") and (standing := self.standing(run)):
            return standing
        if run.state == "running" and progress is not None:
            return progress_text(progress)
        if run.state == "paused" and progress is not None:
            return f"Paused · {progress_text(progress)}"
        if run.state in ("failed", "interrupted") and run.error is not None:
            return run.error.message
        return run_summary(run)

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled  # between rows, never on one
        run = self.run_at(index.row())
        if run is None:
            return Qt.ItemFlag.ItemNeverHasChildren
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
        return flags | Qt.ItemFlag.ItemIsDragEnabled if run.state == "queued" else flags

    # --- drag --------------------------------------------------------------------------------------------

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        runs = [self.run_at(index.row()) for index in sorted(indexes, key=lambda index: index.row())]
        data = QMimeData()
        ids = [run.run_id for run in runs if run is not None and run.state == "queued"]
        data.setData(MIME, "\n".join(ids).encode())
        return data

    def canDropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: AnyIndex
    ) -> bool:
        start = self._rows.get(WAITING, -1)
        end = start + 1 + self.count_of(WAITING)
        return data.hasFormat(MIME) and start >= 0 and not parent.isValid() and start < row <= end

    def dropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: AnyIndex
    ) -> bool:
        if self.canDropMimeData(data, action, row, column, parent):
            ids = bytes(data.data(MIME).data()).decode().split("\n")
            below = self.run_at(row)
            before = below.run_id if below is not None and below.state == "queued" else ""
            self.dropped.emit(ids, before)
        return False  # the engine moves them, and its news moves the rows
