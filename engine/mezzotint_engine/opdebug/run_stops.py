"""The stops of one run: at an op, a module's border, a Python line or an error. Each is told, and waited in.

All of it happens on the thread that came there, which is the one that stands.
"""

from __future__ import annotations

import logging
import threading
import traceback
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import msgspec
import torch
from torch.utils._python_dispatch import _disable_current_modes

from mezzotint_engine.opdebug.breakpoints import BreakpointTest
from mezzotint_engine.opdebug.capture import OpEvent
from mezzotint_engine.opdebug.gate import RestartRunError
from mezzotint_engine.opdebug.look_back import LookBack
from mezzotint_engine.opdebug.module_stack import ModuleInfo
from mezzotint_engine.opdebug.source_places import frame_of_caller, stack_of
from mezzotint_engine.opdebug.standing import Standstill
from mezzotint_engine.opdebug.stop_facts import replaced
from mezzotint_engine.opdebug.tensor_expression import names_of_op
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import Place, StopReason
from mezzotint_sdk.errors import CancelledRunError
from mezzotint_sdk.records import ArrayRef

if TYPE_CHECKING:
    from mezzotint_engine.opdebug.debug_session import DebugSession

__all__ = ["RunStops"]

_log = logging.getLogger(__name__)


class RunStops:
    """Of one session. One thread stands at a time; others that come to a stop wait for their turn."""

    def __init__(self, session: DebugSession) -> None:
        self._session = session
        self._lock = threading.RLock()
        self._count = 0

    def at_op(self, event: OpEvent, reason: StopReason, test: BreakpointTest | None) -> bool:
        """Stand at an op. What was edited is in `event.out` afterwards; True where the op is to be
        skipped."""
        still = self.standstill_of(event, None)
        place = still.place
        detail = ""
        if event.error is not None:
            detail = "".join(traceback.format_exception(event.error))
            message = f"{place.op} failed: {type(event.error).__name__}: {_first_line(event.error)}"
        elif test is not None:
            message = f"Breakpoint {test.breakpoint_id} at {place.op}."
        else:
            message = f"At {place.op}."
        self._stand(still, reason, message, test, detail)
        if event.ran:
            if still.swaps:
                event.out = replaced(event.out, still.swaps)
            return False
        if still.instead is not None:
            event.out = still.instead
            return True
        return False

    def at_border(
        self,
        info: ModuleInfo,
        depth: int,
        place: Place,
        inputs: Any,
        output: Any,
        ins: list[torch.Tensor],
        outs: list[torch.Tensor],
        test: BreakpointTest | None,
        entering: bool,
    ) -> Any:
        frame = frame_of_caller()
        frames, _ = stack_of(frame)
        if frames:
            place = msgspec.structs.replace(
                place,
                file=frames[0].f_code.co_filename,
                line=frames[0].f_lineno,
                function=frames[0].f_code.co_qualname,
            )
        still = Standstill(
            session=self._session,
            place=place,
            here=self._session.here(place, depth, leaving=not entering),
            ins=ins,
            outs=outs,
            frame=frame,
            names=names_of_op(
                ins, outs, step=self._session.ladder.step, phase=self._session.ladder.phase, module=info.path
            ),
            event=None,
            entering=entering,
        )
        where = f"{'Entering' if entering else 'Leaving'} {info.path} ({info.class_name})."
        message = f"Breakpoint {test.breakpoint_id}: {where}" if test is not None else where
        self._stand(still, "breakpoint" if test is not None else "step", message, test, "")
        if not still.swaps:
            return None
        return replaced(inputs if entering else output, still.swaps)

    def at_line(self, frame: FrameType, event: str, value: object) -> None:
        """The console's tracer, or a `breakpoint()`, has come to a Python line."""
        with _disable_current_modes():
            still = self._between_ops(frame, frame, returned=value if event == "return" else None)
            reason: StopReason = "breakpoint_call" if event == "breakpoint" else "line"
            where = f"{Path(still.place.file).name}:{still.place.line} in {still.place.function}"
            said = {"breakpoint": "breakpoint() at ", "return": "Returning from ", "exception": "Raised at "}
            self._stand(still, reason, f"{said.get(event, 'At ')}{where}.", None, "")

    def at_error(self, error: BaseException, frame: FrameType) -> None:
        with _disable_current_modes():
            frames, _ = stack_of(frame)
            still = self._between_ops(frame, frames[0] if frames else frame, post_mortem=True)
            memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
            message = f"The run failed: {type(error).__name__}: {_first_line(error)}"
            detail = "".join(traceback.format_exception(error))
            self._stand(still, "out_of_memory" if memory else "exception", message, None, detail)

    def _between_ops(self, frame: FrameType, shown: FrameType, **how: Any) -> Standstill:
        """At a Python line, that of `shown`; the stack begins with `frame`. `how`: more of a `Standstill`."""
        session = self._session
        ladder, module = session.ladder, session.modules.current
        code = shown.f_code
        place = ladder.place_of_line(
            session.op_count, module, code.co_filename, shown.f_lineno, code.co_qualname
        )
        return Standstill(
            session=session,
            place=place,
            here=session.here(place, session.modules.depth),
            ins=[],
            outs=[],
            frame=frame,
            names=names_of_op([], [], step=ladder.step, phase=ladder.phase, module=module.path),
            event=None,
            **how,
        )

    def _stand(
        self, still: Standstill, reason: StopReason, message: str, test: BreakpointTest | None, detail: str
    ) -> None:
        """Tell of the stop, wait, look back as often as is asked, and go on as was planned meanwhile."""
        with self._lock:
            number = test.breakpoint_id if test else 0
            while True:
                self._wait(still, reason, message, number, detail)
                if still.back_to is None:
                    break
                target, still.back_to = still.back_to, None
                try:
                    self._session.travel.look_back(target)
                except CancelledRunError:
                    raise
                except Exception as error:  # told, and the run stands where it stood
                    self._session.capture_failed(target, error)
            still.end()
        if still.restart:
            raise RestartRunError
        if still.cancelled:
            self._session.stopped_by_user = True
            raise CancelledRunError("The run was stopped in the debugger.")
        self._session.going_on(still)

    def _wait(
        self, still: Standstill, reason: StopReason, message: str, breakpoint_id: int, detail: str
    ) -> None:
        with ExitStack() as left:
            self._session.gate.check()
            if still.past is None:
                self._session.stepper.clear()
            self._count += 1
            self._session.flush()
            if self._session.book.take_changed():
                self._session.host.report(dm.BreakpointsChanged(breakpoints=self._session.book.list()))
            for number, sentence in self._session.book.take_failures():
                self._session.host.report(dm.Printed(text=sentence, breakpoint_id=number))
            before, self._session.standing = self._session.standing, still
            left.callback(setattr, self._session, "standing", before)
            stop = still.begin(self._count, reason, message, breakpoint_id, detail)
            left.enter_context(self._session.host.paused())
            left.enter_context(self._session.gate.arrived())
            ladder = self._session.ladder if still.past is None else still.past.ladder
            self._session.host.report(dm.Stopped(stop=stop, latent=self._latent_picture(ladder.latent)))
            shown = self._session.console.displayed(still.console_place())
            if shown:
                self._session.host.report(dm.Printed(text=shown.rstrip(), op_number=still.place.op_number))
            try:
                self._session.gate.wait()
            finally:
                self._session.host.report(dm.WentOn(stop_id=stop.stop_id, touched=self._session.touched))
            if self._session.book.take_changed():
                self._session.host.report(dm.BreakpointsChanged(breakpoints=self._session.book.list()))

    def standstill_of(self, event: OpEvent, look: LookBack | None) -> Standstill:
        ladder = self._session.ladder if look is None else look.ladder
        place = ladder.place_of_op(event)
        return Standstill(
            session=self._session,
            place=place,
            here=self._session.here(place, self._session.modules.depth),
            ins=list(event.inputs),
            outs=list(event.outputs),
            frame=frame_of_caller(),
            names=self._session.names_of(event),
            event=event,
            past=look,
        )

    def in_the_past(self, look: LookBack, event: OpEvent) -> None:
        """At an op of a second execution."""
        still = self.standstill_of(event, look)
        look.stepper.clear()
        self._wait(still, "step", f"Looking back at {still.place.op}.", 0, "")
        still.end()
        if still.cancelled:
            self._session.stopped_by_user = True
            raise CancelledRunError("The run was stopped in the debugger.")

    def _latent_picture(self, latent: object) -> ArrayRef | None:
        if not isinstance(latent, torch.Tensor):
            return None
        try:
            picture = self._session.host.latent_picture(latent)
            return self._session.host.write_array(picture) if picture is not None else None
        except Exception as error:  # a picture beside the stop; the stop is what counts
            _log.info("The latent could not be shown: %s", error)
            return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]
