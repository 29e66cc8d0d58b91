"""Where the time of a run went, by phase: load, encode, denoise, decode, save."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from mezzotint_app.look.theme import Theme, theme_manager
from mezzotint_app.plots.latency_plot import LATENCY
from mezzotint_app.plots.phase_bars import PhaseBars
from mezzotint_app.plots.phase_times import PREFIX, PhaseTimes, phase_times
from mezzotint_app.plots.plot_card import PlotCard
from mezzotint_app.state.series_buffer import Points
from mezzotint_app.state.series_state import SeriesState

__all__ = ["PhasePlot"]


class PhasePlot(PlotCard):
    def __init__(self, series: SeriesState, parent: QWidget | None = None) -> None:
        super().__init__("Phases", "ms", parent)
        self._series = series
        self.times = PhaseTimes()
        self.bars = PhaseBars(self)
        self.bars.hovered.connect(self.show_reading)
        self.set_canvas(self.bars)
        self.legend.hide()  # the rows are the legend
        self.apply_theme(theme_manager().theme)

    def refresh(self) -> None:
        buffers = {
            name.removeprefix(PREFIX): buffer
            for name in self._series.names
            if name.startswith(PREFIX) and (buffer := self._series.buffer(name)) is not None
        }
        points = {name: buffer.points() for name, buffer in buffers.items()}
        counts = {name: buffer.total for name, buffer in buffers.items()}
        self.times = phase_times(points, counts, self._series.run, self._series.laps, self._steps_ms())
        self.bars.show_times(self.times)
        text = " · ".join(f"{name} {self.value_text(value)}" for name, value in self.times.totals.items())
        if text != self.accessibleDescription():
            self.setAccessibleDescription(text)

    def _steps_ms(self) -> float:
        """What all steps took, about: lowest and highest value stand for a thinned stretch."""
        buffer = self._series.buffer(LATENCY)
        points = buffer.points() if buffer is not None else Points.empty()
        if buffer is None or not len(points):
            return 0.0
        return float(np.nanmean((points.lows + points.highs) / 2)) * buffer.total

    def series_names(self) -> list[str]:
        return [name for name in self._series.names if name.startswith(PREFIX)]

    @property
    def seconds_ms(self) -> dict[str, float]:
        """Milliseconds by phase."""
        return self.times.totals

    def follow(self) -> None:
        self.bars.read(-1)

    def point_at(self, x: float) -> None:
        self.bars.read_at(x)

    def on_key(self, key: Qt.Key, shift: bool) -> bool:
        match key:
            case Qt.Key.Key_Left | Qt.Key.Key_Up:
                self.bars.read_next(-1)
            case Qt.Key.Key_Right | Qt.Key.Key_Down:
                self.bars.read_next(1)
            case Qt.Key.Key_Space:
                self.bars.toggle_read()
            case _:
                return False
        return True

    def apply_theme(self, theme: Theme) -> None:
        super().apply_theme(theme)
        self.bars.update()
