"""The gallery's grid of thumbnails: fetches records and pictures of what is in view, and nothing else."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QDrag, QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QWidget

from mezzotint_app.look.theme import theme_manager
from mezzotint_app.panels.gallery_model import MOST_DRAGGED, GalleryModel
from mezzotint_app.panels.tile_painter import TileLook, paint_tile
from mezzotint_app.panels.tile_view import PADDING, TileView
from mezzotint_app.state.gallery_state import GalleryState
from mezzotint_app.state.pacer import Pacer
from mezzotint_app.thumbnails.thumbnail_cache import ThumbnailCache
from mezzotint_app.thumbnails.thumbnail_loader import PictureRequest, ThumbnailLoader
from mezzotint_sdk.records import ArtifactRecord

__all__ = ["ThumbnailGrid"]

EDGE = 104  # logical pixels
LEAST_CACHE_BYTES = 8 * 2**20
SCREENS_KEPT = 3  # screens of thumbnails that stay in memory, when they need more than the least
WANT_HZ = 30.0
PIXEL_STEP = 32
LONGEST_DRAG_PIXMAP = 96


class ThumbnailGrid(TileView):
    """Tells the state which rows are in view, and asks for their pictures."""

    def __init__(self, gallery: GalleryState, parent: QWidget | None = None) -> None:
        self._gallery = gallery
        self._model = GalleryModel(gallery)
        self._cache: ThumbnailCache[QPixmap] = ThumbnailCache(LEAST_CACHE_BYTES)
        self._problems: dict[int, str] = {}
        self.painted_tiles = 0
        super().__init__(self._model, EDGE, parent)
        self._loader = ThumbnailLoader(self)
        self._loader.loaded.connect(self._on_loaded)
        self._pacer = Pacer(WANT_HZ, self)
        self._pacer.due.connect(self._want)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setAccessibleName("Pictures, newest first")
        self.moved.connect(self._pacer.request)
        self._model.modelReset.connect(self._on_reset)
        self._model.dataChanged.connect(self._pacer.request)
        theme_manager().changed.connect(self._on_theme)

    # --- what is selected ------------------------------------------------------------------------------

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

    # --- thumbnails ------------------------------------------------------------------------------------

    @property
    def cache_bytes(self) -> int:
        return self._cache.nbytes

    @property
    def loader(self) -> ThumbnailLoader:
        return self._loader

    def problem_of(self, artifact_id: int) -> str:
        """Why a picture in view has no thumbnail, one sentence; "" when all is well."""
        return self._problems.get(artifact_id, "")

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

    # --- painting --------------------------------------------------------------------------------------

    def _on_theme(self) -> None:
        self.viewport().update()

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
        record = self._gallery.record(row)
        is_selected = self.selectionModel().isSelected(self._model.index(row))
        is_current = self.hasFocus() and row == self.currentIndex().row()
        look = TileLook(
            pixmap=self._cache.get(self._key(record)) if record is not None else None,
            has_problem=record is not None and record.artifact_id in self._problems,
            is_selected=is_selected,
            # the frame of the only selected picture says well enough where the keyboard is
            has_focus_frame=is_current and not (is_selected and self.has_one_selected()),
        )
        paint_tile(painter, tile, look)
