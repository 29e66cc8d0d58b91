"""The whole text of one log line, below the list: its message, its details, its run."""

from __future__ import annotations

from PySide6.QtGui import QFontDatabase, QResizeEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from mezzotint_app.look.theme import FONT_SMALL, SPACING
from mezzotint_sdk.records import LogRecord

__all__ = ["LogDetail"]

MOST_ROWS = 8
MOST_CHARS = 100_000
INSET_PX = 3 * SPACING  # frame, padding and margin of the document


class LogDetail(QPlainTextEdit):
    """As high as its text, within bounds; hidden while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setAccessibleName("Whole log line")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(FONT_SMALL)
        self.setFont(font)
        self.hide()

    def show_line(self, line: LogRecord | None) -> None:
        """None: nothing."""
        if line is None:
            self.hide()
            return
        parts = [line.message, line.detail, f"run {line.run_id}" if line.run_id else ""]
        text = "\n".join(part for part in parts if part)[:MOST_CHARS]
        if text != self.toPlainText():
            self.setPlainText(text)
        self._fit()
        self.show()

    def _fit(self) -> None:
        metrics = self.fontMetrics()
        parent = self.parentWidget()  # while hidden, our own width says nothing
        room = max(1, (parent.width() if parent is not None else self.width()) - INSET_PX)
        rows = sum(
            1 + metrics.horizontalAdvance(row) // room for row in self.toPlainText().split("\n")[:MOST_ROWS]
        )
        self.setFixedHeight(min(rows, MOST_ROWS) * metrics.lineSpacing() + INSET_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()
