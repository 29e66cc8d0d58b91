"""Hot lines: the lines of Python that called ops, those that took longest first."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from mezzotint_app.look.theme import theme_manager
from mezzotint_app.opdebug.module_tree_model import SHARE_ROLE
from mezzotint_app.opdebug.op_columns import count_text, memory_text, time_text
from mezzotint_app.opdebug.op_table_delegate import ROW_PX
from mezzotint_app.opdebug.share_delegate import ShareDelegate
from mezzotint_app.plots.measures import format_value
from mezzotint_sdk.trace_totals import LineTotal

__all__ = ["LineTotalsModel", "LineTotalsView"]

AnyIndex = QModelIndex | QPersistentModelIndex

# key, title, width, help
COLUMNS = (
    ("line", "Line", 230, "The line of Python that called the ops; in backward that of the forward"),
    ("function", "Function", 140, "The function that the line is in"),
    ("ops", "Ops", 64, "Ops shown that it called"),
    ("time_us", "Time", 90, "Their time"),
    ("share", "Share", 60, "Of the time of all ops shown"),
    ("flops", "FLOPs", 72, "Floating point operations"),
    ("nbytes", "Bytes", 78, "Bytes of inputs and outputs"),
    ("memory_delta", "Memory", 78, "Memory newly allocated"),
)


class LineTotalsModel(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self._lines: list[LineTotal] = []
        self._whole_us = 0.0
        self._key, self._descending = "time_us", True

    def set_lines(self, lines: list[LineTotal]) -> None:
        self.beginResetModel()
        self._lines = lines
        self._whole_us = sum(line.time_us for line in lines)
        self._order()
        self.endResetModel()

    def _order(self) -> None:
        if self._key == "line":
            self._lines.sort(key=lambda line: (line.file, line.line), reverse=self._descending)
        else:
            key = "time_us" if self._key == "share" else self._key
            self._lines.sort(key=lambda line: getattr(line, key), reverse=self._descending)

    def sort_by(self, column: int) -> None:
        """By a column; a second time the other way round."""
        key = COLUMNS[column][0]
        self._descending = not self._descending if key == self._key else column > 1
        self._key = key
        self.beginResetModel()
        self._order()
        self.endResetModel()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS) - 1)

    def line_at(self, row: int) -> LineTotal | None:
        return self._lines[row] if 0 <= row < len(self._lines) else None

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                arrow = (" ↓" if self._descending else " ↑") if COLUMNS[section][0] == self._key else ""
                return COLUMNS[section][1] + arrow
            case Qt.ItemDataRole.ToolTipRole:
                return COLUMNS[section][3]
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(section)
        return None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line = self.line_at(index.row())
        if line is None:
            return None
        key = COLUMNS[index.column()][0]
        share = line.time_us / self._whole_us if self._whole_us else 0.0
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _text(line, key, share)
            case Qt.ItemDataRole.ToolTipRole:
                return (
                    f"{line.file}:{line.line}"
                    if line.file
                    else "Ops that no line of Python could be named for"
                )
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(index.column())
            case Qt.ItemDataRole.ForegroundRole if key not in ("line", "time_us"):
                return theme_manager().theme.color("muted")
            case _ if role == SHARE_ROLE:
                return share if key == "time_us" else None
        return None


def _side(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column < 2 else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter


def _text(line: LineTotal, key: str, share: float) -> str:
    match key:
        case "line":
            return f"{PurePath(line.file).name}:{line.line}" if line.file else "(no line known)"
        case "function":
            return line.function
        case "ops":
            return f"{line.ops:,}"
        case "time_us":
            return time_text(line.time_us)
        case "share":
            return f"{100 * share:.1f} %"
        case "flops":
            return count_text(line.flops) if line.flops else ""
        case "nbytes":
            return format_value(line.nbytes, "bytes") if line.nbytes else ""
        case _:
            return memory_text(int(line.memory_delta))


class LineTotalsView(QTableView):
    opened = Signal(str, int)  # file and line, by a double click or Return

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines = LineTotalsModel()
        self.lines.setParent(self)
        self.setModel(self.lines)
        self.setItemDelegate(ShareDelegate(self))
        self.setAccessibleName("Totals by source line")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW_PX)
        rows.hide()
        columns.setHighlightSections(False)
        for place, column in enumerate(COLUMNS):
            columns.resizeSection(place, column[2])
        columns.setSectionsClickable(True)
        columns.sectionClicked.connect(self.lines.sort_by)
        self.doubleClicked.connect(lambda index: self._open(index.row()))

    def selected(self) -> LineTotal | None:
        index = self.currentIndex()
        return self.lines.line_at(index.row()) if index.isValid() else None

    def _open(self, row: int) -> None:
        line = self.lines.line_at(row)
        if line is not None and line.file:
            self.opened.emit(line.file, line.line)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._open(self.currentIndex().row())
            event.accept()
        else:
            super().keyPressEvent(event)
