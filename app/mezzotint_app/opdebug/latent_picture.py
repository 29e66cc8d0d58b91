"""The latent of the stop as a small picture; a click shows it larger."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QAbstractButton, QDialog, QLabel, QVBoxLayout, QWidget

from mezzotint_app.look.theme import SPACING, theme_manager

__all__ = ["LatentPicture"]

LARGE_PX = 512


def image_of(pixels: np.ndarray) -> QImage:
    """A copy of RGB uint8 (height, width, 3) as an image."""
    height, width = pixels.shape[:2]
    data = np.ascontiguousarray(pixels)
    return QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


class LatentPicture(QAbstractButton):
    def __init__(self, side_px: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._side_px = side_px
        self.setFixedSize(side_px, side_px)
        self.setAccessibleName("The current latent as a picture")
        self.setToolTip("The current latent as a picture\nClick to see it larger")
        self.clicked.connect(self.open_large)
        theme_manager().changed.connect(self.update)
        self.hide()

    @property
    def image(self) -> QImage:
        return self._image

    def show_pixels(self, pixels: np.ndarray | None) -> None:
        """RGB uint8, shape (height, width, 3); None shows nothing."""
        is_picture = pixels is not None and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size
        self._image = image_of(pixels) if is_picture and pixels is not None else QImage()
        self.setVisible(not self._image.isNull())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._side_px, self._side_px)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        theme = theme_manager().theme
        if not self._image.isNull():
            size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(0, 0, size.width(), size.height())
            place.moveCenter(self.rect().center())
            painter.drawImage(place, self._image)
        painter.setPen(QPen(theme.color("focus" if self.hasFocus() else "border"), 1))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def open_large(self) -> None:
        """A dialog with the picture as it is now."""
        dialog = QDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle("Current latent")
        label = QLabel(dialog)
        size = self._image.size().scaled(LARGE_PX, LARGE_PX, Qt.AspectRatioMode.KeepAspectRatio)
        label.setPixmap(QPixmap.fromImage(self._image.scaled(size)))
        layout = QVBoxLayout(dialog)
        layout.setContentsMargins(SPACING, SPACING, SPACING, SPACING)
        layout.addWidget(label)
        dialog.open()
