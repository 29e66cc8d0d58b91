"""The progress of a run as one slim bar, a segment a phase: load, encode, denoise, decode."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mezzotint_app.look.theme import theme_manager

__all__ = ["PhaseBar"]

# Shares of the width. Denoising is what one waits for, so most of the bar is its.
WEIGHTS = {"load": 2, "encode": 1, "denoise": 8, "decode": 1, "save": 1}
HEIGHT_PX = 6
GAP_PX = 2


class PhaseBar(QWidget):
    """Set with `show_progress`; paints itself only when a pixel of it would change."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._phase = ""
        self._part = 0.0
        self._color = "accent"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Progress")
        theme_manager().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(120, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, HEIGHT_PX)

    def show_progress(self, phase: str, part: float, color: str = "accent") -> None:
        """`part` from 0 to 1 of `phase`; phases before it are full. Phase "" is empty, "done" is full."""
        part = max(0.0, min(1.0, part))
        width = max(1, self.width())
        if (phase, color, round(part * width)) != (self._phase, self._color, round(self._part * width)):
            self._phase, self._part, self._color = phase, part, color
            percent = round(100 * part)
            self.setAccessibleDescription(f"{phase} {percent} %" if phase else "no run")
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = theme_manager().theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        names = list(WEIGHTS)
        room = self.width() - GAP_PX * (len(names) - 1)
        unit = room / sum(WEIGHTS.values())
        now = names.index(self._phase) if self._phase in WEIGHTS else (len(names) if self._phase else -1)
        left = 0.0
        top = (self.height() - HEIGHT_PX) / 2
        for place, name in enumerate(names):
            width = WEIGHTS[name] * unit
            painter.setBrush(theme.color("border"))
            painter.drawRoundedRect(QRectF(left, top, width, HEIGHT_PX), 2, 2)
            part = 1.0 if place < now else self._part if place == now else 0.0
            if part > 0:
                painter.setBrush(theme.color(self._color))
                painter.drawRoundedRect(QRectF(left, top, max(2.0, width * part), HEIGHT_PX), 2, 2)
            left += width + GAP_PX
        painter.end()
