"""Where the debugger's commands come from: a person at a terminal, or a script."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Protocol

__all__ = ["ConsoleInput", "ScriptInput", "TerminalInput", "make_input"]

Complete = Callable[[str, int], tuple[Sequence[str], int]]  # line, cursor → words, where the word begins


class ConsoleInput(Protocol):
    def read(self, prompt: str) -> str | None:
        """The next line without its end; None when there is none any more."""


def make_input(complete: Complete) -> ConsoleInput:
    if sys.stdin is not None and sys.stdin.isatty():
        return TerminalInput(complete)
    return ScriptInput()


class ScriptInput:
    """Echoes prompt and line, so that what comes out reads as if it had been typed."""

    def read(self, prompt: str) -> str | None:
        line = sys.stdin.readline() if sys.stdin is not None else ""
        if not line:
            return None
        line = line.rstrip("\r\n")
        print(f"{prompt}{line}", flush=True)
        return line


class TerminalInput:
    """With line editing, history and completion, where the system has readline."""

    def __init__(self, complete: Complete) -> None:
        self._complete = complete
        self._words: list[str] = []
        try:
            import readline
        except ImportError:
            return
        self._readline = readline
        readline.set_completer(self._offer)
        readline.set_completer_delims(" \t\n`~!@#$%^&*()-=+[{]}\\|;:'\",<>/?")  # as pdb's
        is_libedit = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")

    def read(self, prompt: str) -> str | None:
        sys.stdout.flush()
        try:
            return input(prompt)
        except EOFError:
            print()
            return None

    def _offer(self, text: str, number: int) -> str | None:
        """What readline asks for: the completions one by one. It wants what follows its own word's begin."""
        if number == 0:
            line, begin = self._readline.get_line_buffer(), self._readline.get_begidx()
            words, start = self._complete(line, self._readline.get_endidx())
            before = line[start:begin]
            self._words = [
                line[begin:start] + word if start >= begin else word[len(before) :]
                for word in words
                if start >= begin or word.startswith(before)
            ]
        return self._words[number] if number < len(self._words) else None
