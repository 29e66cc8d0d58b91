"""Paint a mask over a picture, with the mouse or the keys. What is painted will be drawn anew."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from mezzotint_app.look.theme import theme_manager

__all__ = ["MaskCanvas"]

MAX_SIDE = 2048  # of the mask; a larger picture gets a mask of this size, and the engine scales it
UNDO_BYTES = 96 * 2**20
OVERLAY_OPACITY = 0.6


class MaskCanvas(QWidget):
    """The mask is the alpha of an overlay of one colour: painting and erasing are plain strokes on it."""

    changed = Signal()

    def __init__(self, picture: QImage, mask: QImage | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = picture.convertToFormat(QImage.Format.Format_RGB32)
        size = picture.size()
        if max(size.width(), size.height()) > MAX_SIDE:
            size = size.scaled(QSize(MAX_SIDE, MAX_SIDE), Qt.AspectRatioMode.KeepAspectRatio)
        self._color = QColor(theme_manager().theme.danger)
        self._overlay = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
        self._overlay.fill(Qt.GlobalColor.transparent)
        if mask is not None and not mask.isNull():
            self._take_mask(mask)
        self._undo: list[QImage] = []
        self._redo: list[QImage] = []
        self._last: QPointF | None = None
        self._cursor: QPointF | None = None
        self.brush_size = 24
        self.erasing = False
        self.setMinimumSize(240, 240)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName("Mask")
        self.setAccessibleDescription("Arrow keys move the brush, Space paints, E changes to the eraser.")

    # --- the mask --------------------------------------------------------------------------------------

    def mask_image(self) -> QImage:
        """The mask as 8-bit grey: white where the picture is drawn anew, black where it is kept."""
        alpha = self._overlay.convertToFormat(QImage.Format.Format_Alpha8)
        alpha.reinterpretAsFormat(QImage.Format.Format_Grayscale8)
        return alpha

    def is_empty(self) -> bool:
        alpha = self._overlay.convertToFormat(QImage.Format.Format_Alpha8)
        return not any(bytes(alpha.constBits()))

    def clear(self) -> None:
        self._remember()
        self._overlay.fill(Qt.GlobalColor.transparent)
        self._tell()

    def invert(self) -> None:
        self._remember()
        inverse = QImage(self._overlay.size(), self._overlay.format())
        inverse.fill(self._color)
        painter = QPainter(inverse)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationOut)
        painter.drawImage(0, 0, self._overlay)
        painter.end()
        self._overlay = inverse
        self._tell()

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    def undo(self) -> None:
        if self._undo:
            self._redo.append(self._overlay)
            self._overlay = self._undo.pop()
            self._tell()

    def redo(self) -> None:
        if self._redo:
            self._undo.append(self._overlay)
            self._overlay = self._redo.pop()
            self._tell()

    def stroke(self, start: QPointF, end: QPointF) -> None:
        """Draw one piece of a stroke, in pixels of the picture."""
        across = self._overlay.width() / self._picture.width()
        width = max(1.0, self.brush_size * across)
        painter = QPainter(self._overlay)
        # Small pictures are painted pixel by pixel: a soft edge would be half of the brush.
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, width > 8)
        if self.erasing:
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Clear)
        painter.setPen(QPen(self._color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        if start == end:
            painter.drawPoint(start * across)
        else:
            painter.drawLine(start * across, end * across)
        painter.end()
        self._tell()

    def begin_stroke(self) -> None:
        """What follows until the next call is undone as one."""
        self._remember()

    def _take_mask(self, mask: QImage) -> None:
        alpha = mask.convertToFormat(QImage.Format.Format_Grayscale8).scaled(self._overlay.size())
        alpha.reinterpretAsFormat(QImage.Format.Format_Alpha8)
        self._overlay.fill(self._color)
        painter = QPainter(self._overlay)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
        painter.drawImage(0, 0, alpha)
        painter.end()

    def _remember(self) -> None:
        self._undo.append(self._overlay.copy())
        self._redo.clear()
        while len(self._undo) > 1 and len(self._undo) * self._overlay.sizeInBytes() > UNDO_BYTES:
            self._undo.pop(0)

    def _tell(self) -> None:
        self.update()
        self.changed.emit()

    # --- on the screen ---------------------------------------------------------------------------------

    def _shown(self) -> QRect:
        size = self._picture.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        corner = QPoint((self.width() - size.width()) // 2, (self.height() - size.height()) // 2)
        return QRect(corner, size)

    def _to_picture(self, place: QPointF) -> QPointF:
        shown = self._shown()
        scale = self._picture.width() / max(1, shown.width())
        return QPointF((place.x() - shown.x()) * scale, (place.y() - shown.y()) * scale)

    def paintEvent(self, event: QPaintEvent) -> None:
        shown = self._shown()
        painter = QPainter(self)
        painter.setRenderHint(
            QPainter.RenderHint.SmoothPixmapTransform, shown.width() < 3 * self._picture.width()
        )
        painter.drawImage(shown, self._picture)
        painter.setOpacity(OVERLAY_OPACITY)
        painter.drawImage(shown, self._overlay)
        painter.setOpacity(1.0)
        if self._cursor is not None:
            scale = shown.width() / self._picture.width()
            radius = max(2.0, self.brush_size * scale / 2)
            middle = QPointF(shown.x() + self._cursor.x() * scale, shown.y() + self._cursor.y() * scale)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for color, width in ((Qt.GlobalColor.black, 3.0), (Qt.GlobalColor.white, 1.2)):
                painter.setPen(QPen(color, width))
                painter.drawEllipse(middle, radius, radius)
        if self.hasFocus():
            painter.setPen(QPen(theme_manager().theme.color("focus"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.begin_stroke()
            self._last = self._to_picture(event.position())
            self._cursor = self._last
            self.stroke(self._last, self._last)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        here = self._to_picture(event.position())
        self._cursor = here
        if self._last is not None:
            self.stroke(self._last, here)
            self._last = here
        else:
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._last = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        if self._cursor is None:
            self._cursor = QPointF(self._picture.width() / 2, self._picture.height() / 2)
        if event.key() in moves:
            step = max(1.0, self.brush_size / 2)
            across, down = moves[Qt.Key(event.key())]
            self._cursor = QPointF(
                min(max(0.0, self._cursor.x() + across * step), self._picture.width()),
                min(max(0.0, self._cursor.y() + down * step), self._picture.height()),
            )
            self.update()
        elif event.key() == Qt.Key.Key_Space:
            self.begin_stroke()
            self.stroke(self._cursor, self._cursor)
        else:
            super().keyPressEvent(event)
