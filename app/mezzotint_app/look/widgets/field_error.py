"""What is wrong with a field, right below it: a red frame and one sentence; nothing while it is right."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

__all__ = ["FieldError", "mark_invalid"]


def mark_invalid(field: QWidget, invalid: bool) -> None:
    """Give a field the frame of a wrong value, or take it away."""
    if bool(field.property("invalid")) != invalid:
        field.setProperty("invalid", invalid)
        field.style().unpolish(field)
        field.style().polish(field)
        field.update()


class FieldError(QLabel):
    """The sentence below one or more fields. It takes no room while there is nothing to say."""

    def __init__(self, *fields: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fields = fields
        self.setProperty("role", "error")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.hide()

    def show_problem(self, sentence: str) -> None:
        """Show a sentence; "" says that all is well."""
        if sentence != self.text():
            self.setText(sentence)
            for field in self._fields:
                mark_invalid(field, bool(sentence))
                field.setAccessibleDescription(sentence)
        self.setVisible(bool(sentence))
