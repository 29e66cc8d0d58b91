"""Where the time of a run went: one bar for each phase, over all of its pictures so far."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QWidget

from mezzotint_app.look.theme import Theme, theme_manager
from mezzotint_app.plots.plot_card import PlotCard
from mezzotint_app.state.series_state import SeriesState

__all__ = ["PHASES", "PhasePlot"]

PHASES = ("load", "encode", "denoise", "decode", "save")
BAR_WIDTH = 0.62


class PhasePlot(PlotCard):
    def __init__(self, series: SeriesState, parent: QWidget | None = None) -> None:
        super().__init__("Time by phase", "ms", "", parent)
        self._series = series
        self.seconds_ms: dict[str, float] = {}
        self._bars = pg.BarGraphItem(x=[], height=[], width=BAR_WIDTH)
        self.plot.addItem(self._bars)
        self.axis_x.setTicks([list(enumerate(PHASES))])
        self.box.setMouseEnabled(x=False, y=False)
        self.box.setLimits(yMin=0)
        self.box.setXRange(-0.5, len(PHASES) - 0.5, padding=0)
        self.apply_theme(theme_manager().theme)

    def refresh(self) -> None:
        totals = {}
        for phase in PHASES:
            buffer = self._series.buffer(f"time/{phase}")
            if buffer is not None:
                totals[phase] = float(np.nansum(buffer.points().highs))
        self.seconds_ms = totals
        heights = [totals.get(phase, 0.0) for phase in PHASES]
        self._bars.setOpts(x=list(range(len(PHASES))), height=heights, width=BAR_WIDTH)
        whole = sum(heights)
        self.box.setYRange(0, max(max(heights), 1e-3) * 1.1, padding=0)
        self.box.setXRange(-0.5, len(PHASES) - 0.5, padding=0)
        self.set_summary(f"{self.value_text(whole)} in all" if whole else "")

    def reset_view(self) -> None:
        self.refresh()

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
        colors = theme.plot_colors
        brushes = [pg.mkBrush(colors[index % len(colors)]) for index in range(len(PHASES))]
        self._bars.setOpts(brushes=brushes, pen=pg.mkPen(None))
