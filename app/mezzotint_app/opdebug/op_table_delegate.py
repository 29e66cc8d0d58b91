"""Draws one cell of the op table straight from the trace: no roles are asked for, no texts are kept."""

from __future__ import annotations

import math

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from mezzotint_app.look.icons import paint_icon
from mezzotint_app.look.theme import FONT_BODY, theme_manager
from mezzotint_app.opdebug.op_columns import COLUMNS
from mezzotint_app.opdebug.op_table_model import OpTableModel
from mezzotint_app.state.trace_state import TraceState
from mezzotint_sdk.trace_records import OpFlags

__all__ = ["ROW_PX", "OpTableDelegate", "heat_part"]

ROW_PX = 22
PAD_PX = 6
ICON_PX = 12
MOST_HEAT = 0.4  # alpha of the hottest row

LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
AnyIndex = QModelIndex | QPersistentModelIndex

BAD = int(OpFlags.NAN | OpFlags.INF | OpFlags.FAILED | OpFlags.CAPTURE_FAILED)


def heat_part(value: float, low: float, high: float) -> float:
    """How hot a value is between 0 and 1, on a scale of powers: a few ops take most of the time."""
    if not value > 0 or high <= 0:
        return 0.0
    low = max(low, high * 1e-3, 1e-9)
    if high <= low:
        return 0.5
    return min(1.0, max(0.0, math.log(value / low) / math.log(high / low)))


class OpTableDelegate(QStyledItemDelegate):
    """`heat` is "", "time" or "memory"; `current` the op at which the run stands (-1: none)."""

    def __init__(self, model: OpTableModel, trace: TraceState) -> None:
        super().__init__(model)
        self._model = model
        self._trace = trace
        self.heat = ""
        self.current = -1
        self._font = QFont()
        self._font.setPointSizeF(FONT_BODY)
        self._bold = QFont(self._font)
        self._bold.setBold(True)
        self._metrics = QFontMetrics(self._font)
        theme_manager().changed.connect(self._take_colors)
        self._take_colors()

    def _take_colors(self) -> None:
        theme = theme_manager().theme
        self._text, self._muted = QColor(theme.text), QColor(theme.muted)
        self._danger, self._warning = QColor(theme.danger), QColor(theme.warning)
        self._accent, self._ground = QColor(theme.accent), QColor(theme.accent_soft)
        self._stop_ground = QColor(theme.warning_soft)
        self._hot = QColor(theme.plot_colors[1])
        self._cold = QColor(theme.plot_colors[2])

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        return QSize(COLUMNS[index.column()].width_px, ROW_PX)

    def _heat_color(self, number: int) -> QColor | None:
        row = self._trace.rows[number]
        if self.heat == "time":
            part, color = heat_part(float(row["duration_us"]), *self._trace.shown.time_span), self._hot
        else:
            change = int(row["memory_delta"])
            span = self._trace.shown.memory_span
            part = heat_part(abs(change), span * 1e-3, span)
            color = self._hot if change > 0 else self._cold
        if part <= 0:
            return None
        heated = QColor(color)
        heated.setAlphaF(MOST_HEAT * part)
        return heated

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        row, place = index.row(), index.column()
        column = COLUMNS[place]
        number = self._trace.op_at(row)
        rect: QRect = option.rect
        is_current = number == self.current
        if is_current:
            painter.fillRect(rect, self._stop_ground)
        if self.heat and (heat := self._heat_color(number)) is not None:
            painter.fillRect(rect, heat)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, self._ground)
        text = self._model.cell(row, place)
        if is_current and column.key == "number":
            box = QRect(rect.left() + 3, rect.top() + (rect.height() - ICON_PX) // 2, ICON_PX, ICON_PX)
            paint_icon(painter, box, "play", "warning")
        if not text:
            return
        painter.setFont(self._bold if is_current else self._font)
        painter.setPen(self._color(column.key, number))
        inner = rect.adjusted(PAD_PX, 0, -PAD_PX, 0)
        side = RIGHT if column.is_number else LEFT
        mode = Qt.TextElideMode.ElideLeft if column.elide == "left" else Qt.TextElideMode.ElideRight
        painter.drawText(inner, side, self._metrics.elidedText(text, mode, inner.width()))

    def _color(self, key: str, number: int) -> QColor:
        if key == "mark":
            return self._danger if int(self._trace.rows["flags"][number]) & BAD else self._warning
        # on a coloured row faded text would be hard to read
        return self._text if self.heat or key in ("op", "time", "shapes") else self._muted
