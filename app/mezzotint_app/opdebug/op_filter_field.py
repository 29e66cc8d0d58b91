"""The filter above the op table: a line of text, a quiet sentence where it is wrong, help with examples."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.field_error import FieldError
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.look.widgets.tool_button import tool_button

__all__ = ["EXAMPLES", "FilterHelp", "OpFilterField"]

DELAY_MS = 150
EXAMPLES: tuple[tuple[str, str], ...] = (
    ("softmax", "op or module contains this word"),
    ("nan | inf", "NaN or Inf appeared in an output"),
    ('module ~ "unet.down_blocks.*"', "modules by a pattern with * and ?"),
    ("op ~ *mm* & time > 500", "matrix products that took over 500 µs"),
    ("line == 512 & file == attention.py", "one line of Python"),
    ("shape ~ 2,64,* & dtype == float16", "shape and type of an output"),
    ("bytes > 100M & !view", "much memory moved, views left out"),
    ("step >= 10 & phase == denoise", "sampler step or iteration (from 0) and phase"),
    ("max > 1e3", "statistics of outputs: min, max, mean, norm"),
    ("backward & memory > 0", "backward ops that took memory"),
)
FIELDS = (
    "Texts: op, module, class, file, function, shape, in_shape, dtype, device, kernel, phase",
    "Numbers: number, line, time (µs), flops, bytes, memory, step, image, thread, min, max, mean, norm",
    "Marks: nan, inf, edited, view, inplace, backward",
    "Compare with == != < <= > >= and ~ (pattern); combine with & | ! and brackets",
)


class FilterHelp(QFrame):
    """Examples to click on, and what one can ask for."""

    picked = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("role", "card")
        self.setAccessibleName("Examples of filters")
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACING)
        grid.setVerticalSpacing(0)
        self.buttons: list[QPushButton] = []
        for row, (text, meaning) in enumerate(EXAMPLES):
            button = QPushButton(text.replace("&", "&&"), self)  # one & underlines a letter
            button.setAccessibleName(text)
            button.setProperty("role", "link")
            button.setToolTip("Use this filter")
            button.clicked.connect(lambda _checked=False, text=text: self._pick(text))
            self.buttons.append(button)
            grid.addWidget(button, row, 0)
            grid.addWidget(text_label(meaning, "muted", self), row, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACING, SPACING, SPACING * 2, SPACING)
        layout.addWidget(text_label("Filters", "heading", self))
        layout.addLayout(grid)
        for sentence in FIELDS:
            layout.addWidget(text_label(sentence, "small", self))

    def _pick(self, text: str) -> None:
        self.hide()
        self.picked.emit(text)


class OpFilterField(QWidget):
    """`filterChanged` comes a moment after the last key, or at once with Return."""

    filterChanged = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = QLineEdit(self)
        self.field.setPlaceholderText("Filter: softmax   nan | inf   op ~ *mm* & time > 500")
        self.field.setAccessibleName("Filter of the op table")
        self.field.setToolTip("Show only ops that match; Esc shows all")
        self.field.setClearButtonEnabled(True)
        self.field.addAction(icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.help_button = tool_button("info", "Filters by example", "", "What one can ask for", self)
        self.help_button.clicked.connect(self.show_help)
        self.problem = FieldError(self.field, parent=self)
        self.help: FilterHelp | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self._tell)
        self.field.textChanged.connect(lambda _text: self._timer.start())
        self.field.returnPressed.connect(self._tell)
        line = QHBoxLayout()
        line.setSpacing(SPACING // 2)
        line.addWidget(self.field, 1)
        line.addWidget(self.help_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(line)
        layout.addWidget(self.problem)

    def text(self) -> str:
        return self.field.text()

    def set_text(self, text: str) -> None:
        """Filter by this now."""
        self.field.setText(text)
        self._tell()

    def show_problem(self, sentence: str) -> None:
        self.problem.show_problem(sentence)

    def show_help(self) -> None:
        if self.help is None:
            self.help = FilterHelp(self)
            self.help.picked.connect(self.set_text)
        self.help.adjustSize()
        corner = self.help_button.mapToGlobal(self.help_button.rect().bottomRight())
        corner.setX(max(0, corner.x() - self.help.width()))
        self.help.move(corner)
        self.help.show()

    def _tell(self) -> None:
        self._timer.stop()
        self.filterChanged.emit(self.field.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.field.text():
            self.set_text("")
            event.accept()
        else:
            super().keyPressEvent(event)
