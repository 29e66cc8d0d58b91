"""What the op debugger says and is told: frozen facts for engine, app and command line.

The ladder, from far to near: run → sampler step or training iteration → phase → module → op. A stop names a
place on it; each step command works at one of its levels (`Level`).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mezzotint_sdk.records import ArrayRef

__all__ = [
    "Breakpoint",
    "DebugPlan",
    "EditKind",
    "Level",
    "ModuleNode",
    "Place",
    "SourceFrame",
    "Stop",
    "StopReason",
    "TensorFacts",
    "TensorLook",
    "TensorStatistics",
    "TensorView",
    "Verb",
    "WatchValue",
]

Level = Literal["run", "step", "phase", "module", "line", "op"]
Verb = Literal["continue", "over", "into", "out", "until", "restart", "stop", "back"]
StopReason = Literal["step", "breakpoint", "break", "exception", "out_of_memory", "line", "breakpoint_call"]
EditKind = Literal[
    "fill", "scale", "add_noise", "clamp", "zero_channel", "zero_head", "load", "expression", "restore"
]

MAX_TEXT = 10_000
Text = Annotated[str, Meta(max_length=MAX_TEXT)]


class Breakpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where to stop. All conditions that are given must hold; one without any condition stops at each op.

    With `module` and no condition on an op, the stop is at the module's border: at its entry where `when` is
    "before", at its exit (its outputs to be seen) where it is "after". With `phase` or `step` alone the stop
    is at the first op of that phase or step.
    """

    breakpoint_id: int
    op: Text = ""  # glob on the op's name: "aten.mm*", "*softmax*"
    module: Text = ""  # glob on the module's path: "unet.down_blocks.*.attn1"
    file: Text = ""  # end of a path: "attention_processor.py"
    line: Annotated[int, Meta(ge=0)] = 0  # 1-based, 0: any
    phase: Text = ""
    step: Annotated[int, Meta(ge=-1)] = -1  # sampler step or iteration, from 0; -1: any
    shape: Text = ""  # of any output: "2,64,*", "*" stands for any size, "..." for any sizes
    dtype: Text = ""  # "float16"
    device: Text = ""  # glob: "cuda*"
    nan: bool = False  # NaN appears: in an output and in no input
    inf: bool = False
    expression: Text = ""  # Python on `out`, `outs`, `ins`, `a`, `b`, ... and torch: "out.abs().max() > 1e3"
    when: Literal["before", "after"] = "after"  # expressions on outputs, NaN and Inf are always after
    ignore: Annotated[int, Meta(ge=0)] = 0  # hits to let pass first
    temporary: bool = False
    log: Text = (
        ""  # a logpoint: this text, {expressions} in braces filled in, is printed, and the run goes on
    )
    enabled: bool = True
    hits: int = 0  # counted by the engine


class DebugPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is debugged: given with a new job, or to one that is going on (armed at its next step
    boundary)."""

    stop_at: Literal["first_op", "first_step", "never"] = "first_op"
    breakpoints: tuple[Breakpoint, ...] = ()
    record: Literal["nothing", "descriptors", "statistics"] = "descriptors"
    first_step: int = 0  # the window of sampler steps or iterations that is recorded
    last_step: int = -1  # -1: to the end
    keep_ops: Text = ""  # glob of ops whose outputs go to the trace file, "" for none
    trace_bytes: Annotated[int, Meta(ge=0)] = 256 * 1024 * 1024  # budget for their values
    on_exception: bool = True
    watches: tuple[Text, ...] = ()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A place on the ladder. `op_number` counts all recorded ops of the run from 0; it is the trace's row."""

    op_number: int = -1
    op: str = ""
    module: str = ""
    module_class: str = ""
    file: str = ""
    line: int = 0
    function: str = ""
    phase: str = ""
    step: int = -1
    steps: int = 0
    image_index: int = 0
    image_count: int = 1
    timestep: float | None = None
    sigma: float | None = None
    when: Literal["before", "after"] = "after"


class SourceFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One Python frame of the stopped thread, innermost first. In backward: of the forward line, no live
    locals."""

    file: str
    line: int
    function: str
    live: bool = True
    library: bool = False  # torch's, diffusers' or transformers' own code


class TensorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor without its values. Equal `storage_id`s share memory. `version` is -1 for inference
    tensors."""

    name: str  # how expressions and console call it: "a", "b", "out", "outs[1]", "self.weight"
    role: Literal["input", "output", "argument"] = "input"
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    dtype: str = ""
    device: str = ""
    nbytes: int = 0
    tensor_id: int = 0
    storage_id: int = 0
    version: int = -1
    requires_grad: bool = False
    held: bool = True  # its values can be looked at now
    kind: str = ""  # name of a tensor subclass
    edited: bool = False


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """The run stands still. `message` says why in one sentence."""

    stop_id: int  # rises with each stop of a run
    reason: StopReason
    message: str
    place: Place
    level: Level = "op"  # at which the next step commands work unless they say otherwise
    breakpoint_id: int = 0
    tensors: tuple[TensorFacts, ...] = ()
    arguments: str = ""  # what is no tensor, as Python would write it
    frames: tuple[SourceFrame, ...] = ()
    watches: tuple[WatchValue, ...] = ()
    recorded: int = 0  # ops in the trace
    shown: int = 0  # census: ops that ran under the debugger and were recorded
    ran: int = 0  # census: ops that the dispatcher ran
    back_refused: str = ""  # why stepping back can't work here, as a sentence; "" when it can
    looking_back: bool = False  # this is a place in the past: nothing can be changed
    touched: bool = False  # something was edited or skipped in this run
    detail: str = ""  # of an exception: the traceback


class WatchValue(msgspec.Struct, frozen=True, kw_only=True):
    expression: str
    value: float | None = None  # what is plotted; None: no number
    text: str = ""  # the value as text, or the error's sentence
    failed: bool = False


class TensorStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Over all elements that are numbers, in float64 where the device has it."""

    count: int = 0
    nan: int = 0
    inf: int = 0
    zeros: int = 0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    std: float | None = None
    norm: float | None = None


class TensorView(msgspec.Struct, frozen=True, kw_only=True):
    """What of a tensor to show. `index` picks the slice, as in numpy: "0, :, 3" ("" is all of it)."""

    kind: Literal["numbers", "heat_map", "picture", "channels", "latent", "attention", "histogram"] = (
        "numbers"
    )
    index: Text = ""
    first_row: int = 0  # of the slice's table of numbers
    first_column: int = 0
    rows: Annotated[int, Meta(ge=1, le=4096)] = 256
    columns: Annotated[int, Meta(ge=1, le=4096)] = 256
    bins: Annotated[int, Meta(ge=2, le=1024)] = 64
    head: int = 0  # of attention maps
    against: Text = ""  # a tensor of the same shape whose difference is shown: an expression


class TensorLook(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to `TensorView`. `array`: numbers (float64 or int64, 2-d), heat map (float32, 2-d, thinned by
    block extremes) or picture (uint8, height × width × 3); never more than what is shown."""

    facts: TensorFacts
    kind: str
    statistics: TensorStatistics
    slice_shape: tuple[int, ...] = ()  # of what `index` picked
    rows: int = 0  # of the slice as a table
    columns: int = 0
    array: ArrayRef | None = None
    histogram: tuple[float, ...] = ()  # counts
    edges: tuple[float, ...] = ()  # one more than counts
    low: float = 0.0  # values of the heat map's ends
    high: float = 0.0
    labels: tuple[str, ...] = ()  # tokens, for attention maps
    heads: int = 0
    note: str = ""  # one sentence: what was thinned, left out or could not be shown


class ModuleNode(msgspec.Struct, frozen=True, kw_only=True):
    """One module of the running models. `path` starts with the model's part: "unet.down_blocks.0"."""

    path: str
    class_name: str
    parameters: int = 0  # of itself and below
    nbytes: int = 0
    dtype: str = ""
    device: str = ""
    training: bool = False
    compiled: bool = False
    eager: bool = False  # though it is compiled, since the user asked for it
    file: str = ""  # of its forward
    line: int = 0
