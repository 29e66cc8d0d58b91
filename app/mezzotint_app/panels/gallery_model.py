"""The gallery's rows as a Qt model: what Qt's selection, keyboard, drag and screen readers work on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QPersistentModelIndex, Qt, QUrl

from mezzotint_app.state.gallery_state import GalleryState
from mezzotint_sdk.records import ArtifactRecord

__all__ = ["MOST_DRAGGED", "RECORD_ROLE", "GalleryModel"]

RECORD_ROLE = Qt.ItemDataRole.UserRole
LONGEST_TIP = 300
MOST_DRAGGED = 1_000

AnyIndex = QModelIndex | QPersistentModelIndex


class GalleryModel(QAbstractListModel):
    """All rows count from the start, though only those in view are fetched; the others have no data yet."""

    def __init__(self, gallery: GalleryState) -> None:
        super().__init__()
        self._gallery = gallery
        gallery.reset.connect(self._on_reset)
        gallery.rowsAboutToBeInserted.connect(self._before_insert)
        gallery.rowsInserted.connect(self.endInsertRows)
        gallery.rowsAboutToBeRemoved.connect(self._before_remove)
        gallery.rowsRemoved.connect(self.endRemoveRows)
        gallery.rowsLoaded.connect(self._on_loaded)
        self._count = gallery.total

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else self._count

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        record = self._gallery.record(index.row())
        if role == RECORD_ROLE:
            return record
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            if record is None:
                return "Picture, not loaded yet"
            return " ".join(record.prompt[:LONGEST_TIP].split()) or "Picture without a prompt"
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole) and record:
            prompt = " ".join(record.prompt[:LONGEST_TIP].split())
            facts = f"{record.width} × {record.height}, seed {record.seed}"
            return f"{prompt}\n{facts}" if prompt else facts
        return None

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return (
            Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemIsDragEnabled
            | Qt.ItemFlag.ItemNeverHasChildren
        )

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        records = [self._gallery.record(index.row()) for index in indexes[:MOST_DRAGGED]]
        return self.files_of([record for record in records if record is not None])

    def files_of(self, records: Sequence[ArtifactRecord]) -> QMimeData:
        """The pictures as files, for file managers, mail and other programs."""
        data = QMimeData()
        paths = [record.path for record in records if os.path.exists(record.path)]
        if paths:
            data.setUrls([QUrl.fromLocalFile(path) for path in paths])
        return data

    def _on_reset(self) -> None:
        self.beginResetModel()
        self._count = self._gallery.total
        self.endResetModel()

    def _before_insert(self, first: int, last: int) -> None:
        self.beginInsertRows(QModelIndex(), first, last)
        self._count += last - first + 1

    def _before_remove(self, first: int, last: int) -> None:
        self.beginRemoveRows(QModelIndex(), first, last)
        self._count -= last - first + 1

    def _on_loaded(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first), self.index(min(last, self._count - 1)))
