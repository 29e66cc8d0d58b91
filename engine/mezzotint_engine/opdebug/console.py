"""The console at a stop: Python's own debugger for its commands, and the ladder's words beside them.

One line at a time: `execute` runs a command on the thread that stands and gives back what it printed. pdb's
words keep
pdb's meaning, which is Python lines; for these the thread is traced from where it goes on until it stops
again.
"""

from __future__ import annotations

import code as interactive
import contextlib
import ctypes
import io
import linecache
import pdb
import reprlib
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Protocol

import torch

from mezzotint_engine.opdebug.breakpoints import BreakpointBook, breakpoint_from_text, breakpoint_text
from mezzotint_engine.opdebug.tensor_expression import value_text
from mezzotint_sdk.debug_messages import Resume
from mezzotint_sdk.debug_records import SourceFrame
from mezzotint_sdk.errors import BadInputError, MezzotintError

__all__ = ["Console", "ConsolePlace", "LadderCommands"]

MAX_CHARS = 20_000  # of what one command prints
MAX_SHOWN = 4_000  # characters of one value
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


class LadderCommands(Protocol):
    """What the console can do with the run."""

    book: BreakpointBook

    def plan_resume(self, resume: Resume) -> None:
        """How the run is to go on. Raises BadInputError."""

    def line_stop(self, frame: FrameType, event: str, value: object) -> None:
        """Stand at a Python line; returns when the run may go on."""

    def describe(self) -> str: ...

    def breakpoints_changed(self) -> None: ...

    def add_watch(self, expression: str) -> None: ...

    def skip_op(self, kind: str, value: str) -> None: ...

    def module_paths(self) -> tuple[str, ...]: ...


@dataclass
class ConsolePlace:
    """`frames`: live ones, innermost first; `names`: of the op's tensors; `set_name` puts a tensor in the
    place of one
    of them."""

    frames: list[FrameType]
    names: Mapping[str, object]
    set_name: Callable[[str, object], None]
    recorded: tuple[SourceFrame, ...] = ()
    stop_id: int = 0
    returned: object = field(default=None)


class Console(pdb.Pdb):
    """One a run. Nothing is printed to, or read from, the process's own streams."""

    prompt = "(mzt) "

    def __init__(self, ladder: LadderCommands) -> None:
        self._printed = io.StringIO()
        super().__init__(stdin=io.StringIO(), stdout=self._printed, nosigint=True, readrc=False, skip=SKIPPED)
        self.use_rawinput = False
        self.botframe: FrameType | None = None
        self.reset()
        self._ladder = ladder
        self._place = ConsolePlace([], {}, lambda name, value: None)
        self._stop_id = -1
        self._resumed = False
        self._tracing = False
        self._traced: list[FrameType] = []
        self._session: interactive.InteractiveConsole | None = None
        self.lastcmd = ""

    # --- one command --------------------------------------------------------------------------------------

    def execute(self, line: str, place: ConsolePlace) -> tuple[str, bool]:
        """What it printed, and whether the run goes on. Never raises, but for what stops the run."""
        self._printed.seek(0)
        self._printed.truncate()
        self._resumed = False
        self._place = place
        self._stand(place)
        with contextlib.redirect_stdout(self._printed):
            try:
                if self._session is not None:
                    self._interact(line)
                else:
                    self._resumed = bool(self.onecmd(self.precmd(line.strip())))
            except MezzotintError as error:
                self.message(error.message)
            except Exception as error:
                self.error(f"{type(error).__name__}: {error}")
        text = self._printed.getvalue()
        if len(text) > MAX_CHARS:
            text = text[:MAX_CHARS] + f"\n… {len(text) - MAX_CHARS:,} more characters are not shown.\n"
        return text, self._resumed

    def displayed(self, place: ConsolePlace) -> str:
        """What `display` shows at a new stop."""
        self._printed.seek(0)
        self._printed.truncate()
        self._place = place
        self._stand(place)
        self.preloop()
        return self._printed.getvalue()

    def _stand(self, place: ConsolePlace) -> None:
        if self._stop_id == place.stop_id:
            return
        self._stop_id = place.stop_id
        self._session = None
        self._tracing_off()
        if not place.frames:
            self.stack, self.curindex, self.curframe = [], 0, None
            return
        self.setup(place.frames[0], None)
        # torch's frames and ours between those of the model are nothing that a user walks through
        self.stack = [(frame, frame.f_lineno) for frame in reversed(place.frames)]
        self.curindex = len(self.stack) - 1
        self.curframe = self.stack[self.curindex][0]
        if hasattr(self, "curframe_locals"):
            self.curframe_locals = self.curframe.f_locals

    def onecmd(self, line: str) -> Any:
        command, argument, _ = self.parseline(line)
        # `out = …`, `b = …`, `out.max()`: names of tensors that are words of the debugger, too
        if command and argument and line.split()[0] not in ("p", "pp"):
            if argument.startswith("=") and not argument.startswith("=="):
                return self.default(line)
            if argument[0] in ".[" and line[: len(command)] == command and command in self._place.names:
                return self.default(line)
        return super().onecmd(line)

    def emptyline(self) -> Any:
        return self.onecmd(self.lastcmd) if self.lastcmd else None

    def message(self, msg: str) -> None:
        print(msg, file=self._printed)

    def error(self, msg: str) -> None:
        print("***", msg, file=self._printed)

    # --- values -------------------------------------------------------------------------------------------

    def _scope(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Globals and names: those of the op first, then the frame's own."""
        frame = self.curframe
        own = dict(frame.f_locals) if frame is not None else {}
        module = frame.f_globals if frame is not None else {"__builtins__": __builtins__}
        names = {"torch": torch, **own, **self._place.names, "frame_locals": own}
        return module, names

    def _getval(self, arg: str) -> Any:
        try:
            return eval(arg, *self._scope())
        except Exception as error:
            self.error(_said(error))
            raise

    def _getval_except(self, arg: str, frame: FrameType | None = None) -> Any:
        try:
            return eval(arg, *self._scope())
        except Exception as error:
            return f"** raised {_said(error)} **"

    def default(self, line: str) -> None:
        if line[:1] == "!":
            line = line[1:].strip()
        module, names = self._scope()
        before = dict(names)
        try:
            compiled = compile(line + "\n", "<stdin>", "single")
            hook, sys.displayhook = sys.displayhook, self.displayhook
            try:
                exec(compiled, module, names)
            finally:
                sys.displayhook = hook
        except Exception as error:
            self.error(_said(error))
            return
        self._keep_changes(before, names)

    def displayhook(self, obj: object) -> None:
        if obj is not None:
            self.message(shown(obj))

    def _keep_changes(self, before: Mapping[str, Any], after: dict[str, Any]) -> None:
        """What was assigned: a tensor of the op is replaced, a variable of the frame is set."""
        frame = self.curframe
        for name, value in after.items():
            if name in before and before[name] is value:
                continue
            if name in self._place.names:
                self._place.set_name(name, value)
            elif frame is not None:
                _set_local(frame, name, value)

    def do_p(self, arg: str) -> None:
        with contextlib.suppress(Exception):
            self.message(shown(self._getval(arg)))

    def do_pp(self, arg: str) -> None:
        with contextlib.suppress(Exception):
            value = self._getval(arg)
            self.message(shown(value) if isinstance(value, torch.Tensor) else _pretty(value))

    def do_args(self, arg: str) -> None:
        """a(rgs): the arguments of the frame's function, and the tensors of the op."""
        if self.curframe is not None:
            code = self.curframe.f_code
            count = code.co_argcount + code.co_kwonlyargcount
            for name in code.co_varnames[:count]:
                if name in self.curframe.f_locals:
                    self.message(f"{name} = {shown(self.curframe.f_locals[name], short=True)}")
        self.do_tensors("")

    do_a = do_args

    def do_tensors(self, arg: str) -> None:
        """tensors: the inputs and outputs of the op, by the names that expressions have for them."""
        for name, value in self._place.names.items():
            if isinstance(value, torch.Tensor):
                self.message(f"{name}: {value_text(value) if value.numel() < 9 else describe(value)}")

    def do_stats(self, arg: str) -> None:
        """stats NAME: least, greatest, mean, norm, NaN and Inf of a tensor or expression."""
        from mezzotint_engine.opdebug.quick_statistics import sample_of

        value = self._getval(arg or "out")
        if not isinstance(value, torch.Tensor):
            self.error(f"{arg} is no tensor")
            return
        found = sample_of(value)
        marks = " NaN" * found.nan + " Inf" * found.inf
        self.message(
            f"{describe(value)}: min {found.minimum:.6g}, max {found.maximum:.6g}, mean {found.mean:.6g}, "
            f"norm {found.norm:.6g}{marks}"
        )

    # --- where --------------------------------------------------------------------------------------------

    def do_where(self, arg: str) -> None:
        """w(here): the Python frames, the newest last; in backward the line of forward that the op belongs
        to."""
        for past in self._place.recorded:
            if not past.live:
                self.message(f"  (forward) {past.file}({past.line}){past.function}: no live variables")
        for index, (frame, line) in enumerate(self.stack):
            mark = ">" if index == self.curindex else " "
            file = frame.f_code.co_filename
            self.message(f"{mark} {file}({line}){frame.f_code.co_qualname}")
            self.message(f"-> {linecache.getline(file, line).strip()}")

    do_w = do_bt = do_where

    def print_stack_entry(self, frame_lineno: Any, prompt_prefix: str = "\n-> ") -> None:
        frame, line = frame_lineno
        self.message(f"> {frame.f_code.co_filename}({line}){frame.f_code.co_qualname}()")
        self.message(f"-> {linecache.getline(frame.f_code.co_filename, line).strip()}")

    # --- going on by Python lines -------------------------------------------------------------------------

    def do_next(self, arg: str) -> bool:
        return self._by_lines(super().do_next, arg)

    do_n = do_next

    def do_step(self, arg: str) -> bool:
        return self._by_lines(super().do_step, arg)

    do_s = do_step

    def do_return(self, arg: str) -> bool:
        return self._by_lines(super().do_return, arg)

    do_r = do_return

    def do_until(self, arg: str) -> bool:
        return self._by_lines(super().do_until, arg)

    do_unt = do_until

    def _by_lines(self, command: Callable[[str], Any], arg: str) -> bool:
        if self.curframe is None:
            self.error("There is no live Python frame here; use op, mod, phase or iter.")
            return False
        went = bool(command(arg))
        if went:
            self._ladder.plan_resume(Resume(verb="continue"))
            self._trace(self._place.frames)
        return went

    def _trace(self, frames: list[FrameType]) -> None:
        """From here on this thread is traced, in the frames that are live and in those to come."""
        frame = frames[0] if frames else None
        self._traced = []
        while frame is not None:
            if not self.is_skipped_module(frame.f_globals.get("__name__", "")):
                frame.f_trace = self.trace_dispatch
                self._traced.append(frame)
            self.botframe = frame
            frame = frame.f_back
        self._tracing = True
        sys.settrace(self.trace_dispatch)

    def trace_dispatch(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not self._tracing:
            return None
        traced = super().trace_dispatch(frame, event, arg)
        return traced if self._tracing else None

    def _tracing_off(self) -> None:
        if not self._tracing:
            return
        self._tracing = False
        sys.settrace(None)
        for frame in self._traced:
            frame.f_trace = None
            walked = frame.f_back
            while walked is not None:
                walked.f_trace = None
                walked = walked.f_back
        self._traced = []

    def detach(self) -> None:
        """Take all tracing off. On the thread that was traced."""
        self._tracing_off()
        self._place = ConsolePlace([], {}, lambda name, value: None)
        self._stop_id = -1
        self.forget()

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
        self._tracing_off()
        self._ladder.line_stop(frame, event, value)

    # --- going on by the ladder ---------------------------------------------------------------------------

    def _go(self, resume: Resume) -> bool:
        self._ladder.plan_resume(resume)
        return True

    def do_continue(self, arg: str) -> bool:
        """c(ont(inue)): go on until a breakpoint."""
        return self._go(Resume(verb="continue"))

    do_c = do_cont = do_continue

    def do_quit(self, arg: str) -> bool:
        """q(uit): stop the run."""
        return self._go(Resume(verb="stop"))

    do_q = do_exit = do_quit

    def do_EOF(self, arg: str) -> bool:
        return self.do_continue("")

    def do_op(self, arg: str) -> bool:
        """op [N]: the next op, or the N-th from here."""
        return self._go(Resume(verb="over", level="op", count=_count(arg)))

    def do_mod(self, arg: str) -> bool:
        """mod [into]: the next module that is entered, no deeper than this one; with `into` however deep."""
        into = arg.strip() == "into"
        return self._go(
            Resume(verb="into" if into else "over", level="module", count=1 if into else _count(arg))
        )

    def do_out(self, arg: str) -> bool:
        """out: to the end of the module, where its outputs are seen. The tensor of that name: p out."""
        return self._go(Resume(verb="out", level="module"))

    def do_phase(self, arg: str) -> bool:
        """phase: to the first op of the next phase."""
        return self._go(Resume(verb="over", level="phase", count=_count(arg)))

    def do_iter(self, arg: str) -> bool:
        """iter [N]: to the first op of the next sampler step or iteration."""
        return self._go(Resume(verb="over", level="step", count=_count(arg)))

    def do_back(self, arg: str) -> bool:
        """back [N]: one op back, or N; for looking only. continue comes back to the present."""
        return self._go(Resume(verb="back", level="op", count=_count(arg)))

    def do_goto(self, arg: str) -> bool:
        """goto NUMBER | MODULE: run to an op by its number, or to the entry of a module."""
        word = arg.strip()
        if word.isdecimal():
            return self._go(Resume(verb="until", op_number=int(word)))
        return self._go(Resume(verb="until", module=word))

    def do_restart(self, arg: str) -> bool:
        """restart: begin the run anew."""
        return self._go(Resume(verb="restart"))

    do_run = do_restart

    # --- breakpoints --------------------------------------------------------------------------------------

    def do_break(self, arg: str, temporary: Any = False) -> None:
        """b(reak) [CONDITIONS]: aten.mm*, unet.mid_block.*, file.py:120, step=3, nan, out.max() > 5, joined
        by commas.

        Without an argument: all breakpoints. A function of the frame's module is found by its name.
        """
        if not arg.strip():
            for one in self._ladder.book.list():
                state = "" if one.enabled else " (off)"
                once = " once" if one.temporary else ""
                self.message(f"{one.breakpoint_id}: {breakpoint_text(one)}{state}{once}, {one.hits} hits")
            return
        text = self._with_place(arg)
        parsed = breakpoint_from_text(text, modules=self._ladder.module_paths())
        if temporary:
            import msgspec

            parsed = msgspec.structs.replace(parsed, temporary=True)
        made = self._ladder.book.add(parsed)
        self._ladder.breakpoints_changed()
        self.message(f"Breakpoint {made.breakpoint_id}: {breakpoint_text(made)}")

    do_b = do_break

    def _with_place(self, arg: str) -> str:
        """pdb's `b 120` and `b function`: a line of the frame's file, the first line of a function."""
        frame = self.curframe
        first, comma, rest = arg.partition(",")
        word = first.strip()
        if frame is None or not word:
            return arg
        if word.isdecimal():
            place = f"{frame.f_code.co_filename}:{word}"
        else:
            function = self._scope()[1].get(word, frame.f_globals.get(word)) if word.isidentifier() else None
            code = getattr(function, "__code__", None)
            if code is None:
                return arg
            place = f"{code.co_filename}:{code.co_firstlineno + 1}"
        condition = f" if {rest.strip()}" if comma and rest.strip() else ""
        return place + condition

    def do_tbreak(self, arg: str) -> None:
        """tbreak CONDITIONS: a breakpoint that stops once."""
        self.do_break(arg, temporary=True)

    def do_clear(self, arg: str) -> None:
        """cl(ear) [NUMBER …]: remove these breakpoints, or all."""
        numbers = arg.split() or [str(one.breakpoint_id) for one in self._ladder.book.list()]
        for word in numbers:
            removed = self._ladder.book.remove(_number(word))
            self.message(f"Deleted breakpoint {removed.breakpoint_id}")
        self._ladder.breakpoints_changed()

    do_cl = do_clear

    def do_condition(self, arg: str) -> None:
        """condition NUMBER [EXPRESSION]: stop there only where it holds."""
        word, _, expression = arg.strip().partition(" ")
        self._ladder.book.change(_number(word), expression=expression.strip())
        self._ladder.breakpoints_changed()

    def do_ignore(self, arg: str) -> None:
        """ignore NUMBER [COUNT]: let the next COUNT hits pass."""
        words = arg.split()
        if not words:
            raise BadInputError("Say which breakpoint: ignore NUMBER COUNT.")
        self._ladder.book.ignore_next(_number(words[0]), _number(words[1]) if len(words) > 1 else 0)
        self._ladder.breakpoints_changed()

    def do_enable(self, arg: str) -> None:
        """enable NUMBER …"""
        self._switch(arg, True)

    def do_disable(self, arg: str) -> None:
        """disable NUMBER …"""
        self._switch(arg, False)

    def _switch(self, arg: str, enabled: bool) -> None:
        for word in arg.split():
            self._ladder.book.change(_number(word), enabled=enabled)
        self._ladder.breakpoints_changed()

    # --- the rest -----------------------------------------------------------------------------------------

    def do_watch(self, arg: str) -> None:
        """watch EXPRESSION [@ CONDITIONS]: follow it over the ops of the run, as a plot."""
        self._ladder.add_watch(arg.strip())
        self.message(f"Watching {arg.strip()}")

    def do_skip(self, arg: str) -> None:
        """skip [zeros | identity | EXPRESSION]: put something else in the place of what the op gave."""
        word = arg.strip() or "zeros"
        kind = word if word in ("zeros", "identity") else "value"
        self._ladder.skip_op(kind, "" if kind == word else word)

    def do_here(self, arg: str) -> None:
        """here: the place on the ladder."""
        self.message(self._ladder.describe())

    def do_interact(self, arg: str) -> None:
        """interact: lines of Python from here on, until exit()."""
        module, names = self._scope()
        self._session = interactive.InteractiveConsole({**module, **names})
        self.message("Python, with the names of this stop; exit() comes back to the debugger.")

    def _interact(self, line: str) -> None:
        assert self._session is not None
        if line.strip() in ("exit()", "quit()", "exit", "EOF"):
            self._session = None
            self.message("Back in the debugger.")
            return
        with contextlib.redirect_stderr(self._printed):
            try:
                more = self._session.push(line)
            except SystemExit:
                self._session = None
                return
        if more:
            self.message("...")

    def _unknown(self, arg: str) -> None:
        self.error("That can't be done here: the code belongs to the run.")

    # what would leave this run, or read from a terminal that isn't there
    do_commands = do_jump = do_j = do_debug = do_alias = do_unalias = _unknown

    def do_help(self, arg: str) -> Any:
        """h(elp) [COMMAND]"""
        if arg:
            command = getattr(self, f"do_{arg}", None)
            if command is None:
                self.error(f"There is no command {arg!r}.")
                return None
            self.message((command.__doc__ or "").strip())
            return None
        self.message(_HELP)
        return None

    do_h = do_help

    # --- completion ---------------------------------------------------------------------------------------

    def completions(self, line: str, cursor: int, place: ConsolePlace) -> tuple[tuple[str, ...], int]:
        """Words that fit what stands before the cursor, and where in the line the completed word begins."""
        self._place = place
        self._stand(place)
        head = line[:cursor]
        start = max((head.rfind(mark) for mark in " ([,=!+-*/<>"), default=-1) + 1
        word = head[start:]
        first = not head[:start].strip()
        words: set[str] = set()
        if first and self._session is None:
            words |= {name for name in _WORDS if name.startswith(word)}
        owner, dot, prefix = word.rpartition(".")
        if dot:
            try:
                value = eval(owner, *self._scope())
                words |= {
                    f"{owner}.{name}" for name in dir(value) if name.startswith(prefix) and name[0] != "_"
                }
            except Exception:  # what stands before the dot is no value yet
                pass
        else:
            words |= {name for name in self._scope()[1] if name.startswith(word) and word}
        if head.split()[:1] in (["b"], ["break"], ["tbreak"], ["goto"]):
            words |= {path for path in self._ladder.module_paths() if path.startswith(word)}
        return tuple(sorted(words)[:200]), start


_WORDS = (
    "op",
    "mod",
    "out",
    "phase",
    "iter",
    "back",
    "goto",
    "here",
    "tensors",
    "stats",
    "watch",
    "skip",
    "restart",
    "next",
    "step",
    "return",
    "until",
    "continue",
    "break",
    "tbreak",
    "clear",
    "condition",
    "ignore",
    "enable",
    "disable",
    "where",
    "up",
    "down",
    "list",
    "longlist",
    "args",
    "p",
    "pp",
    "display",
    "undisplay",
    "whatis",
    "source",
    "interact",
    "quit",
    "help",
)

_HELP = """The ladder:   op [N]  mod [into]  out  phase [N]  iter [N]  back [N]  goto NUMBER|MODULE  here
restart
Tensors:      tensors  p EXPR  stats NAME  out = EXPR  skip [zeros|identity|EXPR]  watch EXPR [@ CONDITIONS]
Breakpoints:  b CONDITIONS  tbreak  cl  condition  ignore  enable  disable
Python lines: n(ext)  s(tep)  r(eturn)  unt(il)   c(ontinue)  q(uit)
Frames:       w(here)  u(p)  d(own)  l(ist)  ll  a(rgs)  pp  whatis  source  display  undisplay  interact
!STATEMENT
help COMMAND says more. An empty line repeats the last command."""


def shown(value: object, *, short: bool = False) -> str:
    """A value as text: tensors with their facts first, long things cut."""
    if isinstance(value, torch.Tensor):
        if short or value.device.type == "meta":
            return describe(value)
        # torch's own summary looks at the corners alone, however large the tensor is
        with torch.no_grad():
            return f"{value!r}\n{describe(value)}" if value.numel() > 1 else repr(value)
    try:
        text = reprlib.repr(value) if short else repr(value)
    except Exception as error:
        return f"*** repr() failed: {_said(error)}"
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def describe(value: torch.Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)} on {value.device}"


def _pretty(value: object) -> str:
    import pprint

    text = pprint.pformat(value, width=110)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def _said(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]


def _count(arg: str) -> int:
    return _number(arg) if arg.strip() else 1


def _number(word: str) -> int:
    if not word.strip().isdecimal():
        raise BadInputError(f"'{word.strip()}' is no number.")
    return int(word)


def _set_local(frame: FrameType, name: str, value: object) -> None:
    """Set a variable of a running function. Before Python 3.13 a frame's `f_locals` is a copy, written back
    on
    request (PEP 667)."""
    frame.f_locals[name] = value
    if sys.version_info < (3, 13):
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
