"""Breakpoints at lines of Python that call no op themselves: they stop at the first op below them.

The op's own line is matched with its site, for nothing. A line such as `x = self.block(x)` is further out, so
while there are breakpoints at lines, the frames above each op are walked. A code object is judged once. A
breakpoint at the line where a function begins holds at the first op of each call of it. Conditions see the
variables of the line's frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import CodeType, FrameType

import msgspec

from mezzotint_engine.opdebug.breakpoint_matching import BreakpointTest
from mezzotint_engine.opdebug.capture import OpEvent
from mezzotint_engine.opdebug.console_scope import merged_names
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
        self.calls: list[FrameType] = []  # of the function that begins at this line, at the last op

    def is_in(self, code: CodeType) -> bool:
        file = code.co_filename.replace("\\", "/")
        return file == self.path or file.endswith("/" + self.path.lstrip("/"))

    def begins(self, code: CodeType) -> bool:
        return code.co_firstlineno == self.line and not code.co_name.startswith("<")

    def arrives(self, op_number: int) -> bool:
        """Ops in a row below one line are one arrival."""
        before, self.last_op = self.last_op, op_number
        return op_number != before + 1

    def is_called(self, calls: list[FrameType]) -> bool:
        """Whether one of these has begun since the last op. Frames are held from one op to the next alone."""
        before, self.calls = self.calls, calls
        return any(all(call is not one for one in before) for call in calls)


class LineBreakpoints:
    """Made anew when breakpoints change. `before`: those until now, whose arrivals aren't counted again, nor
    are those of `frames`, in which the thread stands at `op_number`."""

    def __init__(
        self,
        tests: Iterable[BreakpointTest],
        before: LineBreakpoints | None = None,
        frames: Iterable[FrameType] = (),
        op_number: int = -2,
    ) -> None:
        self._lines = [_Line(test) for test in tests if test.breakpoint.line and test.breakpoint.file]
        self._of_code: dict[CodeType, tuple[_Line, ...]] = {}
        known = {line.test.breakpoint_id: line for line in before._lines} if before is not None else {}
        standing = list(frames) if self._lines else []
        for line in self._lines:
            old = known.get(line.test.breakpoint_id)
            if old is not None and (old.path, old.line) == (line.path, line.line):
                line.last_op, line.calls = old.last_op, old.calls
                continue
            there = [frame for frame in standing if line.is_in(frame.f_code)]
            line.calls = [frame for frame in there if line.begins(frame.f_code)]
            if any(frame.f_lineno == line.line for frame in there):
                line.last_op = op_number

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
        calls: dict[_Line, list[FrameType]] = {line: [] for line in self._lines}
        found: list[tuple[_Line, FrameType]] = []
        while frame is not None and walked < MAX_FRAMES:
            code = frame.f_code
            lines = self._of_code.get(code)
            if lines is None:
                lines = self._of_code[code] = tuple(line for line in self._lines if line.is_in(code))
            for line in lines:
                if line.begins(code):
                    calls[line].append(frame)
                elif not below and code is not own and frame.f_lineno == line.line:
                    found.append((line, frame))
            below = below and code is not own
            frame = frame.f_back
            walked += 1
        arrived = [(line, frame) for line, frame in found if line.arrives(event.number)]
        arrived += [(line, called[0]) for line, called in calls.items() if line.is_called(called)]
        for line, frame in arrived:
            known = names(event)
            if line.test.breakpoint.expression:
                known = merged_names(frame, known)
            if line.elsewhere.matches(known, ladder.phase, ladder.step, image=ladder.image):
                return line.test
        return None
