"""Where in Python an op was called: found fast while the op runs, named only when somebody wants to read
it."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from types import CodeType, FrameType

import torch

from mezzotint_sdk.debug_records import SourceFrame

__all__ = ["SourcePlaces", "frame_of_caller", "line_of", "stack_of"]

_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep
_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_SITE = os.sep + "site-packages" + os.sep


@lru_cache(maxsize=65536)
def line_of(code: CodeType, instruction: int) -> int:
    """The line of the instruction at `instruction` (a frame's f_lasti); the function's first where it has
    none."""
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= instruction < end:
            return number or line
    return line


def is_inner(file: str) -> bool:
    """torch's own and the debugger's files: below what a user calls the line of an op."""
    return file.startswith((_TORCH, _OWN)) or file.startswith("<frozen") or file == "<string>"


def is_library(file: str) -> bool:
    return _SITE in file or file.startswith((_TORCH, _STDLIB))


class SourcePlaces:
    """Finds the innermost frame outside of torch. A code object is judged once."""

    def __init__(self) -> None:
        self._inner: dict[CodeType, bool] = {}

    def place(self, depth: int = 1) -> tuple[CodeType, int]:
        """(code, instruction) of the line that called; `depth` frames above the caller of this to begin
        with."""
        inner = self._inner
        frame: FrameType | None = sys._getframe(depth + 1)
        last = frame
        while frame is not None:
            last = frame
            code = frame.f_code
            known = inner.get(code)
            if known is None:
                known = inner[code] = is_inner(code.co_filename)
            if not known:
                return code, frame.f_lasti
            frame = frame.f_back
        assert last is not None
        return last.f_code, last.f_lasti


def stack_of(frame: FrameType | None, limit: int = 64) -> tuple[list[FrameType], tuple[SourceFrame, ...]]:
    """Frames from `frame` outwards, innermost first, without torch's own and the debugger's."""
    frames: list[FrameType] = []
    facts: list[SourceFrame] = []
    while frame is not None and len(frames) < limit:
        code = frame.f_code
        if not is_inner(code.co_filename):
            frames.append(frame)
            facts.append(
                SourceFrame(
                    file=code.co_filename,
                    line=frame.f_lineno or code.co_firstlineno,
                    function=code.co_qualname,
                    library=is_library(code.co_filename),
                )
            )
        frame = frame.f_back
    return frames, tuple(facts)


def frame_of_caller() -> FrameType | None:
    """The innermost frame that isn't torch's or ours."""
    frames, _ = stack_of(sys._getframe(1), limit=1)
    return frames[0] if frames else None
