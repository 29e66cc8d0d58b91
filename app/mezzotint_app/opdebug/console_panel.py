"""The console at a stop: pdb's commands, Python on the op's tensors, and the ladder's own words."""

from __future__ import annotations

from PySide6.QtGui import QColor, QFontDatabase, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from mezzotint_app.look.theme import FONT_SMALL, SPACING, theme_manager
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.opdebug.console_line_edit import ConsoleInput
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.console_state import KEPT_LINES, ConsoleLine, LineKind

__all__ = ["ConsolePanel"]

EMPTY = (
    "pdb's commands, and Python on the tensors of the stop.\n\n"
    "help            all commands\n"
    "p out.mean()    a value; the inputs are a, b, …, the outputs out and outs\n"
    "n  s  r         by Python lines: next, step into, return\n"
    "op  mod  phase  iter   on by one op, module, phase or step\n"
    "b aten.mm*      a breakpoint; also unet.mid_block.*, file.py:120, nan, out.abs().max() > 1e3\n"
    "c               continue"
)
COLORS: dict[LineKind, str] = {
    "said": "text",
    "answer": "text",
    "report": "accent",
    "error": "danger",
    "stop": "warning",
}
BUSY = "…"
GOING_ON = "The run goes on; the console takes lines at a stop."
NO_RUN = "No run is being debugged; press Debug (F5)."


class ConsolePanel(QWidget):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._debug = state.debug
        self._console = state.debug.console
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(FONT_SMALL + 0.5)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Console")
        self.text.setFont(font)
        self.text.setFrameShape(QFrame.Shape.NoFrame)
        self.text.setProperty("role", "plain")
        self.text.setMaximumBlockCount(KEPT_LINES)
        self.text.setUndoRedoEnabled(False)
        self.text.setTabChangesFocus(True)
        self.text.setPlaceholderText(EMPTY)
        self.prompt = text_label(self._console.prompt.strip(), "muted", self)
        self.prompt.setFont(font)
        self.input = ConsoleInput(self)
        self.input.setFont(font)
        self.input.setAccessibleName("Console line")
        self.input.setToolTip(
            "Enter runs it, an empty line repeats the last one; Tab completes, Up goes back"
        )
        self.input.set_history(self._console.history)
        self.clear = tool_button("clear", "Clear the console", parent=self)
        self.clear.clicked.connect(self._console.clear)
        row = QHBoxLayout()
        row.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        row.setSpacing(SPACING)
        row.addWidget(self.prompt)
        row.addWidget(self.input, 1)
        row.addWidget(self.clear)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.text, 1)
        layout.addLayout(row)
        self.setFocusProxy(self.input)

        self.input.entered.connect(self._on_entered)
        self.input.completionAsked.connect(self._complete)
        self._console.line_added.connect(self._add)
        self._console.cleared.connect(self._rebuild)
        self._console.busy_changed.connect(self._refresh)
        self._debug.stop_changed.connect(self._refresh)
        self._debug.armed_changed.connect(self._refresh)
        theme_manager().changed.connect(self._rebuild)
        self._follows = True
        bar = self.text.verticalScrollBar()
        bar.valueChanged.connect(self._on_scrolled)
        bar.rangeChanged.connect(lambda _least, _most: self._follow())
        self._rebuild()
        self._refresh()

    # --- typing ----------------------------------------------------------------------------------------

    def _on_entered(self, line: str) -> None:
        # the line stays as it is while nobody could answer it, so that nothing typed is lost
        if not self._debug.is_stopped or self._console.is_busy:
            self._refresh()
            return
        self.input.clear()
        self._console.say(line)
        self.input.set_history(self._console.history)

    def _complete(self, line: str, cursor: int) -> None:
        if self._debug.is_stopped:
            self._console.complete(line, cursor, self.input.show_words)

    def _refresh(self) -> None:
        self.prompt.setText(self._console.prompt.strip())
        if self._debug.is_stopped:
            hint = BUSY if self._console.is_busy else ""
        else:
            hint = GOING_ON if self._debug.armed else NO_RUN
        if hint != self.input.placeholderText():
            self.input.setPlaceholderText(hint)

    # --- text ------------------------------------------------------------------------------------------

    def _add(self, line: ConsoleLine) -> None:
        self._follows = self._follows or line.kind == "said"
        self._append(line)
        self._follow()
        self._refresh()

    def _follow(self) -> None:
        """Stay at the end, also where the panel becomes lower, unless the user has scrolled up."""
        if self._follows:
            bar = self.text.verticalScrollBar()
            bar.setValue(bar.maximum())

    def _on_scrolled(self, value: int) -> None:
        self._follows = value >= self.text.verticalScrollBar().maximum()

    def _append(self, line: ConsoleLine) -> None:
        # appended at the end of the document: the reader's own cursor and selection stay
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        look = QTextCharFormat()
        color = COLORS[line.kind]
        if line.kind == "answer" and line.text.startswith("***"):  # pdb's way to say that it was no good
            color = COLORS["error"]
        look.setForeground(QColor(getattr(theme_manager().theme, color)))
        if not self.text.document().isEmpty():
            cursor.insertBlock()
        cursor.insertText(line.text, look)

    def _rebuild(self, *_arguments: object) -> None:
        self.text.clear()
        for line in self._console.lines:
            self._append(line)
        bar = self.text.verticalScrollBar()
        bar.setValue(bar.maximum())
