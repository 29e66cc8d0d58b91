"""Draws one tile of the gallery: its thumbnail, or what stands in for it, and the frames around it."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPen, QPixmap

from mezzotint_app.look.icons import paint_icon
from mezzotint_app.look.theme import RADIUS, theme_manager
from mezzotint_app.panels.tile_view import PADDING

__all__ = ["TileLook", "paint_tile"]


class TileLook(NamedTuple):
    pixmap: QPixmap | None  # None while it is not there
    has_problem: bool  # it never will be
    is_selected: bool
    has_focus_frame: bool


def paint_tile(painter: QPainter, tile: QRect, look: TileLook) -> None:
    theme = theme_manager().theme
    inner = tile.adjusted(PADDING, PADDING, -PADDING, -PADDING)
    if look.is_selected:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("accent_soft"))
        painter.drawRoundedRect(tile.adjusted(1, 1, -1, -1), RADIUS, RADIUS)
    if look.pixmap is not None:
        place = QRect(
            QPoint(0, 0), look.pixmap.size().scaled(inner.size(), Qt.AspectRatioMode.KeepAspectRatio)
        )
        place.moveCenter(inner.center())
        painter.drawPixmap(place, look.pixmap)
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("hover"))
        painter.drawRoundedRect(inner, RADIUS, RADIUS)
        if look.has_problem:
            box = QRect(QPoint(0, 0), QSize(24, 24))
            box.moveCenter(inner.center())
            paint_icon(painter, box, "warning", "muted")
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if look.is_selected:
        painter.setPen(QPen(theme.color("accent"), 2))
        painter.drawRoundedRect(tile.adjusted(2, 2, -2, -2), RADIUS, RADIUS)
    if look.has_focus_frame:
        painter.setPen(QPen(theme.color("focus"), 1))
        painter.drawRoundedRect(tile.adjusted(4, 4, -5, -5), RADIUS, RADIUS)
