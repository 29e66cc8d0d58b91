"""Which breakpoints may hold at which site, and whether one does at an op.

A site is all about an op that repeats from step to step, so what can be judged of a breakpoint by names,
lines and shapes is judged once a site; at each op only those are asked that are left.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from torch import Tensor

from mezzotint_engine.opdebug.breakpoints import BreakpointBook, BreakpointTest
from mezzotint_engine.opdebug.capture import OpEvent
from mezzotint_engine.opdebug.console_scope import merged_names
from mezzotint_engine.opdebug.ladder import Ladder
from mezzotint_engine.opdebug.line_breakpoints import LineBreakpoints
from mezzotint_engine.opdebug.op_sites import describe_site
from mezzotint_engine.opdebug.source_places import frame_of_caller
from mezzotint_engine.opdebug.standing import Standstill
from mezzotint_engine.opdebug.tensor_expression import names_of_op
from mezzotint_sdk.debug_messages import Printed
from mezzotint_sdk.trace_records import OpSite

__all__ = ["SiteBreakpoints"]


class SiteBreakpoints:
    """`report` tells what a logpoint prints; `changed` is called when a hit has changed a breakpoint (a
    temporary one is gone). `interesting` are the sites that something is wanted of."""

    def __init__(
        self,
        book: BreakpointBook,
        ladder: Ladder,
        report: Callable[[Printed], None],
        changed: Callable[[], None],
    ) -> None:
        self._book, self._ladder = book, ladder
        self._report, self._changed = report, changed
        self.sites: list[OpSite] = []
        self.kept: set[int] = set()  # whose values go to the trace
        self.interesting: set[int] = set()
        self.lines = LineBreakpoints(())
        self._tests: dict[int, tuple[BreakpointTest, ...]] = {}
        self._version = -1

    def refresh(self, still: Standstill | None) -> None:
        """After changes of the book. `still`: where the run stands, so that a line that it stands at is no
        new hit."""
        if self._book.version == self._version:
            return
        self._version = self._book.version
        self.lines = LineBreakpoints(
            self._book.op_tests,
            self.lines,
            still.frames if still is not None else (),
            still.place.op_number if still is not None else -2,
        )
        self._tests = {number: self._may_hold(site) for number, site in enumerate(self.sites)}
        self.interesting = {number for number, tests in self._tests.items() if tests} | self.kept

    def add(self, number: int, site: OpSite, keep_ops: str) -> None:
        """A site that is met for the first time. `keep_ops`: a pattern of ops whose values go to the
        trace."""
        while len(self.sites) <= number:
            self.sites.append(site)
        tests = self._tests[number] = self._may_hold(site)
        if keep_ops and _is_kept(site, keep_ops):
            self.kept.add(number)
        if tests or number in self.kept:
            self.interesting.add(number)

    def before(self, event: OpEvent) -> BreakpointTest | None:
        """The breakpoint that holds before the op runs."""
        if event.site < 0:
            module, code, instruction, backward = event.stack
            tests = self._may_hold(
                describe_site(
                    event.func,
                    event.args,
                    event.kwargs,
                    event.inputs,
                    [],
                    module,
                    code,
                    instruction,
                    backward,
                )
            )
        else:
            tests = self._tests.get(event.site, ())
        for test in tests:
            if test.when == "before" and self._holds(test, event):
                return test
        return None

    def after(self, event: OpEvent) -> BreakpointTest | None:
        """The breakpoint that holds after the op ran, at the op itself or at a line further out."""
        for test in self._tests.get(event.site, ()):
            if test.when == "after" and self._holds(test, event):
                return test
        if self.lines:
            found = self.lines.hit(event, sys._getframe(1), self.names_of, self._ladder)
            if found is not None and self.count_hit(found, self.names_of(event), event.number):
                return found
        return None

    def border(
        self, path: str, entering: bool, ins: list[Tensor], outs: list[Tensor], op_number: int
    ) -> BreakpointTest | None:
        """The breakpoint that holds at this border of a module. `op_number`: of the next op."""
        ladder, when = self._ladder, "before" if entering else "after"
        names: dict[str, object] | None = None
        for test in self._book.module_borders:
            if test.when != when or not test.may_match_module(path):
                continue
            names = names or names_of_op(ins, outs, step=ladder.step, phase=ladder.phase, module=path)
            holds = test.matches(names, ladder.phase, ladder.step, op_number=-1, image=ladder.image)
            if holds and self.count_hit(test, names, op_number):
                return test
        return None

    def names_of(self, event: OpEvent) -> dict[str, object]:
        """What expressions can name at an op."""
        return names_of_op(
            event.inputs,
            event.outputs,
            step=self._ladder.step,
            phase=self._ladder.phase,
            op=str(event.func),
            module=event.stack[0].path,
        )

    def count_hit(self, test: BreakpointTest, names: Mapping[str, object], number: int) -> bool:
        """It holds: whether the run stops, which it doesn't at logpoints and while hits are to be ignored."""
        hit = self._book.hit(test, names)
        if hit is None:
            return False
        if not hit.stop:
            self._report(Printed(text=hit.text, breakpoint_id=hit.breakpoint.breakpoint_id, op_number=number))
        self._changed()
        return hit.stop

    def _may_hold(self, site: OpSite) -> tuple[BreakpointTest, ...]:
        return tuple(test for test in self._book.op_tests if test.may_match_site(site))

    def _holds(self, test: BreakpointTest, event: OpEvent) -> bool:
        names = self.names_of(event)
        if test.breakpoint.line and test.breakpoint.expression:
            names = merged_names(frame_of_caller(), names)
        ladder = self._ladder
        if not test.matches(names, ladder.phase, ladder.step, op_number=event.number, image=ladder.image):
            return False
        return self.count_hit(test, names, event.number)


def _is_kept(site: OpSite, pattern: str) -> bool:
    """By the op's name, with or without its overload, or the module's path."""
    names = (site.op, site.op.rpartition(".")[0], site.module)
    return any(fnmatchcase(name, pattern) for name in names)
