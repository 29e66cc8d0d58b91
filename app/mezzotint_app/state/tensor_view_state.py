"""Which tensor of a stop is looked at and how, what came back, and what was done to it.

One question is under way at a time, and only the newest of those that wait is asked, so that quick stepping
never piles up work in the engine. How a tensor is looked at is kept by its name from stop to stop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

from mezzotint_app.state.number_pages import PAGE, NumberPages, PageKey
from mezzotint_app.state.recorded_tensors import recorded_tensors
from mezzotint_app.state.slice_index import ALL, SlicePicks, sliced_shape
from mezzotint_app.state.tensor_edits import edit_sentence, skip_sentence
from mezzotint_sdk.debug_messages import (
    EditTensor,
    GetStop,
    LookAtTensor,
    Saved,
    SaveTensor,
    SkipOp,
    Standing,
    TensorShown,
)
from mezzotint_sdk.debug_records import Stop, TensorFacts, TensorLook, TensorView
from mezzotint_sdk.errors import BadInputError, MezzotintError

if TYPE_CHECKING:
    from mezzotint_app.state.debug_state import DebugState
    from mezzotint_app.state.trace_state import TraceState
    from mezzotint_sdk.debug_messages import DebugReply

__all__ = ["GOES_ON", "KINDS", "TensorViewState", "ViewSettings"]

GOES_ON = "The run goes on; values are of the last stop."
IS_OVER = "The debugger is off; values are of the last stop."
KINDS = ("numbers", "heat_map", "histogram", "picture", "channels", "latent", "attention")
# How many trailing dimensions a kind shows: those before them are picked one by one.
SHOWN_DIMENSIONS = {"numbers": 2, "heat_map": 2, "picture": 3, "channels": 3, "latent": 3, "attention": 3}
# The longest side of what crosses: cells of a map, pixels of a picture.
MOST_CELLS = {"heat_map": 512, "attention": 512, "picture": 768, "channels": 768, "latent": 1024}
_NAME = re.compile(r"(?:out|outs\[\d+\]|ins\[\d+\]|in\d+|[a-z])$")


@dataclass
class ViewSettings:
    """How tensors of one name are looked at."""

    kind: str = "numbers"
    slices: dict[int, SlicePicks] = field(default_factory=dict)  # by the number of dimensions shown
    head: int = 0
    bins: int = 64
    against: str = ""
    log_counts: bool = False


@dataclass(frozen=True)
class _Target:
    """What a look is of: when this is the same, so are the values."""

    run_id: str
    stop_id: int
    op_number: int
    edits: int
    name: str


class TensorViewState(QObject):
    """`look` and `array` are what is shown: of the present stop, or of the last one (`is_stale`)."""

    tensorsChanged = Signal()  # the list, what is selected in it, or the place
    settingsChanged = Signal()  # kind, slice, head, difference
    lookChanged = Signal()  # a look, a problem, or that values became old
    pageArrived = Signal(int, int)  # row and column of a page's first number
    busyChanged = Signal()
    said = Signal(str, str)  # "info" or "error", and what an edit or a save did, in one sentence

    def __init__(
        self, debug: DebugState, trace: TraceState | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.debug = debug
        self._trace = trace
        self._run_id = debug.run_id
        self.look: TensorLook | None = None
        self.array: np.ndarray | None = None
        self.problem = ""
        self.pages = NumberPages()
        self._settings: dict[str, ViewSettings] = {}
        self._last_stop: Stop | None = debug.stop
        self._fresh: dict[str, TensorFacts] = {}  # of this place, newer than what the stop said
        self._edits = 0
        self._asked: LookAtTensor | None = None  # under way
        self._asked_of: _Target | None = None
        self._wants_look = False
        self._is_looked_at = False
        self._shown_of: tuple[_Target, TensorView] | None = None
        debug.stop_changed.connect(self._on_stop)
        debug.selection_changed.connect(self._on_selection)
        debug.armed_changed.connect(self._on_stop)

    # --- where ------------------------------------------------------------------------------------------

    @property
    def stop(self) -> Stop | None:
        """The present stop, or the last one while the run goes on."""
        return self.debug.stop or self._last_stop

    @property
    def is_stale(self) -> bool:
        return self.debug.stop is None and self._last_stop is not None

    @property
    def age(self) -> str:
        """Why what is shown is old, as a sentence; "" when it isn't."""
        if not self.is_stale:
            return ""
        return GOES_ON if self.debug.armed else IS_OVER

    @property
    def op_number(self) -> int:
        """The op in the past that is looked at; -1 for that of the stop."""
        stop, selected = self.stop, self.debug.selected_op
        return -1 if stop is None or selected in (-1, stop.place.op_number) else selected

    @property
    def tensors(self) -> tuple[TensorFacts, ...]:
        """Inputs and outputs of the op; of one in the past as the trace has them."""
        if (number := self.op_number) >= 0:
            site = self._trace.site_of(number) if self._trace is not None else None
            known = recorded_tensors(site) if site is not None else tuple(self._fresh.values())
            return tuple(self._fresh.get(facts.name, facts) for facts in known)
        stop = self.stop
        return tuple(self._fresh.get(facts.name, facts) for facts in stop.tensors) if stop else ()

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

    @property
    def facts(self) -> TensorFacts | None:
        """Of what is looked at; None for an expression before its first look."""
        name = self.name
        found = next((facts for facts in self.tensors if facts.name == name), None)
        if found is not None or self._shown_of is None or self.look is None:
            return found
        return self.look.facts if self._shown_of[0].name == name else None

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
        if self.op_number >= 0:
            return f"Op {self.op_number:,} has passed; only tensors of the stop can be changed."
        return ""

    @property
    def edit_locked(self) -> str:
        """Why what is looked at can't be edited, as a sentence; "" when it can."""
        if self.locked:
            return self.locked
        if self.name not in [facts.name for facts in self.tensors]:
            return f"“{self.name}” is an expression; choose a tensor of the list to change it."
        return ""

    # --- how --------------------------------------------------------------------------------------------

    @property
    def settings(self) -> ViewSettings:
        return self._settings.setdefault(self.name, ViewSettings())

    @property
    def shape(self) -> tuple[int, ...]:
        facts = self.facts
        return facts.shape if facts is not None else ()

    @property
    def slice_picks(self) -> SlicePicks:
        """Picks of the dimensions before those that the kind shows."""
        settings, shape = self.settings, self.shape
        shown = SHOWN_DIMENSIONS.get(settings.kind, 0)  # a histogram is of all, or of any slice
        picks = settings.slices.setdefault(shown, SlicePicks())
        if self.facts is not None:
            picks.fit(shape, max(0, len(shape) - shown), 0 if shown else ALL)
        return picks

    @property
    def slice_problem(self) -> str:
        """What is wrong with the index, as a sentence; "" when nothing is."""
        if self.facts is None:
            return ""
        try:
            sliced_shape(self.slice_picks.index, self.shape)
        except BadInputError as error:
            return error.message
        return ""

    def unavailable(self, kind: str) -> str:
        """Why a kind of view can't be had of this tensor, as a sentence; "" when it can."""
        if self.facts is None:
            return ""
        dimensions, what = len(self.shape), "it has none" if not self.shape else f"it has {len(self.shape)}"
        if kind == "attention" and dimensions < 2:
            return f"Attention maps need two dimensions, queries and keys; {what}."
        if kind == "picture" and dimensions < 2:
            return f"A picture needs two dimensions; {what}."
        if kind in ("channels", "latent") and dimensions < 3:
            return f"This needs channels, height and width; {what}."
        return ""

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
            slices.write(text.strip(), self.shape)
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

    def _target(self) -> _Target:
        stop = self.stop
        return _Target(self._run_id, stop.stop_id if stop else -1, self.op_number, self._edits, self.name)

    def _view(self) -> TensorView:
        settings = self.settings
        side = MOST_CELLS.get(settings.kind, PAGE)
        return TensorView(
            kind=settings.kind,  # type: ignore[arg-type]
            index=self.slice_picks.index,
            rows=side,
            columns=side,
            head=settings.head,
            bins=settings.bins,
            against=settings.against,
        )

    def _wanted(self) -> tuple[_Target, TensorView]:
        return self._target(), self._view()

    def refresh(self) -> None:
        """Ask for what is to be shown, anew."""
        if self.debug.stop is None or not self.name or not self._is_looked_at:
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
        if self._asked is not None or self.debug.stop is None:
            return
        target, view = self._wanted()
        if not self._wants_look:
            page = self.pages.next_wanted()
            if page is None or self._shown_of != (target, view):
                return
            view = msgspec.structs.replace(view, first_row=page[0] * PAGE, first_column=page[1] * PAGE)
        self._wants_look = False
        ask = LookAtTensor(name=target.name, op_number=target.op_number, view=view)
        self._asked, self._asked_of = ask, target
        self.busyChanged.emit()
        self.debug.ask(ask, lambda reply: self._on_reply(ask, reply), lambda error: self._on_no(ask, error))

    def _finish(self, ask: LookAtTensor) -> bool:
        """End a question. Whether its answer is still of use."""
        if ask is not self._asked:
            return False
        of, self._asked, self._asked_of = self._asked_of, None, None
        return of == self._target() and _without_page(ask.view) == self._view()

    def _on_reply(self, ask: LookAtTensor, reply: DebugReply) -> None:
        array, problem = None, ""
        if isinstance(reply, TensorShown) and reply.look.array is not None:
            try:  # also of an answer that came too late: its slot is released so
                array = self.debug.read_array(reply.look.array)
            except MezzotintError as error:
                problem = error.message
        if not isValid(self):
            return
        if self._finish(ask) and isinstance(reply, TensorShown):
            self._take(ask, reply.look, array, problem)
        self.busyChanged.emit()
        self._go_on()

    def _on_no(self, ask: LookAtTensor, error: MezzotintError) -> None:
        if not isValid(self):
            return
        if self._finish(ask) and self.debug.stop is not None:
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
        before = self._fresh.get(ask.name)
        self._shown_of = (self._target(), ask.view)
        self.look, self.array, self.problem = look, array, problem
        self.pages.clear()
        if look.kind == "numbers" and array is not None:
            self.pages.rows, self.pages.columns = look.rows, look.columns
            self.pages.put(page, array)
        if self.op_number >= 0:  # of those the trace has only a description
            self._fresh[ask.name] = look.facts
        if before != look.facts or not facts_were_known:
            self.tensorsChanged.emit()
        if not facts_were_known:
            self.settingsChanged.emit()  # only now the dimensions are known
            if self._view() != ask.view:
                self.refresh()
        self.lookChanged.emit()

    def _show_problem(self, sentence: str) -> None:
        self.look, self.array, self.problem = None, None, sentence
        self.pages.clear()
        self._wants_look = False
        self._shown_of = None
        self.lookChanged.emit()

    # --- changing ---------------------------------------------------------------------------------------

    def edit(self, ask: EditTensor) -> None:
        """Change a tensor of the stop; `said` tells how it went."""
        if locked := self.edit_locked:
            self.said.emit("error", locked)
            return
        self.debug.ask(ask, lambda _reply: self._on_edited(edit_sentence(ask)), self._on_refused)

    def skip(self, ask: SkipOp) -> None:
        """Put something else in the place of the op's result."""
        if locked := self.locked:
            self.said.emit("error", locked)
            return
        op = self.debug.stop.place.op if self.debug.stop is not None else ""
        self.debug.ask(ask, lambda _reply: self._on_edited(skip_sentence(ask, op)), self._on_refused)

    def save(self, file: str) -> None:
        """Write the tensor that is looked at; the file's ending says in which form."""
        if self.debug.stop is None:
            self.said.emit("error", "Tensors can be saved while a run stands at a stop.")
            return
        ask = SaveTensor(name=self.name, file=file, op_number=self.op_number)

        def saved(reply: DebugReply) -> None:
            size = f", {size_text(reply.nbytes)}" if isinstance(reply, Saved) else ""
            if isValid(self):
                self.said.emit("info", f"Saved {ask.name} as {file}{size}.")

        self.debug.ask(ask, saved, self._on_refused)

    def _on_edited(self, sentence: str) -> None:
        if not isValid(self):
            return
        self._edits += 1
        self._fresh.clear()
        self.said.emit("info", sentence)
        self.tensorsChanged.emit()
        self.debug.ask(GetStop(), self._on_standing, lambda _error: None)
        self.refresh()

    def _on_standing(self, reply: DebugReply) -> None:
        """The facts after an edit: new versions, new memory, marks."""
        if not isValid(self):
            return
        now, told = self.debug.stop, reply.stop if isinstance(reply, Standing) else None
        if now is None or told is None or told.stop_id != now.stop_id or self.op_number >= 0:
            return
        self._fresh = {facts.name: facts for facts in told.tensors}
        self.tensorsChanged.emit()

    def _on_refused(self, error: MezzotintError) -> None:
        if isValid(self):
            self.said.emit("error", error.message)

    # --- following --------------------------------------------------------------------------------------

    def _on_stop(self) -> None:
        stop = self.debug.stop
        if self.debug.run_id != self._run_id:
            self._run_id = self.debug.run_id
            self._forget()
        if stop is None:
            self._wants_look = False
        elif stop is not self._last_stop:
            self._last_stop = stop
            self._fresh.clear()
        self._after_move()

    def _forget(self) -> None:
        """Another run is debugged, or none."""
        self._last_stop = None
        self._fresh.clear()
        self.look, self.array, self.problem, self._shown_of = None, None, "", None
        self.pages.clear()

    def _on_selection(self) -> None:
        if self._shown_of is not None and self._shown_of[0].op_number != self.op_number:
            self._fresh.clear()
        self._after_move()

    def _after_move(self) -> None:
        self.tensorsChanged.emit()
        self.settingsChanged.emit()
        self.lookChanged.emit()
        if self.debug.stop is not None and self._shown_of != self._wanted():
            self.refresh()


def _page_of(view: TensorView) -> PageKey:
    return view.first_row // PAGE, view.first_column // PAGE


def _without_page(view: TensorView) -> TensorView:
    return msgspec.structs.replace(view, first_row=0, first_column=0)


def size_text(nbytes: int) -> str:
    """Bytes as a person reads them."""
    if nbytes < 10_000:
        return f"{nbytes:,} bytes"
    return f"{nbytes / 1000:,.0f} kB" if nbytes < 10_000_000 else f"{nbytes / 1_000_000:,.1f} MB"
