"""The op debugger of one run: attached at a step boundary, asked by the control thread, standing in the
run's own.

What the run tells it (`attach`, `boundary`, `ladder`, `run_failed`, `close`) is called on the job's thread.
`ask` comes from the control thread; while the run stands, what is asked runs on the thread that was stopped.
A failure of the debugger itself is reported and never fails the run.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import _disable_current_modes

from mezzotint_engine.opdebug.border_hooks import BorderHooks
from mezzotint_engine.opdebug.breakpoints import BreakpointBook
from mezzotint_engine.opdebug.capture import OpCapture, OpEvent, Row
from mezzotint_engine.opdebug.compiled_regions import CompiledRegions
from mezzotint_engine.opdebug.console import Console
from mezzotint_engine.opdebug.gate import PASSED_ON, Gate
from mezzotint_engine.opdebug.held_gradients import HeldGradients
from mezzotint_engine.opdebug.host_protocol import DebugHost
from mezzotint_engine.opdebug.ladder import Ladder
from mezzotint_engine.opdebug.look_back import LookBack, Rerun
from mezzotint_engine.opdebug.memory_snapshot import MemorySnapshots
from mezzotint_engine.opdebug.module_stack import ModuleInfo, ModuleStack
from mezzotint_engine.opdebug.op_recorder import OpRecorder
from mezzotint_engine.opdebug.other_runs import OtherRuns
from mezzotint_engine.opdebug.own_failures import OwnFailures
from mezzotint_engine.opdebug.run_stops import RunStops
from mezzotint_engine.opdebug.session_commands import SessionCommands
from mezzotint_engine.opdebug.site_breakpoints import SiteBreakpoints
from mezzotint_engine.opdebug.standing import Standstill
from mezzotint_engine.opdebug.stepper import Here, Stepper
from mezzotint_engine.opdebug.stop_facts import tensors_of
from mezzotint_engine.opdebug.time_travel import TimeTravel
from mezzotint_engine.opdebug.watches import WatchList
from mezzotint_engine.opdebug.weight_guard import WeightGuard
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_messages import DebugAnswered
from mezzotint_sdk.debug_records import DebugPlan, Level, Place
from mezzotint_sdk.errors import BadInputError, InternalError
from mezzotint_sdk.run_traces import TRACE_IN_RUN
from mezzotint_sdk.trace_records import LadderMark, OpSite, TraceHeader

__all__ = ["DebugSession"]

_log = logging.getLogger(__name__)


class DebugSession:
    """See the module. `trace` is where the ops are recorded."""

    def __init__(self, run_id: str, folder: Path, spec_json: str, host: DebugHost) -> None:
        self.run_id = run_id
        self.host = host
        self.trace = folder / TRACE_IN_RUN
        self._header = TraceHeader(run_id=run_id, spec=spec_json)
        self.book = BreakpointBook()
        self.gate = Gate()
        self.stepper = Stepper()
        self.watches = WatchList(self._watched)
        self.ladder = Ladder(self._moved, self._picture_begins)
        self.travel = TimeTravel(self)
        self.gradients = HeldGradients(self._refresh)
        self.modules = ModuleStack({})
        self.regions = CompiledRegions(self.modules)
        self.console = Console(SessionCommands(self))
        self.memory = MemorySnapshots()
        self._weights = WeightGuard()
        self.other_runs = OtherRuns(self.trace)
        self.standing: Standstill | None = None
        self.touched = False
        self.plan: DebugPlan | None = None
        self._models: Mapping[str, nn.Module] = {}
        self._wanted: DebugPlan | None = None  # to be armed at the next boundary
        self._unwanted = False  # to be taken off there
        self._capture: OpCapture | None = None
        self._recorder: OpRecorder | None = None
        self._entered = False  # the mode is on the stack of the job's thread
        self._border_hooks = BorderHooks(self._entering, self._exiting)
        self._breakpoints = SiteBreakpoints(self.book, self.ladder, host.report, self._refresh)
        self._stops = RunStops(self)
        self._lock = threading.RLock()
        self._own_failures = OwnFailures(host.report, self._note)
        self.stopped_by_user = False
        self._failed_errors: set[int] = set()
        self._job_thread = 0
        self.level: Level = "op"  # at which the user last stepped
        # of OpObserver
        self.wants_each = False
        self.wants_before = False
        self.interesting: set[int] = set()

    # --- what the run tells: the job's thread -------------------------------------------------------------

    @property
    def armed(self) -> bool:
        return self.plan is not None

    @property
    def op_count(self) -> int:
        return self._capture.count if self._capture is not None else 0

    @property
    def census(self) -> tuple[int, int]:
        """Ops that can be seen in the trace with all their facts, and ops that came by while it was
        attached."""
        capture = self._capture
        return (capture.kept, capture.came) if capture is not None else (0, 0)

    def attach(self, models: Mapping[str, nn.Module]) -> None:
        """The models are loaded, and the run is about to begin; the next boundary is the first."""
        self._job_thread = threading.get_ident()
        if self._models != dict(models):
            self._models = dict(models)
            self.modules = ModuleStack(self._models)
            self.regions = CompiledRegions(self.modules)
        self.travel.attach(self._models)

    def begin_again(self) -> None:
        """The run was left in its middle and begins anew, under the same plan. Ops are counted on."""
        plan = self.plan
        self._border_hooks.detach()
        self._leave_mode()
        self.modules.stack.clear()
        with self._lock:
            self.plan, self._wanted = None, plan

    def use_rerun(self, rerun: Rerun) -> None:
        """How the job executes its present picture again; without it there is no stepping back."""
        self.travel.rerun = rerun

    def want(self, plan: DebugPlan) -> None:
        """Any thread: be armed (or have another plan) from the next boundary on."""
        self.book.set(plan.breakpoints)
        self.watches.begin(plan.watches)
        with self._lock:
            self._wanted, self._unwanted = plan, False

    def leave(self) -> None:
        """Any thread: be taken off at the next boundary; until then nothing stops."""
        with self._lock:
            self._wanted, self._unwanted = None, True
        self.stepper.clear()
        self.book.clear()
        self.watches.set(())
        self._refresh()

    def boundary(self) -> None:
        """Between two steps, outside of any op. Nothing before the models are there. Raises
        CancelledRunError."""
        self.gate.check()
        if not self._job_thread:
            return
        with self._lock:
            wanted, self._wanted = self._wanted, None
            unwanted, self._unwanted = self._unwanted, False
        try:
            if unwanted:
                self._take_off()
            if wanted is not None:
                self._arm(wanted)
            if self.plan is not None:
                self._sync()
        except PASSED_ON:
            raise
        except Exception as error:
            self._own_failures.tell(error, -1)

    # --- what clients ask: the control thread -------------------------------------------------------------

    def ask(self, call_id: int, ask: dm.DebugAsk, send: Callable[[DebugAnswered], None]) -> None:
        """Answer with `send`, now or, where the run stands, from the thread that stands. Never waits."""
        from mezzotint_engine.opdebug.ask_answers import answer

        def reply(still: Standstill | None) -> None:
            found, error = answer(self, still, ask)
            send(DebugAnswered(call_id=call_id, run_id=self.run_id, reply=found, error=error))

        if not self.gate.put(lambda: reply(self.standing)):
            reply(None)

    def changed(self) -> None:
        """Breakpoints or watches are others than before. What needs another attachment has it from the next
        boundary on; a run that stands, when it goes on."""
        self._refresh()

    # --- asked from more than one side -----------------------------------------------------------------

    def run_eagerly(self, path: str, eager: bool = True) -> None:
        """A compiled module, from its next call on, or as it was compiled again. Raises BadInputError."""
        if self.plan is None:
            raise BadInputError("The debugger is not attached; stop the run first.")
        self.regions.run_eagerly(path, eager)
        self.edited(self.op_count, f"{path} is run {'eagerly' if eager else 'as it was compiled'}")

    def breakpoint_hit(self, *_: object, **__: object) -> None:
        """For `sys.breakpointhook`: `breakpoint()` in anybody's code stands here, unless the console called
        it."""
        if self.console.is_executing:
            return
        self.line_stop(sys._getframe(1), "breakpoint", None)

    # --- how the run failed: the job's thread -------------------------------------------------------------

    def run_failed(self, error: BaseException) -> None:
        """Something in the run raised: stand where it did, unless an op that failed has been looked at
        already."""
        plan = self.plan
        if plan is None or not plan.on_exception or isinstance(error, PASSED_ON):
            return
        if id(error) in self._failed_errors:
            return
        inner: FrameType | None = None
        step = error.__traceback__
        while step is not None:
            inner, step = step.tb_frame, step.tb_next
        if inner is not None:
            self._stops.at_error(error, inner)

    def close(self) -> None:
        """The run is over."""
        try:
            self._take_off()
            if self._recorder is not None:
                self._recorder.close()
            self.console.detach()
        except Exception as error:  # what is left is a file that can't be closed
            _log.warning("The debugger could not be taken off in good order: %s", error)

    # --- arming -------------------------------------------------------------------------------------------

    def _arm(self, plan: DebugPlan) -> None:
        first = self.plan is None
        self.plan = plan
        if plan.stop_at == "first_op":
            self.stepper.stop_at_next_op()
        elif plan.stop_at == "first_step":
            self.stepper.stop_at_next_step(self.ladder.step, self.ladder.image)
        if first and self._recorder is None:
            from mezzotint_sdk.trace_writer import TraceWriter

            self.trace.parent.mkdir(parents=True, exist_ok=True)
            writer = TraceWriter(
                self.trace, self._header, value_bytes=plan.trace_bytes if plan.keep_ops else 0
            )
            self._recorder = OpRecorder(writer)
            self._capture = OpCapture(self, self.modules)
            self._moved_to(self.ladder.mark())
            self.travel.keep(self._capture)
        self.regions.attach()
        self._refresh()
        self.host.report(dm.Armed(trace=str(self.trace), note=self.regions.note))

    def _take_off(self) -> None:
        self._border_hooks.detach()
        self.regions.detach()
        self.memory.stop()
        self.travel.detach()
        self.gradients.clear()
        self._leave_mode()
        self.flush()
        if self.plan is not None:
            self.plan = None
            self.host.report(dm.Disarmed())

    @property
    def _recording(self) -> bool:
        plan = self.plan
        if plan is None or plan.record == "nothing":
            return False
        last = plan.last_step if plan.last_step >= 0 else self.ladder.step
        return self.ladder.step < 0 or plan.first_step <= self.ladder.step <= last

    def _sync(self) -> None:
        """Attach what is needed now and take off what is not. On the job's thread, outside of the mode's
        handler."""
        self._refresh()
        capture = self._capture
        if capture is None:
            return
        capture.recording = self._recording
        capture.statistics = self.plan is not None and self.plan.record == "statistics"
        needed = (
            capture.recording
            or self.stepper.active
            or self.book.needs_ops
            or bool(self.watches)
            or bool(self.plan and self.plan.on_exception and self.plan.record != "nothing")
        )
        if needed:
            self._border_hooks.detach()
            if not self._entered:
                self._enter_mode(capture)
        else:
            self._leave_mode()
            self._border_hooks.attach(self.modules, self.book.module_borders, self.regions.is_inside)

    def _enter_mode(self, capture: OpCapture) -> None:
        self.modules.attach()
        capture.__enter__()
        self._entered = True

    def _leave_mode(self) -> None:
        if self._entered and self._capture is not None:
            self._entered = False
            self._capture.__exit__(None, None, None)
            self.modules.detach()

    def _refresh(self) -> None:
        """What the hot path looks at, made anew from breakpoints, steps and watches. Any thread."""
        with self._lock:
            self._breakpoints.refresh(self.standing)
            self.interesting = self._breakpoints.interesting
            watching = bool(self.watches) or self.gradients.waiting
            self.wants_each = self.stepper.wants_ops or watching or bool(self._breakpoints.lines)
            self.wants_before = any(test.when == "before" for test in self.book.op_tests)
            self.modules.watched = self.stepper.wants_borders or bool(self.book.module_borders)
            self.modules.on_enter, self.modules.on_exit = self._entering, self._exiting

    def _picture_begins(self, mark: LadderMark) -> None:
        self.travel.begin_picture()
        self._moved_to(mark)

    def _moved(self, mark: LadderMark) -> None:
        self.travel.moved(mark)
        self._moved_to(mark)

    def _moved_to(self, mark: LadderMark) -> None:
        if self._capture is not None and self._recorder is not None:
            self._capture.mark = self._recorder.mark(mark)
            self._capture.recording = self._recording

    # --- what the capture tells: the thread that dispatched -----------------------------------------------

    def new_site(self, site: OpSite) -> int:
        assert self._recorder is not None
        with self._lock:
            number = self._recorder.site(site)
            self._breakpoints.add(number, site, self.plan.keep_ops if self.plan is not None else "")
            return number

    def record(self, rows: list[Row]) -> None:
        if self._recorder is None or self._recorder.failed is not None:
            return
        self._recorder.rows(rows)
        if self._recorder.failed is not None:
            error = self._recorder.failed
            self.host.report(
                dm.CaptureFailed(
                    error=InternalError(f"The ops are no longer recorded: {error}.").info(),
                    op_number=rows[0][0],
                )
            )

    def capture_failed(self, number: int, error: Exception) -> None:
        self._own_failures.tell(error, number)

    def op_begins(self, event: OpEvent) -> bool:
        found = self._breakpoints.before(event)
        return found is not None and self._stops.at_op(event, "breakpoint", found)

    def op_ran(self, event: OpEvent) -> Any:
        place = self.ladder.place_of_op(event)
        here = self.here(place, self.modules.depth)
        breakpoints = self._breakpoints
        if self.gradients.waiting:
            self.gradients.settle(event.inputs)
        if event.site in breakpoints.kept and self._recorder is not None:
            for index, output in enumerate(event.outputs):
                self._recorder.values(event.number, output, index)
        if self.watches:
            self.watches.at_op(self.names_of(event), breakpoints.sites[event.site], here)
        if self.stepper.at_op(here):
            self._stops.at_op(event, "step", None)
        elif (found := breakpoints.after(event)) is not None:
            self._stops.at_op(event, "breakpoint", found)
        return event.out

    def op_failed(self, event: OpEvent) -> None:
        error = event.error
        plan = self.plan
        if error is None or plan is None or not plan.on_exception or isinstance(error, PASSED_ON):
            return
        self._failed_errors.add(id(error))
        memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
        self._stops.at_op(event, "out_of_memory" if memory else "exception", None)

    def names_of(self, event: OpEvent) -> dict[str, object]:
        """What expressions can name at an op."""
        return self._breakpoints.names_of(event)

    def here(self, place: Place, depth: int, leaving: bool = False) -> Here:
        return Here(
            op_number=place.op_number,
            phase=place.phase,
            step=place.step,
            image=place.image_index,
            depth=depth,
            file=place.file,
            line=place.line,
            module=place.module,
            leaving=leaving,
        )

    # --- module borders -----------------------------------------------------------------------------------

    def _entering(self, info: ModuleInfo, depth: int, inputs: Any, _output: Any) -> Any:
        return self._border(info, depth, inputs, None, True)

    def _exiting(self, info: ModuleInfo, depth: int, inputs: Any, output: Any) -> Any:
        return self._border(info, depth, inputs, output, False)

    def _border(self, info: ModuleInfo, depth: int, inputs: Any, output: Any, entering: bool) -> Any:
        try:
            with _disable_current_modes():
                return self._at_border(info, depth, inputs, output, entering)
        except PASSED_ON:
            raise
        except Exception as error:
            self._own_failures.tell(error, self.op_count)
            return None

    def _at_border(self, info: ModuleInfo, depth: int, inputs: Any, output: Any, entering: bool) -> Any:
        ladder = self.ladder
        place = ladder.place_of_border(info, self.op_count, "", 0, entering)
        here = self.here(place, depth)
        stepped = self.stepper.at_enter(here) if entering else self.stepper.at_exit(here)
        ins, outs = tensors_of(inputs), tensors_of(output)
        found = None if stepped else self._breakpoints.border(info.path, entering, ins, outs, self.op_count)
        if not stepped and found is None:
            return None
        return self._stops.at_border(info, depth, place, inputs, output, ins, outs, found, entering)

    # --- what is told -------------------------------------------------------------------------------------

    def line_stop(self, frame: FrameType, event: str, value: object) -> None:
        """The console's tracer, or a `breakpoint()`, has come to a Python line."""
        self._stops.at_line(frame, event, value)

    def standstill_of(self, event: OpEvent, look: LookBack | None) -> Standstill:
        """What is known at an op of this execution, or of a second one."""
        return self._stops.standstill_of(event, look)

    def stand_in_the_past(self, look: LookBack, event: OpEvent) -> None:
        """At an op of a second execution."""
        self._stops.in_the_past(look, event)

    def flush(self) -> None:
        """What was recorded can be read from the trace."""
        if self._capture is not None:
            self._capture.flush()
        if self._recorder is not None:
            self._recorder.flush()

    def going_on(self, still: Standstill) -> None:
        """A stop is over: attach what is needed for how it goes on."""
        self._refresh()
        if self.plan is None and self.stepper.active and self._job_thread:
            self._arm(DebugPlan(stop_at="never"))  # stopped by `breakpoint()` alone
        at_hook = still.event is None and threading.get_ident() == self._job_thread
        wants_ops = self.stepper.active or self.book.needs_ops or bool(self.watches)
        if at_hook and wants_ops and not self._entered and self._capture is not None:
            # stopped by a hook on one module alone, and what comes now needs every op
            self.modules.seed(still.place.module)
            self._border_hooks.detach()
            self._enter_mode(self._capture)

    def _watched(self, name: str, x: float, value: float) -> None:
        self.host.measured(name, "", x, value)

    def watch_weights(self) -> None:
        """Something is about to run that could change them."""
        self._weights.watch(self._models)

    @property
    def weights_changed(self) -> bool:
        """Weights are others than before the console was used: the models are not to be used again."""
        return self._weights.changed(self._models)

    def edited(self, number: int, what: str) -> None:
        """The run's record is to say that it was touched."""
        self.touched = True
        self._note(max(number, 0), what)

    def _note(self, number: int, what: str) -> None:
        """In the trace, where there is one."""
        if self._recorder is not None:
            self._recorder.note(number, what)
