"""The ops of a trace as a table. It holds only the number of rows: cells are read when they are seen."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from mezzotint_app.opdebug.op_columns import COLUMNS, OpTexts
from mezzotint_app.state.trace_state import TraceState

__all__ = ["OP_ROLE", "OpTableModel"]

OP_ROLE = Qt.ItemDataRole.UserRole  # number of the op

AnyIndex = QModelIndex | QPersistentModelIndex


class OpTableModel(QAbstractTableModel):
    """Rows are what `TraceState` shows of its trace, in its order."""

    def __init__(self, trace: TraceState) -> None:
        super().__init__()
        self._trace = trace
        self._count = trace.shown_count
        self.texts = OpTexts(trace.sites, trace.marks)
        trace.shown_changed.connect(self._reset)
        trace.shown_grew.connect(self._grow)

    def _reset(self) -> None:
        self.beginResetModel()
        self._count = self._trace.shown_count
        self.texts = OpTexts(self._trace.sites, self._trace.marks)
        self.endResetModel()

    def _grow(self, first: int, last: int) -> None:
        self.beginInsertRows(QModelIndex(), first, last)
        self._count = last + 1
        self.endInsertRows()

    # --- what Qt asks ------------------------------------------------------------------------------------

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        column = COLUMNS[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.title + self._arrow(column.key)
            case Qt.ItemDataRole.ToolTipRole:
                return column.help
            case Qt.ItemDataRole.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def _arrow(self, key: str) -> str:
        """Which way it is sorted; Qt's own arrow lies on top of a title that stands at the right."""
        if key != self._trace.sort_key:
            return ""
        return " ↓" if self._trace.sort_descending else " ↑"

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """For screen readers, tooltips and copying; the delegate reads cells without this detour."""
        if not index.isValid():
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self.cell(index.row(), index.column())
            case Qt.ItemDataRole.ToolTipRole:
                number = self._trace.op_at(index.row())
                told = self.texts.tooltip(self._trace.rows[number], number)
                note = self._trace.notes.get(number, "")
                return f"{told}\n{note}" if note else told
            case _ if role == OP_ROLE:
                return self._trace.op_at(index.row())
        return None

    # --- what the delegate asks --------------------------------------------------------------------------

    def cell(self, row: int, column: int) -> str:
        number = self._trace.op_at(row)
        return self.texts.cell(self._trace.rows[number], number, COLUMNS[column].key)

    def copied(self, rows: list[int]) -> str:
        """These rows as a table with tabs, for a spreadsheet."""
        lines = ["\t".join(column.key for column in COLUMNS)]
        lines += ["\t".join(self.cell(row, column) for column in range(len(COLUMNS))) for row in rows]
        return "\n".join(lines)
