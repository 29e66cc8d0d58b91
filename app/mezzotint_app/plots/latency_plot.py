"""Time of each step with its median and 95th percentile; outliers are clipped, and marked where they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from mezzotint_app.look.theme import Theme
from mezzotint_app.plots.curve_card import CurveCard, Trace
from mezzotint_app.plots.legend_row import LegendEntry
from mezzotint_app.plots.statistics_of_series import Spread, clip_limit, spread_of
from mezzotint_app.state.series_buffer import Points
from mezzotint_app.state.series_state import SeriesState

__all__ = ["LATENCY", "LatencyPlot"]

LATENCY = "latency/step"


class LatencyPlot(CurveCard):
    """The figures are those of the steps in view: of the whole run, until one zooms in."""

    def __init__(self, series: SeriesState, parent: QWidget | None = None) -> None:
        self.spread: Spread | None = None
        self._lines = {
            "median": pg.InfiniteLine(angle=0, movable=False),
            "p95": pg.InfiniteLine(angle=0, movable=False),
        }
        super().__init__(series, "Time per step", "ms", (Trace(LATENCY, "step"),), parent, clips=True)
        for line in self._lines.values():
            line.setVisible(False)
            self.plot.addItem(line, ignoreBounds=True)

    def entries(self, visible: dict[str, Points]) -> list[LegendEntry]:
        if LATENCY not in self._points:
            return []
        # hidden steps keep their median: that is what one hides them for
        points = self.in_view(self._points[LATENCY])
        values, is_exact = self._values(points)
        self.spread = spread = spread_of(values)
        entries = [LegendEntry(LATENCY, "step", self._newest(LATENCY))]
        if spread is None:
            return entries
        about = "" if is_exact else "≈ "
        note = "Of the steps in view" if is_exact else "Of the steps in view, from a sample of them"
        for key, title, value, swatch in (
            ("median", "median", spread.median, "line"),
            ("p95", "p95", spread.p95, "dash"),
        ):
            text = about + self.value_text(value)
            entries.append(LegendEntry(key, title, text, "muted", swatch, note))  # type: ignore[arg-type]
            self._lines[key].setValue(value)
        limit = clip_limit(points.highs)
        largest = float(np.nanmax(points.highs))
        if limit is not None:
            count = int(np.count_nonzero(points.highs > limit))
            entries.append(
                LegendEntry(
                    "clipped",
                    f"{count:,} above",
                    f"up to {self.value_text(largest)}",
                    "warning",
                    "peak",
                    "Far slower than the rest (the first step warms up): marked at the top.\n"
                    "Click to show them to scale.",
                )
            )
        return entries

    def _values(self, points: Points) -> tuple[npt.NDArray[np.float64], bool]:
        """What median and percentile are taken of, and whether these are all of the steps in view.

        Lowest and highest values of stretches say nothing of what is usual, so where points were thinned a
        sample of whole ones stands for them.
        """
        buffer = self._series.buffer(LATENCY)
        if not points.is_thinned or buffer is None:
            return points.highs, True
        left, right = self.box.viewRange()[0]
        return buffer.sample_between(left, right), False

    def _redraw(self) -> None:
        self.spread = None
        super()._redraw()
        for key, line in self._lines.items():
            line.setVisible(self.spread is not None and self.legend.is_shown(key))

    def apply_theme(self, theme: Theme) -> None:
        super().apply_theme(theme)
        self._lines["median"].setPen(pg.mkPen(theme.muted, width=1))
        self._lines["p95"].setPen(pg.mkPen(theme.muted, width=1, style=Qt.PenStyle.DashLine))
