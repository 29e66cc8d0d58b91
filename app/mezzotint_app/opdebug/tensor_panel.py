"""The tensors of a stop: their list, and facts, statistics, views and changes of the one in view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.opdebug.attention_view import AttentionView
from mezzotint_app.opdebug.heat_map import HeatMap
from mezzotint_app.opdebug.histogram_view import HistogramView
from mezzotint_app.opdebug.slice_bar import SliceBar
from mezzotint_app.opdebug.tensor_actions import TensorActions
from mezzotint_app.opdebug.tensor_edit_form import TensorEditForm
from mezzotint_app.opdebug.tensor_facts_view import TensorFactsView
from mezzotint_app.opdebug.tensor_line import TensorLine
from mezzotint_app.opdebug.tensor_list_view import TensorListView
from mezzotint_app.opdebug.tensor_name_field import TensorNameField
from mezzotint_app.opdebug.tensor_numbers_view import TensorNumbersView
from mezzotint_app.opdebug.view_choice import FACTS, ViewChoice
from mezzotint_app.panels.canvas_view import CanvasView
from mezzotint_app.state.tensor_view_settings import KINDS
from mezzotint_app.state.tensor_view_state import TensorViewState

if TYPE_CHECKING:
    from mezzotint_app.state.app_state import AppState

__all__ = ["TensorPanel"]

BUSY_AFTER_MS = 150  # what comes sooner needs no word
SIDE_BY_SIDE_PX = 640
ABOVE_PX = 600  # less high than this, list and facts have no room above the view
VIEW_PX = 168
SMALLEST_PX = 100
SAID_ROLES = {"info": "success", "error": "error"}


class TensorPanel(QWidget):
    """One dock. Wide, list and facts lie beside the view; high, above it; else the list is a menu, and facts
    are one of the views."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = view = TensorViewState(state.debug, state.trace, self)
        self.list = TensorListView(view, self)
        self.facts = TensorFactsView(view, self)
        self.form = TensorEditForm(view, self)
        self.actions_bar = TensorActions(view, self.form, self)
        self.names = TensorNameField(view, self)
        self.name = self.names.edit
        self.stale = text_label("", "warning", self, wraps=True)
        self.said = text_label("", "success", self, wraps=True)
        self.choice = ViewChoice(self)
        self.choice.chosen.connect(self._on_choice)
        self.slice_bar = SliceBar(view, self)
        self.line = TensorLine(view, self)
        self.numbers = TensorNumbersView(view, self)
        self.heat_map = HeatMap("Heat map of the tensor", self)
        self.histogram = HistogramView(view, self)
        self.picture = CanvasView(self)
        self.attention = AttentionView(view, self)
        self.message = EmptyState("eye-off", "", "", parent=self)
        self.note = ElidedLabel("", "small", self)
        self._stack = QStackedWidget(self)
        self._stack.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self._stack.setMinimumHeight(VIEW_PX)
        self.facts_page = _scrolled(TensorFactsView(view, self), self)  # where there is no room beside
        self._shows_facts = False
        for one in (
            self.message,
            self.numbers,
            self.heat_map,
            self.histogram,
            self.picture,
            self.attention,
            self.facts_page,
        ):
            self._stack.addWidget(one)
        self._busy_timer = QTimer(self)
        self._busy_timer.setSingleShot(True)
        self._busy_timer.setInterval(BUSY_AFTER_MS)
        self._busy_timer.timeout.connect(self._show_note)
        self._said_at = 0
        self._was_sized = False
        self._is_small = False
        self.empty = EmptyState(
            "search",
            "No tensors yet",
            "Press Debug, or Break on a run that is going: the tensors of the op show here when it stops.",
            parent=self,
        )
        self._lay_out()
        view.tensorsChanged.connect(self._show_head)
        view.settingsChanged.connect(self._show_settings)
        view.lookChanged.connect(self.show_look)
        view.busyChanged.connect(self._on_busy)
        view.changes.said.connect(self._say)
        self.line.check.led.connect(self.numbers.lead_to)
        self._show_head()
        self._show_settings()
        self.show_look()

    def _lay_out(self) -> None:
        scroll = _scrolled(self.facts, self)
        self._above = QWidget(self)
        one = QVBoxLayout(self._above)
        one.setContentsMargins(0, 0, 0, 0)
        one.setSpacing(0)
        one.addWidget(self.list)
        one.addWidget(scroll, 1)
        head = QHBoxLayout()
        head.setSpacing(SPACING // 2)
        head.addWidget(self.names, 1)
        head.addWidget(self.actions_bar)
        second = _Column(self)
        other = QVBoxLayout(second)
        other.setContentsMargins(SPACING, SPACING, SPACING, SPACING // 2)
        other.setSpacing(SPACING // 2)
        other.addLayout(head)
        for widget in (self.stale, self.said, self.form, self.line, self.choice, self.slice_bar):
            other.addWidget(widget)
        other.addWidget(self._stack, 1)
        other.addWidget(self.note)
        self.splitter = QSplitter(Qt.Orientation.Vertical, self)
        self.splitter.addWidget(self._above)
        lower = _scrolled(second, self)
        second.widened.connect(
            lambda px: lower.setMinimumWidth(px + lower.verticalScrollBar().sizeHint().width())
        )
        self.splitter.addWidget(lower)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)
        layout.addWidget(self.empty)

    # --- what is shown ----------------------------------------------------------------------------------

    def _show_head(self) -> None:
        view, is_known = self.view, self.view.place.is_known
        self.splitter.setVisible(is_known)
        self.empty.setVisible(not is_known)
        reason = view.place.age or view.place.edit_locked
        self.stale.setText(reason)
        self.stale.setVisible(bool(reason))
        if view.debug.stop is not None and self._said_at != view.debug.stop.stop_id:
            self._said_at = view.debug.stop.stop_id
            self.said.hide()

    def _show_settings(self) -> None:
        self.choice.set_chosen(FACTS if self._shows_facts else self.view.settings.kind)
        self.choice.set_reasons({kind: self.view.unavailable(kind) for kind in KINDS})

    def show_look(self) -> None:
        """Show what has come: a view of the values, or the sentence why there is none."""
        view, look, array = self.view, self.view.look, self.view.array
        shown: QWidget = self.message
        if self._shows_facts:
            shown = self.facts_page
        elif view.problem or look is None:
            self.message.set_text("This can't be shown" if view.problem else "", view.problem)
        elif look.kind == "histogram" and look.histogram:
            self.histogram.refresh()
            shown = self.histogram
        elif array is None or not array.size:
            self.message.set_text("Nothing to show", look.note or "The slice is empty.")
        elif look.kind == "numbers":
            self.numbers.refresh()
            shown = self.numbers
        elif look.kind == "attention" and array.ndim == 2:
            self.attention.refresh()
            shown = self.attention
        elif array.ndim == 3 and array.dtype == np.uint8:
            self.picture.show_pixels(array)
            self.picture.setAccessibleName(f"{look.kind} of {view.name}")
            shown = self.picture
        else:
            self.heat_map.show_map(
                array,
                look.low,
                look.high,
                rows=look.rows,
                columns=look.columns,
                is_difference=bool(view.settings.against),
            )
            shown = self.heat_map
        self._stack.setCurrentWidget(shown)
        self._show_note()

    def _on_choice(self, kind: str) -> None:
        self._shows_facts = kind == FACTS
        if kind != FACTS:
            self.view.set_kind(kind)
        self._show_settings()
        self.show_look()

    @property
    def shown(self) -> QWidget | None:
        """The view that is in front."""
        return self._stack.currentWidget()

    def _show_note(self) -> None:
        if self.view.is_busy and not self._busy_timer.isActive():
            self.note.setText("Reading…")
        elif not self.view.is_busy:
            look = self.view.look
            self.note.setText(look.note if look is not None else "")

    def _on_busy(self) -> None:
        if self.view.is_busy:
            self._busy_timer.start()
        else:
            self._busy_timer.stop()
            self._show_note()

    def _say(self, level: str, sentence: str) -> None:
        if level == "error" and self.form.isVisible():
            self.form.show_problem(sentence)
            return
        self.said.setProperty("role", SAID_ROLES[level])
        self.said.style().unpolish(self.said)
        self.said.style().polish(self.said)
        self.said.setText(sentence)
        self.said.show()
        if level == "info":
            self.form.close_form()

    # --- events -----------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = self.width() >= SIDE_BY_SIDE_PX and self.width() > self.height()
        wanted = Qt.Orientation.Horizontal if beside else Qt.Orientation.Vertical
        is_small = not beside and self.height() < ABOVE_PX
        if is_small != self._is_small:
            self._is_small = is_small
            self._above.setVisible(not is_small)
            self.choice.offer_facts(is_small)
            self.line.show_facts(is_small)
            if not is_small and self._shows_facts:
                self._on_choice(self.view.settings.kind)
        whole = self.width() if beside else self.height()
        if self.splitter.orientation() != wanted or (not self._was_sized and whole > SMALLEST_PX):
            self._was_sized = True
            self.splitter.setOrientation(wanted)
            self.splitter.setSizes([whole * 2 // 5, whole * 3 // 5])

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.view.set_looked_at(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._busy_timer.stop()
        self.view.set_looked_at(False)


class _Column(QWidget):
    """As high as its lines need at its width; a scroll area asks a layout for its hints only."""

    widened = Signal(int)  # the least width, px: beside a scroll bar nothing may be cut off

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        layout = self.layout()
        if layout is not None and event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            self.setMinimumHeight(layout.totalMinimumHeightForWidth(self.width()))
            self.widened.emit(layout.minimumSize().width())
        return done


def _scrolled(widget: QWidget, parent: QWidget) -> QScrollArea:
    """Nothing lies over something else where there is no room: it scrolls."""
    scroll = QScrollArea(parent)
    scroll.setWidget(widget)
    scroll.setWidgetResizable(True)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setMinimumHeight(48)
    return scroll
