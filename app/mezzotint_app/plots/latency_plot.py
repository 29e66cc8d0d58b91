"""Time of each step with its median and 95th percentile; outliers are clipped, and marked where they are."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from mezzotint_app.look.theme import Theme, theme_manager
from mezzotint_app.plots.plot_card import PlotCard, nearest_index
from mezzotint_app.plots.statistics_of_series import clip_limit, spread_of
from mezzotint_app.state.series_buffer import Points
from mezzotint_app.state.series_state import SeriesState

__all__ = ["LATENCY", "LatencyPlot"]

LATENCY = "latency/step"
DOTS_BELOW = 400  # with more points dots only make a smear


class LatencyPlot(PlotCard):
    def __init__(self, series: SeriesState, parent: QWidget | None = None) -> None:
        super().__init__("Time per step", "ms", parent=parent)
        self._series = series
        self._points = Points.empty()
        self._limit: float | None = None
        self._curve = self.plot.plot([], [], connect="finite")
        self._curve.setDownsampling(auto=True, method="peak")
        self._curve.setClipToView(True)
        self._median = pg.InfiniteLine(angle=0)
        self._p95 = pg.InfiniteLine(angle=0)
        self._clipped = pg.ScatterPlotItem(symbol="t1", size=9, pxMode=True)
        for item in (self._median, self._p95, self._clipped):
            item.setVisible(False)
            self.plot.addItem(item, ignoreBounds=True)
        self.rangeChanged.connect(lambda first, last: series.look_closer(LATENCY, first, last))
        self.apply_theme(theme_manager().theme)

    def refresh(self) -> None:
        buffer = self._series.buffer(LATENCY)
        self._points = points = buffer.points() if buffer is not None else Points.empty()
        values = points.values()
        spread = spread_of(values)
        steps, shown = _curve_of(points)
        self._limit = limit = clip_limit(values)
        self._curve.setSymbol("o" if len(shown) < DOTS_BELOW else None)
        self._curve.setData(steps, shown if limit is None else np.minimum(shown, limit))
        self._mark_clipped(limit)
        for line in (self._median, self._p95):
            line.setVisible(spread is not None)
        if spread is None:
            self.set_summary("")
            return
        self._median.setValue(spread.median)
        self._p95.setValue(spread.p95)
        about = "" if buffer is None or buffer.is_whole else "≈ "
        top = limit if limit is not None else spread.largest
        self.box.setLimits(yMin=0)
        if self.follows:
            self.box.setYRange(0, max(top, 1e-3) * 1.08, padding=0)
            self.box.enableAutoRange(x=True)
        self.set_summary(
            f"median {about}{self.value_text(spread.median)} · p95 {about}{self.value_text(spread.p95)}"
        )

    def _mark_clipped(self, limit: float | None) -> None:
        over = self._points.highs > limit if limit is not None else np.zeros(len(self._points), bool)
        steps = self._points.steps[over]
        self._clipped.setVisible(bool(len(steps)))
        self._clipped.setData(steps, np.full(len(steps), limit if limit is not None else 0.0))

    @property
    def clipped_count(self) -> int:
        """How many points lie above the axis, each marked by a triangle at its top."""
        return 0 if self._limit is None else int(np.count_nonzero(self._points.highs > self._limit))

    def readings(self, x: float) -> str:
        index = nearest_index(self._points.steps, x)
        if index is None:
            return ""
        low, high = self._points.lows[index], self._points.highs[index]
        value = self.value_text(high) if low == high else f"{self.value_text(low)} to {self.value_text(high)}"
        return f"step {self._points.steps[index]:.0f}: {value}"

    def apply_theme(self, theme: Theme) -> None:
        super().apply_theme(theme)
        color = theme.plot_colors[0]
        self._curve.setPen(pg.mkPen(color, width=1.5))
        self._curve.setSymbolBrush(pg.mkBrush(color))
        self._curve.setSymbolPen(None)
        self._curve.setSymbolSize(4)
        self._median.setPen(pg.mkPen(theme.muted, width=1))
        self._p95.setPen(pg.mkPen(theme.muted, width=1, style=Qt.PenStyle.DotLine))
        self._clipped.setBrush(pg.mkBrush(theme.warning))
        self._clipped.setPen(None)


def _curve_of(points: Points) -> tuple[np.ndarray, np.ndarray]:
    """The line to draw: through each point, or up and down between the ends of thinned stretches."""
    if not points.is_thinned:
        return points.steps, points.highs
    return np.repeat(points.steps, 2), points.values()
