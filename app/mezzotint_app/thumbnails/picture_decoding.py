"""Reads picture files, whole or small. Runs on any thread; Qt lets go of the interpreter while it decodes."""

from __future__ import annotations

import os

from PySide6.QtCore import QSize
from PySide6.QtGui import QImage, QImageReader

__all__ = ["decode_picture"]


def decode_picture(path: str, edge: int = 0) -> tuple[QImage, str]:
    """The picture of a file, and "", or a null image and one sentence that says why not.

    `edge` > 0: no side is longer than so many pixels; small pictures are never enlarged.
    """
    name = os.path.basename(path) or path
    if not os.path.exists(path):
        return QImage(), f"The file {name} is missing: it was moved or deleted outside of Mezzotint."
    reader = QImageReader(path)
    reader.setAutoTransform(True)
    size = reader.size()
    if edge > 0 and size.isValid() and max(size.width(), size.height()) > edge:
        reader.setScaledSize(_fit(size, edge))
    image = reader.read()
    if image.isNull():
        return QImage(), f"The file {name} can't be read as a picture: {reader.errorString()}."
    if edge > 0 and max(image.width(), image.height()) > edge:  # a format that doesn't tell its size first
        image = image.scaled(_fit(image.size(), edge))
    return image, ""


def _fit(size: QSize, edge: int) -> QSize:
    scale = edge / max(size.width(), size.height())
    return QSize(max(1, round(size.width() * scale)), max(1, round(size.height() * scale)))
