"""The cards of a run side by side, as many as the width has room for; or one of them alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.plots.curve_card import CurveCard, Trace
from mezzotint_app.plots.latency_plot import LATENCY, LatencyPlot
from mezzotint_app.plots.memory_plot import DEVICE_MEMORY, WORKER_MEMORY, MemoryPlot
from mezzotint_app.plots.phase_plot import PhasePlot
from mezzotint_app.plots.phase_times import PREFIX
from mezzotint_app.plots.plot_card import MIN_HEIGHT_PX, PlotCard
from mezzotint_app.state.series_state import SeriesState

__all__ = ["PlotBoard"]

FIRST_CARDS = 3
CARD_WIDTH_PX = 180  # narrower, and the cards go below each other
# Further series that almost every run has: title, unit, number of the colour.
KNOWN = {"preview/cost": ("Cost of previews", "ms", 3), "speed/steps_per_second": ("Speed", "1/s", 4)}


class PlotBoard(QWidget):
    """The three that every run has come first; series of other names get a card each below them.

    A card takes as long to make as a frame may take, so `build_next` makes one of them at a time.
    """

    exportAsked = Signal(object)  # the card, None is all
    copied = Signal(str)  # what, as the beginning of a sentence

    def __init__(self, series: SeriesState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._series = series
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(SPACING)
        self._room = (0, 0, 0)
        self._alone: PlotCard | None = None
        self._others: dict[str, CurveCard] = {}
        self._spares: dict[str, CurveCard] = {}  # made ahead, for a run that has their series
        self.cards: list[PlotCard] = []
        self._drawn: list[PlotCard] = []
        self._more = QTimer(self)  # further cards, each in a turn of its own
        self._more.setSingleShot(True)
        self._more.timeout.connect(self.refresh)
        self._to_build: list[Callable[[], None]] = [
            *(partial(self._build_first, kind) for kind in (LatencyPlot, PhasePlot, MemoryPlot)),
            *(partial(self._build_spare, name) for name in KNOWN),
        ]

    def build_next(self) -> bool:
        """Make the next of the cards that are known to be wanted; False when they are all there."""
        if self._to_build:
            self._to_build.pop(0)()
            return True
        return False

    @property
    def has_first(self) -> bool:
        """Whether the cards are there that every run has."""
        return len(self.cards) >= FIRST_CARDS

    def _build_first(self, kind: Callable[[SeriesState, QWidget], PlotCard]) -> None:
        self._add(kind(self._series, self))

    def _build_spare(self, name: str) -> None:
        if name not in self._others:
            self._spares[name] = self._new_card(name)

    def _new_card(self, name: str) -> CurveCard:
        title, unit, color = KNOWN.get(name, (name, "", 3 + len(KNOWN) + len(self._others)))
        buffer = self._series.buffer(name)
        trace = Trace(name, "newest", color)
        card = CurveCard(self._series, title, unit if buffer is None else buffer.unit, (trace,), self)
        card.hide()
        return card

    def _add(self, card: PlotCard) -> None:
        card.expandAsked.connect(lambda: self.show_alone(None if self._alone is card else card))
        card.exportAsked.connect(lambda: self.exportAsked.emit(card))
        card.copied.connect(lambda: self.copied.emit(f"“{card.title}” is"))
        self.cards.append(card)
        card.setVisible(self._alone is None)  # said once: a child of what isn't shown yet counts as hidden

    def refresh(self) -> None:
        if self._make_others():
            self._more.start()  # that was enough for one turn
            return
        for card in self.cards:
            # one that is out of sight is drawn when it is scrolled into view
            card.is_stale = card.is_stale or card.visibleRegion().isEmpty()
            if not card.visibleRegion().isEmpty():
                card.is_stale = False
                card.refresh_news()
                if card not in self._drawn:  # the first time takes longest: the next one in another turn
                    self._drawn.append(card)
                    self._more.start()
                    break

    def _make_others(self) -> bool:
        """Give a card to one series that has none, and show those of this run; whether anything changed."""
        own = (LATENCY, WORKER_MEMORY, DEVICE_MEMORY)
        wanted = [name for name in self._series.names if name not in own and not name.startswith(PREFIX)]
        new = next((name for name in wanted if name not in self._others), None)
        if new is not None:
            self._others[new] = self._spares.pop(new) if new in self._spares else self._new_card(new)
            self._add(self._others[new])
        has_changed = new is not None
        for name, other in self._others.items():
            if other.isHidden() == (name in wanted) and self._alone is None:
                other.setVisible(name in wanted)
                has_changed = True
        if has_changed:
            self._lay_out()
        return has_changed

    # --- places -----------------------------------------------------------------------------------------

    def show_alone(self, card: PlotCard | None) -> None:
        """One card in all of the room; None brings the others back."""
        self._alone = card
        for other in self.cards:
            other.setVisible(card is None or other is card)
            other.expand.setChecked(other is card)
        self._lay_out()
        self.refresh()

    def arrange(self, width: int, height: int, scroll_bar: int) -> None:
        """Fit into this much room; what doesn't fit is reached by scrolling, with a bar of that width."""
        if (width, height, scroll_bar) != self._room:
            self._room = (width, height, scroll_bar)
            self._lay_out()

    def _lay_out(self) -> None:
        width, height, scroll_bar = self._room
        shown = [card for card in self.cards if not card.isHidden()]
        if not shown:
            return
        columns = max(1, min(3, len(shown), (width - scroll_bar) // CARD_WIDTH_PX))
        first_rows = -(-min(3, len(shown)) // columns)
        row_height = max(MIN_HEIGHT_PX, (height - (first_rows - 1) * SPACING) // first_rows)
        for card in self.cards:
            self._grid.removeWidget(card)
        rows = -(-len(shown) // columns)
        for row in range(self._grid.rowCount()):
            self._grid.setRowMinimumHeight(row, 0)
        for place, card in enumerate(shown):
            row, column = divmod(place, columns)
            # two columns, three cards: the first, time per step, is the one that people look at
            wide = columns == 2 and len(shown) == 3 and place == 0
            if columns == 2 and len(shown) == 3 and place:
                row, column = 1, place - 1
            self._grid.addWidget(card, row, column, 1, 2 if wide else 1)
            card.setFixedHeight(row_height)
        for column in range(3):
            stretch = 0 if column >= columns else 5 if column == 0 and columns == 3 else 4
            self._grid.setColumnStretch(column, stretch)
        self._grid.setRowStretch(rows + 1, 1)
