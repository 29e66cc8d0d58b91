"""Where the time of a run went: one bar for each phase, over all of its pictures so far."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QWidget

from mezzotint_app.look.theme import Theme, theme_manager
from mezzotint_app.plots.plot_card import PlotCard
from mezzotint_app.state.series_state import SeriesState

__all__ = ["PHASES", "PhasePlot"]

PHASES = ("load", "encode", "denoise", "decode", "save")
BAR_THICKNESS = 0.62
ROOM_FOR_VALUES_PX = 60  # right of the longest bar


class PhasePlot(PlotCard):
    def __init__(self, series: SeriesState, parent: QWidget | None = None) -> None:
        super().__init__("Time by phase", "ms", "ms", parent)
        self._series = series
        self.seconds_ms: dict[str, float] = {}
        self._bars = pg.BarGraphItem(x0=[], y=[], width=[], height=BAR_THICKNESS)
        self.plot.addItem(self._bars)
        self._values = [pg.TextItem(anchor=(0, 0.5)) for _ in PHASES]
        for text in self._values:
            self.plot.addItem(text, ignoreBounds=True)
        self._cross.setAngle(0)
        self.plot.hideAxis("bottom")  # the bars carry their values
        self.axis_y.setTicks([list(enumerate(PHASES))])
        self.box.invertY(True)  # in the order of time, from the top
        self.box.setMouseEnabled(x=False, y=False)
        self.box.setLimits(xMin=0)
        self.apply_theme(theme_manager().theme)

    def refresh(self) -> None:
        totals = {}
        for phase in PHASES:
            buffer = self._series.buffer(f"time/{phase}")
            if buffer is not None:
                totals[phase] = float(np.nansum(buffer.points().highs))
        self.seconds_ms = totals
        widths = [totals.get(phase, 0.0) for phase in PHASES]
        rows = list(range(len(PHASES)))
        self._bars.setOpts(x0=[0] * len(rows), y=rows, width=widths, height=BAR_THICKNESS)
        whole = sum(widths)
        for row, text in enumerate(self._values):
            text.setText(self.value_text(widths[row]) if PHASES[row] in totals else "")
            text.setPos(widths[row], row)
        longest = max(max(widths), 1e-3)
        self.box.setXRange(
            0, longest * (1.0 + ROOM_FOR_VALUES_PX / max(self.plot.width() - 128, 40)), padding=0
        )
        self.box.setYRange(-0.5, len(PHASES) - 0.5, padding=0)
        self.set_summary(f"{self.value_text(whole)} in all" if whole else "")

    def reset_view(self) -> None:
        self.refresh()

    def position_of(self, point: QPointF) -> float:
        return point.y()

    def readings(self, x: float) -> str:
        index = round(x)
        if not self.seconds_ms or not 0 <= index < len(PHASES):
            return ""
        value = self.seconds_ms.get(PHASES[index], 0.0)
        whole = sum(self.seconds_ms.values())
        share = f", {value / whole * 100:.0f} %" if whole else ""
        return f"{PHASES[index]}: {self.value_text(value)}{share}"

    def apply_theme(self, theme: Theme) -> None:
        super().apply_theme(theme)
        self.plot.showGrid(x=False, y=False)
        for text in self._values:
            text.setColor(theme.muted)
        colors = theme.plot_colors
        brushes = [pg.mkBrush(colors[index % len(colors)]) for index in range(len(PHASES))]
        self._bars.setOpts(brushes=brushes, pen=pg.mkPen(None))
