"""What was said to the debugger's console and what it said: lines for a panel that may not exist yet."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal

from mezzotint_sdk.debug_messages import CompleteWord, Completions, ConsoleSaid, SayToConsole

if TYPE_CHECKING:
    from collections.abc import Callable

    from mezzotint_app.state.debug_state import DebugState
    from mezzotint_sdk.debug_messages import DebugReply
    from mezzotint_sdk.errors import MezzotintError

__all__ = ["PROMPT", "ConsoleLine", "ConsoleState", "LineKind"]

PROMPT = "(mzt) "
KEPT_LINES = 10_000
KEPT_HISTORY = 500

LineKind = Literal["said", "answer", "report", "error", "stop"]


@dataclass(frozen=True)
class ConsoleLine:
    """A piece of text, of one or more lines. `said` is what the user typed, `stop` where the run stopped."""

    kind: LineKind
    text: str


class ConsoleState(QObject):
    """`lines` is what stands in the console, `history` what was typed, oldest first."""

    line_added = Signal(object)  # ConsoleLine
    cleared = Signal()
    busy_changed = Signal()

    def __init__(self, debug: DebugState) -> None:
        super().__init__(debug)
        self._debug = debug
        self.lines: deque[ConsoleLine] = deque(maxlen=KEPT_LINES)
        self.history: deque[str] = deque(maxlen=KEPT_HISTORY)
        self.prompt = PROMPT
        self.is_busy = False  # a line is being worked on

    def add(self, kind: LineKind, text: str) -> None:
        """Text without a newline at its end; nothing is added for nothing."""
        text = text.rstrip("\n")
        if text:
            line = ConsoleLine(kind, text)
            self.lines.append(line)
            self.line_added.emit(line)

    def clear(self) -> None:
        self.lines.clear()
        self.cleared.emit()

    def say(self, text: str, on_done: Callable[[], None] | None = None) -> None:
        """Give the console one line; an empty one repeats the last command, as in pdb.

        `on_done` is called after an answer without error.
        """
        if text.strip() and (not self.history or self.history[-1] != text):
            self.history.append(text)
        lines = self.lines
        lines.append(ConsoleLine("said", self.prompt + text))
        self.line_added.emit(lines[-1])
        self._set_busy(True)

        def answered(reply: DebugReply) -> None:
            self._set_busy(False)
            if isinstance(reply, ConsoleSaid):
                self.prompt = reply.prompt or PROMPT
                self.add("answer", reply.text)
            if on_done is not None:
                on_done()

        def refused(error: MezzotintError) -> None:
            self._set_busy(False)
            self.add("error", error.message)

        self._debug.ask(SayToConsole(line=text), answered, refused)

    def complete(self, line: str, cursor: int, on_words: Callable[[tuple[str, ...], int], None]) -> None:
        """Words that could stand at the cursor, and where the completed word begins; no answer for none."""

        def answered(reply: DebugReply) -> None:
            if isinstance(reply, Completions) and reply.words:
                on_words(reply.words, reply.start)

        self._debug.ask(CompleteWord(line=line, cursor=cursor), answered, lambda _error: None)

    def _set_busy(self, busy: bool) -> None:
        if busy != self.is_busy:
            self.is_busy = busy
            self.busy_changed.emit()
