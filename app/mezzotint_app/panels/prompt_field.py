"""A text field for prompts: several lines, Ctrl+Enter generates, and a megabyte of text doesn't stall it."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy, QWidget

__all__ = ["LONG_TEXT", "PromptField"]

# Qt lays out a paragraph as a whole; above this many characters that takes longer than a frame.
LONG_TEXT = 20_000
SHOWN_OF_LONG = 1_000


class PromptField(QPlainTextEdit):
    """`edited` comes with each change by the user. Text above `LONG_TEXT` characters is kept as it is, shown
    in part, and can only be replaced (select all and type) or cleared."""

    edited = Signal(str)
    submitted = Signal()

    def __init__(self, name: str, lines: int, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines = lines
        self._long_text: str | None = None
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.textChanged.connect(self._on_text_changed)

    def text(self) -> str:
        return self.toPlainText() if self._long_text is None else self._long_text

    def set_text(self, text: str) -> None:
        """Show a text without telling it as an edit."""
        if text == self.text():
            return
        with QSignalBlocker(self):
            self._show(text)

    def sizeHint(self) -> QSize:
        margins = self.contentsMargins()
        height = self.fontMetrics().lineSpacing() * self._lines + 2 * int(self.document().documentMargin())
        return QSize(160, height + margins.top() + margins.bottom() + 10)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.sizeHint().height())

    def insertFromMimeData(self, source: QMimeData) -> None:
        text = source.text()
        if len(text) > LONG_TEXT:
            self._show(text)
            self.edited.emit(text)
        else:
            if self._long_text is not None:
                self._leave_long()
            super().insertFromMimeData(source)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        # Pictures and files go to the window, which restores their settings
        return source.hasText() and not source.hasUrls()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and (
            event.modifiers() & Qt.KeyboardModifier.ControlModifier
        ):
            self.submitted.emit()
            return
        if self._long_text is not None and event.key() in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete):
            self._leave_long()
            self.edited.emit("")
            return
        super().keyPressEvent(event)

    def _show(self, text: str) -> None:
        if len(text) > LONG_TEXT:
            self._long_text = text
            rest = len(text) - SHOWN_OF_LONG
            with QSignalBlocker(self):
                self.setPlainText(
                    f"{text[:SHOWN_OF_LONG]}\n… and {rest:,} more characters. Press Delete to clear them."
                )
            self.setReadOnly(True)
        else:
            self._long_text = None
            self.setReadOnly(False)
            self.setPlainText(text)

    def _leave_long(self) -> None:
        with QSignalBlocker(self):
            self._show("")

    def _on_text_changed(self) -> None:
        if self._long_text is None:
            self.edited.emit(self.toPlainText())
