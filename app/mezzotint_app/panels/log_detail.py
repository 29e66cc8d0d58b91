"""The whole text of one log line, below the list: its message, its details, its run."""

from __future__ import annotations

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from mezzotint_app.look.theme import FONT_SMALL, SPACING
from mezzotint_sdk.records import LogRecord

__all__ = ["LogDetail"]

MOST_ROWS = 8
MOST_CHARS = 100_000


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
        columns = max(20, self.viewport().width() // max(1, self.fontMetrics().averageCharWidth()))
        rows = sum(1 + len(row) // columns for row in text.splitlines()[:MOST_ROWS])
        self.setFixedHeight(min(rows, MOST_ROWS) * self.fontMetrics().lineSpacing() + 2 * SPACING)
        self.show()
