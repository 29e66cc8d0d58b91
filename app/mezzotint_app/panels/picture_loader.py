"""Reads picture files in a thread of Qt's pool, scaled as they are read, so that the window never waits."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, QThreadPool, Signal
from PySide6.QtGui import QImage, QImageReader

__all__ = ["PictureLoader"]


class _Mailbox(QObject):
    read = Signal(str, int, QImage)


class _Task:
    """Not a QRunnable: PySide (6.11) keeps the wrappers of some of them for ever."""

    def __init__(self, mailbox: _Mailbox, path: str, side: int) -> None:
        self._mailbox = mailbox
        self._path = path
        self._side = side

    def __call__(self) -> None:
        reader = QImageReader(self._path)
        reader.setAutoTransform(True)
        size = reader.size()
        if self._side and size.isValid() and max(size.width(), size.height()) > self._side:
            reader.setScaledSize(
                size.scaled(QSize(self._side, self._side), Qt.AspectRatioMode.KeepAspectRatio)
            )
        image = reader.read()
        if not image.isNull():
            # the format that the raster painter draws without converting at each paint
            image = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        try:
            self._mailbox.read.emit(self._path, self._side, image)
        except RuntimeError:
            pass  # the window went away meanwhile, and the mailbox with it


class PictureLoader(QObject):
    """`loaded` comes with the path, the side that was asked for, and the picture (null where unreadable)."""

    loaded = Signal(str, int, QImage)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mailbox = _Mailbox()
        self._mailbox.read.connect(self._on_read)
        self._under_way: set[tuple[str, int]] = set()

    def load(self, path: str | Path, side: int = 0) -> None:
        """Read a file; `side` > 0 scales it down so that its longer side is at most that many pixels."""
        key = (str(path), side)
        if key not in self._under_way:
            self._under_way.add(key)
            QThreadPool.globalInstance().start(_Task(self._mailbox, *key))

    def _on_read(self, path: str, side: int, image: QImage) -> None:
        self._under_way.discard((path, side))
        self.loaded.emit(path, side, image)
