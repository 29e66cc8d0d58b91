"""Memory of the worker, and of its device where that has its own, over the run's time."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QWidget

from mezzotint_app.look.theme import Theme, theme_manager
from mezzotint_app.plots.plot_card import PlotCard, nearest_index
from mezzotint_app.state.series_buffer import Points
from mezzotint_app.state.series_state import SeriesState

__all__ = ["DEVICE_MEMORY", "WORKER_MEMORY", "MemoryPlot"]

WORKER_MEMORY = "memory/worker"
DEVICE_MEMORY = "memory/device"
TITLES = {WORKER_MEMORY: "worker", DEVICE_MEMORY: "device"}


class MemoryPlot(PlotCard):
    def __init__(self, series: SeriesState, parent: QWidget | None = None) -> None:
        super().__init__("Memory", "bytes", "s", parent)
        self._series = series
        self._points: dict[str, Points] = {}
        self._curves = {name: self.plot.plot([], [], connect="finite") for name in TITLES}
        for curve in self._curves.values():
            curve.setDownsampling(auto=True, method="peak")
            curve.setClipToView(True)
        self.box.setLimits(yMin=0)
        self.apply_theme(theme_manager().theme)

    def refresh(self) -> None:
        self._points = {}
        for name, curve in self._curves.items():
            buffer = self._series.buffer(name)
            points = buffer.points() if buffer is not None else Points.empty()
            if len(points) and np.nanmax(points.highs) > 0:
                self._points[name] = points
                curve.setData(points.times, points.highs)
            else:
                curve.setData([], [])
        parts = [
            f"{TITLES[name]} {self.value_text(points.highs[-1])}" for name, points in self._points.items()
        ]
        self.set_summary(" · ".join(parts))
        if self._points and self.follows:
            top = max(float(np.nanmax(points.highs)) for points in self._points.values())
            self.box.setYRange(0, top * 1.15, padding=0)
            self.box.enableAutoRange(x=True)

    def readings(self, x: float) -> str:
        parts = []
        for name, points in self._points.items():
            index = nearest_index(points.times, x)
            if index is not None:
                parts.append(f"{TITLES[name]} {self.value_text(points.highs[index])}")
        return f"{x:.1f} s: {' · '.join(parts)}" if parts else ""

    def apply_theme(self, theme: Theme) -> None:
        super().apply_theme(theme)
        for index, curve in enumerate(self._curves.values()):
            curve.setPen(pg.mkPen(theme.plot_colors[1 + index], width=1.5))
