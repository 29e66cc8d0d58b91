"""The console's line: history with up and down, completion with Tab."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QStringListModel, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCompleter, QLineEdit, QWidget

__all__ = ["ConsoleInput", "common_start"]


def common_start(words: Sequence[str]) -> str:
    """What all words begin with."""
    if not words:
        return ""
    first, last = min(words), max(words)
    for place, letter in enumerate(first):
        if place >= len(last) or last[place] != letter:
            return first[:place]
    return first


class ConsoleInput(QLineEdit):
    """Tab completes where something was typed; in an empty line it goes on to the next control, as ever."""

    completionAsked = Signal(str, int)  # line and cursor
    entered = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history: Sequence[str] = ()
        self._place = 0  # in the history; its length is the line that is being typed
        self._typed = ""
        self._start = 0  # of the word that is completed
        self._line, self._end = "", 0  # the line, and the cursor, under the list of words
        self._words = QStringListModel(self)
        self.completer_of_words = QCompleter(self._words, self)
        self.completer_of_words.setWidget(self)
        self.completer_of_words.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self.completer_of_words.activated.connect(self._choose)
        self.returnPressed.connect(lambda: self.entered.emit(self.text()))

    # --- history ---------------------------------------------------------------------------------------

    def set_history(self, lines: Sequence[str]) -> None:
        """What was typed, oldest first; the place goes to its end."""
        self._history = lines
        self._place = len(lines)
        self._typed = ""

    def go_back(self, by: int) -> None:
        """1 towards older lines, -1 towards newer ones and the one being typed."""
        if self._place == len(self._history):
            self._typed = self.text()
        place = min(max(self._place - by, 0), len(self._history))
        if place != self._place:
            self._place = place
            self.setText(self._typed if place == len(self._history) else self._history[place])

    # --- completion ------------------------------------------------------------------------------------

    def show_words(self, words: Sequence[str], start: int) -> None:
        """What could stand from `start` to the cursor: the only word goes in, of several what they share."""
        self._start = start
        if len(words) == 1:
            self._insert(words[0])
            return
        typed = self.text()[start : self.cursorPosition()]
        shared = common_start(words)
        if len(shared) > len(typed):
            self._insert(shared)
        self._line, self._end = self.text(), self.cursorPosition()
        self._words.setStringList(list(words))
        self.completer_of_words.complete()

    def _choose(self, word: str) -> None:
        """From the list: into the line as it was, since Qt has put the bare word in its place by now."""
        self.setText(self._line)
        self.setCursorPosition(self._end)
        self._insert(word)

    def _insert(self, word: str) -> None:
        text, end = self.text(), self.cursorPosition()
        self.setText(text[: self._start] + word + text[end:])
        self.setCursorPosition(self._start + len(word))

    # --- keys ------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        # Tab never reaches keyPressEvent: Qt takes it for going to the next control
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if event.key() == Qt.Key.Key_Tab and plain and self.text().strip():
                self.completionAsked.emit(self.text(), self.cursorPosition())
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_Up:
            self.go_back(1)
        elif key == Qt.Key.Key_Down:
            self.go_back(-1)
        elif key == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)
