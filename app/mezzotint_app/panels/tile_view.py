"""A view of equal tiles: the place of each is arithmetic, so that 100,000 cost what is in view.

It is a QListView only by name: for screen readers it is a list, and selection, keyboard and drag are Qt's.
Its layout is not used, since that walks all rows: with 100,000 of them it took 60 to 120 ms at each new
picture and each resize.
"""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from mezzotint_app.look.theme import SPACING

__all__ = ["PADDING", "TileView"]

PADDING = SPACING // 2  # around what a tile shows

AnyIndex = QModelIndex | QPersistentModelIndex


class TileView(QListView):
    """Tiles of about `edge` logical pixels that fill the width. Painting is left to who derives from it."""

    opened = Signal(int)  # row that was double-clicked or entered
    moved = Signal()  # other rows may be in view: scrolled, or another size
    viewChanged = Signal()  # moved, or what is in view looks different

    def __init__(self, model: QAbstractListModel, edge: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._edge = edge
        self._rows = model  # first of all: setting anything below already asks for the layout
        self._top_row = 0
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setProperty("role", "strip")  # the scroll bar stands on the panel's colour, as the tiles do
        self.setMinimumSize(edge + 40, edge + 2 * PADDING)
        model.setParent(self)
        self.setModel(model)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))

    # --- sizes -----------------------------------------------------------------------------------------

    @property
    def edge(self) -> int:
        return self._edge

    def set_edge(self, edge: int) -> None:
        """The size of tiles in logical pixels. The picture that is on top stays there."""
        if edge != self._edge:
            top, _ = self.visible_rows()
            self._edge = edge
            self.setMinimumWidth(edge + 40)
            self.updateGeometries()
            self.verticalScrollBar().setValue(top // self._columns() * self._cell())
            self.viewport().update()
            self.moved.emit()

    def _columns(self) -> int:
        return max(1, round(self.viewport().width() / (self._edge + 2 * PADDING)))

    def _cell(self) -> int:
        """Height of a line: tiles are squares that fill the width, so they are a little larger or smaller."""
        return max(self._edge // 2, self.viewport().width() // self._columns())

    def _count(self) -> int:
        return self._rows.rowCount()

    def _tile(self, row: int) -> QRect:
        columns, cell = self._columns(), self._cell()
        line, column = divmod(row, columns)
        width = self.viewport().width()
        left = column * width // columns  # what is left over is spread between the columns
        right = (column + 1) * width // columns
        return QRect(left, line * cell - self.verticalOffset(), right - left, cell)

    def visible_rows(self) -> tuple[int, int]:
        """First and last row in view; last < first when there is none."""
        cell, columns = self._cell(), self._columns()
        top = self.verticalOffset()
        first = top // cell * columns
        last = ((top + max(1, self.viewport().height()) - 1) // cell + 1) * columns - 1
        return first, min(last, self._count() - 1)

    # --- what QAbstractItemView asks -------------------------------------------------------------------

    def visualRect(self, index: AnyIndex) -> QRect:
        return self._tile(index.row()) if index.isValid() else QRect()

    def indexAt(self, point: QPoint) -> QModelIndex:
        columns = self._columns()
        width = self.viewport().width()
        if not 0 <= point.x() < width:
            return QModelIndex()
        line = (point.y() + self.verticalOffset()) // self._cell()
        column = min(columns - 1, ((point.x() + 1) * columns - 1) // width)
        row = line * columns + column
        return self._rows.index(row) if 0 <= row < self._count() else QModelIndex()

    def scrollTo(
        self, index: AnyIndex, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        if not index.isValid():
            return
        tile, room, bar = self._tile(index.row()), self.viewport().height(), self.verticalScrollBar()
        centre = hint == QAbstractItemView.ScrollHint.PositionAtCenter
        if centre:
            bar.setValue(bar.value() + tile.center().y() - room // 2)
        elif tile.top() < 0 or hint == QAbstractItemView.ScrollHint.PositionAtTop:
            bar.setValue(bar.value() + tile.top())
        elif tile.bottom() >= room:
            bar.setValue(bar.value() + tile.bottom() - room + 1)

    def moveCursor(
        self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier
    ) -> QModelIndex:
        count = self._count()
        if not count:
            return QModelIndex()
        now = self.currentIndex().row()
        if now < 0:
            return self._rows.index(max(0, self.visible_rows()[0]))
        columns = self._columns()
        page = max(1, self.viewport().height() // self._cell()) * columns
        move = QAbstractItemView.CursorAction
        steps = {
            move.MoveLeft: -1,
            move.MoveRight: 1,
            move.MovePrevious: -1,
            move.MoveNext: 1,
            move.MoveUp: -columns,
            move.MoveDown: columns,
            move.MovePageUp: -page,
            move.MovePageDown: page,
            move.MoveHome: -now,
            move.MoveEnd: count - 1 - now,
        }
        row = now + steps.get(action, 0)
        if action in (move.MoveUp, move.MoveDown) and not 0 <= row < count:
            # down from the last full line goes to the last picture, but no key moves along the edge line
            last_line = (count - 1) // columns
            row = count - 1 if row >= count and now // columns < last_line else now
        return self._rows.index(min(count - 1, max(0, row)))

    def setSelection(self, rect: QRect, command: object) -> None:
        """Rows from the one at the rectangle's first corner to the one at its last, as in text."""
        first, last = self._nearest_row(rect.topLeft()), self._nearest_row(rect.bottomRight())
        if rect.topLeft() == rect.bottomRight() and not self.indexAt(rect.topLeft()).isValid():
            self.selectionModel().select(QItemSelection(), command)  # type: ignore[call-overload]
            return
        if first > last:
            first, last = last, first
        if last >= 0:
            chosen = QItemSelection(self._rows.index(max(0, first)), self._rows.index(last))
            self.selectionModel().select(chosen, command)  # type: ignore[call-overload]

    def _nearest_row(self, point: QPoint) -> int:
        x = min(max(0, point.x()), self.viewport().width() - 1)
        line = (point.y() + self.verticalOffset()) // self._cell()
        columns = self._columns()
        row = line * columns + min(columns - 1, ((x + 1) * columns - 1) // max(1, self.viewport().width()))
        return min(self._count() - 1, max(0, row))

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        return QRegion(self.viewport().rect())

    def isIndexHidden(self, index: AnyIndex) -> bool:
        return False

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def doItemsLayout(self) -> None:
        self.updateGeometries()
        self.viewport().update()

    def updateGeometries(self) -> None:
        cell, columns = self._cell(), self._columns()
        lines = -(-self._count() // columns)
        bar, room = self.verticalScrollBar(), self.viewport().height()
        bar.setSingleStep(cell // 2)
        bar.setPageStep(max(cell, room - cell // 2))
        bar.setRange(0, max(0, lines * cell - room))
        bar.setEnabled(bar.maximum() > 0)  # always there, so that tiles don't jump; a handle only if it moves

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self._top_row = self.visible_rows()[0]
        self.viewport().update()
        self.moved.emit()
        self.viewChanged.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        top = self._top_row
        self.updateGeometries()
        if top:  # what was on top stays there
            self.verticalScrollBar().setValue(top // self._columns() * self._cell())
        self.viewport().update()
        self.moved.emit()
        self.viewChanged.emit()

    def rowsInserted(self, parent: AnyIndex, start: int, end: int) -> None:
        self.doItemsLayout()
        self.moved.emit()

    def rowsAboutToBeRemoved(self, parent: AnyIndex, start: int, end: int) -> None:
        if start <= self.currentIndex().row() <= end and self._count() > end - start + 1:
            row = end + 1 if end + 1 < self._count() else start - 1
            flag = self.selectionModel().SelectionFlag.NoUpdate
            self.selectionModel().setCurrentIndex(self._rows.index(row), flag)

    def dataChanged(self, top: AnyIndex, bottom: AnyIndex, roles: object = ()) -> None:
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
            event.accept()
        else:
            super().keyPressEvent(event)

    # --- what is selected ------------------------------------------------------------------------------

    def selectAll(self) -> None:
        if self._count():  # as one range: Qt's own way asks for the row count once a row, 60 ms for 100,000
            rows = QItemSelection(self._rows.index(0), self._rows.index(self._count() - 1))
            self.selectionModel().select(rows, self.selectionModel().SelectionFlag.ClearAndSelect)

    def selected_ranges(self) -> list[tuple[int, int]]:
        """The selected rows as (first, last), from top to bottom; 100,000 selected rows are one range."""
        selection = self.selectionModel().selection()
        chosen = [selection.at(place) for place in range(selection.count())]
        return sorted((rows.top(), rows.bottom()) for rows in chosen)

    def select_rows(self, rows: list[int]) -> None:
        """Select these rows, and no other; the first becomes the current one."""
        selection = QItemSelection()
        for row in rows:
            selection.select(self._rows.index(row), self._rows.index(row))
        flags = self.selectionModel().SelectionFlag
        if rows:
            self.selectionModel().setCurrentIndex(self._rows.index(rows[0]), flags.NoUpdate)
        self.selectionModel().select(selection, flags.ClearAndSelect)

    def has_one_selected(self) -> bool:
        """Whether exactly one picture is selected: its frame says well enough where the keyboard is."""
        ranges = self.selected_ranges()
        return len(ranges) == 1 and ranges[0][0] == ranges[0][1]
