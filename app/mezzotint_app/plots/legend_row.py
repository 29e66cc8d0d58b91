"""The legend of a plot: each entry with its colour, its name and its figure; a click hides or shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QWidget

from mezzotint_app.look.theme import FONT_SMALL, RADIUS, SPACING, theme_manager

__all__ = ["LegendEntry", "LegendRow"]

Swatch = Literal["line", "dash", "dots", "block", "peak"]

CHIP_PX = 18
SWATCH_PX = 12
INSET_PX = 4


@dataclass(frozen=True)
class LegendEntry:
    """`color` is a field of the theme, or the number of one of its plot colours."""

    key: str
    title: str
    value: str = ""
    color: str | int = 0
    swatch: Swatch = "line"
    help: str = ""


class _Chip(QAbstractButton):
    def __init__(self, entry: LegendEntry, parent: QWidget) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setChecked(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # of our own: the widget's font is the style sheet's
        self._small = QFont(self.font())
        self._small.setPointSizeF(FONT_SMALL)
        self.entry = entry
        self._widest = 0
        self.show_entry(entry)

    def show_entry(self, entry: LegendEntry) -> None:
        self.entry = entry
        text = f"{entry.title} {entry.value}".strip()
        self.setAccessibleName(text)
        self.setToolTip(f"{text}\n{entry.help or 'Click to hide or show'}")
        self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self._small)
        parts = [text for text in (self.entry.title, self.entry.value) if text]
        width = sum(metrics.horizontalAdvance(text) for text in parts) + 4 * (len(parts) - 1)
        wanted = SWATCH_PX + width + 3 * INSET_PX
        # a digit less must not make all the others jump; much less is another run
        self._widest = wanted if wanted > self._widest or wanted < 0.8 * self._widest else self._widest
        return QSize(self._widest, CHIP_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = theme_manager().theme
        color = self.entry.color
        colors = theme.plot_colors
        ink = QColor(getattr(theme, color) if isinstance(color, str) else colors[color % len(colors)])
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("focus"), 1.5))
            painter.drawRoundedRect(frame, RADIUS, RADIUS)
        elif self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("hover"))
            painter.drawRoundedRect(frame, RADIUS, RADIUS)
        painter.setOpacity(1.0 if self.isChecked() else 0.4)
        self._paint_swatch(painter, QPen(ink, 2))
        painter.setOpacity(1.0)
        left = SWATCH_PX + 2 * INSET_PX
        metrics = QFontMetrics(self._small)
        baseline = (self.height() + metrics.ascent() - metrics.descent()) / 2
        font = QFont(self._small)
        font.setStrikeOut(not self.isChecked())
        painter.setFont(font)
        painter.setPen(theme.color("muted"))
        painter.drawText(QPointF(left, baseline), self.entry.title)
        if self.entry.value:
            gap = 4 if self.entry.title else 0
            painter.setPen(theme.color("text" if self.isChecked() else "muted"))
            painter.drawText(
                QPointF(left + metrics.horizontalAdvance(self.entry.title) + gap, baseline), self.entry.value
            )
        painter.end()

    def _paint_swatch(self, painter: QPainter, pen: QPen) -> None:
        middle = self.height() / 2
        left, right = float(INSET_PX), float(INSET_PX + SWATCH_PX)
        match self.entry.swatch:
            case "block":
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(pen.color())
                painter.drawRoundedRect(QRectF(left, middle - 5, 10, 10), 2, 2)
            case "peak":
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(pen.color())
                corners = [
                    QPointF(left, middle + 4),
                    QPointF(left + 10, middle + 4),
                    QPointF(left + 5, middle - 4),
                ]
                painter.drawPolygon(QPolygonF(corners))
            case kind:
                styles = {
                    "line": Qt.PenStyle.SolidLine,
                    "dash": Qt.PenStyle.DashLine,
                    "dots": Qt.PenStyle.DotLine,
                }
                pen.setStyle(styles[kind])
                pen.setWidthF(2.0 if kind == "line" else 1.5)
                pen.setCapStyle(Qt.PenCapStyle.FlatCap)
                painter.setPen(pen)
                painter.drawLine(QPointF(left, middle), QPointF(right, middle))


class LegendRow(QWidget):
    """Chips side by side, in as many rows as the width asks for."""

    toggled = Signal(str, bool)  # key, shown

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._chips: dict[str, _Chip] = {}
        self.setFixedHeight(CHIP_PX)
        theme_manager().changed.connect(self._repaint)

    def _repaint(self) -> None:
        for chip in self._chips.values():
            chip.update()

    def set_entries(self, entries: list[LegendEntry]) -> None:
        """Show these; what the user has hidden stays hidden."""
        wanted = {entry.key: entry for entry in entries}
        changed = list(wanted) != [key for key, chip in self._chips.items() if not chip.isHidden()]
        for key, chip in self._chips.items():
            if key not in wanted:
                chip.hide()
        for key, entry in wanted.items():
            chip = self._chips.get(key) or self._make(entry)
            if chip.entry != entry:
                before = chip.sizeHint()
                chip.show_entry(entry)
                changed = changed or chip.sizeHint() != before
            chip.show()
        if changed:
            self._chips = {key: self._chips[key] for key in [*wanted, *(set(self._chips) - set(wanted))]}
            self._arrange()

    def is_shown(self, key: str) -> bool:
        return key not in self._chips or self._chips[key].isChecked()

    def chip(self, key: str) -> QAbstractButton | None:
        return self._chips.get(key)

    @property
    def text(self) -> str:
        """All visible entries as one line."""
        parts = (chip.accessibleName() for chip in self._chips.values() if not chip.isHidden())
        return " · ".join(parts)

    def _make(self, entry: LegendEntry) -> _Chip:
        chip = _Chip(entry, self)
        chip.toggled.connect(lambda shown: self.toggled.emit(entry.key, shown))
        self._chips[entry.key] = chip
        return chip

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        left = top = 0
        for chip in self._chips.values():
            if chip.isHidden():
                continue
            size = chip.sizeHint()
            if left and left + size.width() > self.width():
                left, top = 0, top + CHIP_PX
            chip.setGeometry(left, top, min(size.width(), max(self.width(), 1)), CHIP_PX)
            left += size.width() + SPACING // 4
        self.setFixedHeight(top + CHIP_PX)
