"""The plots of a run in cards: time per step, time by phase, memory. Live, or of any finished run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QGuiApplication, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.state.app_state import AppState

if TYPE_CHECKING:
    from mezzotint_app.plots.plot_card import PlotCard

__all__ = ["PlotsPanel"]

CARD_WIDTH_PX = 240  # narrower, and the cards go below each other
RECENT_RUNS = 50


class PlotsPanel(QWidget):
    """pyqtgraph is imported when the first points arrive: the window opens without it."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._cards: list[PlotCard] = []
        self._is_stale = True
        self._columns = 0

        self._picker = QComboBox(self)
        self._picker.setAccessibleName("Run to plot")
        self._picker.setToolTip("The run whose plots are shown")
        self._picker.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._picker.setMinimumContentsLength(12)
        self._picker.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._picker.activated.connect(lambda row: state.runs.select(self._picker.itemData(row)))
        self._fit = tool_button("fit", "Show everything", "Home", "Also by a double click on a plot", self)
        self._fit.clicked.connect(self.reset_views)
        self._copy = tool_button("copy", "Copy the plots as a picture", parent=self)
        self._copy.clicked.connect(self.copy_picture)
        self._export = tool_button("export", "Export the plots", help="As CSV, PNG or SVG", parent=self)
        self._export.clicked.connect(self.export)

        bar = QHBoxLayout()
        bar.setSpacing(SPACING)
        bar.addWidget(text_label("Run", "muted", self, buddy=self._picker))
        bar.addWidget(self._picker, 1)
        for button in (self._fit, self._copy, self._export):
            bar.addWidget(button)
        self._empty = EmptyState(
            "plots", "No plots yet", "Press Generate: latency and memory are drawn here, live."
        )
        self._board = QWidget(self)
        self._grid = QGridLayout(self._board)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(SPACING)
        self._stack = QStackedLayout()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._board)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACING, SPACING, SPACING, SPACING)
        layout.setSpacing(SPACING)
        layout.addLayout(bar)
        layout.addLayout(self._stack, 1)

        runs = state.runs
        for signal in (runs.reset, runs.runAdded, runs.runsRemoved, runs.currentChanged):
            signal.connect(self._fill_picker)
        state.series.updated.connect(self._on_updated)
        state.series.runChanged.connect(lambda _run_id: self.reset_views())
        self._fill_picker()
        self._on_updated()

    @property
    def cards(self) -> list[PlotCard]:
        return self._cards

    # --- what to plot -----------------------------------------------------------------------------------

    def _fill_picker(self, *_: object) -> None:
        runs = self._state.runs
        rows = [("", "Follow the live run")]
        for run in runs.runs()[:RECENT_RUNS]:
            prompt = " ".join(run.spec.prompt[:60].split()) or "(no prompt)"
            rows.append((run.run_id, f"{prompt} · {run.state} · {run.run_id[9:15]}"))
        with QSignalBlocker(self._picker):
            self._picker.clear()
            for run_id, title in rows:
                self._picker.addItem(title, run_id)
            self._picker.setCurrentIndex(max(0, self._picker.findData(runs.picked)))

    # --- drawing ----------------------------------------------------------------------------------------

    def _on_updated(self) -> None:
        self._is_stale = True
        if self.isVisible():
            self._refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._is_stale:
            self._refresh()

    def _refresh(self) -> None:
        """Drawn when seen, and never behind another tab."""
        self._is_stale = False
        series = self._state.series
        has_points = bool(series.names)
        for button in (self._fit, self._copy, self._export):
            button.setEnabled(has_points)
        if not has_points:
            if series.error:
                self._empty.set_text("These plots can't be shown", series.error)
            elif series.run_id:
                self._empty.set_text(
                    "Nothing measured yet", "The plots begin with the first step of the run."
                )
            self._stack.setCurrentWidget(self._empty)
            return
        self._make_cards()
        self._stack.setCurrentWidget(self._board)
        for card in self._cards:
            card.refresh()

    def _make_cards(self) -> None:
        if self._cards:
            return
        from mezzotint_app.plots.latency_plot import LatencyPlot
        from mezzotint_app.plots.memory_plot import MemoryPlot
        from mezzotint_app.plots.phase_plot import PhasePlot

        series = self._state.series
        self._cards = [LatencyPlot(series, self), PhasePlot(series, self), MemoryPlot(series, self)]
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        columns = max(1, min(len(self._cards), self.width() // CARD_WIDTH_PX))
        if columns == self._columns or not self._cards:
            return
        self._columns = columns
        for card in self._cards:
            self._grid.removeWidget(card)
        # the first card, time per step, is the one that people look at: it has the widest place
        first, *others = self._cards
        if columns == len(self._cards):
            places = [(first, 0, 0, 1), *((card, 0, index + 1, 1) for index, card in enumerate(others))]
        else:
            places = [(first, 0, 0, columns)]
            places += [(card, 1 + index // columns, index % columns, 1) for index, card in enumerate(others)]
        for card, row, column, span in places:
            self._grid.addWidget(card, row, column, 1, span)
        for column in range(len(self._cards)):
            is_wide = column == 0 and columns == len(self._cards)
            self._grid.setColumnStretch(column, 0 if column >= columns else 2 if is_wide else 1)

    def reset_views(self) -> None:
        for card in self._cards:
            card.reset_view()

    # --- taking away ------------------------------------------------------------------------------------

    def copy_picture(self) -> None:
        QGuiApplication.clipboard().setPixmap(self._board.grab())
        self._state.notices.show("info", "The plots are on the clipboard.")

    def export(self) -> None:
        """Ask for a file and write it; its ending says which kind."""
        kinds = "Numbers (*.csv);;Picture (*.png);;Drawing (*.svg)"
        name, kind = QFileDialog.getSaveFileName(
            self, "Export the plots", f"{self._state.series.run_id}.csv", kinds
        )
        if name:
            path = Path(name)
            if not path.suffix:
                path = path.with_suffix(kind[kind.index("*") + 1 : -1])
            self.export_to(path)

    def export_to(self, path: Path) -> None:
        """Write CSV, PNG or SVG, by the file's ending; success and failure are told in a notice."""
        from mezzotint_app.plots import plot_export

        series = self._state.series
        buffers = [buffer for name in series.names if (buffer := series.buffer(name)) is not None]
        try:
            match path.suffix.lower():
                case ".csv":
                    plot_export.write_csv(path, buffers)
                case ".png":
                    plot_export.write_png(path, self._board)
                case ".svg":
                    plot_export.write_svg(path, self._board)
                case other:
                    kind = other or "a file without ending"
                    self._state.notices.show(
                        "warning", f"Plots are exported as .csv, .png or .svg, not as {kind}."
                    )
                    return
        except OSError as error:
            self._state.notices.show("error", f"The plots can't be written to {path.name}.", str(error))
            return
        self._state.notices.show("info", f"The plots were written to {path.name}.", str(path))
