"""How a tensor is looked at, and what came back.

One question is under way at a time, and only the newest of those that wait is asked, so that quick stepping
never piles up work in the engine. How a tensor is looked at is kept by its name from stop to stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

from mezzotint_app.state.number_pages import PAGE, NumberPages, PageKey
from mezzotint_app.state.saved_tensors import SavedTensors
from mezzotint_app.state.slice_index import SlicePicks, sliced_shape
from mezzotint_app.state.tensor_changes import TensorChanges
from mezzotint_app.state.tensor_place import PlaceKey, TensorPlace
from mezzotint_app.state.tensor_view_settings import ViewSettings, unavailable
from mezzotint_sdk.debug_messages import LookAtTensor, TensorShown
from mezzotint_sdk.debug_records import TensorFacts, TensorLook, TensorView
from mezzotint_sdk.errors import BadInputError, MezzotintError

if TYPE_CHECKING:
    from mezzotint_app.state.debug_state import DebugState
    from mezzotint_app.state.trace_state import TraceState
    from mezzotint_sdk.debug_messages import DebugReply

__all__ = ["TensorViewState"]

Place = tuple[PlaceKey, str]  # the place's key, and a tensor's name


class TensorViewState(QObject):
    """`look` and `array` are what is shown: of the present place, or old while the run goes on."""

    tensorsChanged = Signal()  # the list, what is selected in it, or the place
    settingsChanged = Signal()  # kind, slice, head, difference
    lookChanged = Signal()  # a look, a problem, or that values became old
    pageArrived = Signal(int, int)  # row and column of a page's first number
    busyChanged = Signal()

    def __init__(
        self, debug: DebugState, trace: TraceState | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.debug = debug
        self.place = TensorPlace(debug, trace, self)
        self.changes = TensorChanges(self.place, self)
        self._saved = SavedTensors(trace, self) if trace is not None else None
        self.look: TensorLook | None = None
        self.array: np.ndarray | None = None
        self.problem = ""
        self.pages = NumberPages()
        self._settings: dict[str, ViewSettings] = {}
        self._asked: LookAtTensor | None = None  # under way
        self._asked_of: Place | None = None
        self._wants_look = False
        self._is_looked_at = False
        self._shown_of: tuple[Place, TensorView] | None = None
        self.place.moved.connect(self._on_moved)
        self.place.factsChanged.connect(self.tensorsChanged)

    # --- what -------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The tensor or expression that is looked at."""
        return self.place.name

    @property
    def tensors(self) -> tuple[TensorFacts, ...]:
        return self.place.tensors

    @property
    def facts(self) -> TensorFacts | None:
        """Of what is looked at; None for an expression before its first look."""
        name = self.name
        found = next((facts for facts in self.tensors if facts.name == name), None)
        if found is not None or self._shown_of is None or self.look is None:
            return found
        return self.look.facts if self._shown_of[0][1] == name else None

    @property
    def shape(self) -> tuple[int, ...] | None:
        """None for an expression before its first look."""
        facts = self.facts
        return facts.shape if facts is not None else None

    # --- how --------------------------------------------------------------------------------------------

    @property
    def settings(self) -> ViewSettings:
        return self._settings.setdefault(self.name, ViewSettings())

    @property
    def slice_picks(self) -> SlicePicks:
        """Picks of the dimensions before those that the kind shows."""
        return self.settings.slice_picks(self.shape)

    @property
    def slice_problem(self) -> str:
        """What is wrong with the index, as a sentence; "" when nothing is."""
        shape = self.shape
        if shape is None:
            return ""
        try:
            sliced_shape(self.slice_picks.index, shape)
        except BadInputError as error:
            return error.message
        return ""

    def unavailable(self, kind: str) -> str:
        """Why a kind of view can't be had of this tensor, as a sentence; "" when it can."""
        shape = self.shape
        return "" if shape is None else unavailable(kind, shape)

    def set_kind(self, kind: str) -> None:
        self._set(kind=kind)

    def set_head(self, head: int) -> None:
        self._set(head=max(0, head))

    def set_bins(self, bins: int) -> None:
        self._set(bins=bins)

    def set_log_counts(self, log_counts: bool) -> None:
        self.settings.log_counts = log_counts
        self.lookChanged.emit()

    def set_against(self, expression: str) -> None:
        """Show the difference against a tensor or an expression; "" shows the tensor itself."""
        self._set(against=expression.strip())

    def set_pick(self, dimension: int, pick: int) -> None:
        """Pick one entry of a leading dimension, or `ALL`."""
        slices = self.slice_picks
        picks = list(slices.picks)
        if dimension < len(picks) and (picks[dimension] != pick or slices.text is not None):
            picks[dimension] = pick
            slices.picks, slices.text = tuple(picks), None
            self._on_settings()

    def write_index(self, text: str) -> None:
        slices = self.slice_picks
        if text.strip() != slices.index:
            slices.write(text.strip(), self.shape or ())
            self._on_settings()

    def _set(self, **changes: object) -> None:
        settings = self.settings
        if any(getattr(settings, name) != value for name, value in changes.items()):
            for name, value in changes.items():
                setattr(settings, name, value)
            self._on_settings()

    def _on_settings(self) -> None:
        self.settingsChanged.emit()
        self.refresh()

    # --- asking -----------------------------------------------------------------------------------------

    def set_looked_at(self, looked_at: bool) -> None:
        """Whether somebody sees the tensor; while nobody does, nothing is asked for."""
        if looked_at != self._is_looked_at:
            self._is_looked_at = looked_at
            if looked_at and self._shown_of != self._wanted():
                self.refresh()

    @property
    def is_busy(self) -> bool:
        return self._asked is not None

    def _wanted(self) -> tuple[Place, TensorView]:
        return (self.place.key, self.name), self.settings.view(self.shape)

    @property
    def _can_ask(self) -> bool:
        return self.debug.stop is not None or (self._saved is not None and self.place.op_number >= 0)

    def refresh(self) -> None:
        """Ask for what is to be shown, anew."""
        if not self._can_ask or not self.name or not self._is_looked_at:
            return
        if problem := self.slice_problem:
            self._show_problem(problem)
            return
        self._wants_look = True
        self._go_on()

    def want_cell(self, row: int, column: int) -> None:
        """The page around a cell of the table of numbers is in view."""
        if self.pages.want(row, column):
            self._go_on()

    def _go_on(self) -> None:
        if self._asked is not None or not self._can_ask:
            return
        of, view = self._wanted()
        if not self._wants_look:
            page = self.pages.next_wanted()
            if page is None or self._shown_of != (of, view):
                return
            view = msgspec.structs.replace(view, first_row=page[0] * PAGE, first_column=page[1] * PAGE)
        self._wants_look = False
        ask = LookAtTensor(name=of[1], op_number=self.place.op_number, view=view)
        self._asked, self._asked_of = ask, of
        self.busyChanged.emit()
        self._send(ask)

    def _send(self, ask: LookAtTensor) -> None:
        """To the run; of an op in the past to the trace, where there is no run or it kept nothing."""
        saved, facts = self._saved, self.facts

        def from_trace(_error: MezzotintError | None = None) -> None:
            assert saved is not None
            saved.look(
                ask,
                facts or TensorFacts(name=ask.name),
                lambda look, array: self._on_look(ask, look, array, ""),
                lambda error: self._on_no(ask, error),
            )

        is_saved = saved is not None and ask.op_number >= 0 and saved.has(ask.op_number)
        if self.debug.stop is None or (self.place.is_file and ask.op_number >= 0):
            from_trace()
        else:
            on_error = from_trace if is_saved else lambda error: self._on_no(ask, error)
            self.debug.ask(ask, lambda reply: self._on_reply(ask, reply), on_error)

    def _finish(self, ask: LookAtTensor) -> bool:
        """End a question. Whether its answer is still of use."""
        if ask is not self._asked:
            return False
        of, self._asked, self._asked_of = self._asked_of, None, None
        return (of, _without_page(ask.view)) == self._wanted()

    def _on_reply(self, ask: LookAtTensor, reply: DebugReply) -> None:
        array, problem = None, ""
        if isinstance(reply, TensorShown) and reply.look.array is not None:
            try:  # also of an answer that came too late: its slot is released so
                array = self.debug.read_array(reply.look.array)
            except MezzotintError as error:
                problem = error.message
        if isinstance(reply, TensorShown) and isValid(self):
            self._on_look(ask, reply.look, array, problem)

    def _on_look(self, ask: LookAtTensor, look: TensorLook, array: np.ndarray | None, problem: str) -> None:
        if self._finish(ask):
            self._take(ask, look, array, problem)
        self.busyChanged.emit()
        self._go_on()

    def _on_no(self, ask: LookAtTensor, error: MezzotintError) -> None:
        if not isValid(self):
            return
        if self._finish(ask) and self._can_ask:
            if _page_of(ask.view) != (0, 0):
                self.pages.refuse(_page_of(ask.view))
            else:
                self._show_problem(error.message)
        self.busyChanged.emit()
        self._go_on()

    def _take(self, ask: LookAtTensor, look: TensorLook, array: np.ndarray | None, problem: str) -> None:
        page = _page_of(ask.view)
        if page != (0, 0):
            if array is None:
                self.pages.refuse(page)
            else:
                self.pages.put(page, array)
                self.pageArrived.emit(ask.view.first_row, ask.view.first_column)
            return
        facts_were_known = self.facts is not None
        self._shown_of = ((self.place.key, ask.name), ask.view)
        self.look, self.array, self.problem = look, array, problem
        self.pages.clear()
        if look.kind == "numbers" and array is not None:
            self.pages.rows, self.pages.columns = look.rows, look.columns
            self.pages.put(page, array)
        if self.place.op_number >= 0:
            self.place.know(look.facts, ask.name)
        if not facts_were_known:  # only now the dimensions are known
            self.tensorsChanged.emit()
            self.settingsChanged.emit()
            if self.settings.view(self.shape) != ask.view:
                self.refresh()
        self.lookChanged.emit()

    def _show_problem(self, sentence: str) -> None:
        self._forget(sentence)
        self.lookChanged.emit()

    def _forget(self, problem: str = "") -> None:
        self.look, self.array, self.problem, self._shown_of = None, None, problem, None
        self._wants_look = False
        self.pages.clear()

    # --- following --------------------------------------------------------------------------------------

    def _on_moved(self) -> None:
        if self.debug.stop is None:
            self._wants_look = False
        is_of_another = self._shown_of is not None and self._shown_of[0][0][0] != self.place.run_id
        if is_of_another or not self.place.is_known:
            self._forget()
        self.tensorsChanged.emit()
        self.settingsChanged.emit()
        self.lookChanged.emit()
        if self._can_ask and self._shown_of != self._wanted():
            self.refresh()


def _page_of(view: TensorView) -> PageKey:
    return view.first_row // PAGE, view.first_column // PAGE


def _without_page(view: TensorView) -> TensorView:
    return msgspec.structs.replace(view, first_row=0, first_column=0)
