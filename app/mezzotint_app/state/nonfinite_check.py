"""Whether a tensor holds NaN or Inf anywhere: what is in view is a slice, and the one that is wrong may lie
beside it.

Asked a moment after a tensor is looked at, so that quick stepping asks for none.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal
from shiboken6 import isValid

from mezzotint_sdk.debug_messages import LookAtTensor, TensorShown
from mezzotint_sdk.debug_records import TensorFacts, TensorStatistics, TensorView
from mezzotint_sdk.errors import MezzotintError

if TYPE_CHECKING:
    from mezzotint_app.state.tensor_view_state import TensorViewState
    from mezzotint_sdk.debug_messages import DebugReply

__all__ = ["NonFiniteCheck"]

PATIENCE_MS = 80
MOST_BYTES = 64 * 2**20  # what takes longer than a moment is asked for by looking at all of it
KINDS = ("float", "bfloat", "complex")
SHOWN_DIMENSIONS = 2  # rows and columns of the table of numbers


class NonFiniteCheck(QObject):
    """Follows what a `TensorViewState` shows. `nan` and `inf` are counts in all of the tensor; 0 until
    known."""

    changed = Signal()
    led = Signal(int, int)  # row and column in the table of numbers of the first one

    def __init__(self, view: TensorViewState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._of: object = None
        self._asked_of: object = None
        self._target: tuple[int, int] | None = None
        self.nan = 0
        self.inf = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PATIENCE_MS)
        self._timer.timeout.connect(self._ask)
        view.lookChanged.connect(self._on_look)
        view.tensorsChanged.connect(self._on_look)

    @property
    def text(self) -> str:
        """ "32 NaN, 1 Inf"; "" where there are none, or nobody knows."""
        counts = ((self.nan, "NaN"), (self.inf, "Inf"))
        return ", ".join(f"{count:,} {name}" for count, name in counts if count)

    def _key(self) -> object:
        return self._view.place.key, self._view.name

    def _on_look(self) -> None:
        view = self._view
        if self._key() != self._of:
            self._of, self._asked_of, self._target = self._key(), None, None
            self._take(TensorStatistics())
        look, facts = view.look, view.facts
        if look is None or facts is None or not self._can_have(facts):
            return
        if look.facts.name == facts.name and look.statistics.count == math.prod(facts.shape):
            if not view.settings.against:
                self._asked_of = self._of
                self._take(look.statistics)
        elif self._asked_of != self._of:
            self._timer.start()
        if self._target is not None and look.kind == "numbers" and not view.is_busy:
            self.led.emit(*self._target)
            self._target = None

    def _can_have(self, facts: TensorFacts) -> bool:
        at_stop = self._view.debug.stop is not None and self._view.place.op_number < 0
        return at_stop and facts.dtype.startswith(KINDS) and facts.nbytes <= MOST_BYTES

    def _take(self, found: TensorStatistics) -> None:
        if (found.nan, found.inf) != (self.nan, self.inf):
            self.nan, self.inf = found.nan, found.inf
            self.changed.emit()

    # --- asking -----------------------------------------------------------------------------------------

    def _ask(self) -> None:
        of, facts = self._of, self._view.facts
        if of != self._key() or self._asked_of == of or facts is None or not self._can_have(facts):
            return
        self._asked_of = of
        self._look(self._view.name, "histogram", lambda look, _array: self._take(look.statistics))

    def find_first(self) -> None:
        """Show the slice of the first one, and lead to it."""
        shape = self._view.shape or ()
        if shape:
            name = f"({self._view.name}).isfinite().logical_not().nonzero()[0]"
            self._look(name, "numbers", lambda _look, array: self._go_to(array, shape))

    def _look(self, name: str, kind: str, on_look: object) -> None:
        of = self._of

        def replied(reply: DebugReply) -> None:
            array = None
            if isinstance(reply, TensorShown) and reply.look.array is not None:
                try:  # also where it is of no use any more: its slot is released so
                    array = self._view.debug.read_array(reply.look.array)
                except MezzotintError:
                    return
            if isinstance(reply, TensorShown) and isValid(self) and of == self._key():
                on_look(reply.look, array)  # type: ignore[operator]

        ask = LookAtTensor(name=name, op_number=-1, view=TensorView(kind=kind))  # type: ignore[arg-type]
        self._view.debug.ask(ask, replied, lambda _error: None)  # it was only a hint

    def _go_to(self, array: np.ndarray | None, shape: tuple[int, ...]) -> None:
        place = [] if array is None else [int(number) for number in array.reshape(-1)]
        if len(place) != len(shape):
            return
        view, leading = self._view, place[: max(0, len(place) - SHOWN_DIMENSIONS)]
        row, column = ([0, *place])[-SHOWN_DIMENSIONS:]
        self._target = (row, column)
        view.set_kind("numbers")
        view.write_index(", ".join(map(str, leading)))
        if not view.is_busy:  # it is in view already
            self._on_look()
