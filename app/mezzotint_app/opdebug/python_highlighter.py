"""Colours Python source lightly, and only the lines that are seen: a file of 10,000 lines opens at once."""

from __future__ import annotations

from PySide6.QtGui import QColor, QFont, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from mezzotint_app.look.theme import theme_manager
from mezzotint_app.opdebug.python_tokens import Token

__all__ = ["PythonHighlighter"]

# kind → (colour of the theme or number of its plot colours, bold)
_LOOKS: dict[str, tuple[str | int, bool]] = {
    "comment": ("muted", False),
    "string": ("success", False),
    "decorator": (4, False),
    "name": ("text", True),
    "keyword": (3, False),
    "number": (1, False),
    "self": ("muted", False),
}


class PythonHighlighter(QSyntaxHighlighter):
    """`set_tokens` gives the whole file's; `reveal` colours some lines that came into view."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._tokens: list[list[Token]] = []
        self._done: set[int] = set()
        self._formats: dict[str, QTextCharFormat] = {}
        self._make_formats()
        theme_manager().changed.connect(self._on_theme)

    def _make_formats(self) -> None:
        theme = theme_manager().theme
        for kind, (color, bold) in _LOOKS.items():
            look = QTextCharFormat()
            name = theme.plot_colors[color] if isinstance(color, int) else getattr(theme, color)
            look.setForeground(QColor(name))
            if bold:
                look.setFontWeight(QFont.Weight.DemiBold)
            self._formats[kind] = look

    def _on_theme(self) -> None:
        self._make_formats()
        done, self._done = self._done, set()
        for line in done:
            self._color(line)

    def set_tokens(self, tokens: list[list[Token]]) -> None:
        self._tokens = tokens
        self._done = set()

    def reveal(self, first: int, last: int) -> None:
        """Colour the lines from `first` to `last`, counted from 0."""
        for line in range(max(0, first), min(last + 1, len(self._tokens))):
            if line not in self._done:
                self._color(line)

    def _color(self, line: int) -> None:
        self._done.add(line)
        self.rehighlightBlock(self.document().findBlockByNumber(line))

    def highlightBlock(self, text: str) -> None:
        line = self.currentBlock().blockNumber()
        if line not in self._done or line >= len(self._tokens):
            return
        for start, length, kind in self._tokens[line]:
            self.setFormat(start, length, self._formats[kind])
