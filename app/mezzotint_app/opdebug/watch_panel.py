"""Expressions on tensors: their values at the stop, and their course over ops or steps as a plot."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QFontDatabase, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QSplitter,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.theme import FONT_SMALL, SPACING, theme_manager
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.look.widgets.field_error import FieldError
from mezzotint_app.look.widgets.segmented_choice import SegmentedChoice
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.opdebug.watch_plot import WatchPlot
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.debug_state import DebugState
from mezzotint_app.state.pacer import Pacer
from mezzotint_app.state.watch_series import Numbers

__all__ = ["WatchModel", "WatchPanel"]

ROW_PX = 22
EXPRESSION, VALUE = range(2)

AnyIndex = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole


class WatchModel(QAbstractTableModel):
    """Expressions and their newest values; an expression can be edited in place."""

    def __init__(self, debug: DebugState) -> None:
        super().__init__()
        self._debug = debug
        self._shown = debug.watches
        debug.watches_changed.connect(self.refresh)

    def refresh(self) -> None:
        if self._debug.watches != self._shown:
            self.beginResetModel()
            self._shown = self._debug.watches
            self.endResetModel()
        elif self._shown:
            self.dataChanged.emit(self.index(0, VALUE), self.index(len(self._shown) - 1, VALUE))

    def expression(self, row: int) -> str:
        return self._shown[row]

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else 2

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Role.DisplayRole:
            return ("Expression", "Value")[section]
        return None

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == EXPRESSION else flags

    def data(self, index: AnyIndex, role: int = Role.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self._shown):
            return None
        expression = self._shown[index.row()]
        value = self._debug.watch_courses.newest.get(expression)
        if index.column() == EXPRESSION:
            if role in (Role.DisplayRole, Role.EditRole, Role.ToolTipRole):
                return expression
            if role == Role.DecorationRole:  # the colour of its curve
                colors = theme_manager().theme.plot_colors
                return QColor(colors[index.row() % len(colors)])
            return None
        if role in (Role.DisplayRole, Role.ToolTipRole):
            return value.text if value is not None else "–" if role == Role.DisplayRole else None
        if role == Role.ForegroundRole and value is not None and value.failed:
            return theme_manager().theme.color("danger")
        if role == Role.AccessibleTextRole:
            return f"{expression}: {value.text if value is not None else 'no value yet'}"
        return None

    def setData(self, index: AnyIndex, value: Any, role: int = Role.EditRole) -> bool:
        if role != Role.EditRole or index.column() != EXPRESSION:
            return False
        watches = list(self._shown)
        watches[index.row()] = str(value)  # an empty one is left out, which removes it
        self._debug.set_watches(watches)
        return True


class WatchPanel(QWidget):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._debug = state.debug
        self.model = WatchModel(state.debug)
        self.model.setParent(self)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(FONT_SMALL)
        self.field = QLineEdit(self)
        self.field.setAccessibleName("Add a watch")
        self.field.setPlaceholderText("out.abs().max()")
        self.field.setToolTip("Python on out, outs, ins, a, b, …, step and phase; Enter adds it")
        self.field.setFont(font)
        self.field.returnPressed.connect(self.add)
        self._trace = state.trace
        self.plot = WatchPlot(state.debug, self._steps_of, self)
        self.axis = SegmentedChoice(
            "Plot over",
            [
                ("ops", "Ops", "", "Each value, over the ops"),
                ("steps", "Steps", "", "The last value of each step"),
            ],
            self,
        )
        self.axis.set_chosen("ops")
        self.axis.chosen.connect(lambda key: self.plot.show_over_steps(key == "steps"))
        self.remove = tool_button("delete", "Remove watch", "Del", parent=self)
        self.remove.clicked.connect(self.remove_selected)
        self.table = self._build_table()
        self.table.setFont(font)
        self.empty = EmptyState(
            "eye",
            "No watches",
            "Type an expression above, out.abs().max() for example: its values are shown and plotted.",
            parent=self,
        )
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.setChildrenCollapsible(False)
        split.addWidget(self.table)
        split.addWidget(self.plot)
        split.setStretchFactor(1, 1)
        split.setSizes([3 * ROW_PX + 30, 200])
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(split)
        tools = QHBoxLayout()
        tools.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        tools.setSpacing(SPACING // 2)
        tools.addWidget(self.field, 1)
        tools.addWidget(self.axis)
        tools.addWidget(self.remove)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self.error = FieldError(self.field, parent=self)
        self.field.textEdited.connect(lambda _text: self.error.show_problem(""))
        layout.addLayout(tools)
        layout.addWidget(self.error)
        layout.addWidget(self._pages, 1)
        self._pacer = Pacer(state.settings.values.repaint_hz, self)
        self._pacer.due.connect(self._redraw)
        debug = state.debug
        debug.watched.connect(self._pacer.request)
        state.trace.shown_grew.connect(lambda *_: self._on_trace())
        debug.watches_changed.connect(self._on_list)
        debug.armed_changed.connect(self._pacer.request)  # another run: its own curves
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._refresh())
        self._on_list()

    def _build_table(self) -> QTableView:
        table = QTableView(self)
        table.setModel(self.model)
        table.setAccessibleName("Watches")
        table.setFrameShape(QFrame.Shape.NoFrame)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setCornerButtonEnabled(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setMinimumHeight(3 * ROW_PX)
        rows = table.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(ROW_PX)
        rows.setDefaultSectionSize(ROW_PX)
        columns = table.horizontalHeader()
        columns.setHighlightSections(False)
        columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        columns.setSectionResizeMode(EXPRESSION, QHeaderView.ResizeMode.Stretch)
        columns.setSectionResizeMode(VALUE, QHeaderView.ResizeMode.Stretch)
        return table

    # --- what can be done ------------------------------------------------------------------------------

    def add(self) -> None:
        """Watch what is typed in the field."""
        text = self.field.text().strip()
        problem = _problem(text)
        self.error.show_problem(problem)
        if text and not problem:
            self.field.clear()
            self._debug.set_watches((*self._debug.watches, text))

    def remove_selected(self) -> None:
        rows = {index.row() for index in self.table.selectionModel().selectedRows()}
        if rows:
            kept = [text for row, text in enumerate(self._debug.watches) if row not in rows]
            self._debug.set_watches(kept)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete and self.table.hasFocus():
            self.remove_selected()
        else:
            super().keyPressEvent(event)

    # --- what shows ------------------------------------------------------------------------------------

    def _on_list(self) -> None:
        self._refresh()
        self._pacer.request()

    def _refresh(self) -> None:
        self._pages.setCurrentIndex(1 if self._debug.watches else 0)
        self.remove.setEnabled(self.table.selectionModel().hasSelection())

    def _on_trace(self) -> None:
        if self.plot.over_steps:  # which op is of which step stands in the trace
            self._pacer.request()

    def _steps_of(self, ops: Numbers) -> Numbers:
        """The step of each op, counted on from picture to picture; -1 for those outside of steps."""
        rows = self._trace.rows
        marks = [mark.image * mark.steps + mark.step if mark.step >= 0 else -1 for mark in self._trace.marks]
        steps = np.full(len(ops), -1.0)
        known = ops < len(rows)
        if marks:
            steps[known] = np.array(marks, np.float64)[rows["mark"][ops[known].astype(np.int64)]]
        return steps

    def _redraw(self) -> None:
        if self.isVisible():
            self.model.refresh()
            self.plot.refresh()
        else:
            self.plot.is_stale = True


def _problem(text: str) -> str:
    """Why this can't be watched, as far as it is seen without a run; the engine would refuse all for it."""
    expression, at, _place = text.rpartition(" @ ")
    try:
        compile((expression if at else text).strip() or "0", "watch", "eval")
    except (SyntaxError, ValueError) as error:
        return f"This is no Python expression: {getattr(error, 'msg', error)}."
    return ""
