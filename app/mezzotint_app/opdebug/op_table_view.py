"""The table of ops: rows of one height, so that a million of them scroll like ten."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from mezzotint_app.opdebug.op_columns import COLUMNS, STATISTICS
from mezzotint_app.opdebug.op_table_delegate import ROW_PX, OpTableDelegate
from mezzotint_app.opdebug.op_table_model import OpTableModel
from mezzotint_app.state.trace_state import TraceState
from mezzotint_sdk.trace_records import OpFlags

__all__ = ["OpTableView"]

LEAST_MODULE_PX = 90
MOST_COPIED = 10_000
NAMES = {column.key: place for place, column in enumerate(COLUMNS)}


class OpTableView(QTableView):
    """Tells which op the user chose with mouse or keyboard; `select_op` leads to one without telling."""

    chosen = Signal(int)  # op number
    opened = Signal(int)  # … by a double click or Return

    def __init__(self, trace: TraceState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trace = trace
        self._selected = -1
        self._is_leading = False
        self.table = OpTableModel(trace)
        self.table.setParent(self)
        self.cells = OpTableDelegate(self.table, trace)
        self.setModel(self.table)
        self.setItemDelegate(self.cells)
        self.setAccessibleName("Ops of the run")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._set_headers()
        self.selectionModel().currentRowChanged.connect(self._on_current)
        self.doubleClicked.connect(lambda index: self.opened.emit(self._trace.op_at(index.row())))
        self.table.modelReset.connect(self._on_reset)
        self.hide_empty_columns()

    def _set_headers(self) -> None:
        rows = self.verticalHeader()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(ROW_PX)
        rows.setDefaultSectionSize(ROW_PX)
        rows.hide()
        columns = self.horizontalHeader()
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        columns.setSectionsMovable(True)
        columns.setHighlightSections(False)
        columns.setSectionsClickable(True)
        columns.sectionClicked.connect(self._on_sort)
        for place, column in enumerate(COLUMNS):
            columns.resizeSection(place, column.width_px)

        self._is_fitting = False
        self._was_dragged = False
        columns.sectionResized.connect(self._on_resized)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_modules()

    def _on_resized(self, _section: int, old: int, new: int) -> None:
        is_by_hand = old > 0 and new > 0 and not self._is_fitting  # a column that is hidden has no width
        self._was_dragged = self._was_dragged or is_by_hand

    def _fit_modules(self) -> None:
        """Where there is little room the paths of modules are shortened until the times are in view; not
        after the user has dragged a column."""
        if self._was_dragged:
            return
        module = NAMES["module"]
        others = sum(
            self.columnWidth(place) for place in range(NAMES["time"] + 1) if place != module
        )  # a hidden column has no width
        room = self.viewport().width() - others
        self._is_fitting = True
        self.setColumnWidth(module, min(COLUMNS[module].width_px, max(LEAST_MODULE_PX, room)))
        self._is_fitting = False

    # --- columns -----------------------------------------------------------------------------------------

    def hide_empty_columns(self) -> None:
        """Statistics and kernels take room only in traces that have them."""
        rows = self._trace.rows
        sample = rows[:: max(1, len(rows) // 50_000)]
        has_statistics = bool((sample["flags"] & int(OpFlags.STATISTICS)).any()) if len(rows) else False
        for key in STATISTICS:
            self.setColumnHidden(NAMES[key], not has_statistics)
        self.setColumnHidden(NAMES["kernel"], not any(site.kernel for site in self._trace.sites))

    def _on_sort(self, section: int) -> None:
        """First click: largest number or first text on top; then the other way round; then as they ran."""
        column, trace = COLUMNS[section], self._trace
        falls_first = column.is_number and column.key != "number"
        if trace.sort_key != column.key:
            trace.sort_by(column.key, falls_first or column.key == "number")
        elif trace.sort_descending == falls_first:
            trace.sort_by(column.key, not falls_first)
        else:
            trace.sort_by("")
        self.horizontalHeader().viewport().update()

    # --- which op ----------------------------------------------------------------------------------------

    def select_op(self, op_number: int) -> bool:
        """Select an op and bring it into view; False where it isn't among the shown ones."""
        self._selected = op_number
        row = self._trace.row_of(op_number)
        if row < 0 or row >= self.table.rowCount():
            self._is_leading = True
            self.clearSelection()
            self._is_leading = False
            return False
        if row == self.currentIndex().row() and self.selectionModel().isRowSelected(row, QModelIndex()):
            return True
        self._is_leading = True
        index = self.table.index(row, max(0, self.currentIndex().column()))
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().setCurrentIndex(index, flags)
        self._is_leading = False
        self.bring_into_view(row)
        return True

    def bring_into_view(self, row: int) -> None:
        """With a few rows around it; a row in view stays where it is."""
        first = self.rowAt(0)
        last = self.rowAt(self.viewport().height() - 1)
        if not first <= row or (last >= 0 and row >= last):
            hint = QAbstractItemView.ScrollHint.PositionAtCenter
            left = self.horizontalScrollBar().value()
            self.scrollTo(self.table.index(row, 0), hint)
            self.horizontalScrollBar().setValue(left)

    def set_stop(self, op_number: int) -> None:
        """Mark the op at which the run stands; -1 for none."""
        if op_number != self.cells.current:
            self.cells.current = op_number
            self.viewport().update()

    def set_heat(self, heat: str) -> None:
        self.cells.heat = heat
        self.viewport().update()

    def selected_rows(self) -> list[int]:
        """Rows of the selection from top to bottom, the first 10,000 of them."""
        rows: list[int] = []
        for area in self.selectionModel().selection():  # type: ignore[attr-defined]  # it can, the stub can't
            rows.extend(range(area.top(), min(area.bottom() + 1, area.top() + MOST_COPIED)))
        return sorted(rows)[:MOST_COPIED]

    def copy_selected(self) -> None:
        """The selected rows as text, with tabs between the columns."""
        if rows := self.selected_rows():
            QGuiApplication.clipboard().setText(self.table.copied(rows))

    def _on_current(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid() and not self._is_leading:
            self._selected = self._trace.op_at(current.row())
            self.chosen.emit(self._selected)

    def _on_reset(self) -> None:
        """What was selected is selected again, wherever it went."""
        if self._selected >= 0:
            self.select_op(self._selected)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_selected()
            event.accept()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self._trace.op_at(self.currentIndex().row()))
            event.accept()
        else:
            super().keyPressEvent(event)
