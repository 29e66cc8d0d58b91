"""How an error grows along a run: one point an aligned op, on a scale of powers, read with the mouse."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mezzotint_app.look.theme import FONT_SMALL, SPACING, Theme, theme_manager
from mezzotint_app.look.widgets.text_label import ElidedLabel
from mezzotint_app.plots.curve_card import nearest_index
from mezzotint_app.plots.plot_box import PlotBox

__all__ = ["GrowthPlot"]

FLOOR = 1e-12  # below it, and where there is no difference, a point lies on the ground
MOST_POINTS = 4000
STRETCHES = 100  # whose medians the trend connects
LEAST_FOR_TREND = 5 * STRETCHES  # ops
ALMOST_NONE = 0.02  # of the errors lie below what is seen at first
FAINT = 0.45  # of the single ops, behind the trend
AXIS_PX = 56


class GrowthPlot(QWidget):
    """x: op of the first run; y: relative error of its output, and their trend. A click leads to the op."""

    opAsked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._x: npt.NDArray[np.float64] = np.empty(0)
        self._y: npt.NDArray[np.float64] = np.empty(0)
        self._first = math.nan
        self._tolerance = 0.0
        self.box = PlotBox()
        self.plot = pg.PlotWidget(self, viewBox=self.box)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setFrameShape(self.plot.Shape.NoFrame)
        self.plot.setLogMode(False, True)
        self.plot.setAccessibleName("Growth of the error along the run")
        self.curve = pg.PlotDataItem(connect="finite")
        self.trend = pg.PlotDataItem(connect="finite")
        self.line = pg.InfiniteLine(angle=90, movable=False)
        self.cross = pg.InfiniteLine(angle=90, movable=False)
        self.tolerance = pg.InfiniteLine(angle=0, movable=False)
        self.reading = ElidedLabel("", "small", self)
        for item in (self.curve, self.trend, self.tolerance, self.line, self.cross):
            self.plot.addItem(item)
        self.line.setVisible(False)
        self.tolerance.setVisible(False)
        self.cross.setVisible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.plot, 1)
        reading = QHBoxLayout()
        reading.setContentsMargins(SPACING, 0, SPACING, SPACING // 4)
        reading.addWidget(self.reading)
        layout.addLayout(reading)
        self.plot.scene().sigMouseMoved.connect(self._on_mouse)
        self.plot.scene().sigMouseClicked.connect(self._on_click)
        self.box.resetAsked.connect(self.show_all)
        theme_manager().changed.connect(self._apply_theme)
        self._apply_theme(theme_manager().theme)

    def show_growth(
        self,
        ops: npt.NDArray[np.float64],
        errors: npt.NDArray[np.float64],
        first_bad: int,
        tolerance: float = 0.0,
    ) -> None:
        """`errors` ≥ 0, NaN where an op could not be compared. `first_bad` is marked; -1: none. So is the
        tolerance, where there is any."""
        keep = np.isfinite(errors) | np.isposinf(errors)
        self._x, self._y = ops[keep].astype(np.float64), errors[keep].astype(np.float64)
        largest = self._y[np.isfinite(self._y)].max(initial=FLOOR)
        drawn = np.clip(self._y, FLOOR, largest * 10)
        x, y = _thinned(self._x, drawn)
        self.curve.setData(x, y)
        self.trend.setData(*_trend(self._x, drawn))
        self._first = float(first_bad) if first_bad >= 0 else math.nan
        self._tolerance = tolerance
        self.tolerance.setVisible(tolerance > 0)
        if tolerance > 0:
            self.tolerance.setPos(math.log10(max(tolerance, FLOOR)))
        self.line.setVisible(first_bad >= 0)
        if first_bad >= 0:
            self.line.setPos(self._first)
        self.point_at(math.nan)
        self.show_all()

    def show_all(self) -> None:
        self.box.height_is_manual = False
        if len(self._x):
            self.box.setXRange(
                float(self._x[0]), max(float(self._x[-1]), float(self._x[0]) + 1), padding=0.02
            )
            finite = self._y[np.isfinite(self._y)]
            largest = max(float(finite.max(initial=FLOOR)), FLOOR * 10, self._tolerance)
            top = math.log10(largest) + 0.5
            unequal = finite[finite > 0]
            least = float(np.quantile(unequal, ALMOST_NONE)) if len(unequal) else 1.0
            self.box.setYRange(max(math.log10(FLOOR), math.log10(least) - 0.5), top, padding=0)

    def point_at(self, x: float) -> None:
        """Read the op nearest to `x`; NaN reads none."""
        place = nearest_index(self._x, x) if math.isfinite(x) else None
        self.cross.setVisible(place is not None)
        if place is None:
            first = "Relative error of each op's output"
            if not math.isnan(self._first):
                first += f"; the first over the tolerance is op {self._first:,.0f}"
            self.reading.setText(first)
            return
        self.cross.setPos(float(self._x[place]))
        self.reading.setText(f"op {self._x[place]:,.0f}: relative error {self._y[place]:.3g}")

    def _on_mouse(self, place: QPointF) -> None:
        inside = self.box.sceneBoundingRect().contains(place)
        self.point_at(self.box.mapSceneToView(place).x() if inside else math.nan)

    def _on_click(self, event: object) -> None:
        if event.button() != Qt.MouseButton.LeftButton or event.double():  # type: ignore[attr-defined]
            return
        at = self.box.mapSceneToView(event.scenePos()).x()  # type: ignore[attr-defined]
        place = nearest_index(self._x, at)
        if place is not None:
            self.opAsked.emit(int(self._x[place]))

    def _apply_theme(self, theme: Theme) -> None:
        self.plot.setBackground(theme.color("raised"))
        small = QFont(self.font())
        small.setPointSizeF(FONT_SMALL)
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(pg.mkPen(theme.border))
            axis.setTextPen(pg.mkPen(theme.muted))
            axis.setTickFont(small)
        self.plot.getAxis("left").setWidth(AXIS_PX)
        self.plot.showGrid(x=False, y=True, alpha=0.2)
        faint = pg.mkColor(theme.plot_colors[0])
        faint.setAlphaF(FAINT)
        self.curve.setPen(pg.mkPen(faint, width=1))
        self.trend.setPen(pg.mkPen(theme.plot_colors[1], width=2))
        self.line.setPen(pg.mkPen(theme.danger, width=1, style=Qt.PenStyle.DashLine))
        self.cross.setPen(pg.mkPen(theme.muted))
        self.tolerance.setPen(pg.mkPen(theme.warning, width=1, style=Qt.PenStyle.DotLine))


def _thinned(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """At most MOST_POINTS points, the worst of each stretch: what is drawn never looks better than it is."""
    if len(x) <= MOST_POINTS:
        return x, y
    block = -(-len(x) // MOST_POINTS)
    whole = len(x) // block * block
    worst = y[:whole].reshape(-1, block).argmax(axis=1) + np.arange(0, whole, block)
    return x[worst], y[worst]


def _trend(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The median of each stretch, on the ground where most ops don't differ; none of a short run."""
    if len(x) < LEAST_FOR_TREND:
        return np.empty(0), np.empty(0)
    block = len(x) // STRETCHES
    whole = len(x) // block * block
    return np.median(x[:whole].reshape(-1, block), axis=1), np.median(y[:whole].reshape(-1, block), axis=1)
