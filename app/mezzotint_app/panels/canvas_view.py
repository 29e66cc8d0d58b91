"""Shows one picture: fitted or zoomed, sharp pixels or smooth, with panning; painting it is cheap.

The picture is held in the format that the raster painter draws directly, so that a paint allocates nothing; a
new frame repaints the area of the picture only.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, QRectF, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QDrag,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from mezzotint_app.look.theme import SPACING, theme_manager

__all__ = ["CanvasView"]

MIN_ZOOM, MAX_ZOOM = 1 / 16, 64.0
KEY_PAN_PX = 32
SHARP_FROM = 2.0  # zoom from which pixels are shown as squares unless smooth is chosen


class CanvasView(QWidget):
    """`zoom` in screen pixels per picture pixel; None fits the picture into the view. A preview has fewer or
    more pixels than the picture that it is of: its zoom is that of the picture, so that nothing jumps."""

    zoomChanged = Signal()
    stepped = Signal(int)  # the user wants the next (1) or the previous (-1) picture

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._size = QSize()  # of the picture: of the image, or of what it previews
        self._buffer: np.ndarray | None = None
        self._zoom: float | None = None
        self._middle = QPointF(0.5, 0.5)  # the point of the picture in the middle of the view, in parts of it
        self._grabbed: QPointF | None = None
        self._drag_from: QPoint | None = None
        self._smooth = False
        self.file = ""  # the file of the picture in view, for dragging out; "" for a preview
        self.paint_count = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 96)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Picture")
        theme_manager().changed.connect(self.update)

    # --- what is shown ---------------------------------------------------------------------------------

    @property
    def image(self) -> QImage:
        return self._image

    def show_image(self, image: QImage, file: str = "") -> None:
        """Show a finished picture; `file` is where it lies."""
        self._buffer = None
        self.file = file
        self._replace(image)

    def show_pixels(self, pixels: np.ndarray, size: QSize | None = None) -> None:
        """Show a preview: RGB uint8, shape (height, width, 3), of a picture of `size` (that of the pixels by
        default). Frames of one size share one buffer."""
        height, width = pixels.shape[:2]
        size = QSize(width, height) if size is None else size
        self.file = ""
        if self._buffer is None or self._buffer.shape[:2] != (height, width) or size != self._size:
            self._buffer = np.full((height, width, 4), 255, np.uint8)
            image = QImage(self._buffer.data, width, height, width * 4, QImage.Format.Format_RGB32)
            self._fill(pixels)
            self._replace(image, size)
        else:
            self._fill(pixels)
            self.update(self._shown().toAlignedRect().intersected(self.rect()))

    def clear(self) -> None:
        self.show_image(QImage())

    def _fill(self, pixels: np.ndarray) -> None:
        assert self._buffer is not None
        self._buffer[..., 0] = pixels[..., 2]
        self._buffer[..., 1] = pixels[..., 1]
        self._buffer[..., 2] = pixels[..., 0]

    def _replace(self, image: QImage, size: QSize | None = None) -> None:
        size = image.size() if size is None else size
        if size != self._size:
            self._middle = QPointF(0.5, 0.5)
        self._image, self._size = image, size
        self.update()
        self.zoomChanged.emit()

    # --- zoom ------------------------------------------------------------------------------------------

    @property
    def zoom(self) -> float:
        """Screen pixels per picture pixel, as it is now."""
        if self._zoom is not None:
            return self._zoom
        if self._image.isNull():
            return 1.0
        room = self.size() - QSize(SPACING * 2, SPACING * 2)
        fit = min(room.width() / self._size.width(), room.height() / self._size.height())
        # whole steps keep pixels square where they are large
        return float(int(fit)) if fit >= SHARP_FROM and not self._smooth else max(MIN_ZOOM, fit)

    @property
    def is_fitted(self) -> bool:
        return self._zoom is None

    def fit(self) -> None:
        self._zoom = None
        self._middle = QPointF(0.5, 0.5)
        self._after_zoom()

    def set_zoom(self, zoom: float, about: QPointF | None = None) -> None:
        """Zoom so that the point `about` of the view (its middle by default) stays where it is."""
        about = about if about is not None else QPointF(self.rect().center())
        before = self._to_part(about)
        self._zoom = min(MAX_ZOOM, max(MIN_ZOOM, zoom))
        after = self._to_part(about)
        self._middle += before - after
        self._after_zoom()

    @property
    def place(self) -> tuple[float | None, QPointF]:
        """Zoom (None is fitted) and the middle of the view in parts of the picture, for a view beside it."""
        return self._zoom, QPointF(self._middle)

    def show_place(self, place: tuple[float | None, QPointF]) -> None:
        """Show what another view shows with this `place`."""
        if place != self.place:
            self._zoom, self._middle = place[0], QPointF(place[1])
            self._after_zoom()

    def set_smooth(self, smooth: bool) -> None:
        self._smooth = smooth
        self._after_zoom()

    def _after_zoom(self) -> None:
        self._middle = QPointF(min(1.0, max(0.0, self._middle.x())), min(1.0, max(0.0, self._middle.y())))
        self.update()
        self.zoomChanged.emit()

    def _shown(self) -> QRectF:
        zoom = self.zoom
        width, height = self._size.width() * zoom, self._size.height() * zoom
        left = self.width() / 2 - self._middle.x() * width
        top = self.height() / 2 - self._middle.y() * height
        return QRectF(round(left), round(top), width, height)

    def _to_part(self, place: QPointF) -> QPointF:
        shown = self._shown()
        if shown.isEmpty():
            return QPointF(0.5, 0.5)
        return QPointF((place.x() - shown.x()) / shown.width(), (place.y() - shown.y()) / shown.height())

    # --- events ----------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        self.paint_count += 1
        theme = theme_manager().theme
        painter = QPainter(self)
        painter.fillRect(event.rect(), theme.color("background"))
        if not self._image.isNull():
            shown = self._shown()
            scale = shown.width() / self._image.width()
            smooth = self._smooth or scale < SHARP_FROM
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth and scale != 1.0)
            painter.drawImage(shown, self._image)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("focus"), 2))
            painter.drawRect(QRect(self.rect()).adjusted(1, 1, -1, -1))
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._zoom is None:
            self.zoomChanged.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.set_zoom(self.zoom * 1.25 ** (event.angleDelta().y() / 120), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.is_fitted and self.file and event.button() == Qt.MouseButton.LeftButton:
            self._drag_from = event.position().toPoint()
        elif event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._grabbed = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag_from is not None:
            way = (event.position().toPoint() - self._drag_from).manhattanLength()
            if way >= QApplication.startDragDistance():
                self._drag_from = None
                self._drag_out()
        elif self._grabbed is not None:
            self._pan(event.position() - self._grabbed)
            self._grabbed = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grabbed = self._drag_from = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.is_fitted:
            self.set_zoom(1.0, event.position())
        else:
            self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        pans = {
            Qt.Key.Key_Left: QPointF(KEY_PAN_PX, 0),
            Qt.Key.Key_Right: QPointF(-KEY_PAN_PX, 0),
            Qt.Key.Key_Up: QPointF(0, KEY_PAN_PX),
            Qt.Key.Key_Down: QPointF(0, -KEY_PAN_PX),
        }
        key = event.key()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and self.is_fitted:
            self.stepped.emit(1 if key == Qt.Key.Key_Right else -1)
        elif key in pans:
            self._pan(pans[Qt.Key(key)])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.set_zoom(self.zoom * 1.25)
        elif key == Qt.Key.Key_Minus:
            self.set_zoom(self.zoom / 1.25)
        else:
            super().keyPressEvent(event)

    def _pan(self, by: QPointF) -> None:
        shown = self._shown()
        if not shown.isEmpty():
            self._middle -= QPointF(by.x() / shown.width(), by.y() / shown.height())
            self._after_zoom()

    def _drag_out(self) -> None:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(self.file)])
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.setPixmap(
            QPixmap.fromImage(self._image.scaled(QSize(96, 96), Qt.AspectRatioMode.KeepAspectRatio))
        )
        drag.exec(Qt.DropAction.CopyAction)
