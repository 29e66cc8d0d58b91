"""Watches: expressions on tensors, followed over the ops of a run and shown at each stop.

`out.norm()` is taken at every op; `out.norm() @ unet.mid_block.*` at the ops that the text after the last `@`
describes, as a breakpoint would be. Values become series of the run, so that they are plotted and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from mezzotint_engine.opdebug.breakpoint_matching import BreakpointTest
from mezzotint_engine.opdebug.breakpoint_text import breakpoint_from_text
from mezzotint_engine.opdebug.stepper import Here
from mezzotint_engine.opdebug.tensor_expression import TensorExpression, as_number, value_text
from mezzotint_sdk.debug_records import WatchValue
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.trace_records import OpSite

__all__ = ["WatchList"]

SERIES = "watch/"


class _Watch:
    def __init__(self, text: str) -> None:
        """Raises BadInputError."""
        self.text = text.strip()
        self.problem = ""
        head, at, tail = self.text.rpartition(" @ ")
        self.expression = TensorExpression(head if at else self.text)
        self.test: BreakpointTest | None = None
        if at:
            place = breakpoint_from_text(tail)
            if BreakpointTest(place).border:
                place = msgspec.structs.replace(place, op="*")  # of a module alone: each of its ops
            self.test = BreakpointTest(place)


def _watch_or_problem(text: str) -> _Watch:
    """One that has no value but the sentence why, where it can't be read."""
    try:
        return _Watch(text)
    except BadInputError as error:
        watch = _Watch("None")
        watch.text, watch.problem = text.strip(), error.message
        return watch


class WatchList:
    """`measured(series, x, value)` takes each value; `x` is the op's number."""

    def __init__(self, measured: Callable[[str, float, float], None]) -> None:
        self._measured = measured
        self._watches: tuple[_Watch, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._watches)

    def set(self, texts: Iterable[str]) -> None:
        """All of them. Raises BadInputError with the sentence of the first bad one; nothing is changed
        then."""
        self._watches = tuple(_Watch(text) for text in texts if text.strip())

    def begin(self, texts: Iterable[str]) -> None:
        """Those that a run begins with: a bad one shows its sentence as its value, and is no reason to
        fail."""
        self._watches = tuple(_watch_or_problem(text) for text in texts if text.strip())

    def add(self, text: str) -> None:
        """One more. Raises BadInputError."""
        self._watches = (*self._watches, _Watch(text))

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(watch.text for watch in self._watches)

    def at_op(self, names: Mapping[str, object], site: OpSite, here: Here) -> None:
        for watch in self._watches:
            if watch.problem:
                continue
            test = watch.test
            if test is not None and not (
                test.may_match_site(site)
                and test.matches(names, here.phase, here.step, op_number=here.op_number, image=here.image)
            ):
                continue
            try:
                value = as_number(watch.expression.value(names))
            except BadInputError:
                continue  # an op without these inputs; the stop's table says so
            if value is not None:
                self._measured(SERIES + watch.text, float(here.op_number), value)

    def values(self, names: Mapping[str, object]) -> tuple[WatchValue, ...]:
        """What they are at a stop."""
        found = []
        for watch in self._watches:
            if watch.problem:
                found.append(WatchValue(expression=watch.text, text=watch.problem, failed=True))
                continue
            try:
                value = watch.expression.value(names)
                found.append(
                    WatchValue(expression=watch.text, value=as_number(value), text=value_text(value))
                )
            except BadInputError as error:
                found.append(WatchValue(expression=watch.text, text=error.message, failed=True))
        return tuple(found)
