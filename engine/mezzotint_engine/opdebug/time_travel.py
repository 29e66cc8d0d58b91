"""Stepping back, as the debugger does it: what is kept for it, where it leads to, and the looks
themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from torch import nn
from torch.utils._python_dispatch import _disable_current_modes

from mezzotint_engine.opdebug.capture import OpCapture, OpEvent
from mezzotint_engine.opdebug.look_back import LookBack, PastMark, PastRecord, Rerun, denoiser_of
from mezzotint_engine.opdebug.stop_facts import replaced, tensors_of
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import Level
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.trace_records import LadderMark

if TYPE_CHECKING:
    from mezzotint_engine.opdebug.debug_session import DebugSession
    from mezzotint_engine.opdebug.standing import Standstill

__all__ = ["TimeTravel"]

T = TypeVar("T")


class TimeTravel:
    """Of one run. Without `rerun`, which says how the present picture is executed again, there is none."""

    def __init__(self, session: DebugSession) -> None:
        self._session = session
        self.past = PastRecord()
        self.rerun: Rerun | None = None
        self.looking = False
        self.denoiser: nn.Module | None = None
        self.denoiser_forward: Callable[..., Any] | None = None
        self._hook: Any = None
        self._capture: OpCapture | None = None

    def attach(self, models: Mapping[str, nn.Module]) -> None:
        self.denoiser = denoiser_of(models)
        self.denoiser_forward = self.denoiser.forward if self.denoiser is not None else None

    def detach(self) -> None:
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    def begin_picture(self) -> None:
        self.past = PastRecord()

    def moved(self, mark: LadderMark) -> None:
        past, capture = self.past, self._capture
        if capture is None:
            past.first_known = len(past.marks) + 1
        past.marks.append(PastMark(mark, capture.count if capture is not None else 0, len(past.outputs)))

    def keep(self, capture: OpCapture) -> None:
        """The debugger was attached: ops have numbers now, and what the denoiser gives from here on need not
        be computed again."""
        self._capture = capture
        if self.denoiser is None or self._hook is not None:
            return
        self.past.outputs_complete = not self.past.marks

        def keep_output(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if self.looking:
                return
            with _disable_current_modes():
                copies = {id(one): one.detach().clone() for one in tensors_of(output)}
                self.past.outputs.append(replaced(output, copies))

        self._hook = self.denoiser.register_forward_hook(keep_output)

    def refused(self) -> str:
        """Why there is no stepping back here, as a sentence; "" where there is."""
        if self.rerun is None:
            return "This kind of run can't be executed again up to an earlier op."
        if self._capture is None or not self._capture.modules_of_ops:
            return "No op has been recorded yet, so there is none to step back to."
        return ""

    def target(self, resume: dm.Resume, present: int) -> int:
        """The op that a step back leads to. Raises BadInputError."""
        if why := self.refused():
            raise BadInputError(why)
        target = resume.op_number
        if target < 0:
            target = self._earlier(resume.level, present, max(1, resume.count))
        if target >= present:
            raise BadInputError(f"Op {target} is not before this one ({present}).")
        if target < 0:
            raise BadInputError("There is no earlier op of that kind.")
        self.past.anchor(target)  # raises where it can't be reached
        return target

    def _earlier(self, level: Level, present: int, count: int) -> int:
        if level == "module" and self._capture is not None:
            owners = self._capture.modules_of_ops
            target = min(present, len(owners)) - 1
            for _ in range(count):
                owner = owners[target] if target >= 0 else 0
                while target > 0 and owners[target - 1] == owner:
                    target -= 1
                if target == present:
                    break
                present, target = target, target if count == 1 else target - 1
            return target
        if level in ("step", "phase"):
            known = self.past.marks[self.past.first_known :]
            kinds = [mark.op_number for mark in known if level == "step" or mark.mark.step < 0]
            earlier = sorted({number for number in kinds if number < present})
            return earlier[-min(count, len(earlier))] if earlier else -1
        if level == "run":
            return self.past.marks[self.past.first_known].op_number if self.past.marks else -1
        return present - count

    def look_back(self, op_number: int) -> None:
        """On the thread that stands, below its stop; returns when the user comes back to the present."""
        assert self.rerun is not None
        with self._aside():
            LookBack(self._session, self.past, self.rerun, self._session.op_count, self._capture).run(
                op_number
            )

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """The run itself doesn't see what is executed inside."""
        before, self.looking = self.looking, True
        try:
            with _disable_current_modes():
                yield
        finally:
            self.looking = before

    def peek(self, op_number: int, work: Callable[[Standstill], T]) -> T:
        """`work` at an earlier op, which is executed again for it. On the thread that stands; raises
        BadInputError."""
        if why := self.refused():
            raise BadInputError(why)
        assert self.rerun is not None
        self.past.anchor(op_number)
        found: list[T] = []
        failed: list[Exception] = []
        look = LookBack(self._session, self.past, self.rerun, self._session.op_count, self._capture)

        def at(event: OpEvent) -> None:
            still = self._session.standstill_of(event, look)
            try:
                found.append(work(still))
            except Exception as error:  # to be raised where it was asked for, not inside of the model
                failed.append(error)
            still.end()

        with self._aside():
            look.peek(op_number, at)
        if failed:
            raise failed[0]
        if not found:
            raise BadInputError(f"Op {op_number} was not met when the picture was executed again.")
        return found[0]
