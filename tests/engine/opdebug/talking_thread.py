"""A real thread under the console, without a run around it: what stops it waits for lines to execute."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import FrameType, FunctionType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from mezzotint_engine.opdebug.breakpoints import BreakpointBook
from mezzotint_engine.opdebug.console import Console, ConsolePlace
from mezzotint_engine.opdebug.memory_snapshot import MemorySnapshots
from mezzotint_engine.opdebug.source_places import stack_of
from mezzotint_engine.opdebug.tensor_expression import names_of_op
from mezzotint_sdk.debug_messages import Resume
from mezzotint_sdk.errors import BadInputError, CancelledRunError

DEADLINE_S = 30.0


@dataclass
class Halt:
    """Where the thread stands: `event` is "op", or what the console's tracer saw. "end": it is over."""

    event: str
    function: str = ""
    line: int = 0  # counted from the function's first, so that tests can name lines
    value: object = None
    shown: str = ""  # what `display` shows at the new stop
    depth: int = 0  # of Python frames


@dataclass
class TalkingThread:
    """Runs `work` on a thread of its own. As a context manager it lets the thread go at the end, and joins
    it."""

    work: Callable[[], Any]
    ops: tuple[str, ...] = ()  # that stop, by the beginning of their name
    modules: tuple[str, ...] = ()
    changeable: bool = True
    result: Any = None
    error: BaseException | None = None
    traced_at_end: bool = True
    resumes: list[Resume] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    edits: list[str] = field(default_factory=list)
    frames: list[FrameType] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book = BreakpointBook()
        self.console = Console(self)
        self._halts: queue.Queue[Halt] = queue.Queue()
        self._lines: queue.Queue[Callable[[], bool]] = queue.Queue()
        self._stops = 0
        self._place: ConsolePlace | None = None
        self._thread = threading.Thread(target=self._run, name="talking")

    def __enter__(self) -> TalkingThread:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ops = ()
        while self._thread.is_alive():
            self._lines.put(lambda: True)
            self._thread.join(0.05)
        assert not self.traced_at_end

    def _run(self) -> None:
        hook, sys.breakpointhook = sys.breakpointhook, partial(_on_breakpoint, self)
        try:
            with _Ops(self):
                self.result = self.work()
        except BaseException as error:
            self.error = error
        finally:
            sys.breakpointhook = hook
            self.console.detach()
            self.traced_at_end = sys.gettrace() is not None
            self._halts.put(Halt("end"))

    # --- what tests do

    def halt(self) -> Halt:
        return self._halts.get(timeout=DEADLINE_S)

    def say(self, line: str) -> str:
        text, resumed = self._execute(line)
        assert not resumed, text
        return text

    def go(self, line: str) -> Halt:
        text, resumed = self._execute(line)
        assert resumed, text
        return self.halt()

    def complete(self, line: str) -> tuple[str, ...]:
        return self.there(lambda place: self.console.completions(line, len(line), place))[0]

    def _execute(self, line: str) -> tuple[str, bool]:
        answers: queue.Queue[Any] = queue.Queue()

        def task() -> bool:
            assert self._place is not None
            try:
                text, resumed = self.console.execute(line, self._place)
            except BaseException as error:  # to be seen by the test
                answers.put(error)
                return False
            answers.put((text, resumed))
            return resumed

        self._lines.put(task)
        found = answers.get(timeout=DEADLINE_S)
        if isinstance(found, BaseException):
            raise found
        return found

    def there(self, work: Callable[[ConsolePlace], Any]) -> Any:
        """Call `work` on the thread that stands."""
        answers: queue.Queue[Any] = queue.Queue()

        def task() -> bool:
            assert self._place is not None
            answers.put(work(self._place))
            return False

        self._lines.put(task)
        return answers.get(timeout=DEADLINE_S)

    # --- what the console asks

    def plan_resume(self, resume: Resume) -> None:
        self.resumes.append(resume)

    def line_stop(self, frame: FrameType, event: str, value: object) -> None:
        self.stand(frame, event, {}, value)

    def describe(self) -> str:
        return "somewhere"

    def breakpoints_changed(self) -> None:
        pass

    def add_watch(self, expression: str) -> None:
        self.watched.append(expression)

    def skip_op(self, kind: str, value: str) -> None:
        self.skipped.append((kind, value))

    @property
    def memory(self) -> MemorySnapshots:
        return MemorySnapshots()

    def run_eagerly(self, path: str, eager: bool = True) -> None:
        raise BadInputError(f"{path} is not compiled.")

    def module_paths(self) -> tuple[str, ...]:
        return self.modules

    # --- standing

    def stand(self, frame: FrameType, event: str, names: dict[str, object], value: object = None) -> None:
        self._stops += 1
        frames, _ = stack_of(frame)
        scope = {**names_of_op([], []), **names}

        def set_name(name: str, new: object) -> None:
            name = "out" if name == "outs[0]" else name
            assert name in names
            names[name] = scope[name] = new

        def touch(what: str) -> None:
            if not self.changeable:
                raise BadInputError("Nothing can be changed here.")
            self.edits.append(what)

        self._place = ConsolePlace(
            frames=frames,
            names=scope,
            set_name=set_name,
            stop_id=self._stops,
            returned=value,
            touch=touch,
        )
        shown = self.console.displayed(self._place)
        top = frames[0]
        self._halts.put(
            Halt(
                event,
                top.f_code.co_name,
                top.f_lineno - top.f_code.co_firstlineno,
                value,
                shown,
                _depth(top),
            )
        )
        while not self._lines.get()():
            pass
        self._place = None
        if self.resumes and self.resumes[-1].verb == "stop":
            raise CancelledRunError("The run was stopped.")


def _depth(frame: FrameType | None) -> int:
    count = 0
    while frame is not None:
        count, frame = count + 1, frame.f_back
    return count


def _as_debugger(function: Any) -> Any:
    """Its frames are skipped as the debugger's own are."""
    own: Mapping[str, Any] = {**globals(), "__name__": "mezzotint_engine.opdebug.capture"}
    return FunctionType(function.__code__, dict(own), function.__name__, function.__defaults__)


class _Ops(TorchDispatchMode):
    def __init__(self, thread: TalkingThread) -> None:
        super().__init__()
        self.talking = thread

    @_as_debugger
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        if not any(str(func).startswith(f"aten.{op}") for op in self.talking.ops):
            return out
        ins = [one for one in args if isinstance(one, torch.Tensor)]
        names = names_of_op(ins, [out])
        caller: FrameType | None = sys._getframe(1)
        while caller is not None and caller.f_globals["__name__"].startswith("torch"):
            caller = caller.f_back
        assert caller is not None
        with _disable_current_modes():
            self.talking.stand(caller, "op", names)
        return names["out"]


def _on_breakpoint(self: TalkingThread, *_: object, **__: object) -> None:
    if not self.console.is_executing:
        self.line_stop(sys._getframe(1), "breakpoint", None)


_on_breakpoint = _as_debugger(_on_breakpoint)
# what stands below a stop belongs to the debugger, too
TalkingThread.stand = _as_debugger(TalkingThread.stand)  # type: ignore[method-assign]
TalkingThread.line_stop = _as_debugger(TalkingThread.line_stop)  # type: ignore[method-assign]
