"""A slice of a tensor as a table of numbers: only the pages that are in view are ever asked for."""

from __future__ import annotations

import math

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from mezzotint_app.look.theme import theme_manager
from mezzotint_app.state.number_pages import PAGE
from mezzotint_app.state.tensor_view_state import TensorViewState

__all__ = ["MOST_COLUMNS", "MOST_ROWS", "NumbersModel", "cell_text"]

# Qt keeps some bytes for each row and column of a table, seen or not.
MOST_ROWS = 1_000_000
MOST_COLUMNS = 100_000
WAITING = "…"
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter

Index = QModelIndex | QPersistentModelIndex


def cell_text(value: float | int) -> str:
    """A number in a cell: whole ones as they are, others to six digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


class NumbersModel(QAbstractTableModel):
    """Follows the pages of a `TensorViewState`.

    Rows are all leading dimensions of the slice, columns its last.
    """

    def __init__(self, view: TensorViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._size = (0, 0)
        self._seen: list[tuple[int, int]] = []
        # Qt asks for values while it paints, where nothing may change: wishes are told right after
        self._teller = QTimer(self)
        self._teller.setSingleShot(True)
        self._teller.timeout.connect(self._tell)
        view.lookChanged.connect(self.refresh)
        view.pageArrived.connect(self._on_page)
        theme_manager().changed.connect(self._repaint)  # a method: Qt lets go of it with the model
        self.refresh()

    def refresh(self) -> None:
        pages = self._view.pages
        size = (min(pages.rows, MOST_ROWS), min(pages.columns, MOST_COLUMNS))
        if size != self._size:
            self.beginResetModel()
            self._size = size
            self.endResetModel()
        self._touch(0, 0, *size)

    @property
    def cut(self) -> str:
        """What can't be scrolled to, as a sentence; "" when all can."""
        pages = self._view.pages
        if pages.rows > MOST_ROWS:
            return (
                f"Rows 0 to {MOST_ROWS - 1:,} of {pages.rows:,}; pick others with the index, "
                f"like {MOST_ROWS}:{2 * MOST_ROWS}."
            )
        if pages.columns > MOST_COLUMNS:
            return (
                f"Columns 0 to {MOST_COLUMNS - 1:,} of {pages.columns:,}; pick others with the index, "
                f"like ..., {MOST_COLUMNS}:{2 * MOST_COLUMNS}."
            )
        return ""

    def _repaint(self) -> None:
        self._touch(0, 0, *self._size)

    def _on_page(self, row: int, column: int) -> None:
        self._touch(row, column, row + PAGE, column + PAGE)

    def _touch(self, row: int, column: int, end_row: int, end_column: int) -> None:
        end_row, end_column = min(end_row, self._size[0]), min(end_column, self._size[1])
        if row < end_row and column < end_column:
            self.dataChanged.emit(self.index(row, column), self.index(end_row - 1, end_column - 1))

    def _tell(self) -> None:
        seen, self._seen = self._seen, []
        for row, column in seen:
            self._view.want_cell(row, column)

    def _want(self, row: int, column: int) -> None:
        corner = (row - row % PAGE, column - column % PAGE)
        if corner not in self._seen:
            self._seen.append(corner)
            if not self._teller.isActive():
                self._teller.start(0)

    # --- as Qt asks --------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else self._size[0]

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else self._size[1]

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if role == Qt.ItemDataRole.DisplayRole:
            return self.row_name(section) if orientation == Qt.Orientation.Vertical else str(section)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT
        return None

    def row_name(self, row: int) -> str:
        """Where a row lies in the slice: its number, or an index where more than one dimension leads."""
        look = self._view.look
        leading = look.slice_shape[:-1] if look is not None else ()
        if len(leading) < 2 or math.prod(leading) <= row:
            return str(row)
        places = []
        for size in reversed(leading):
            row, place = divmod(row, size)
            places.append(str(place))
        return ", ".join(reversed(places))

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT
        if role not in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
            Qt.ItemDataRole.ForegroundRole,
        ):
            return None
        row, column = index.row(), index.column()
        value = self._view.pages.value(row, column)
        if role == Qt.ItemDataRole.DisplayRole:
            if value is None:
                self._want(row, column)
                return WAITING
            return cell_text(value)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"[{self.row_name(row)}, {column}] = {value!r}" if value is not None else None
        theme = theme_manager().theme
        if value is None or value == 0:
            return QColor(theme.muted)
        return QColor(theme.text if math.isfinite(value) else theme.danger)
