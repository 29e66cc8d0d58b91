"""The op debugger on the wire. The server passes these on and reads none of them.

A client sends `AskDebugger(run_id, ask)`; the worker that has the run gets it as `DebugAsked(call_id, …)` and
answers with `DebugAnswered(call_id, reply)`, which comes back as `DebuggerSaid(reply)`, or as `Refused`. What
happens by itself comes as the durable event `DebuggerReported(run_id, report)`.
"""

from __future__ import annotations

from typing import Literal

from mezzotint_sdk.debug_records import (
    Breakpoint,
    DebugPlan,
    EditKind,
    Level,
    ModuleNode,
    Stop,
    TensorLook,
    TensorView,
    Verb,
)
from mezzotint_sdk.errors import ErrorInfo
from mezzotint_sdk.message_body import Body
from mezzotint_sdk.records import ArrayRef

# --- asks: client → worker ---------------------------------------------------------------------------------


class Arm(Body, frozen=True, kw_only=True):
    """Attach the debugger at the next step boundary, or change what it does if it is attached."""

    plan: DebugPlan


class Disarm(Body, frozen=True, kw_only=True):
    """Take it off; a run that stands goes on."""


class Resume(Body, frozen=True, kw_only=True):
    """Go on from a stop.

    `over`, `into`, `out` work at `level`, `count` times. `until`: run to op number `op_number`, else to
    `module` (a path), else to `file` and `line`. `back`: to an earlier op, for looking only. `restart` begins
    the run anew under the same plan, `stop` cancels it.
    """

    verb: Verb
    level: Level = "op"
    count: int = 1
    op_number: int = -1
    module: str = ""
    file: str = ""
    line: int = 0


class SetBreakpoints(Body, frozen=True, kw_only=True):
    """All of them. Answered with `BreakpointsSet`, or refused with the sentence of the first bad one."""

    breakpoints: tuple[Breakpoint, ...]


class SetWatches(Body, frozen=True, kw_only=True):
    expressions: tuple[str, ...]


class GetStop(Body, frozen=True, kw_only=True):
    """Answered with `Standing`."""


class SayToConsole(Body, frozen=True, kw_only=True):
    """One line for the console at the stop; an empty line repeats the last command, as in pdb."""

    line: str


class CompleteWord(Body, frozen=True, kw_only=True):
    line: str
    cursor: int


class ListModules(Body, frozen=True, kw_only=True):
    pass


class ReadSource(Body, frozen=True, kw_only=True):
    file: str


class LookAtTensor(Body, frozen=True, kw_only=True):
    """`name`: of a tensor of the stop, or any expression on its names. `op_number` ≥ 0: of that op in the
    past.

    `of_gradient`: its gradient. Asked at a stop in forward, before it is known, it is kept from then on (the
    look's `note` says so); asked again later with that stop's `op_number` and the same `name`, it is shown.
    """

    name: str
    op_number: int = -1
    view: TensorView = TensorView()
    of_gradient: bool = False


class EditTensor(Body, frozen=True, kw_only=True):
    """Replace a tensor of the stop. `value`: number, low bound, path or expression; `other`: high bound."""

    name: str
    kind: EditKind
    value: str = ""
    other: str = ""
    index: str = ""  # "" edits all of it


class SkipOp(Body, frozen=True, kw_only=True):
    """Put something else in the place of what the op gave (or would give)."""

    kind: Literal["identity", "zeros", "value"]
    value: str = ""


class SaveTensor(Body, frozen=True, kw_only=True):
    name: str
    file: str  # ends in .npy, .safetensors or .png
    op_number: int = -1


class RunEagerly(Body, frozen=True, kw_only=True):
    """Run a compiled module eagerly from its next call on, so that its ops are seen; or as it was compiled
    again.

    The run counts as touched: results differ by rounding.
    """

    module: str  # its path
    eager: bool = True


DebugAsk = (
    Arm
    | Disarm
    | Resume
    | SetBreakpoints
    | SetWatches
    | GetStop
    | SayToConsole
    | CompleteWord
    | ListModules
    | ReadSource
    | LookAtTensor
    | EditTensor
    | SkipOp
    | SaveTensor
    | RunEagerly
)

# --- replies -----------------------------------------------------------------------------------------------


class Obeyed(Body, frozen=True, kw_only=True):
    pass


class Standing(Body, frozen=True, kw_only=True):
    """`stop` is None while the run goes on."""

    armed: bool
    stop: Stop | None = None
    breakpoints: tuple[Breakpoint, ...] = ()
    trace: str = ""  # the trace file's path on the engine's machine


class BreakpointsSet(Body, frozen=True, kw_only=True):
    breakpoints: tuple[Breakpoint, ...]


class ConsoleSaid(Body, frozen=True, kw_only=True):
    """What the command printed. `resumed`: the run goes on; what it prints then comes as reports."""

    text: str
    prompt: str = "(mzt) "
    resumed: bool = False


class Completions(Body, frozen=True, kw_only=True):
    words: tuple[str, ...]
    start: int  # where in the line the completed word begins


class Modules(Body, frozen=True, kw_only=True):
    modules: tuple[ModuleNode, ...]  # parents before children


class Source(Body, frozen=True, kw_only=True):
    file: str
    text: str


class TensorShown(Body, frozen=True, kw_only=True):
    look: TensorLook


class Saved(Body, frozen=True, kw_only=True):
    file: str
    nbytes: int


DebugReply = (
    Obeyed | Standing | BreakpointsSet | ConsoleSaid | Completions | Modules | Source | TensorShown | Saved
)

# --- reports: worker → clients, unasked --------------------------------------------------------------------


class Armed(Body, frozen=True, kw_only=True):
    trace: str
    note: str = ""  # what can't be stopped at here (a compiled region), as a sentence


class Disarmed(Body, frozen=True, kw_only=True):
    pass


class Stopped(Body, frozen=True, kw_only=True):
    stop: Stop
    latent: ArrayRef | None = None  # the current latent as a picture, uint8 (height, width, 3)


class WentOn(Body, frozen=True, kw_only=True):
    stop_id: int
    touched: bool = False  # something was edited or skipped in this run, at this stop at the latest


class Printed(Body, frozen=True, kw_only=True):
    """A logpoint's line, or what the console printed while the run went on."""

    text: str
    breakpoint_id: int = 0
    op_number: int = -1


class BreakpointsChanged(Body, frozen=True, kw_only=True):
    """Hit counts, a temporary one gone, one set from the console."""

    breakpoints: tuple[Breakpoint, ...]


class CaptureFailed(Body, frozen=True, kw_only=True):
    """The debugger failed inside; the op is marked in the table, and the run goes on."""

    error: ErrorInfo
    op_number: int = -1


DebugReport = Armed | Disarmed | Stopped | WentOn | Printed | BreakpointsChanged | CaptureFailed


# --- how they travel ---------------------------------------------------------------------------------------


class AskDebugger(Body, frozen=True, kw_only=True):
    """Client → server. Answered with `DebuggerSaid` or `Refused`."""

    run_id: str
    ask: DebugAsk


class DebuggerSaid(Body, frozen=True, kw_only=True):
    """Server → client."""

    reply: DebugReply


class DebuggerReported(Body, frozen=True, kw_only=True):
    """Server → clients, durable."""

    run_id: str
    report: DebugReport


class DebugAsked(Body, frozen=True, kw_only=True):
    """Server → worker."""

    call_id: int
    run_id: str
    ask: DebugAsk


class DebugAnswered(Body, frozen=True, kw_only=True):
    """Worker → server; one of `reply` and `error`."""

    call_id: int
    run_id: str
    reply: DebugReply | None = None
    error: ErrorInfo | None = None


class JobDebugged(Body, frozen=True, kw_only=True):
    """Worker → server."""

    run_id: str
    report: DebugReport
