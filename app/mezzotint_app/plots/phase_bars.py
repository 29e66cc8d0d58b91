"""Paints where the time went: a bar for the whole run, below it a row a phase, and a column a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from mezzotint_app.look.theme import FONT_SMALL, theme_manager
from mezzotint_app.plots.measures import format_value
from mezzotint_app.plots.phase_times import PhaseTimes, grouped

__all__ = ["PhaseBars"]

WHOLE_PX = 14  # height of the bar of the whole run
GAP_PX = 10
ROW_PX = 16
HIGHEST_ROW_PX = 26
COLUMNS_PX = 64  # least height that columns of pictures need
COLUMN_PX = 7  # narrowest column of a picture, with its gap
WIDEST_COLUMN_PX = 36
AXIS_PX = 16
COLORS = {"load": 5, "encode": 1, "denoise": 0, "decode": 2, "save": 4}


@dataclass(frozen=True)
class _Spot:
    """A part of the drawing and what the crosshair says there."""

    area: QRectF
    text: str
    phase: str = ""  # what a click leaves out, or brings back


class PhaseBars(QWidget):
    """A click on a row leaves its phase out of the bars, or brings it back."""

    hovered = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._times = PhaseTimes()
        self.hidden: set[str] = set()
        self._spots: list[_Spot] = []
        self._spot = -1
        self.setMouseTracking(True)
        # of our own: the widget's font is the style sheet's
        self._small = QFont(self.font())
        self._small.setPointSizeF(FONT_SMALL)

    def show_times(self, times: PhaseTimes) -> None:
        if times.totals.keys() != self._times.totals.keys():
            self.read(-1)
        self._times = times
        if self._spot >= 0 and self._spots[self._spot].phase in times.totals:
            self.hovered.emit(self.text_of(self._spots[self._spot].phase))  # it may have grown
        self.update()

    def toggle(self, phase: str) -> None:
        """Leave a phase out of bars and columns, or bring it back."""
        self.hidden ^= {phase}
        self.update()

    def color_of(self, phase: str) -> int:
        """The number of the phase's colour among the theme's; denoising has the first, as its curve has."""
        return COLORS.get(phase, 7)

    def color(self, phase: str) -> QColor:
        colors = theme_manager().theme.plot_colors
        return QColor(colors[self.color_of(phase) % len(colors)])

    # --- painting ---------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setFont(self._small)
        self._spots = []
        self._paint_whole(painter)
        area = QRectF(0, WHOLE_PX + GAP_PX, self.width(), self.height() - WHOLE_PX - GAP_PX)
        rows = max(1, len(self._times.totals))
        if len(self._times.pictures) > 1 and area.height() >= rows * ROW_PX + COLUMNS_PX:
            height = min(0.5 * area.height(), rows * ROW_PX)
            self._paint_rows(painter, QRectF(area.topLeft(), QSizeF(area.width(), height)))
            self._paint_pictures(painter, area.adjusted(0, height + GAP_PX, 0, 0))
        else:
            self._paint_rows(painter, area)
        painter.end()

    def _paint_whole(self, painter: QPainter) -> None:
        totals = {name: value for name, value in self._times.totals.items() if name not in self.hidden}
        whole = sum(totals.values())
        left = 0.0
        for name, value in totals.items():
            width = self.width() * value / whole if whole else 0.0
            area = QRectF(left, 0, max(1.0, width - 1), WHOLE_PX)
            painter.setBrush(self.color(name))
            painter.drawRoundedRect(area, 2, 2)
            self._spots.append(_Spot(area, self.text_of(name), name))
            left += width

    def _paint_rows(self, painter: QPainter, area: QRectF) -> None:
        """Name, bar and figure of each phase."""
        metrics = QFontMetricsF(self._small)
        theme = theme_manager().theme
        totals = self._times.totals
        if not totals or area.height() < len(totals) * 11:
            return
        height = min(HIGHEST_ROW_PX, area.height() / len(totals))
        running = self._times.running
        texts = {
            name: format_value(value, "ms") + (" …" if name == running else "")
            for name, value in totals.items()
        }
        label = max(metrics.horizontalAdvance(name) for name in totals) + 8
        room = max(10.0, area.width() - label - max(map(metrics.horizontalAdvance, texts.values())) - 8)
        largest = max((value for name, value in totals.items() if name not in self.hidden), default=0.0)
        struck = QFont(self._small)
        struck.setStrikeOut(True)
        for place, (name, value) in enumerate(totals.items()):
            is_hidden = name in self.hidden
            top = area.top() + place * height
            baseline = top + (height + metrics.ascent() - metrics.descent()) / 2
            width = 0.0 if is_hidden or not largest else max(2.0, room * value / largest)
            painter.setFont(struck if is_hidden else self._small)
            painter.setPen(theme.color("text" if name == running else "muted"))
            painter.drawText(QPointF(0, baseline), name)
            painter.setPen(theme.color("muted" if is_hidden else "text"))
            painter.drawText(QPointF(label + width + (6 if width else 0), baseline), texts[name])
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.color(name))
            painter.drawRoundedRect(QRectF(label, top + height / 2 - 4, width, 8), 2, 2)
            self._spots.append(_Spot(QRectF(0, top, area.width(), height), self.text_of(name), name))
        painter.setFont(self._small)

    def _paint_pictures(self, painter: QPainter, area: QRectF) -> None:
        """A stacked column for each picture, or for a few neighbours where there are many."""
        theme = theme_manager().theme
        shown = [place for place, name in enumerate(self._times.repeated) if name not in self.hidden]
        names = [self._times.repeated[place] for place in shown]
        table, size = grouped(self._times.pictures[:, shown], max(1, int(area.width() / COLUMN_PX)))
        sums = table.sum(axis=1)
        top = float(np.max(sums)) if len(sums) else 0.0
        metrics = QFontMetricsF(self._small)
        plot = area.adjusted(0, metrics.height() + 2, 0, -AXIS_PX)
        if plot.height() < 12 or top <= 0:
            return
        painter.setPen(theme.color("muted"))
        painter.drawText(
            QPointF(0, area.top() + metrics.ascent()), f"each picture, up to {format_value(top, 'ms')}"
        )
        count = len(self._times.pictures)
        baseline = area.bottom() - metrics.descent()
        painter.drawText(QPointF(0, baseline), "1")
        end = f"{count:,}"
        width = min(WIDEST_COLUMN_PX, plot.width() / len(table))
        right = width * len(table)
        painter.drawText(QPointF(max(10.0, right - metrics.horizontalAdvance(end)), baseline), end)
        painter.setPen(Qt.PenStyle.NoPen)
        gap = 1.0 if width >= 4 else 0.0
        for row, values in enumerate(table):
            bottom = plot.bottom()
            for name, value in zip(names, values, strict=True):
                height = plot.height() * float(value) / top
                painter.fillRect(QRectF(row * width, bottom - height, width - gap, height), self.color(name))
                bottom -= height
            spot = QRectF(row * width, plot.top(), width, plot.height())
            self._spots.append(_Spot(spot, self._text_of_row(row, size, count, names, values)))
        painter.setBrush(theme.color("border"))
        painter.drawRect(QRectF(0, plot.bottom(), plot.width(), 1))

    def _text_of_row(self, row: int, size: int, count: int, names: list[str], values: np.ndarray) -> str:
        first, last = row * size + 1, min(count, (row + 1) * size)
        where = f"picture {first:,}" if size == 1 else f"pictures {first:,} to {last:,}, mean"
        parts = (
            f"{name} {format_value(float(value), 'ms')}" for name, value in zip(names, values, strict=True)
        )
        return f"{where}:  {'  ·  '.join(parts)}"

    def text_of(self, name: str) -> str:
        """One phase with its share of what the whole run took."""
        whole = self._times.whole
        value = self._times.totals.get(name, 0.0)
        share = f", {_percent(value / whole)}" if whole else ""
        so_far = " so far" if name == self._times.running else ""
        return f"{name}:  {format_value(value, 'ms')}{so_far}{share}"

    # --- reading ----------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = event.position()
        self.read(next((i for i, spot in enumerate(self._spots) if spot.area.contains(place)), -1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)  # the card takes the keyboard
        if event.button() == Qt.MouseButton.LeftButton:
            self.mouseMoveEvent(event)
            self.toggle_read()

    def toggle_read(self) -> None:
        """Leave out, or bring back, the phase that is read now."""
        if self._spot >= 0 and self._spots[self._spot].phase:
            self.toggle(self._spots[self._spot].phase)

    def read(self, spot: int) -> None:
        """Tell what stands at a spot, counted in the order of painting; -1 is none."""
        self._spot = spot if 0 <= spot < len(self._spots) else -1
        self.hovered.emit(self._spots[self._spot].text if self._spot >= 0 else "")

    def read_next(self, way: int) -> None:
        if self._spots:
            self.read((self._spot + way) % len(self._spots) if self._spot >= 0 else 0)

    def read_at(self, x: float) -> None:
        """NaN: nothing."""
        self.read(int(x) if math.isfinite(x) else -1)


def _percent(share: float) -> str:
    return "less than 1 %" if 0 < share < 0.01 else f"{share * 100:.0f} %"
