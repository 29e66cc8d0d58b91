"""Which tensors there are: of the stop, of the last one while the run goes on, or of an op in the past."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

from mezzotint_app.state.recorded_tensors import recorded_tensors
from mezzotint_sdk.debug_messages import GetStop, Standing
from mezzotint_sdk.debug_records import Stop, TensorFacts

if TYPE_CHECKING:
    from mezzotint_app.state.debug_state import DebugState
    from mezzotint_app.state.trace_state import TraceState
    from mezzotint_sdk.debug_messages import DebugReply

__all__ = ["FAILURES", "GOES_ON", "IS_OVER", "PlaceKey", "TensorPlace"]

PlaceKey = tuple[str, int, int, str, int]  # run, stop, op, trace, changes

FAILURES = ("exception", "out_of_memory")  # reasons of a stop
GOES_ON = "The run goes on; values are of the last stop."
IS_OVER = "The debugger is off; values are of the last stop."
_NAME = re.compile(r"(?:out|outs\[\d+\]|ins\[\d+\]|in\d+|[a-z])$")


class TensorPlace(QObject):
    """Follows the debugger's stop and the op that is selected."""

    moved = Signal()  # another place, another tensor selected, or values became old
    factsChanged = Signal()  # of the same place

    def __init__(self, debug: DebugState, trace: TraceState | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.debug = debug
        self.trace = trace
        self.edits = 0  # rises with each change at a stop
        self.run_id = debug.run_id
        self._last_stop: Stop | None = debug.stop
        self._fresh: dict[str, TensorFacts] = {}  # of this place, newer than what the stop or the trace says
        self._fresh_of = self.key
        debug.stop_changed.connect(self._on_stop)
        debug.armed_changed.connect(self._on_stop)
        debug.selection_changed.connect(self.moved)
        debug.watches_changed.connect(self._on_told_anew)
        if trace is not None:
            trace.opened.connect(self.moved)

    # --- where ------------------------------------------------------------------------------------------

    @property
    def stop(self) -> Stop | None:
        """The present stop, or the last one while the run goes on."""
        return self.debug.stop or self._last_stop

    @property
    def key(self) -> PlaceKey:
        """Differs from place to place, and after each change of a tensor."""
        stop, number = self.stop, self.op_number
        path = self.trace.path if self.trace is not None and number >= 0 else ""
        return self.run_id, stop.stop_id if stop is not None else -1, number, path, self.edits

    @property
    def op_number(self) -> int:
        """The op in the past that is looked at; -1 for that of the stop."""
        stop, selected = self.stop, self.debug.selected_op
        if stop is None or self.is_file:
            return selected
        return -1 if selected == stop.place.op_number else selected

    @property
    def is_file(self) -> bool:
        """The ops are of a trace that was opened by hand: there is no run to ask."""
        return self.trace is not None and self.trace.is_file

    @property
    def is_known(self) -> bool:
        """There is a place whose tensors can be listed."""
        return self.stop is not None or bool(self.tensors)

    @property
    def age(self) -> str:
        """Why what is shown is old, as a sentence; "" when it isn't."""
        if self.debug.stop is not None or self._last_stop is None or self.op_number >= 0:
            return ""
        return GOES_ON if self.debug.armed else IS_OVER

    # --- which ------------------------------------------------------------------------------------------

    @property
    def tensors(self) -> tuple[TensorFacts, ...]:
        """Inputs and outputs of the op; of one in the past as the trace describes them."""
        fresh = self._fresh if self._fresh_of == self.key else {}
        if (number := self.op_number) >= 0:
            site = self.trace.site_of(number) if self.trace is not None else None
            known = recorded_tensors(site) if site is not None else tuple(fresh.values())
        else:
            known = self.stop.tensors if self.stop is not None else ()
        return tuple(fresh.get(facts.name, facts) for facts in known)

    @property
    def name(self) -> str:
        """The tensor or expression that is looked at: the one selected, where this op has it."""
        wanted = self.debug.selected_tensor
        names = [facts.name for facts in self.tensors]
        if wanted and (wanted in names or not _NAME.match(wanted)):
            return wanted
        if "out" in names or self.op_number >= 0:
            return "out"
        return names[0] if names else wanted

    def sharing(self, facts: TensorFacts) -> tuple[str, ...]:
        """Names of the other tensors here whose memory is the same."""
        if not facts.storage_id:
            return ()
        return tuple(
            other.name
            for other in self.tensors
            if other.storage_id == facts.storage_id and other.name != facts.name
        )

    def select(self, name: str) -> None:
        """Look at a tensor of the stop, or at an expression on its names."""
        name = name.strip()
        if name and name != self.debug.selected_tensor:
            self.debug.select_tensor(name)

    def know(self, facts: TensorFacts, name: str) -> None:
        """Facts that came with a look at an op in the past, of which the trace has less."""
        if self._fresh_of != self.key:
            self._fresh, self._fresh_of = {}, self.key
        if self._fresh.get(name) != facts:
            self._fresh[name] = facts
            self.factsChanged.emit()

    # --- whether it can be changed ----------------------------------------------------------------------

    @property
    def locked(self) -> str:
        """Why nothing can be changed now, as a sentence; "" when it can."""
        stop = self.debug.stop
        if stop is None:
            if self._last_stop is not None and self.debug.armed:
                return "The run goes on; tensors can be changed when it stops."
            return "Tensors can be changed while a run stands at a stop."
        if stop.looking_back:
            return "This is a look back: what has happened can't be changed."
        if stop.reason in FAILURES:
            return "The run has failed here; nothing that is changed now would be used."
        if self.op_number >= 0:
            return f"Op {self.op_number:,} has passed; only tensors of the stop can be changed."
        return ""

    @property
    def skip_locked(self) -> str:
        """Why nothing can be put in the place of the op, as a sentence; "" when it can."""
        stop = self.debug.stop
        if not self.locked and stop is not None and not stop.place.op:
            return "This is no op but the border of a module; step to an op to skip it."
        return self.locked

    @property
    def edit_locked(self) -> str:
        """Why what is looked at can't be edited, as a sentence; "" when it can."""
        if self.locked:
            return self.locked
        if self.name not in [facts.name for facts in self.tensors]:
            return f"“{self.name}” is an expression; choose a tensor of the list to change it."
        return ""

    # --- following --------------------------------------------------------------------------------------

    def _on_stop(self) -> None:
        stop = self.debug.stop
        if self.debug.run_id != self.run_id:
            self.run_id = self.debug.run_id
            self._last_stop = None
        if stop is not None:
            self._last_stop = stop
        self.moved.emit()

    def _on_told_anew(self) -> None:
        """The same stop was told again: somebody changed a tensor there, perhaps in the console."""
        now, before = self.debug.stop, self._last_stop
        if now is None or before is None or now is before or now.stop_id != before.stop_id:
            return
        self._last_stop = now
        if now.tensors != before.tensors:
            self.edits += 1
            self.moved.emit()

    def on_changed(self) -> None:
        """A tensor of the stop was changed here: its values are others, and soon its facts, too."""
        self.edits += 1
        self.moved.emit()
        self.debug.ask(GetStop(), self._on_standing, lambda _error: None)

    def _on_standing(self, reply: DebugReply) -> None:
        """The facts after a change: new versions, new memory, marks."""
        if not isValid(self):
            return
        now, told = self.debug.stop, reply.stop if isinstance(reply, Standing) else None
        if now is not None and told is not None and told.stop_id == now.stop_id and self.op_number < 0:
            self._fresh, self._fresh_of = {facts.name: facts for facts in told.tensors}, self.key
            self.factsChanged.emit()
