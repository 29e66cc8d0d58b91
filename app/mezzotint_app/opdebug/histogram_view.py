"""How often which values occur: bars, plain or logarithmic, and the bar under the pointer in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QSignalBlocker
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from mezzotint_app.look.theme import FONT_SMALL, SPACING, Theme, theme_manager
from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.state.tensor_view_state import TensorViewState

__all__ = ["HistogramView"]


class CountAxis(pg.AxisItem):
    """Counts; `is_log` when heights are log10(1 + count)."""

    def __init__(self) -> None:
        super().__init__("left")
        self.enableAutoSIPrefix(False)
        self.is_log = False

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        if self.is_log:
            return [(1.0, [0.0, *(math.log10(1 + 10**power) for power in range(math.ceil(maxVal) + 1))])]
        found: list[tuple[float, list[float]]] = super().tickValues(minVal, maxVal, size)
        return [level for level in found if level[0] >= 1] or found[:1]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        counts = [10**value - 1 if self.is_log else value for value in values]
        return [_count_text(count) for count in counts]


def _count_text(count: float) -> str:
    return f"{count:,.0f}" if count < 1e6 else f"{count:.3g}"


class HistogramView(QWidget):
    def __init__(self, view: TensorViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self.counts = np.empty(0)
        self.edges = np.empty(0)
        self.bins = QSpinBox(self)
        self.bins.setRange(2, 1024)
        self.bins.setKeyboardTracking(False)
        self.bins.setAccessibleName("Number of bars")
        self.bins.setToolTip("Into how many bars the values are sorted")
        calm_wheel(self.bins)
        self.bins.valueChanged.connect(view.set_bins)
        self.log = QCheckBox("Log counts", self)
        self.log.setToolTip("Heights are logarithms of counts, so that rare values are seen, too")
        self.log.toggled.connect(view.set_log_counts)
        self.count_axis = CountAxis()
        self.value_axis = pg.AxisItem("bottom")
        self.value_axis.enableAutoSIPrefix(False)
        axes = {"left": self.count_axis, "bottom": self.value_axis}
        self.plot = pg.PlotWidget(self, axisItems=axes)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setFrameShape(self.plot.Shape.NoFrame)
        self.plot.setAccessibleName("Histogram of the tensor")
        self.plot.setMinimumSize(120, 96)
        self.bars = pg.BarGraphItem(x0=[], x1=[], height=[])
        self.plot.addItem(self.bars)
        self.reading_label = ElidedLabel("", "small", self)
        self.reading_label.setMinimumHeight(self.reading_label.fontMetrics().height() + 2)
        controls = QHBoxLayout()
        controls.setSpacing(SPACING)
        controls.addWidget(text_label("Bars", "small", self, buddy=self.bins))
        controls.addWidget(self.bins)
        controls.addWidget(self.log)
        controls.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(controls)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.reading_label)
        self.plot.scene().sigMouseMoved.connect(self._on_mouse)
        theme_manager().changed.connect(self.apply_theme)
        self.apply_theme(theme_manager().theme)

    def refresh(self) -> None:
        """Show what has come."""
        settings, look = self._view.settings, self._view.look
        for field, value in ((self.bins, settings.bins),):
            with QSignalBlocker(field):
                field.setValue(value)
        with QSignalBlocker(self.log):
            self.log.setChecked(settings.log_counts)
        if look is not None and look.kind == "histogram" and len(look.edges) == len(look.histogram) + 1:
            self.counts, self.edges = np.asarray(look.histogram), np.asarray(look.edges)
        else:
            self.counts, self.edges = np.empty(0), np.empty(0)
        self.count_axis.is_log = settings.log_counts
        heights = np.log10(1 + self.counts) if settings.log_counts else self.counts
        color = theme_manager().theme.plot_colors[0]
        self.bars.setOpts(
            x0=self.edges[:-1], x1=self.edges[1:], height=heights, brush=pg.mkBrush(color), pen=None
        )
        self.bars.setVisible(bool(len(heights)))
        if len(heights):
            self.plot.setXRange(float(self.edges[0]), float(self.edges[-1]), padding=0.02)
            self.plot.setYRange(0, float(heights.max()) * 1.06 or 1.0, padding=0)
        self.count_axis.picture = None
        self.point_at(math.nan)

    @property
    def reading(self) -> str:
        return self.reading_label.text()

    def _on_mouse(self, position: QPointF) -> None:
        box = self.plot.getPlotItem().vb
        inside = box.sceneBoundingRect().contains(position)
        self.point_at(box.mapSceneToView(position).x() if inside else math.nan)

    def point_at(self, value: float) -> None:
        """Read the bar that a value falls into; NaN reads what is in none."""
        if len(self.counts) and math.isfinite(value) and self.edges[0] <= value <= self.edges[-1]:
            place = min(int(np.searchsorted(self.edges, value, side="right")) - 1, len(self.counts) - 1)
            low, high = self.edges[place], self.edges[place + 1]
            part = self.counts[place] / max(1.0, float(self.counts.sum()))
            self.reading_label.setText(
                f"{low:.6g} to {high:.6g}: {self.counts[place]:,.0f} ({100 * part:.3g} %)"
            )
            return
        look = self._view.look
        left_out = (
            [
                f"{count:,} {name}"
                for count, name in ((look.statistics.nan, "NaN"), (look.statistics.inf, "Inf"))
                if count
            ]
            if look is not None
            else []
        )
        self.reading_label.setText(f"{' and '.join(left_out)} in no bar" if left_out else "")

    def apply_theme(self, theme: Theme) -> None:
        self.plot.setBackground(theme.color("surface"))
        small = QFont(self.font())
        small.setPointSizeF(FONT_SMALL)
        for axis in (self.count_axis, self.value_axis):
            axis.setPen(pg.mkPen(theme.border_strong))
            axis.setTextPen(pg.mkPen(theme.muted))
            axis.setTickFont(small)
            axis.setStyle(tickLength=-3, tickTextOffset=4)
        self.bars.setOpts(brush=pg.mkBrush(theme.plot_colors[0]), pen=pg.mkPen(None))
