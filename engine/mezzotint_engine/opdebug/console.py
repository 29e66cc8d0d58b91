"""The console at a stop: Python's own debugger for its commands, and the ladder's words beside them.

One line at a time: `execute` runs a command on the thread that stands and gives back what it printed. pdb's
words keep pdb's meaning, which is Python lines; the ladder's go by ops, modules, phases and steps.
"""

from __future__ import annotations

import ast
import code as interactive
import contextlib
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from mezzotint_engine.opdebug.breakpoints import BreakpointBook
from mezzotint_engine.opdebug.console_breakpoints import whole_number
from mezzotint_engine.opdebug.console_completion import HELP, completions
from mezzotint_engine.opdebug.console_looking import LookCommands, SaidError
from mezzotint_engine.opdebug.console_place import ConsolePlace
from mezzotint_engine.opdebug.console_scope import generators_kept
from mezzotint_engine.opdebug.console_values import said
from mezzotint_engine.opdebug.memory_snapshot import MemorySnapshots
from mezzotint_sdk.debug_messages import Resume
from mezzotint_sdk.errors import BadInputError, MezzotintError

__all__ = ["Console", "ConsolePlace", "LadderCommands"]

MAX_CHARS = 20_000  # of what one command prints
# Commands that take no argument: with one that makes Python of the line, it is Python (`a + b`, `out * 2`).
_ALONE = frozenset(
    {"a", "args", "c", "cont", "continue", "n", "next", "out", "q", "quit", "r", "return", "s"}
)
_ALONE_TOO = frozenset({"step", "w", "where", "here", "rv", "retval", "ll", "restart", "interact"})


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

    def run_eagerly(self, path: str, eager: bool = True) -> None: ...

    def module_paths(self) -> tuple[str, ...]: ...

    @property
    def memory(self) -> MemorySnapshots: ...


class _PythonLines(interactive.InteractiveConsole):
    """What goes wrong is one line of the console's, whatever hooks the process has for uncaught errors."""

    def __init__(self, names: dict[str, Any], write: Callable[[str], None]) -> None:
        super().__init__(names)
        self._write = write

    def showtraceback(self) -> None:
        self._tell()

    def showsyntaxerror(self, filename: str | None = None, **_: Any) -> None:
        self._tell()

    def _tell(self) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            self._write(said(error))


class Console(LookCommands):
    """One a run."""

    prompt = "(mzt) "

    def __init__(self, ladder: LadderCommands) -> None:
        super().__init__(ladder, ladder.line_stop)
        self._ladder = ladder
        self._stop_id = -1
        self._session: _PythonLines | None = None
        self._executing = 0

    # --- one command --------------------------------------------------------------------------------------

    @property
    def is_executing(self) -> bool:
        """On this thread: what is called now was called by the console, and can't be stopped in."""
        return self._executing == threading.get_ident()

    def execute(self, line: str, place: ConsolePlace) -> tuple[str, bool]:
        """What it printed, and whether the run goes on. Never raises."""
        self._stand(place)
        self.take_printed()
        resumed = False
        before, self._executing = self._executing, threading.get_ident()
        try:
            with contextlib.redirect_stdout(self.printed):
                resumed = self._carry_out(line)
        finally:
            self._executing = before
        text = self.take_printed()
        if len(text) > MAX_CHARS:
            text = text[:MAX_CHARS] + f"\n… {len(text) - MAX_CHARS:,} more characters are not shown.\n"
        return text, resumed

    def _carry_out(self, line: str) -> bool:
        self.cmdqueue.clear()
        try:
            if self._session is not None:
                self._interact(line)
                return False
            resumed = bool(self.onecmd(self.precmd(line.strip())))
            while self.cmdqueue and not resumed:  # `p a ;; p b`
                resumed = bool(self.onecmd(self.precmd(self.cmdqueue.pop(0).strip())))
            if self.cmdqueue:
                self.message(f"The run goes on, so this was left out: {' ;; '.join(self.cmdqueue)}")
            return resumed
        except SaidError:
            pass
        except MezzotintError as error:
            self.message(error.message)
        except BaseException as error:  # also SystemExit: what is typed here never ends the run
            self.error(said(error))
        return False

    def displayed(self, place: ConsolePlace) -> str:
        """What `display` shows at a new stop. Never raises."""
        self._stand(place)
        self.take_printed()
        before, self._executing = self._executing, threading.get_ident()
        try:
            self.preloop()
        except BaseException as error:
            self.error(said(error))
        finally:
            self._executing = before
        return self.take_printed()

    def _stand(self, place: ConsolePlace) -> None:
        self.place = place
        if self._stop_id != place.stop_id:
            self._stop_id = place.stop_id
            self._session = None
            self.stand(place.frames, place.lines_refused)

    def detach(self) -> None:
        super().detach()
        self._stop_id, self._session = -1, None

    def onecmd(self, line: str) -> Any:
        if not line.strip():
            return self.emptyline()
        if self._is_python(line):
            self.lastcmd = line
            return self.default(line)
        return super().onecmd(line)

    def _is_python(self, line: str) -> bool:
        """`out = …`, `b *= 2`, `a.max()`, `c + 1`: names of tensors that are words of the debugger, too."""
        command, argument, _ = self.parseline(line)
        if not command or not argument or line[: len(command)] != command or line[0] in "!?":
            return False
        if argument.startswith("=") and not argument.startswith("=="):
            return True
        is_attached = line[len(command)] in ".["
        takes_nothing = command in _ALONE or command in _ALONE_TOO
        if not (takes_nothing or is_attached or "=" in argument) or not self.scope().has(command):
            return False
        try:
            tree = ast.parse(line.strip())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
        # `b [2, 64]` is a shape, `b *softmax` an op, `b a == 2` a condition
        return takes_nothing or is_attached or isinstance(tree.body[0], ast.AugAssign)

    def emptyline(self) -> Any:
        return self.onecmd(self.lastcmd) if self.lastcmd else None

    # --- going on -----------------------------------------------------------------------------------------

    def going_by_lines(self) -> None:
        self._ladder.plan_resume(Resume(verb="continue"))

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
        if arg.strip() == "into":
            return self._go(Resume(verb="into", level="module"))
        return self._go(Resume(verb="over", level="module", count=_count(arg)))

    def do_out(self, arg: str) -> bool:
        """out: to the end of the module, where its outputs are seen. The tensor of that name: p out."""
        if arg.strip():
            raise BadInputError(f"'out' takes nothing after it; 'p out{arg}' looks at the tensor.")
        return self._go(Resume(verb="out", level="module"))

    def do_phase(self, arg: str) -> bool:
        """phase [N]: to the first op of the next phase, or the N-th from here."""
        return self._go(Resume(verb="over", level="phase", count=_count(arg)))

    def do_iter(self, arg: str) -> bool:
        """iter [N]: to the first op of the next sampler step or iteration, or the N-th from here."""
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

    # --- the rest -----------------------------------------------------------------------------------------

    def do_watch(self, arg: str) -> None:
        """watch EXPRESSION [@ CONDITIONS]: follow it over the ops of the run, as a plot."""
        if not arg.strip():
            raise BadInputError("Say what to watch, as 'watch out.norm()'.")
        self._ladder.add_watch(arg.strip())
        self.message(f"Watching {arg.strip()}")

    def do_skip(self, arg: str) -> None:
        """skip [zeros | identity | EXPRESSION]: put something else in the place of what the op gave."""
        word = arg.strip() or "zeros"
        kind = word if word in ("zeros", "identity") else "value"
        self._ladder.skip_op(kind, "" if kind == word else word)

    def do_eager(self, arg: str) -> None:
        """eager MODULE [off]: run a compiled module eagerly from its next call on, so that its ops are seen;
        `off`: as it was compiled again."""
        words = arg.split()
        if not words or words[1:] not in ([], ["off"]):
            raise BadInputError("Say which compiled module, as 'eager unet' or 'eager unet off'.")
        self._ladder.run_eagerly(words[0], len(words) == 1)
        self.message(
            f"{words[0]} runs {'eagerly' if len(words) == 1 else 'as it was compiled'} from its next call on."
        )

    def do_memory(self, arg: str) -> None:
        """memory on | FILE.pickle: record what CUDA's allocator does from here on; write a snapshot of it."""
        word = arg.strip()
        if not word:
            raise BadInputError("Say 'memory on' to record, or a file to write, as 'memory snapshot.pickle'.")
        if word == "on":
            self._ladder.memory.record()
            self.message("What CUDA's allocator does is recorded from here on.")
        else:
            self.message(f"Written: {self._ladder.memory.save(word)}")

    def do_here(self, arg: str) -> None:
        """here: the place on the ladder."""
        self.message(self._ladder.describe())

    def do_interact(self, arg: str) -> None:
        """interact: lines of Python from here on, with variables of their own, until exit()."""
        self._session = _PythonLines(self.scope().everything(), self.error)
        self.message("Python, with the names of this stop; exit() comes back to the debugger.")

    def _interact(self, line: str) -> None:
        assert self._session is not None
        if line.strip() in ("exit()", "quit()", "exit", "quit", "EOF"):
            self._session = None
            self.message("Back in the debugger.")
            return
        with generators_kept():
            try:
                more = self._session.push(line)
            except SystemExit:
                self._session = None
                self.message("Back in the debugger.")
                return
        if more:
            self.message("...")

    def _unknown(self, arg: str) -> None:
        self.error("That can't be done here: the code belongs to the run.")

    # what would leave this run, or read from a terminal that isn't there
    do_commands = do_jump = do_j = do_debug = do_alias = do_unalias = do_exceptions = _unknown

    def do_help(self, arg: str) -> None:
        """h(elp) [COMMAND]"""
        word = arg.strip()
        command = getattr(self, f"do_{word}", None)
        if word and command is None:
            self.error(f"There is no command {word!r}.")
            return
        told = (command.__doc__ or "").strip().splitlines() if word else HELP.splitlines()
        self.message("\n".join(one.strip() if word else one for one in told))

    do_h = do_help

    # --- completion ---------------------------------------------------------------------------------------

    def completions(self, line: str, cursor: int, place: ConsolePlace) -> tuple[tuple[str, ...], int]:
        """Words that fit what stands before the cursor, and where in the line the completed word begins."""
        self._stand(place)
        numbers = [one.breakpoint_id for one in self._ladder.book.list()]
        in_python = self._session is not None
        return completions(line, cursor, self.scope(), self._ladder.module_paths(), numbers, in_python)


def _count(arg: str) -> int:
    return whole_number(arg) if arg.strip() else 1
