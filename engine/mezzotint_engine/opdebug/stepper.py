"""What "step over", "into" and "out" mean at each level of the ladder: where the run is to stop next."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from mezzotint_sdk.debug_messages import Resume
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.phases import GENERATE_PHASES

__all__ = ["Here", "Stepper"]


@dataclass(frozen=True, slots=True)
class Here:
    """Where an op or a module's border is, as far as steps are told apart by it."""

    op_number: int
    phase: str
    step: int
    image: int
    depth: int  # of modules
    leaving: bool = False  # at the exit of a module
    file: str = ""
    line: int = 0
    module: str = ""


Test = Callable[[Here], bool]


class Stepper:
    """Planned at a stop, asked at each op, entry and exit until one of them is it.

    ================  ==============================  =============  =========================================
    level             over                            into           out
    ================  ==============================  =============  =========================================
    op                the next op                     the next op    the module's exit
    module            the next entry no deeper        the next entry the module's exit
    phase, step, run  the first op of the next one    the next op    the first op after what it is part of
    ================  ==============================  =============  =========================================

    After a phase (or a step) of the last picture there is nothing more: the run then goes on to its end.
    """

    def __init__(self) -> None:
        self._op: Test | None = None
        self._enter: Test | None = None
        self._exit: Test | None = None
        self._left = 1

    @property
    def active(self) -> bool:
        return self._op is not None or self.wants_borders

    @property
    def wants_ops(self) -> bool:
        return self._op is not None

    @property
    def wants_borders(self) -> bool:
        return self._enter is not None or self._exit is not None

    def clear(self) -> None:
        self._op = self._enter = self._exit = None
        self._left = 1

    def stop_at_next_op(self) -> None:
        self.clear()
        self._op = lambda here: True

    def stop_at_next_step(self, step: int, image: int) -> None:
        """The first op of another step than this."""
        self.clear()
        self._op = lambda here: here.step >= 0 and (here.image, here.step) != (image, step)

    def plan(self, resume: Resume, here: Here) -> None:
        """Raises BadInputError where the command means nothing here."""
        if resume.count < 1:
            raise BadInputError(f"A step is taken once or more often, not {resume.count} times.")
        self.clear()
        self._left = resume.count
        match resume.verb:
            case "until":
                self._plan_until(resume, here)
            case "over" | "into" | "out":
                self._plan_step(resume.verb, resume.level, here)
            case _:
                pass

    def _plan_step(self, verb: str, level: str, here: Here) -> None:
        if level in ("op", "line") or (verb == "into" and level != "module"):
            if verb == "out":
                self._plan_exit(here)
            else:
                self._op = lambda now: True
        elif level == "module":
            if verb == "out":
                self._plan_exit(here)
            else:
                deepest = math.inf if verb == "into" else max(1, here.depth)
                self._enter = lambda now: now.depth <= deepest
        else:
            # a picture's steps lie in its phase; in training, and where text is made, phases lie in a step
            inner = here.step >= 0 and here.phase not in GENERATE_PHASES
            above = {"step": "run", "phase": "step"} if inner else {"step": "phase"}
            kind = above.get(level, "run") if verb == "out" else level

            def part(now: Here) -> tuple[object, ...]:
                if kind == "run":
                    return (now.image,)
                if kind == "phase":
                    return (now.image, now.phase)
                return (now.image, now.step) if inner else (now.image, now.phase, now.step)

            begun = part(here)
            self._op = lambda now: part(now) != begun

    def _plan_exit(self, here: Here) -> None:
        if here.depth < 1:  # what an op outside of modules lies in is a sampler step, or a phase
            begun = (here.image, here.phase, here.step)
            self._op = lambda now: (now.image, now.phase, now.step) != begun
            return
        # at an exit already, out is out of the module around it
        deepest = here.depth - 1 if here.leaving else here.depth
        self._exit = lambda now: now.depth <= deepest

    def _plan_until(self, resume: Resume, here: Here) -> None:
        if resume.op_number >= 0:
            if resume.op_number <= here.op_number:
                raise BadInputError(
                    f"Op {resume.op_number} is over (this is {here.op_number}); step back to it instead."
                )
            self._op = lambda now: now.op_number >= resume.op_number
        elif resume.module:
            self._enter = lambda now: now.module == resume.module
        elif resume.file and resume.line > 0:
            self._op = lambda now: now.line == resume.line and now.file.endswith(resume.file)
        else:
            raise BadInputError("Say where to run to: an op's number, a module, or a file and line.")

    # --- asked while it runs

    def at_op(self, here: Here) -> bool:
        return self._op is not None and self._op(here) and self._count()

    def at_enter(self, here: Here) -> bool:
        return self._enter is not None and self._enter(here) and self._count()

    def at_exit(self, here: Here) -> bool:
        return self._exit is not None and self._exit(here) and self._count()

    def _count(self) -> bool:
        self._left -= 1
        if self._left > 0:
            return False
        self.clear()
        return True
