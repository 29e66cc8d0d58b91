"""Gets the plots ready before they are needed, without a pause that could be felt.

pyqtgraph takes 0.2 s to import and each card 15 ms to make: done at once, when the first points arrive, that
would freeze the window while the first picture forms. So the import happens on another thread, and the cards
are made one at a time, with the event loop between them.
"""

from __future__ import annotations

import gc
from importlib import import_module
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_app.state.series_state import SeriesState

if TYPE_CHECKING:
    from mezzotint_app.plots.plot_board import PlotBoard
    from mezzotint_app.plots.plot_card import PlotCard

__all__ = ["PlotsLoading"]

NEEDED = ("mezzotint_app.plots.plot_board", "numpy.ma")  # numpy.unique imports the latter, 30 ms
PAUSE_MS = 10  # between two cards: keys, previews and painting go first


class PlotsLoading(QObject):
    """`start` may be called again and again; `ready` tells once that `board` has its cards."""

    ready = Signal()
    failed = Signal(str)

    def __init__(self, series: SeriesState, parent: QWidget) -> None:
        super().__init__(parent)
        self._series = series
        self._parent = parent
        self._has_started = False
        self._is_ready = False
        self._unpainted: list[PlotCard] = []
        self.board: PlotBoard | None = None
        self._steps = QTimer(self)
        self._steps.setInterval(PAUSE_MS)
        self._steps.timeout.connect(self._step)

    def start(self) -> None:
        if not self._has_started:
            self._has_started = True
            BackgroundTask(
                lambda: [import_module(name) for name in NEEDED],
                lambda _modules: self._on_imported(),
                lambda error: self.failed.emit(str(error)),
                owner=self,
            )

    def _on_imported(self) -> None:
        # Modules live as long as the process. Where the window collects garbage itself (see GuiGarbage), its
        # next round would walk all that is new here, which takes longer than a frame.
        if not gc.isenabled():
            gc.freeze()
        self._steps.start()

    def _step(self) -> None:
        from mezzotint_app.plots.plot_board import PlotBoard

        if self.board is None:
            self.board = PlotBoard(self._series, self._parent)
            self.board.hide()
        elif self.board.has_first and not self._is_ready:
            self._is_ready = True
            self.ready.emit()
            self._unpainted = list(self.board.cards)
        elif self.board.build_next():
            pass
        elif self._unpainted:
            card = self._unpainted.pop(0)
            if not card.isVisible():
                card.grab()  # fonts, styles and layout cost more the first time, and all cards appear at once
        else:
            self._steps.stop()
