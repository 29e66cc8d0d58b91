"""The list of breakpoints: add one with a line, edit all conditions in a dialog, enable, remove."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.opdebug.breakpoint_dialog import BreakpointDialog
from mezzotint_app.opdebug.breakpoint_guess import guess_breakpoint
from mezzotint_app.opdebug.breakpoints_model import HITS, HOW, WHERE, BreakpointsModel
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk.debug_records import Breakpoint

__all__ = ["BreakpointsPanel"]

ROW_PX = 24
MOST_PX = 400  # of a column; where it stops gets what the others leave


class BreakpointsPanel(QWidget):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._debug = state.debug
        self._points = state.debug.breakpoint_list
        self.model = BreakpointsModel(state.debug)
        self.model.setParent(self)
        self.quick = QLineEdit(self)
        self.quick.setAccessibleName("Add a breakpoint")
        self.quick.setPlaceholderText("aten.mm*, unet.mid_block.*, file.py:120, nan, …")
        self.quick.setToolTip("Enter adds it; while no run stands at a stop, the form opens to look it over")
        self.quick.setClearButtonEnabled(True)
        self.quick.returnPressed.connect(self._on_quick)
        self.add = tool_button("add", "Add breakpoint…", help="With all its conditions", parent=self)
        self.edit = tool_button("sliders", "Edit breakpoint…", "Return", parent=self)
        self.remove = tool_button("delete", "Remove breakpoint", "Del", parent=self)
        self.all = tool_button("eye", "Enable or disable all", parent=self)
        self.table = self._build_table()
        self.empty = EmptyState(
            "breakpoint",
            "No breakpoints",
            "Press F9 on an op, a module or a source line, or type one above.",
            "Add breakpoint…",
            self.add_new,
            parent=self,
        )
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.table)
        tools = QHBoxLayout()
        tools.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        tools.setSpacing(SPACING // 2)
        tools.addWidget(self.quick, 1)
        for button in (self.add, self.edit, self.remove, self.all):
            tools.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(tools)
        layout.addWidget(self._pages, 1)
        self.add.clicked.connect(self.add_new)
        self.edit.clicked.connect(self.edit_selected)
        self.remove.clicked.connect(self.remove_selected)
        self.all.clicked.connect(self.toggle_all)
        self.model.modelReset.connect(self._refresh)
        self.model.dataChanged.connect(lambda *_: self._refresh())
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._refresh())
        self._refresh()

    def _build_table(self) -> QTableView:
        table = QTableView(self)
        table.setModel(self.model)
        table.setAccessibleName("Breakpoints")
        table.setFrameShape(QFrame.Shape.NoFrame)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setCornerButtonEnabled(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._open_menu)
        table.doubleClicked.connect(lambda _index: self.edit_selected())
        rows = table.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW_PX)
        columns = table.horizontalHeader()
        columns.setHighlightSections(False)
        columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        columns.setSectionResizeMode(WHERE, QHeaderView.ResizeMode.Stretch)
        columns.setSectionResizeMode(HITS, QHeaderView.ResizeMode.ResizeToContents)
        columns.setMinimumSectionSize(40)
        columns.setSectionResizeMode(HOW, QHeaderView.ResizeMode.ResizeToContents)
        columns.setMaximumSectionSize(MOST_PX)
        return table

    # --- what can be done ------------------------------------------------------------------------------

    def selected(self) -> list[Breakpoint]:
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [one for row in rows if (one := self.model.at(row)) is not None]

    def add_new(self) -> None:
        self.open_dialog(Breakpoint(breakpoint_id=0))

    def open_dialog(self, given: Breakpoint) -> BreakpointDialog:
        dialog = BreakpointDialog(self._points, given, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
        return dialog

    def edit_selected(self) -> None:
        if found := self.selected():
            self.open_dialog(found[0])

    def remove_selected(self) -> None:
        """Without a question: it can be taken back."""
        found = self.selected()
        if not found:
            return
        self._points.remove([one.breakpoint_id for one in found])
        what = "The breakpoint was removed." if len(found) == 1 else f"{len(found)} breakpoints were removed."
        self._state.notices.show_undoable(what, lambda: self._points.bring_back(found))

    def toggle_all(self) -> None:
        """Disable all if one is enabled, else enable all."""
        is_on = any(one.enabled for one in self._points.all)
        self._points.enable([one.breakpoint_id for one in self._points.all], not is_on)

    def toggle_selected(self) -> None:
        found = self.selected()
        if found:
            is_on = any(one.enabled for one in found)
            self._points.enable([one.breakpoint_id for one in found], not is_on)

    def _on_quick(self) -> None:
        text = self.quick.text().strip()
        if not text:
            self.add_new()
        elif self._debug.is_stopped:
            # the console's own `b` reads it, so that both understand the same; what it says stands there
            before = self._debug.breakpoints
            self._debug.console.say(f"b {text}", lambda: self._after_quick(before))
        else:
            dialog = self.open_dialog(guess_breakpoint(text))
            dialog.accepted.connect(self.quick.clear)

    def _after_quick(self, before: tuple[Breakpoint, ...]) -> None:
        answer = self._debug.console.lines[-1]
        if self._debug.breakpoints != before or answer.kind == "said":
            self.quick.clear()
        elif answer.kind == "error" or answer.text.startswith("***"):
            self._state.notices.show("warning", answer.text.removeprefix("***").strip())
        else:
            self.quick.clear()

    # --- what shows ------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        self.table.setColumnHidden(HOW, not self.model.has_manners)
        self._pages.setCurrentWidget(self.table if self.model.rowCount() else self.empty)
        some = bool(self.selected())
        self.edit.setEnabled(some)
        self.remove.setEnabled(some)
        is_on = any(one.enabled for one in self._points.all)
        self.all.setEnabled(bool(self._points.all))
        self.all.setIcon(icon("eye-off" if is_on else "eye"))
        title = "Disable all breakpoints" if is_on else "Enable all breakpoints"
        self.all.setToolTip(title)
        self.all.setAccessibleName(title)

    def build_menu(self) -> QMenu | None:
        """For what is selected; None when that is nothing."""
        found = self.selected()
        if not found:
            return None
        menu = QMenu(self)
        menu.addAction(icon("sliders"), "Edit…", self.edit_selected)
        menu.addAction(icon("duplicate"), "Duplicate…", lambda: self.open_dialog(_copy_of(found[0])))
        is_on = any(one.enabled for one in found)
        menu.addAction(
            icon("eye-off" if is_on else "eye"), "Disable" if is_on else "Enable", self.toggle_selected
        )
        if found[0].file and found[0].line:
            menu.addAction(
                icon("document"),
                "Show source line",
                lambda: self._state.trace.source_wanted.emit(found[0].file, found[0].line),
            )
        menu.addSeparator()
        menu.addAction(icon("delete"), "Remove", self.remove_selected)
        return menu

    def _open_menu(self, place: QPoint) -> None:
        menu = self.build_menu()
        if menu is not None:
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.table.viewport().mapToGlobal(place))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.table.hasFocus():
            super().keyPressEvent(event)
        elif event.key() == Qt.Key.Key_Delete:
            self.remove_selected()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.edit_selected()
        elif event.key() == Qt.Key.Key_Space:
            self.toggle_selected()
        else:
            super().keyPressEvent(event)


def _copy_of(one: Breakpoint) -> Breakpoint:
    return msgspec.structs.replace(one, breakpoint_id=0, hits=0)
