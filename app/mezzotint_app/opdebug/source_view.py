"""Source text with a gutter: breakpoints, line numbers, the time that each line took, the line that runs."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlock,
    QTextCursor,
    QTextFormat,
)
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QTextEdit, QToolTip, QWidget

from mezzotint_app.look.theme import FONT_BODY, FONT_SMALL, SPACING, theme_manager
from mezzotint_app.opdebug.breakpoint_mark import LineMark, paint_mark
from mezzotint_app.opdebug.op_columns import time_text
from mezzotint_app.opdebug.op_table_delegate import heat_part
from mezzotint_app.opdebug.python_highlighter import PythonHighlighter
from mezzotint_app.opdebug.python_tokens import Token

__all__ = ["LineTimes", "SourceView"]

DOT_PX = 10
TIME_PX = 62
LineTimes = Mapping[int, tuple[float, int]]  # line → µs, ops


class _Gutter(QWidget):
    """A click sets a breakpoint or takes it away."""

    def __init__(self, view: SourceView) -> None:
        super().__init__(view)
        self._view = view
        self.setAccessibleName("Lines, breakpoints and times")
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        return QSize(self._view.gutter_width(), 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._view.paint_gutter(self, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            line = self._view.line_at(event.position().toPoint().y())
            if line:
                self._view.breakpointAsked.emit(line)
            event.accept()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            text = self._view.gutter_help(self._view.line_at(event.pos().y()))
            if text:
                QToolTip.showText(event.globalPos(), text, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)


class SourceView(QPlainTextEdit):
    """Lines count from 1. The text can't be changed here."""

    breakpointAsked = Signal(int)  # line
    lineChosen = Signal(int)  # by mouse or keyboard
    lineOpened = Signal(int)  # by a double click or Return

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setAccessibleName("Python source")
        # the application's style sheet sets the size of all fonts, and that of a widget wins over it
        family = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()
        self.setStyleSheet(
            f'QPlainTextEdit {{ font-family: "{family}"; font-size: {FONT_BODY}pt; border: none;'
            " border-radius: 0; padding: 0; }"
        )
        self.setTabStopDistance(4 * self.fontMetrics().horizontalAdvance(" "))
        self.highlighter = PythonHighlighter(self.document())
        self.current = 0  # the line that runs; 0: none here
        self.marked = 0  # the line that the user was led to
        self.breakpoints: dict[int, LineMark] = {}
        self._times: LineTimes = {}
        self._span = (0.0, 0.0)
        self.gutter = _Gutter(self)
        self.blockCountChanged.connect(lambda _count: self._make_room())
        self.updateRequest.connect(self._on_update)
        theme_manager().changed.connect(self._select_lines)
        self._make_room()

    # --- what it shows -----------------------------------------------------------------------------------

    def set_source(self, text: str, tokens: list[list[Token]]) -> None:
        self.current = self.marked = 0
        self.highlighter.set_tokens([])
        self.setPlainText(text)
        self.highlighter.set_tokens(tokens)
        self._make_room()
        self._select_lines()
        self._reveal()

    def set_current(self, line: int) -> None:
        """The line at which the run stands; 0 takes the mark away."""
        if line != self.current:
            self.current = line
            self._select_lines()

    def set_breakpoints(self, lines: dict[int, LineMark]) -> None:
        if lines != self.breakpoints:
            self.breakpoints = lines
            self.gutter.update()

    def set_times(self, times: LineTimes) -> None:
        self._times = times
        spent = [time for time, _ in times.values()]
        self._span = (0.0, max(spent, default=0.0))
        self._make_room()
        self.gutter.update()

    def go_to(self, line: int) -> None:
        """Bring a line into view, in the middle if it isn't there yet, and mark it."""
        block = self.document().findBlockByNumber(line - 1)
        if not block.isValid():
            return
        self.marked = line
        self.setTextCursor(QTextCursor(block))
        first, last = self._seen_lines()
        if not first + 2 <= line <= last - 2:
            self.centerCursor()
        self._select_lines()
        self._reveal()

    def cursor_line(self) -> int:
        return self.textCursor().blockNumber() + 1

    def _select_lines(self) -> None:
        theme = theme_manager().theme
        marks = []
        for line, color in ((self.marked, "hover"), (self.current, "warning_soft")):
            block = self.document().findBlockByNumber(line - 1) if line else QTextBlock()
            if block.isValid() and not (line == self.marked == self.current and color == "hover"):
                mark = QTextEdit.ExtraSelection()
                mark.format.setBackground(theme.color(color))
                mark.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
                mark.cursor = QTextCursor(block)
                marks.append(mark)
        self.setExtraSelections(marks)
        self.gutter.update()

    # --- the gutter --------------------------------------------------------------------------------------

    def gutter_width(self) -> int:
        digits = max(3, len(str(self.blockCount())))
        numbers = self.fontMetrics().horizontalAdvance("9") * digits
        return DOT_PX + SPACING * 2 + numbers + (TIME_PX if self._times else 0)

    def _make_room(self) -> None:
        self.setViewportMargins(self.gutter_width(), 0, 0, 0)
        area = self.contentsRect()
        self.gutter.setGeometry(QRect(area.left(), area.top(), self.gutter_width(), area.height()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()
        self._reveal()

    def _on_update(self, rect: QRect, moved_by: int) -> None:
        if moved_by:
            self.gutter.scroll(0, moved_by)
            self._reveal()
        else:
            self.gutter.update(0, rect.y(), self.gutter.width(), rect.height())

    def _seen_lines(self) -> tuple[int, int]:
        first = self.firstVisibleBlock().blockNumber() + 1
        count = self.viewport().height() // max(1, self.fontMetrics().lineSpacing())
        return first, first + count

    def _reveal(self) -> None:
        first, last = self._seen_lines()
        self.highlighter.reveal(first - 1, last + 1)

    def line_at(self, y: int) -> int:
        """The line at a height in the gutter; 0 below the last."""
        block = self.firstVisibleBlock()
        bottom = self.blockBoundingGeometry(block).translated(self.contentOffset()).top()
        while block.isValid():
            bottom += self.blockBoundingRect(block).height()
            if y < bottom:
                return block.blockNumber() + 1
            block = block.next()
        return 0

    def gutter_help(self, line: int) -> str:
        if not line:
            return ""
        parts = []
        if line in self._times:
            time_us, ops = self._times[line]
            parts.append(f"{time_text(time_us)} in {ops:,} {'op' if ops == 1 else 'ops'} of those shown")
        mark = self.breakpoints.get(line)
        if mark is None:
            parts.append("Click to stop here")
        else:
            parts += mark.texts
            many = "all of them" if len(mark.texts) > 1 else "the breakpoint"
            parts.append(f"Click to take {many} away")
        return "\n".join(parts)

    def paint_gutter(self, gutter: QWidget, event: QPaintEvent) -> None:
        theme = theme_manager().theme
        painter = QPainter(gutter)
        painter.fillRect(event.rect(), theme.color("surface"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        small = QFont(self.font())
        small.setPointSizeF(FONT_SMALL)
        width = gutter.width()
        block = self.firstVisibleBlock()
        top = self.blockBoundingGeometry(block).translated(self.contentOffset()).top()
        while block.isValid() and top <= event.rect().bottom():
            height = self.blockBoundingRect(block).height()
            if top + height >= event.rect().top():
                box = QRect(0, round(top), width, round(height))
                self._paint_line(painter, box, block.blockNumber() + 1, small)
            top += height
            block = block.next()
        painter.end()

    def _paint_line(self, painter: QPainter, box: QRect, line: int, small: QFont) -> None:
        theme = theme_manager().theme
        if line == self.current:
            painter.fillRect(box, theme.color("warning_soft"))
        right = box.right() - SPACING // 2
        if line in self._times:
            time_us, _ops = self._times[line]
            heat = QColor(theme.plot_colors[1])
            heat.setAlphaF(0.35 * heat_part(time_us, *self._span))
            painter.fillRect(QRect(right - TIME_PX + 2, box.top(), TIME_PX, box.height()), heat)
            painter.setFont(small)
            painter.setPen(theme.color("muted"))
            area = QRect(right - TIME_PX, box.top(), TIME_PX, box.height())
            painter.drawText(
                area, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), time_text(time_us)
            )
        if self._times:
            right -= TIME_PX
        painter.setFont(self.font())
        painter.setPen(theme.color("text" if line == self.current else "muted"))
        area = QRect(box.left(), box.top(), right - SPACING // 2, box.height())
        painter.drawText(area, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), str(line))
        if line in self.breakpoints:
            dot = QRectF(SPACING // 2, box.center().y() - DOT_PX / 2 + 1, DOT_PX, DOT_PX)
            paint_mark(painter, dot, self.breakpoints[line])

    # --- keys and mouse ----------------------------------------------------------------------------------

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            self.lineChosen.emit(self.cursor_line())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        super().mouseDoubleClickEvent(event)
        self.lineOpened.emit(self.cursor_line())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.lineOpened.emit(self.cursor_line())
            event.accept()
        else:
            super().keyPressEvent(event)
            if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
                self.lineChosen.emit(self.cursor_line())
