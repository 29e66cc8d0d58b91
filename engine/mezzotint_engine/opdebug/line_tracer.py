"""Python's own debugger without a terminal: a thread that stands is walked on by Python lines, as by pdb.

`sys.settrace` is on only between a command that goes by lines (`n s r until`) and the next stop, whatever
stops. Lines of the debugger itself, of torch and of Python's machinery are no places to stop, and neither is
what they call for themselves.
"""

from __future__ import annotations

import io
import linecache
import pdb
import sys
import threading
from collections.abc import Callable
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import FrameType
from typing import Any

from mezzotint_sdk.errors import BadInputError

__all__ = ["SKIPPED", "LineTracer"]

# Lines in these are below what a user steps through: the debugger itself, torch, the machinery of Python.
SKIPPED = (
    "mezzotint_engine.opdebug*",
    "mezzotint_engine.worker*",
    "mezzotint_sdk*",
    "torch",
    "torch.*",
    "contextlib",
    "functools",
    "importlib*",
    "queue",
    "threading",
    "typing",
)
_OWN = __name__.rpartition(".")[0]
_PASSED_THROUGH = f"{_OWN}.module_stack"  # every call of a module while the debugger is attached
_PAUSABLE = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR


class LineTracer(pdb.Pdb):
    """`on_line(frame, event, value)` stands at a Python line and returns when the thread may go on.

    Nothing is printed to, or read from, the process's own streams: `printed` has it.
    """

    def __init__(self, on_line: Callable[[FrameType, str, object], None]) -> None:
        self.printed = io.StringIO()
        super().__init__(stdin=io.StringIO(), stdout=self.printed, nosigint=True, readrc=False, skip=SKIPPED)
        self.use_rawinput = False
        self.botframe: FrameType | None = None
        self.reset()
        self.forget()
        self.lastcmd = ""
        self._on_line = on_line
        self._live: list[FrameType] = []
        self._lines_refused = ""
        self._tracing = False
        self._thread = 0  # that is traced
        self._traced: list[FrameType] = []

    # --- standing

    def stand(self, frames: list[FrameType], lines_refused: str = "") -> None:
        """At another stop: `frames` are live, innermost first, without those that nobody walks through.

        `lines_refused`: why the thread can't be walked on by lines from here, as a sentence.
        """
        self.tracing_off()
        self.forget()
        self._live, self._lines_refused = frames, lines_refused
        self.stack = [(frame, frame.f_lineno or frame.f_code.co_firstlineno) for frame in reversed(frames)]
        self.curindex = max(len(self.stack) - 1, 0)
        self._select(frames[0] if frames else None)

    def _select(self, frame: FrameType | None) -> None:
        self.curframe = frame
        # a property in later versions of Python
        if not isinstance(getattr(type(self), "curframe_locals", None), property):
            self.curframe_locals = frame.f_locals if frame is not None else {}

    def message(self, msg: str) -> None:
        print(msg, file=self.printed)

    def error(self, msg: str) -> None:
        print("***", msg, file=self.printed)

    def take_printed(self) -> str:
        """What was printed since the last time."""
        text = self.printed.getvalue()
        self.printed.seek(0)
        self.printed.truncate()
        return text

    def print_stack_entry(self, frame_lineno: Any, prompt_prefix: str = "\n-> ") -> None:
        frame, line = frame_lineno
        self.message(f"> {frame.f_code.co_filename}({line}){frame.f_code.co_qualname}()")
        self.message(f"-> {linecache.getline(frame.f_code.co_filename, line).strip()}")

    # --- commands that go by lines

    def do_next(self, arg: str) -> bool:
        """n(ext): on to the next line of this function, or its return."""
        return self._by_lines(super().do_next, arg)

    do_n = do_next

    def do_step(self, arg: str) -> bool:
        """s(tep): on to the next line that is executed, also in a function that is called."""
        return self._by_lines(super().do_step, arg)

    do_s = do_step

    def do_return(self, arg: str) -> bool:
        """r(eturn): on to the return of this function."""
        return self._by_lines(super().do_return, arg)

    do_r = do_return

    def do_until(self, arg: str) -> bool:
        """unt(il) [LINE]: on to a line further down than this one, or to LINE, or the return."""
        return self._by_lines(super().do_until, arg)

    do_unt = do_until

    def _by_lines(self, command: Callable[[str], Any], arg: str) -> bool:
        if self.curframe is None:
            raise BadInputError("There is no live Python frame here; use op, mod, phase or iter.")
        if self._lines_refused:
            raise BadInputError(self._lines_refused)
        if not command(arg):
            return False
        self.going_by_lines()
        self._trace()
        return True

    def going_by_lines(self) -> None:
        """The run is to go on and to stop for no other reason. For those who build on this."""

    # --- tracing

    @property
    def tracing(self) -> bool:
        return self._tracing

    def _trace(self) -> None:
        """From here on this thread is traced, in the frames that are live and in those to come."""
        frame = self._live[0] if self._live else None
        self._traced = []
        while frame is not None:
            if not self._is_skipped(frame):
                frame.f_trace = self.trace_dispatch
                self._traced.append(frame)
            self.botframe = frame
            frame = frame.f_back
        self._thread = threading.get_ident()
        self._tracing = True
        sys.settrace(self.trace_dispatch)

    def trace_dispatch(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not self._tracing or threading.get_ident() != self._thread:
            # it was ended by another thread, which can't take it off from this one
            frame.f_trace = None
            sys.settrace(None)
            return None
        self.enterframe = None  # Python 3.13 leaves it behind where a run was stopped from in here
        traced = super().trace_dispatch(frame, event, arg)
        if not self._tracing:
            return None
        if event == "call" and traced is not None and frame.f_code.co_flags & _PAUSABLE:
            self._traced.append(frame)  # it may be paused, and so on no stack, when tracing ends
        return traced

    def stop_here(self, frame: FrameType) -> bool:
        return bool(super().stop_here(frame)) and not self._is_called_by_debugger(frame)

    def _is_skipped(self, frame: FrameType) -> bool:
        return bool(self.is_skipped_module(frame.f_globals.get("__name__", "")))

    def _is_called_by_debugger(self, frame: FrameType) -> bool:
        above: FrameType | None = frame.f_back
        while above is not None and above is not self.botframe:
            name = str(above.f_globals.get("__name__", ""))
            if name.startswith(_OWN) and name != _PASSED_THROUGH:
                return True
            above = above.f_back
        return False

    def tracing_off(self) -> None:
        """No trace function stays anywhere. Where another thread was traced, it takes its own off."""
        if not self._tracing:
            return
        self._tracing = False
        if threading.get_ident() == self._thread:
            sys.settrace(None)
        for frame in self._traced:
            walked: FrameType | None = frame
            while walked is not None:
                walked.f_trace = None
                walked = walked.f_back
        self._traced = []
        self.botframe = None
        self.stopframe = self.returnframe = None

    def detach(self) -> None:
        """Take all tracing off, and let go of all frames. On the thread that was traced."""
        self.tracing_off()
        self.stand([])
        self.take_printed()

    # --- what the traced thread comes to

    def user_call(self, frame: FrameType, argument_list: Any) -> None:
        if self.stop_here(frame):
            self._stop(frame, "call", None)

    def user_line(self, frame: FrameType) -> None:
        self._stop(frame, "line", None)

    def user_return(self, frame: FrameType, return_value: Any) -> None:
        self._stop(frame, "return", return_value)

    def user_exception(self, frame: FrameType, exc_info: Any) -> None:
        self._stop(frame, "exception", exc_info[1])

    def _stop(self, frame: FrameType, event: str, value: object) -> None:
        self._traced.append(frame)
        self.tracing_off()
        self._on_line(frame, event, value)
