"""The pictures of one run in a row below the canvas; thumbnails are read as they come into view."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QFrame, QListView, QWidget

from mezzotint_app.panels.picture_loader import PictureLoader
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.canvas_state import LIVE
from mezzotint_sdk.records import ArtifactRecord

__all__ = ["PictureStrip"]

THUMB_PX = 44
KEPT = 128  # thumbnails in memory: more than a row shows

Index = QModelIndex | QPersistentModelIndex


class _StripModel(QAbstractListModel):
    def __init__(self, loader: PictureLoader, parent: QWidget) -> None:
        super().__init__(parent)
        self.pictures: list[ArtifactRecord] = []
        self._loader = loader
        self._thumbs: OrderedDict[str, QPixmap] = OrderedDict()
        loader.loaded.connect(self._on_loaded)

    def show_pictures(self, pictures: list[ArtifactRecord]) -> None:
        """Take a new list; when it only grew, rows are appended so that the view keeps its place."""
        known = len(self.pictures)
        if pictures[:known] == self.pictures and len(pictures) > known:
            self.beginInsertRows(QModelIndex(), known, len(pictures) - 1)
            self.pictures = list(pictures)
            self.endInsertRows()
        elif pictures != self.pictures:
            self.beginResetModel()
            self.pictures = list(pictures)
            shown = {picture.path for picture in pictures}
            for path in [path for path in self._thumbs if path not in shown]:
                del self._thumbs[path]  # of another run
            self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.pictures)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self.pictures):
            return None
        picture = self.pictures[index.row()]
        if role == Qt.ItemDataRole.DecorationRole:
            thumb = self._thumbs.get(picture.path)
            if thumb is None:
                self._loader.load(picture.path, THUMB_PX * 2)
                return None
            shown = QIcon(thumb)
            shown.addPixmap(thumb, QIcon.Mode.Selected)  # else Qt washes the colours of the chosen one out
            return shown
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"Picture {picture.index + 1}, seed {picture.seed}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"Picture {picture.index + 1} of {len(self.pictures)}, seed {picture.seed}"
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(THUMB_PX + 8, THUMB_PX + 8)
        return None

    def _on_loaded(self, path: str, side: int, image: QImage) -> None:
        if side != THUMB_PX * 2:
            return
        if image.width() < THUMB_PX and not image.isNull():
            image = image.scaled(THUMB_PX, THUMB_PX, Qt.AspectRatioMode.KeepAspectRatio)
        self._thumbs[path] = QPixmap.fromImage(image)
        while len(self._thumbs) > KEPT:
            self._thumbs.popitem(last=False)
        for row, picture in enumerate(self.pictures):
            if picture.path == path:
                self.dataChanged.emit(self.index(row), self.index(row), [Qt.ItemDataRole.DecorationRole])


class PictureStrip(QListView):
    """Hidden while there are fewer than two pictures."""

    def __init__(self, state: AppState, loader: PictureLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._canvas = state.canvas
        self._is_following = False
        self._model = _StripModel(loader, self)
        self.setModel(self._model)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(THUMB_PX, THUMB_PX))
        self.setProperty("role", "strip")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setFixedHeight(THUMB_PX + 24)
        self.setAccessibleName("Pictures of this run")
        self.selectionModel().currentChanged.connect(self._on_current)
        state.canvas.picturesChanged.connect(self.refresh)
        state.canvas.positionChanged.connect(self.refresh)
        state.canvas.runChanged.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        self._model.show_pictures(self._canvas.pictures)
        self.setVisible(len(self._canvas.pictures) > 1)
        position = self._canvas.position
        if position == LIVE:
            self._follow()
        elif self.selectionModel().currentIndex().row() != position:
            self.setCurrentIndex(self._model.index(position))

    def _follow(self) -> None:
        """The newest picture is in view: that is marked, once no preview of the next one takes its place."""
        newest = self._model.index(len(self._canvas.pictures) - 1)
        self._is_following = True  # marking it is no wish to stay at it
        if self._canvas.is_active:
            self.selectionModel().clear()
        else:
            self.setCurrentIndex(newest)
        self._is_following = False
        self.scrollTo(newest)

    def _on_current(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid() and not self._is_following:
            self._canvas.show(current.row())
