"""Breakpoints at lines of Python that call no op themselves: they stop at the first op below them.

The op's own line is matched with its site, for nothing. A line such as `x = self.block(x)` is further out,
so while
there are breakpoints at lines, the frames above each op are walked. A code object is judged once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import CodeType, FrameType

import msgspec

from mezzotint_engine.opdebug.breakpoint_matching import BreakpointTest
from mezzotint_engine.opdebug.capture import OpEvent
from mezzotint_engine.opdebug.ladder import Ladder

__all__ = ["LineBreakpoints"]

MAX_FRAMES = 80


class _Line:
    """`elsewhere`: the breakpoint's other conditions."""

    def __init__(self, test: BreakpointTest) -> None:
        self.test = test
        breakpoint = test.breakpoint
        self.line = breakpoint.line
        self.path = breakpoint.file.replace("\\", "/")
        self.elsewhere = BreakpointTest(
            msgspec.structs.replace(breakpoint, file="", line=0, op=breakpoint.op or "*")
        )
        self.last_op = -2

    def is_in(self, code: CodeType) -> bool:
        file = code.co_filename.replace("\\", "/")
        return file == self.path or file.endswith("/" + self.path.lstrip("/"))

    def arrives(self, op_number: int) -> bool:
        """Ops in a row below one line are one arrival."""
        before, self.last_op = self.last_op, op_number
        return op_number != before + 1


class LineBreakpoints:
    """Made anew when breakpoints change."""

    def __init__(self, tests: Iterable[BreakpointTest]) -> None:
        self._lines = [_Line(test) for test in tests if test.breakpoint.line and test.breakpoint.file]
        self._of_code: dict[CodeType, tuple[_Line, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def hit(
        self,
        event: OpEvent,
        frame: FrameType | None,
        names: Callable[[OpEvent], dict[str, object]],
        ladder: Ladder,
    ) -> BreakpointTest | None:
        """The breakpoint at a line above this op's own, if its other conditions hold."""
        own = event.stack[1]
        below = True  # of the op's own frame, which its site stands for
        walked = 0
        while frame is not None and walked < MAX_FRAMES:
            code = frame.f_code
            lines = self._of_code.get(code)
            if lines is None:
                lines = self._of_code[code] = tuple(line for line in self._lines if line.is_in(code))
            if lines and not below and code is not own:
                for line in lines:
                    if frame.f_lineno == line.line and line.arrives(event.number):
                        found = line.elsewhere.matches(
                            names(event), ladder.phase, ladder.step, image=ladder.image
                        )
                        if found:
                            return line.test
            below = below and code is not own
            frame = frame.f_back
            walked += 1
        return None
