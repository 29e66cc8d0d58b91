"""The console's words for breakpoints: pdb's, on the run's own breakpoints, which the app shows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import CodeType, FrameType
from typing import Any, Protocol

import msgspec

from mezzotint_engine.opdebug.breakpoints import BreakpointBook, breakpoint_from_text, breakpoint_text
from mezzotint_engine.opdebug.line_tracer import LineTracer
from mezzotint_sdk.debug_records import Breakpoint
from mezzotint_sdk.errors import BadInputError

__all__ = ["BreakpointCommands", "BreakpointOwner", "whole_number"]


class BreakpointOwner(Protocol):
    book: BreakpointBook

    def breakpoints_changed(self) -> None: ...

    def module_paths(self) -> tuple[str, ...]: ...


class BreakpointCommands(LineTracer):
    """Commands raise BadInputError, NotFoundError with a sentence."""

    def __init__(self, owner: BreakpointOwner, on_line: Callable[[FrameType, str, object], None]) -> None:
        super().__init__(on_line)
        self._owner = owner

    # --- setting

    def do_break(self, arg: str, temporary: Any = False) -> None:
        """b(reak) [CONDITIONS]: aten.mm*, unet.mid_block.*, file.py:120, step=3, nan, out.max() > 5, joined
        by commas.

        As in pdb also a line of this file (120), a function, and "PLACE, CONDITION". Without an argument:
        all breakpoints.
        """
        if not arg.strip():
            for one in self._owner.book.list():
                state = "" if one.enabled else " (off)"
                once = " once" if one.temporary else ""
                self.message(f"{one.breakpoint_id}: {breakpoint_text(one)}{state}{once}, {one.hits} hits")
            return
        parsed = breakpoint_from_text(self._with_place(arg), modules=self._owner.module_paths())
        note = self._checked_line(parsed)
        if note is None:
            return
        made = self._owner.book.add(
            msgspec.structs.replace(parsed, temporary=bool(temporary) or parsed.temporary)
        )
        self._owner.breakpoints_changed()
        self.message(f"Breakpoint {made.breakpoint_id}: {breakpoint_text(made)}{note}")

    do_b = do_break

    def do_tbreak(self, arg: str) -> None:
        """tbreak CONDITIONS: a breakpoint that stops once."""
        self.do_break(arg, temporary=True)

    def _with_place(self, arg: str) -> str:
        """pdb's `b 120` and `b function`: a line of the frame's file, the entry of a function."""
        first, comma, rest = arg.partition(",")
        word = first.strip()
        frame = self.curframe
        if word.isdecimal():
            if frame is None:
                raise BadInputError(f"No frame is selected; say which file, as 'file.py:{word}'.")
            place = f"{frame.f_code.co_filename}:{word}"
        else:
            code = self._code_named(word)
            if code is None:
                return arg
            place = f"{code.co_filename}:{code.co_firstlineno}"
        condition = rest.strip().removeprefix("if ").strip() if comma else ""
        return f"{place}, if {condition}" if condition else place

    def _code_named(self, word: str) -> CodeType | None:
        """Of a function, or of a method: "forward", "self.norm", "module.function"."""
        frame = self.curframe
        first, *rest = word.split(".")
        if frame is None or not all(part.isidentifier() for part in (first, *rest)):
            return None
        value = frame.f_locals.get(first, frame.f_globals.get(first))
        for part in rest:
            value = getattr(value, part, None)
        code = getattr(value, "__code__", None)
        return code if isinstance(code, CodeType) else None

    def _checked_line(self, made: Breakpoint) -> str | None:
        """What is to be added to the answer; None where no code is at that line, which was said."""
        if not made.file or not made.line:
            return ""
        file = _file_ending(made.file)
        if file is None:
            return f" (no module that is loaded so far comes from {made.file})"
        # pdb's own test, which says what is wrong
        return "" if self.checkline(file, made.line) else None

    # --- changing

    def do_clear(self, arg: str) -> None:
        """cl(ear) [NUMBER … | FILE:LINE]: remove these breakpoints, or all."""
        file, colon, line = arg.strip().rpartition(":")
        if colon and line.isdecimal():
            numbers = [one.breakpoint_id for one in self._at(file) if one.line == int(line)]
            if not numbers:
                raise BadInputError(f"There is no breakpoint at {arg.strip()}.")
        elif arg.strip():
            numbers = self._numbers(arg)
        else:
            numbers = [one.breakpoint_id for one in self._owner.book.list()]
        for number in numbers:
            self._owner.book.remove(number)
            self.message(f"Deleted breakpoint {number}")
        self._owner.breakpoints_changed()

    do_cl = do_clear

    def do_condition(self, arg: str) -> None:
        """condition NUMBER [EXPRESSION]: stop there only where it holds; without one, always."""
        word, _, expression = arg.strip().partition(" ")
        number = self._known(word)
        self._owner.book.change(number, expression=expression.strip())
        self._owner.breakpoints_changed()
        self.message(
            f"New condition set for breakpoint {number}."
            if expression.strip()
            else f"Breakpoint {number} is now unconditional."
        )

    def do_ignore(self, arg: str) -> None:
        """ignore NUMBER [COUNT]: let the next COUNT hits pass."""
        words = arg.split()
        number = self._known(words[0] if words else "")
        count = whole_number(words[1]) if len(words) > 1 else 0
        self._owner.book.ignore_next(number, count)
        self._owner.breakpoints_changed()
        hits = "hit" if count == 1 else f"{count} hits"
        self.message(
            f"The next {hits} of breakpoint {number} will pass."
            if count
            else f"Will stop next time breakpoint {number} is reached."
        )

    def do_enable(self, arg: str) -> None:
        """enable NUMBER …: these breakpoints stop again."""
        self._switch(arg, True)

    def do_disable(self, arg: str) -> None:
        """disable NUMBER …: these breakpoints don't stop until they are enabled."""
        self._switch(arg, False)

    def _switch(self, arg: str, enabled: bool) -> None:
        for number in self._numbers(arg):
            self._owner.book.change(number, enabled=enabled)
            self.message(f"{'Enabled' if enabled else 'Disabled'} breakpoint {number}")
        self._owner.breakpoints_changed()

    # --- finding

    def _numbers(self, arg: str) -> list[int]:
        """All of them known, so that nothing is changed where one is wrong."""
        return [self._known(word) for word in arg.split()] or [self._known("")]

    def _known(self, word: str) -> int:
        if not word.strip():
            known = ", ".join(str(one.breakpoint_id) for one in self._owner.book.list()) or "none"
            raise BadInputError(f"Say which breakpoint, by its number; there are: {known}.")
        return self._owner.book.get(whole_number(word)).breakpoint_id

    def _at(self, file: str) -> Sequence[Breakpoint]:
        return [one for one in self._owner.book.list() if one.file and _same_end(one.file, file)]

    def get_file_breaks(self, filename: str) -> list[int]:
        """For the marks in pdb's listings."""
        return [one.line for one in self._at(filename) if one.line and one.enabled]


def whole_number(word: str) -> int:
    """Raises BadInputError."""
    if not word.strip().isdecimal():
        raise BadInputError(f"'{word.strip()}' is no number.")
    return int(word)


def _same_end(one: str, other: str) -> bool:
    """Paths, of which one may be the end of the other."""
    one, other = (name.replace("\\", "/").lstrip("/") for name in (one, other))
    return one == other or one.endswith("/" + other) or other.endswith("/" + one)


def _file_ending(name: str) -> str | None:
    """The file of a loaded module, whole or by the end of its path."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py") and _same_end(file, name):
            return file
    return None
