"""A cell with a number and, behind it, a bar that says how much of the whole it is."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from mezzotint_app.look.theme import theme_manager
from mezzotint_app.opdebug.module_tree_model import SHARE_ROLE

__all__ = ["ShareDelegate"]


ROW_PX = 22


class ShareDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(super().sizeHint(option, index).width(), ROW_PX)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        share = index.data(SHARE_ROLE)
        if share:
            rect: QRect = option.rect
            width = round(rect.width() * min(1.0, share))
            bar = QRect(rect.right() - width + 1, rect.top() + 2, width, rect.height() - 4)
            painter.fillRect(bar, theme_manager().theme.color("accent", 0.22))
        super().paint(painter, option, index)
