"""The gallery's grid: equal tiles, so that the place of each is arithmetic and 100,000 cost what is in view.

It is a QListView only by name: for screen readers it is a list, and selection, keyboard and drag are Qt's.
Its layout is not used, since that walks all rows: with 100,000 of them it took 60 to 120 ms at each new
picture and each resize.
"""

from __future__ import annotations

from PySide6.QtCore import (
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QDrag,
    QImage,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QRegion,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from mezzotint_app.look.icons import paint_icon
from mezzotint_app.look.theme import RADIUS, SPACING, theme_manager
from mezzotint_app.panels.gallery_model import MOST_DRAGGED, GalleryModel
from mezzotint_app.state.gallery_state import GalleryState
from mezzotint_app.state.pacer import Pacer
from mezzotint_app.thumbnails.thumbnail_cache import ThumbnailCache
from mezzotint_app.thumbnails.thumbnail_loader import PictureRequest, ThumbnailLoader
from mezzotint_sdk.records import ArtifactRecord

__all__ = ["ThumbnailGrid"]

PADDING = SPACING // 2
LEAST_CACHE_BYTES = 8 * 2**20
SCREENS_KEPT = 3  # screens of thumbnails that stay in memory, when they need more than the least
WANT_HZ = 30.0
PIXEL_STEP = 32
LONGEST_DRAG_PIXMAP = 96

AnyIndex = QModelIndex | QPersistentModelIndex


class ThumbnailGrid(QListView):
    """Tiles of `edge` logical pixels. Tells the state which rows are in view, and asks for their pictures."""

    opened = Signal(int)  # row that was double-clicked or entered
    viewChanged = Signal()  # scrolled, or another size

    def __init__(self, gallery: GalleryState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._gallery = gallery
        self._edge = 104
        self._model = GalleryModel(
            gallery
        )  # first of all: setting anything below already asks for the layout
        self._cache: ThumbnailCache[QPixmap] = ThumbnailCache(LEAST_CACHE_BYTES)
        self._problems: dict[int, str] = {}
        self.painted_tiles = 0
        self._top_row = 0
        self._loader = ThumbnailLoader(self)
        self._loader.loaded.connect(self._on_loaded)
        self._pacer = Pacer(WANT_HZ, self)
        self._pacer.due.connect(self._want)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setAccessibleName("Pictures, newest first")
        self.setMinimumSize(self._edge + 40, self._edge + 2 * PADDING)
        self._model.setParent(self)
        self.setModel(self._model)
        self._model.modelReset.connect(self._on_reset)
        self._model.dataChanged.connect(self._pacer.request)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))
        theme_manager().changed.connect(self._on_theme)

    # --- sizes -----------------------------------------------------------------------------------------

    def _on_theme(self) -> None:
        self.viewport().update()

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
            self._pacer.request()

    @property
    def cache_bytes(self) -> int:
        return self._cache.nbytes

    @property
    def loader(self) -> ThumbnailLoader:
        return self._loader

    def problem_of(self, artifact_id: int) -> str:
        """Why a picture in view has no thumbnail, one sentence; "" when all is well."""
        return self._problems.get(artifact_id, "")

    def _columns(self) -> int:
        return max(1, round(self.viewport().width() / (self._edge + 2 * PADDING)))

    def _cell(self) -> int:
        """Height of a line: tiles are squares that fill the width, so they are a little larger or smaller."""
        return max(self._edge // 2, self.viewport().width() // self._columns())

    def _count(self) -> int:
        return self._model.rowCount()

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

    # --- what QAbstractItemView asks ---------------------------------------------------------------------

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
        return self._model.index(row) if 0 <= row < self._count() else QModelIndex()

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
            return self._model.index(max(0, self.visible_rows()[0]))
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
        return self._model.index(min(count - 1, max(0, row)))

    def setSelection(self, rect: QRect, command: object) -> None:
        """Rows from the one at the rectangle's first corner to the one at its last, as in text."""
        first, last = self._nearest_row(rect.topLeft()), self._nearest_row(rect.bottomRight())
        if rect.topLeft() == rect.bottomRight() and not self.indexAt(rect.topLeft()).isValid():
            self.selectionModel().select(QItemSelection(), command)  # type: ignore[call-overload]
            return
        if first > last:
            first, last = last, first
        if last >= 0:
            chosen = QItemSelection(self._model.index(max(0, first)), self._model.index(last))
            self.selectionModel().select(chosen, command)  # type: ignore[call-overload]

    def selectAll(self) -> None:
        if self._count():  # as one range: Qt's own way asks for the row count once a row, 60 ms for 100,000
            rows = QItemSelection(self._model.index(0), self._model.index(self._count() - 1))
            self.selectionModel().select(rows, self.selectionModel().SelectionFlag.ClearAndSelect)

    def selected_ranges(self) -> list[tuple[int, int]]:
        """The selected rows as (first, last), from top to bottom; 100,000 selected rows are one range."""
        selection = self.selectionModel().selection()
        chosen = [selection.at(place) for place in range(selection.count())]
        return sorted((rows.top(), rows.bottom()) for rows in chosen)

    def selected_records(self, most: int) -> list[ArtifactRecord]:
        """Selected pictures in memory, the current one first, then from top to bottom, `most` at most."""
        found: list[ArtifactRecord] = []
        current = self.currentIndex()
        if current.isValid() and self.selectionModel().isSelected(current):
            record = self._gallery.record(current.row())
            if record is not None:
                found.append(record)
        for first, last in self.selected_ranges():
            for row in range(first, last + 1):
                if len(found) >= most:
                    return found
                record = self._gallery.record(row)
                if record is not None and record not in found[:1]:
                    found.append(record)
        return found

    def select_rows(self, rows: list[int]) -> None:
        """Select these rows, and no other; the first becomes the current one."""
        selection = QItemSelection()
        for row in rows:
            selection.select(self._model.index(row), self._model.index(row))
        flags = self.selectionModel().SelectionFlag
        if rows:
            self.selectionModel().setCurrentIndex(self._model.index(rows[0]), flags.NoUpdate)
        self.selectionModel().select(selection, flags.ClearAndSelect)

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
        self._pacer.request()
        self.viewChanged.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        top = self._top_row
        self.updateGeometries()
        if top:  # what was on top stays there
            self.verticalScrollBar().setValue(top // self._columns() * self._cell())
        self.viewport().update()
        self._pacer.request()
        self.viewChanged.emit()

    def rowsInserted(self, parent: AnyIndex, start: int, end: int) -> None:
        self.doItemsLayout()
        self._pacer.request()

    def rowsAboutToBeRemoved(self, parent: AnyIndex, start: int, end: int) -> None:
        if start <= self.currentIndex().row() <= end and self._count() > end - start + 1:
            row = end + 1 if end + 1 < self._count() else start - 1
            flag = self.selectionModel().SelectionFlag.NoUpdate
            self.selectionModel().setCurrentIndex(self._model.index(row), flag)

    def dataChanged(self, top: AnyIndex, bottom: AnyIndex, roles: object = ()) -> None:
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
            event.accept()
        else:
            super().keyPressEvent(event)

    def startDrag(self, actions: Qt.DropAction) -> None:
        data = self._model.files_of(self.selected_records(MOST_DRAGGED))
        if not data.hasUrls():
            return
        drag = QDrag(self)
        drag.setMimeData(data)
        record = self._gallery.record(self.currentIndex().row())
        pixmap = self._cache.get(self._key(record)) if record is not None else None
        if pixmap is not None:
            side = LONGEST_DRAG_PIXMAP
            drag.setPixmap(pixmap.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio))
        drag.exec(Qt.DropAction.CopyAction)

    # --- thumbnails --------------------------------------------------------------------------------------

    def close_loader(self) -> None:
        """Stop decoding; to be called before the window goes."""
        self._pacer.stop()
        self._loader.close()

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        self._pacer.request()

    def _pixels(self) -> int:
        """Longest side of thumbnails in device pixels, in coarse steps: resizing must not decode all anew."""
        pixels = (self._cell() - 2 * PADDING) * self.devicePixelRatioF()
        return max(1, -(-round(pixels) // PIXEL_STEP)) * PIXEL_STEP

    def _key(self, record: ArtifactRecord) -> tuple[int, int]:
        return record.artifact_id, self._pixels()

    def _want(self) -> None:
        """Fetch records in view, and thumbnails in view and one screen below."""
        first, last = self.visible_rows()
        self._gallery.ensure(first, max(first, last))
        if not self.isVisible():
            self._loader.want(())
            return
        screen = max(1, last - first + 1)
        self._cache.set_max_bytes(max(LEAST_CACHE_BYTES, SCREENS_KEPT * screen * self._pixels() ** 2 * 4))
        wanted: list[PictureRequest] = []
        for row in range(first, min(last + screen, self._count() - 1) + 1):
            record = self._gallery.record(row)
            if record is None or record.artifact_id in self._problems:
                continue
            key = self._key(record)
            if key not in self._cache:
                wanted.append((key, record.path, key[1]))
        self._loader.want(wanted)

    def _on_loaded(self, key: object, image: QImage, problem: str) -> None:
        assert isinstance(key, tuple)
        if problem:
            if len(self._problems) > 10_000:
                self._problems.clear()
            self._problems[key[0]] = problem
        elif key[1] == self._pixels():
            pixmap = QPixmap.fromImage(image)
            self._cache.put(key, pixmap, pixmap.width() * pixmap.height() * 4)
        row = self._row_in_view(key[0])
        if row >= 0:
            self.viewport().update(self._tile(row))
        self.viewChanged.emit()

    def _row_in_view(self, artifact_id: int) -> int:
        first, last = self.visible_rows()
        for row in range(first, last + 1):
            record = self._gallery.record(row)
            if record is not None and record.artifact_id == artifact_id:
                return row
        return -1

    def _on_reset(self) -> None:
        self._problems.clear()  # a file may be back
        self.doItemsLayout()
        self._pacer.request()

    def _has_one_tile(self) -> bool:
        """Whether exactly one picture is selected: its frame says well enough where the keyboard is."""
        ranges = self.selected_ranges()
        return len(ranges) == 1 and ranges[0][0] == ranges[0][1]

    # --- painting ----------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(event.rect(), theme_manager().theme.color("surface"))
        first, last = self.visible_rows()
        for row in range(first, last + 1):
            tile = self._tile(row)
            if tile.intersects(event.rect()):
                self._paint_tile(painter, row, tile)
        painter.end()

    def _paint_tile(self, painter: QPainter, row: int, tile: QRect) -> None:
        self.painted_tiles += 1
        theme = theme_manager().theme
        inner = tile.adjusted(PADDING, PADDING, -PADDING, -PADDING)
        record = self._gallery.record(row)
        pixmap = self._cache.get(self._key(record)) if record is not None else None
        index = self._model.index(row)
        is_selected = self.selectionModel().isSelected(index)
        if is_selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent_soft"))
            painter.drawRoundedRect(tile.adjusted(1, 1, -1, -1), RADIUS, RADIUS)
        if pixmap is not None:
            size = pixmap.size().scaled(inner.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(QPoint(0, 0), size)
            place.moveCenter(inner.center())
            painter.drawPixmap(place, pixmap)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("hover"))
            painter.drawRoundedRect(inner, RADIUS, RADIUS)
            if record is not None and record.artifact_id in self._problems:
                side = QSize(24, 24)
                box = QRect(QPoint(0, 0), side)
                box.moveCenter(inner.center())
                paint_icon(painter, box, "warning", "muted")
        if is_selected:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.drawRoundedRect(tile.adjusted(2, 2, -2, -2), RADIUS, RADIUS)
        is_current = self.hasFocus() and row == self.currentIndex().row()
        if is_current and not (is_selected and self._has_one_tile()):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("focus"), 1))
            painter.drawRoundedRect(tile.adjusted(4, 4, -5, -5), RADIUS, RADIUS)
