"""Stepping back: the picture (or text) is executed again up to an earlier op, for looking only.

The thread that stands does it, inside of its stop: the run itself stays where it is, on the stack below. What
makes the second execution the same as the first, bit for bit: the job starts it from its spec with fresh
generators, the global ones are put back to where they were when the first began, outputs that the user had
edited are edited again, and sums run in the same order since nothing else has changed. So that it is quick,
outputs of the denoiser that were kept stand in for its calls before the step that is looked at.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from mezzotint_engine.opdebug.capture import OpCapture, OpEvent, Row
from mezzotint_engine.opdebug.gate import LookEndedError
from mezzotint_engine.opdebug.ladder import Ladder
from mezzotint_engine.opdebug.stepper import Stepper
from mezzotint_engine.opdebug.stop_facts import replaced, tensors_of
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.trace_records import LadderMark, OpSite

if TYPE_CHECKING:
    from mezzotint_engine.opdebug.debug_session import DebugSession

__all__ = ["Generators", "LookBack", "PastMark", "PastRecord", "Rerun", "denoiser_of"]


# How language models call the cache that a forward writes into.
_CACHES = {"past_key_values", "past_key_value", "cache_params", "kv_cache"}


class Rerun(Protocol):
    """How a job executes the present picture (or text) again, from its beginning, telling `ladder` as it went
    the first time. Nothing of it may be saved, shown or measured."""

    def __call__(self, ladder: Ladder) -> None: ...


class Generators:
    """The state of every global generator: torch's on the CPU and on started devices, numpy's, Python's."""

    def __init__(self) -> None:
        self._cpu = torch.get_rng_state()
        self._devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        self._numpy = np.random.get_state()
        self._python = random.getstate()

    def restore(self) -> None:
        torch.set_rng_state(self._cpu)
        if self._devices:
            torch.cuda.set_rng_state_all(self._devices)
        np.random.set_state(self._numpy)
        random.setstate(self._python)


class DispatchState:
    """The thread's dispatch keys. A look back is executed inside of an op's handler, below autograd, where
    the same code would be dispatched otherwise: `linear` of a strided input as `bmm` instead of `mm`."""

    def __init__(self) -> None:
        self._included = torch._C._dispatch_tls_local_include_set()
        self._excluded = torch._C._dispatch_tls_local_exclude_set()

    def restored(self) -> AbstractContextManager[None]:
        guard: AbstractContextManager[None] = torch._C._ForceDispatchKeyGuard(self._included, self._excluded)
        return guard


@dataclass
class PastMark:
    """A move on the ladder, in the order in which a picture makes them; `op_number`: of the first op after
    it."""

    mark: LadderMark
    op_number: int
    outputs: int  # of the denoiser, before it


@dataclass
class PastRecord:
    """What is kept of the present picture so that it can be executed again."""

    generators: Generators = field(default_factory=Generators)
    # ops are dispatched differently under these, so they are as they were at the beginning
    inference: bool = field(default_factory=torch.is_inference_mode_enabled)
    grad: bool = field(default_factory=torch.is_grad_enabled)
    dispatch: DispatchState = field(default_factory=lambda: DispatchState())
    marks: list[PastMark] = field(default_factory=list)
    first_known: int = 0  # of `marks`, from which on ops have numbers: the debugger was attached there
    outputs: list[Any] = field(default_factory=list)  # of the denoiser's calls
    outputs_complete: bool = True
    # by op number: output index → what was put in its place; and the same for borders of modules
    edits: dict[int, dict[int, Tensor]] = field(default_factory=dict)
    input_edits: dict[int, dict[int, Tensor]] = field(default_factory=dict)
    border_edits: dict[tuple[int, str, bool], dict[int, Tensor]] = field(default_factory=dict)

    def anchor(self, op_number: int) -> int:
        """Of `marks`, the last before this op. Raises BadInputError where it has no number."""
        best = -1
        for place, mark in enumerate(self.marks):
            if place >= self.first_known and mark.op_number <= op_number:
                best = place
        if best < 0:
            raise BadInputError(
                f"Op {op_number} is before the present picture, or before the debugger was attached."
            )
        edited = [*self.edits, *self.input_edits, *(key[0] for key in self.border_edits)]
        if edited and min(edited) < self.marks[best].op_number:
            # what was edited outside of the denoiser has to be edited again, so ops are watched from there on
            return self.anchor(min(edited))
        return best


class LookBack:
    """One re-execution: from an anchor on with ops seen, up to where the user wants to look.

    As an `OpObserver` it counts ops as the first execution did. `run` returns when the user goes back to the
    present; it raises `CancelledRunError` where the run was cancelled meanwhile.
    """

    def __init__(
        self,
        session: DebugSession,
        past: PastRecord,
        rerun: Rerun,
        present: int,
        seen: OpCapture | None = None,
    ) -> None:
        """`seen`: what saw the first execution."""
        self._seen = seen
        self._session = session
        self._past = past
        self._rerun = rerun
        self._present = present  # the op at which the run stands: the past ends there
        self.wants_each = seen is None
        self.wants_before = bool(past.input_edits)
        self.interesting: set[int] = set()
        self.stepper = Stepper()
        self.ladder = Ladder(self._moved)
        self._target = 0
        self._again: int | None = None
        self._peek: Callable[[OpEvent], None] | None = None
        self._moves = 0
        self._anchor = 0
        self._capture: OpCapture | None = None
        self._left = ExitStack()
        self._feeding: Iterator[Any] | None = None
        self._sites: list[OpSite] = []

    # --- the whole look

    def run(self, op_number: int) -> None:
        """Stand at `op_number` and wherever the user goes from there, until they go back to the present."""
        target: int | None = op_number
        while target is not None:
            self._target, self._again = target, None
            self._execute()
            target = self._again

    def peek(self, op_number: int, work: Callable[[OpEvent], None]) -> None:
        """Call `work` with that op and come back at once."""
        self._target, self._peek = op_number, work
        self._execute()

    def _execute(self) -> None:
        session, past = self._session, self._past
        self._anchor = past.anchor(self._target)
        self._moves = 0
        now = Generators()
        modules = session.modules
        stack = list(modules.stack)
        callbacks = modules.watched, modules.on_enter, modules.on_exit
        self.ladder = Ladder(self._moved)
        try:
            modules.stack.clear()
            modules.watched = bool(past.border_edits)
            modules.on_enter, modules.on_exit = self._entering, self._exiting
            past.generators.restore()
            with ExitStack() as self._left:
                if session.travel.denoiser is not None and past.outputs_complete:
                    self._left.enter_context(self._fed(session.travel.denoiser))
                self._left.enter_context(past.dispatch.restored())
                with torch.inference_mode(past.inference), torch.set_grad_enabled(past.grad):
                    self._rerun(self.ladder)
        except LookEndedError:
            pass
        finally:
            now.restore()
            modules.stack[:] = stack
            modules.watched, modules.on_enter, modules.on_exit = callbacks
            self._capture = None

    @contextmanager
    def _fed(self, denoiser: nn.Module) -> Iterator[None]:
        """Kept outputs in the place of the denoiser's calls, as long as nobody looks."""
        kept = iter(self._past.outputs[: self._past.marks[self._anchor].outputs])
        own = self._session.travel.denoiser_forward
        before = denoiser.__dict__.get("forward")  # that of a look around this one

        def feed(*args: Any, **kwargs: Any) -> Any:
            output = next(kept, None)
            if output is None and own is not None:
                return own(*args, **kwargs)
            return replaced(output, {id(one): one.clone() for one in tensors_of(output)})

        denoiser.forward = feed
        try:
            yield
        finally:
            if before is None:
                del denoiser.forward
            else:
                denoiser.forward = before

    def _moved(self, mark: LadderMark) -> None:
        """The second execution makes the moves of the first, in their order."""
        place, self._moves = self._moves, self._moves + 1
        if place == self._anchor and self._capture is None:
            capture = self._capture = OpCapture(self, self._session.modules)
            capture.count = self._past.marks[place].op_number
            past = self._past
            if self._seen is not None:
                capture.watch_like(self._seen, {self._target, self._present, *past.edits, *past.input_edits})
            self._left.enter_context(capture)

    # --- OpObserver

    def new_site(self, site: OpSite) -> int:
        self._sites.append(site)
        return len(self._sites) - 1

    def record(self, rows: list[Row]) -> None:
        """Nothing of the past is recorded twice."""

    def op_begins(self, event: OpEvent) -> bool:
        for index, tensor in self._past.input_edits.get(event.number, {}).items():
            event.swaps[id(event.inputs[index])] = tensor
        return False

    def op_failed(self, event: OpEvent) -> None:
        """The first execution did not fail here; the error ends the look, and its sentence is shown."""

    def capture_failed(self, number: int, error: Exception) -> None:
        self._session.capture_failed(number, error)

    def op_ran(self, event: OpEvent) -> Any:
        self._edit_again(event)
        if self._peek is not None and event.number == self._target:
            self._peek(event)
            raise LookEndedError
        if event.number >= self._present:
            raise LookEndedError
        if event.number < self._target:
            return event.out
        place = self.ladder.place_of_op(event)
        here = self._session.here(place, self._session.modules.depth)
        wanted = event.number == self._target or (event.number > self._target and self.stepper.at_op(here))
        if wanted:
            self._session.stand_in_the_past(self, event)
            self.wants_each = self.wants_each or self.stepper.active
            if self._again is not None or not self.stepper.active:
                raise LookEndedError
        return event.out

    def _edit_again(self, event: OpEvent) -> None:
        edits = self._past.edits.get(event.number)
        if not edits:
            return
        if event.in_place:
            with torch.no_grad():
                for index, tensor in edits.items():
                    event.outputs[index].copy_(tensor)
            return
        swaps = {id(event.outputs[index]): tensor for index, tensor in edits.items()}
        event.out = replaced(event.out, swaps)
        event.outputs = [swaps.get(id(one), one) for one in event.outputs]

    def _entering(self, info: Any, depth: int, inputs: Any, _output: Any) -> Any:
        return self._border(info.path, True, inputs)

    def _exiting(self, info: Any, depth: int, inputs: Any, output: Any) -> Any:
        return self._border(info.path, False, output)

    def _border(self, path: str, entering: bool, value: Any) -> Any:
        if self._capture is None:
            return None
        edits = self._past.border_edits.get((self._capture.count, path, entering))
        if not edits:
            return None
        found = tensors_of(value)
        return replaced(value, {id(found[index]): tensor for index, tensor in edits.items()})

    # --- what the user does there

    def resume(self, resume: dm.Resume, here: Any, target: Callable[[dm.Resume, int], int]) -> None:
        """Raises BadInputError."""
        match resume.verb:
            case "continue":
                self.stepper.clear()  # to the present
            case "back":
                # a named op may lie anywhere in the past, also after the one that is looked at
                self._again = target(resume, self._present if resume.op_number >= 0 else here.op_number)
            case "over" | "into" | "out" | "until":
                if resume.level == "module" or resume.verb == "out":
                    raise BadInputError(
                        "In the past steps go by ops, sampler steps and phases; modules' borders don't stop."
                    )
                self.stepper.plan(resume, here)
            case _:
                raise BadInputError("This is a look back; continue to the present first.")


def denoiser_of(models: Mapping[str, nn.Module]) -> nn.Module | None:
    """The part that is called once or twice a step and takes nearly all of the time. Its kept outputs may
    stand in for its calls only where a call leaves nothing else behind, as one that fills a cache does."""
    for name in ("unet", "transformer"):
        if name in models and not _CACHES & set(inspect.signature(models[name].forward).parameters):
            return models[name]
    return None
