"""The queue: what runs, what waits and what ended, with everything that can be done to it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QListView,
    QMenu,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.commands import tooltip
from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING, theme_manager
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.look.widgets.text_label import ElidedLabel
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.panels.command_button import command_button
from mezzotint_app.panels.queue_commands import CANCEL_ALL, PAUSE_QUEUE
from mezzotint_app.panels.queue_delegate import QueueDelegate
from mezzotint_app.panels.queue_model import ENDED, RUNNING, WAITING, QueueModel
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.pacer import Pacer
from mezzotint_app.state.queue_order import moves_for, shifted, with_moved
from mezzotint_sdk.records import ACTIVE_STATES, FINAL_STATES, RunRecord

__all__ = ["QueuePanel"]

PROGRESS_HZ = 8.0


class _QueueList(QListView):
    """Alt with an arrow moves runs, where Qt would only move the selection."""

    def __init__(self, panel: QueuePanel) -> None:
        super().__init__(panel)
        self._panel = panel

    def keyPressEvent(self, event: QKeyEvent) -> None:
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if alt and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._panel.shift_selected(-1 if event.key() == Qt.Key.Key_Up else 1)
            event.accept()
        elif event.matches(QKeySequence.StandardKey.Delete) or event.key() == Qt.Key.Key_Backspace:
            self._panel.remove_selected()
            event.accept()
        else:
            super().keyPressEvent(event)


class QueuePanel(QWidget):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._runs = state.runs
        self._selected: list[str] = []
        self._is_restoring = False
        self.model = QueueModel(state.runs)
        self.model.setParent(self)
        self.list = self._build_list()
        self.empty = EmptyState(
            "queue",
            "The queue is empty",
            "Press Generate, or drop a text file with a prompt on each line.",
            parent=self,
        )
        self.summary = ElidedLabel("", "small", self)
        self.pause_button = command_button(PAUSE_QUEUE, state, self)
        self.cancel_button = command_button(CANCEL_ALL, state, self)
        self.retry_button = tool_button("retry", "Run again", "", "Queue the selected runs once more", self)
        self.retry_button.clicked.connect(self.retry_selected)
        self.delete_button = tool_button(
            "delete", "Cancel or delete", "Delete", "Cancel what runs or waits, delete what ended", self
        )
        self.delete_button.clicked.connect(self.remove_selected)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.list)
        tools = QHBoxLayout()
        tools.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        tools.setSpacing(SPACING // 2)
        tools.addWidget(self.summary, 1)
        for button in (self.retry_button, self.delete_button, self.cancel_button, self.pause_button):
            tools.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(tools)
        layout.addWidget(self._stack, 1)

        self._pacer = Pacer(PROGRESS_HZ, self)
        self._pacer.due.connect(self._paint_progress)
        self._progressed: set[int] = set()
        self.model.progressed.connect(self._on_progress)
        self.model.rebuilt.connect(self._on_rebuilt)
        self.model.dropped.connect(self._on_dropped)
        self._runs.queueChanged.connect(self._refresh)
        self._runs.runChanged.connect(lambda _run_id: self._refresh())
        self._runs.currentChanged.connect(lambda _run_id: self._refresh())
        state.engine.changed.connect(self._refresh)
        theme_manager().changed.connect(self._on_theme)
        self._on_rebuilt()

    def _on_theme(self) -> None:
        self.list.viewport().update()

    def _build_list(self) -> QListView:
        view = _QueueList(self)
        view.setModel(self.model)
        view.setItemDelegate(QueueDelegate(self.model))
        view.setAccessibleName("Runs: active, waiting, ended")
        view.setFrameShape(QFrame.Shape.NoFrame)
        view.setMouseTracking(True)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setResizeMode(QListView.ResizeMode.Adjust)
        view.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        view.setDefaultDropAction(Qt.DropAction.MoveAction)
        view.setDropIndicatorShown(True)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._open_menu)
        view.selectionModel().selectionChanged.connect(lambda *_: self._on_selected())
        view.clicked.connect(lambda index: self._show_run(index.row()))
        view.activated.connect(lambda index: self._show_run(index.row()))
        return view

    # --- what is selected --------------------------------------------------------------------------------

    def selected_runs(self) -> list[RunRecord]:
        """The selected runs, from top to bottom."""
        rows = sorted(index.row() for index in self.list.selectionModel().selectedIndexes())
        return [run for run in map(self.model.run_at, rows) if run is not None]

    def select_runs(self, run_ids: list[str]) -> None:
        """Select these runs, and no other; the first becomes the current one."""
        selection = self.list.selectionModel()
        selection.clearSelection()
        rows = [row for row in map(self.model.row_of, run_ids) if row >= 0]
        for row in rows:
            selection.select(self.model.index(row), QItemSelectionModel.SelectionFlag.Select)
        if rows and self.list.currentIndex().row() not in rows:
            selection.setCurrentIndex(self.model.index(rows[0]), QItemSelectionModel.SelectionFlag.NoUpdate)

    def _on_selected(self) -> None:
        if not self._is_restoring:
            self._selected = [run.run_id for run in self.selected_runs()]
        self._refresh()

    def _show_run(self, row: int) -> None:
        run = self.model.run_at(row)
        if run is not None and not QGuiApplication.keyboardModifiers() & (
            Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        ):
            # the run that is followed anyway needs no picking: panels go on to the next one by themselves
            active = self._runs.active()
            self._runs.select("" if active and active[0].run_id == run.run_id else run.run_id)

    # --- what can be done --------------------------------------------------------------------------------

    def remove_selected(self) -> None:
        """Cancel what runs or waits, and delete what ended (which can be undone)."""
        runs = self.selected_runs()
        for run in runs:
            if run.state == "queued" or (run.state in ACTIVE_STATES and run.state != "stopping"):
                self._runs.cancel(run.run_id)
        self._runs.delete([run.run_id for run in runs if run.state in FINAL_STATES])

    def cancel_selected(self) -> None:
        for run in self.selected_runs():
            if run.state not in FINAL_STATES and run.state != "stopping":
                self._runs.cancel(run.run_id)

    def kill_selected(self) -> None:
        for run in self.selected_runs():
            if run.state in ACTIVE_STATES:
                self._runs.cancel(run.run_id, force=True)

    def delete_selected(self) -> None:
        self._runs.delete([run.run_id for run in self.selected_runs() if run.state in FINAL_STATES])

    def retry_selected(self) -> None:
        for run in self.selected_runs():
            self._runs.retry(run.run_id)

    def pause_selected(self) -> None:
        for run in self.selected_runs():
            if run.state == "running":
                self._runs.pause(run.run_id)

    def resume_selected(self) -> None:
        for run in self.selected_runs():
            if run.state == "paused":
                self._runs.resume(run.run_id)

    def shift_selected(self, by: int) -> None:
        """Move the selected runs that wait by one place."""
        ids = [run.run_id for run in self.selected_runs() if run.state == "queued"]
        self._bring_about(shifted(self._runs.queue_order, ids, by), ids)

    def move_selected_to(self, end: str) -> None:
        """Move the selected runs that wait to the "top" or to the "bottom"."""
        ids = [run.run_id for run in self.selected_runs() if run.state == "queued"]
        others = [run_id for run_id in self._runs.queue_order if run_id not in ids]
        before = others[0] if end == "top" and others else ""
        self._bring_about(with_moved(self._runs.queue_order, ids, before), ids)

    def _on_dropped(self, ids: list[str], before: str) -> None:
        self._bring_about(with_moved(self._runs.queue_order, ids, before), ids)

    def _bring_about(self, new_order: list[str], ids: list[str]) -> None:
        if new_order != self._runs.queue_order:
            for run_id, before in moves_for(new_order, ids):
                self._runs.move(run_id, before)

    def use_settings(self) -> None:
        """Put the settings of the selected run into the form."""
        runs = self.selected_runs()
        if runs:
            self._state.gallery.find_run(runs[0].run_id, self._take_settings)

    def _take_settings(self, run: RunRecord) -> None:
        note = self._state.generate.apply_spec(run.spec)
        sentence = f"The form has the settings of this run now. {note}".strip()
        self._state.notices.show("warning" if note else "info", sentence)

    # --- what shows --------------------------------------------------------------------------------------

    def _on_progress(self, row: int) -> None:
        self._progressed.add(row)
        self._pacer.request()

    def _paint_progress(self) -> None:
        rows, self._progressed = self._progressed, set()
        for row in rows:
            self.list.update(self.model.index(row))

    def _on_rebuilt(self) -> None:
        if [run.run_id for run in self.selected_runs()] != self._selected:
            self._is_restoring = True
            self.select_runs(self._selected)
            self._is_restoring = False
            self._selected = [run_id for run_id in self._selected if self.model.row_of(run_id) >= 0]
        self._stack.setCurrentWidget(self.list if self.model.rowCount() else self.empty)
        self._refresh()

    def _refresh(self) -> None:
        paused = self._runs.queue_paused
        running, waiting = self.model.count_of(RUNNING), self.model.count_of(WAITING)
        held = sum(run.state == "paused" for run in self._runs.active())
        parts = [f"{running - held:,} running" if running > held else ""]
        parts.append(f"{held:,} paused" if held else "")
        parts.append(f"{waiting:,} waiting" if waiting else "")
        if not running and not waiting:
            parts.append("Nothing waits" if self.model.count_of(ENDED) else "")
        # the list's headings say how many, and a narrow panel has no room for both
        self.summary.setText("Queue paused" if paused else " · ".join(part for part in parts if part))
        title = "Resume queue" if paused else "Pause queue"
        self.pause_button.setIcon(icon("play" if paused else "pause"))
        self.pause_button.setAccessibleName(title)
        self.pause_button.setToolTip(tooltip(title, PAUSE_QUEUE.shortcut, PAUSE_QUEUE.help))
        self.pause_button.setEnabled(PAUSE_QUEUE.enabled(self._state))
        self.cancel_button.setEnabled(bool(running or waiting))
        some = self.list.selectionModel().hasSelection()
        self.retry_button.setEnabled(some)
        self.delete_button.setEnabled(some)

    def _open_menu(self, place: QPoint) -> None:
        menu = self.build_menu()
        if menu is not None:
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.list.viewport().mapToGlobal(place))

    def build_menu(self) -> QMenu | None:
        """The context menu for what is selected now; None when that is nothing."""
        runs = self.selected_runs()
        if not runs:
            return None
        states = {run.state for run in runs}
        menu = QMenu(self)

        def add(icon_name: str, title: str, keys: str, does: Callable[[], None], shown: bool = True) -> None:
            if shown:
                action = QAction(icon(icon_name), title, menu)
                if keys:
                    action.setShortcut(QKeySequence(keys))
                    action.setShortcutContext(
                        Qt.ShortcutContext.WidgetShortcut
                    )  # shown here, handled by the list
                action.triggered.connect(lambda: does())
                menu.addAction(action)

        add("pause", "Pause", "", self.pause_selected, "running" in states)
        add("play", "Resume", "", self.resume_selected, "paused" in states)
        is_open = bool(states & (ACTIVE_STATES | {"queued"}) - {"stopping"})
        add("cancel", "Cancel", "Del", self.cancel_selected, is_open)
        add("kill", "Kill worker now", "", self.kill_selected, "stopping" in states)
        if not menu.isEmpty():
            menu.addSeparator()
        if "queued" in states:
            add("arrow-up", "Move up", "Alt+Up", lambda: self.shift_selected(-1))
            add("arrow-down", "Move down", "Alt+Down", lambda: self.shift_selected(1))
            add("arrow-up", "Move to the top", "", lambda: self.move_selected_to("top"))
            add("arrow-down", "Move to the bottom", "", lambda: self.move_selected_to("bottom"))
            menu.addSeparator()
        failed = bool(states & {"failed", "interrupted", "cancelled"})
        add("retry", "Retry" if failed else "Duplicate", "", self.retry_selected)
        add("sliders", "Use these settings", "", self.use_settings, len(runs) == 1)
        copyable = [run.error for run in runs if run.error is not None]
        add(
            "copy",
            "Copy error",
            "",
            lambda: QGuiApplication.clipboard().setText(
                "\n\n".join(f"{error.message}\n{error.detail}".strip() for error in copyable)
            ),
            bool(copyable),
        )
        add("delete", "Delete", "Del", self.delete_selected, bool(states & FINAL_STATES))
        return menu
