"""The legend of a plot: each entry with its colour, its name and its figure; a click hides or shows it.

It must not eat the plot: where it would take too many rows its entries move closer together, and what still
doesn't fit is behind a "+2" that shows them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QWidget

from mezzotint_app.look.theme import FONT_SMALL, RADIUS, SPACING, theme_manager

__all__ = ["LegendEntry", "LegendRow"]

Swatch = Literal["line", "dash", "dots", "block", "peak", "none"]

CHIP_PX = 18
SWATCH_PX, DENSE_SWATCH_PX = 12, 8
INSET_PX, DENSE_INSET_PX = 4, 2
GAP_PX = SPACING // 4


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
        self._swatch_px, self._inset_px = SWATCH_PX, INSET_PX
        self.show_entry(entry)

    def set_dense(self, dense: bool) -> None:
        self._swatch_px = DENSE_SWATCH_PX if dense else SWATCH_PX
        self._inset_px = DENSE_INSET_PX if dense else INSET_PX

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
        # a digit less must not make all the others jump; much less is another run
        self._widest = width if width > self._widest or width < 0.8 * self._widest else self._widest
        return QSize(self._widest + self._left + self._inset_px, CHIP_PX)

    @property
    def _left(self) -> int:
        """Where the text begins."""
        has_swatch = self.entry.swatch != "none"
        return self._inset_px + (self._swatch_px + self._inset_px if has_swatch else 0)

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
        left = self._left
        metrics = QFontMetrics(self._small)
        baseline = (self.height() + metrics.ascent() - metrics.descent()) / 2
        font = QFont(self._small)
        font.setStrikeOut(not self.isChecked() and self.entry.swatch != "none")
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
        left, right = float(self._inset_px), float(self._inset_px + self._swatch_px)
        match self.entry.swatch:
            case "none":
                pass
            case "block":
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(pen.color())
                painter.drawRoundedRect(QRectF(left, middle - 4, 8, 8), 2, 2)
            case "peak":
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(pen.color())
                corners = [
                    QPointF(left, middle + 3.5),
                    QPointF(left + 8, middle + 3.5),
                    QPointF(left + 4, middle - 3.5),
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
                if kind == "dash":
                    pen.setDashPattern([2.0, 1.4])  # Qt's own is longer than a swatch of 8 px
                pen.setCapStyle(Qt.PenCapStyle.FlatCap)
                painter.setPen(pen)
                painter.drawLine(QPointF(left, middle), QPointF(right, middle))


class LegendRow(QWidget):
    """Chips side by side, in as many rows as the width asks for and `set_most_rows` allows."""

    toggled = Signal(str, bool)  # key, shown

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._chips: dict[str, _Chip] = {}
        self._wanted: list[str] = []
        self._most_rows = 3
        self.more = _Chip(LegendEntry("", "", swatch="none"), self)
        self.more.setChecked(False)
        self.more.toggled.connect(self._arrange)
        self.more.hide()
        self.setFixedHeight(CHIP_PX)
        theme_manager().changed.connect(self._repaint)

    def _repaint(self) -> None:
        for chip in self._chips.values():
            chip.update()

    def set_most_rows(self, rows: int) -> None:
        if rows != self._most_rows:
            self._most_rows = rows
            self._arrange()

    def set_entries(self, entries: list[LegendEntry]) -> None:
        """Show these; what the user has hidden stays hidden."""
        keys = [entry.key for entry in entries]
        changed = keys != self._wanted
        self._wanted = keys
        for entry in entries:
            chip = self._chips.get(entry.key) or self._make(entry)
            if chip.entry != entry:
                before = chip.sizeHint()
                chip.show_entry(entry)
                changed = changed or chip.sizeHint() != before
        if changed:
            self._arrange()

    def is_shown(self, key: str) -> bool:
        return key not in self._chips or self._chips[key].isChecked()

    def chip(self, key: str) -> QAbstractButton | None:
        return self._chips.get(key)

    @property
    def keys(self) -> list[str]:
        return list(self._wanted)

    @property
    def text(self) -> str:
        """All entries as one line, also those that there is no room for."""
        return " · ".join(self._chips[key].accessibleName() for key in self._wanted)

    def _make(self, entry: LegendEntry) -> _Chip:
        chip = _Chip(entry, self)
        chip.toggled.connect(lambda shown: self.toggled.emit(entry.key, shown))
        self._chips[entry.key] = chip
        return chip

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    # --- places -----------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        chips = [self._chips[key] for key in self._wanted]
        fits = False
        for dense in (False, True):
            for chip in chips:
                chip.set_dense(dense)
            fits = len(_rows(chips, self.width())) <= self._most_rows
            if fits:
                break
        shown = chips if fits or self.more.isChecked() else self._fitting(chips)
        if not fits and len(chips) > 1:
            self._say_more(chips[len(shown) :])
            shown = [*shown, self.more]
        rows = _rows(shown, self.width())
        for row, members in enumerate(rows):
            left = 0
            for chip in members:
                width = min(chip.sizeHint().width(), max(1, self.width() - left))
                chip.setGeometry(left, row * CHIP_PX, width, CHIP_PX)
                left += width + GAP_PX
        for chip in (*self._chips.values(), self.more):
            chip.setVisible(chip in shown)
        self.setFixedHeight(max(1, len(rows)) * CHIP_PX)

    def _fitting(self, chips: list[_Chip]) -> list[_Chip]:
        """As many of the first ones as leave room for the "+2"; at least one."""
        for count in range(len(chips) - 1, 1, -1):
            self._say_more(chips[count:])
            if len(_rows([*chips[:count], self.more], self.width())) <= self._most_rows:
                return chips[:count]
        return chips[:1]

    def _say_more(self, left_out: list[_Chip]) -> None:
        if left_out:
            names = "\n".join(chip.accessibleName() for chip in left_out)
            self.more.show_entry(LegendEntry("more", f"+{len(left_out)}", swatch="none", help=names))
        else:
            self.more.show_entry(LegendEntry("more", "less", swatch="none", help="Fewer rows of the legend"))


def _rows(chips: list[_Chip], width: int) -> list[list[_Chip]]:
    """Each chip in the first row that has room for it, which takes fewer rows than strict order."""
    rows: list[list[_Chip]] = []
    ends: list[int] = []
    for chip in chips:
        needs = chip.sizeHint().width()
        place = next((place for place, end in enumerate(ends) if end + needs <= width), len(rows))
        if place == len(rows):
            rows.append([])
            ends.append(0)
        rows[place].append(chip)
        ends[place] += needs + GAP_PX
    return rows
