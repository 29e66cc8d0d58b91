"""Watches as curves over ops or steps: fits everything until one zooms, read with a crosshair."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QWidget

from mezzotint_app.look.theme import FONT_SMALL, Theme, theme_manager
from mezzotint_app.plots.decimation import decimate
from mezzotint_app.plots.legend_row import LegendEntry
from mezzotint_app.plots.plot_box import PlotBox, PlotCanvas
from mezzotint_app.plots.plot_card import PlotCard
from mezzotint_app.plots.scaled_axis import ScaledAxis
from mezzotint_app.state.debug_state import DebugState
from mezzotint_app.state.watch_series import Numbers, StepsOf

__all__ = ["WatchPlot", "number_text"]

ZOOM_STEP = 1.25
AXIS_PX = 56
MARGIN = 0.06
FEW = 60  # so few points are drawn as dots, too


def number_text(value: float) -> str:
    """Five significant digits, as short as they get."""
    return f"{value:.5g}"


class _NumberAxis(ScaledAxis):
    """Values of any size: 1e-06 and 12,000 alike."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [f"{0.0 if abs(value) < spacing / 1e6 else value:.4g}" for value in values]


class WatchPlot(PlotCard):
    """`over_steps`: one value for each step, the last in it; else all of them, over op numbers."""

    def __init__(self, debug: DebugState, steps_of: StepsOf, parent: QWidget | None = None) -> None:
        super().__init__("Watches", "", parent)
        self._debug = debug
        self._steps_of = steps_of
        self.over_steps = False
        self._follows = True
        self._is_setting = False
        self._points: dict[str, tuple[Numbers, Numbers]] = {}
        self._curves: dict[str, pg.PlotCurveItem] = {}
        self._dots: dict[str, pg.ScatterPlotItem] = {}
        self.axis_y = _NumberAxis("left")
        self.axis_x = ScaledAxis("bottom", whole=True)
        self.box = PlotBox()
        self.plot = PlotCanvas(self, self.box, {"left": self.axis_y, "bottom": self.axis_x})
        self.plot.setAccessibleName("Watches, drawing")
        self.plot.getPlotItem().layout.setContentsMargins(0, 4, 14, 0)
        self.set_canvas(self.plot)
        self.expand.hide()  # there is no other plot here
        self._cross = pg.InfiniteLine(angle=90, movable=False)
        self._cross.setVisible(False)
        self._cross_x = math.nan
        self.plot.addItem(self._cross, ignoreBounds=True)
        self.box.sigRangeChangedManually.connect(self._on_moved_by_hand)
        self.box.sigXRangeChanged.connect(self._on_range)
        self.box.sigResized.connect(self._on_range)
        self.box.resetAsked.connect(self.reset_view)
        self.box.menuAsked.connect(self.open_menu)
        self.plot.scene().sigMouseMoved.connect(self._on_mouse_moved)
        self.apply_theme(theme_manager().theme)

    # --- drawing ----------------------------------------------------------------------------------------

    def show_over_steps(self, over_steps: bool) -> None:
        if over_steps != self.over_steps:
            self.over_steps = over_steps
            self.reset_view()

    def refresh(self) -> None:
        courses = self._debug.watch_courses.courses
        self._points = {}
        for expression in self._debug.watches:
            course = courses.get(expression)
            if course is not None and len(course):
                points = course.over_steps(self._steps_of) if self.over_steps else course.over_ops()
                if len(points[0]):
                    self._points[expression] = points
        for gone in set(self._curves) - set(self._points):
            self.plot.removeItem(self._curves.pop(gone))
            self.plot.removeItem(self._dots.pop(gone))
        if self._follows and self._points:
            first = min(float(x[0]) for x, _ in self._points.values())
            last = max(float(x[-1]) for x, _ in self._points.values())
            margin = (last - first) * 0.015 or 0.5
            self._set_x(first - margin, last + margin)
        self._redraw()

    def _set_x(self, left: float, right: float) -> None:
        self._is_setting = True
        self.box.setXRange(left, right, padding=0)
        self._is_setting = False

    def color_of(self, expression: str) -> int:
        """The number of its plot colour: by its place in the list, so that it stays as others come."""
        watches = self._debug.watches
        return watches.index(expression) if expression in watches else 0

    def _redraw(self) -> None:
        colors = theme_manager().theme.plot_colors
        left, right = self.box.viewRange()[0]
        columns = max(16, round(self.box.width()))
        lows, highs = [], []
        for expression, (x, y) in self._points.items():
            curve, dots = self._item(expression)
            is_shown = self.legend.is_shown(expression)
            color = colors[self.color_of(expression) % len(colors)]
            drawn_x, drawn_y = decimate(x, y, y, left, right, columns) if is_shown else (x[:0], y[:0])
            curve.setPen(pg.mkPen(color, width=1))
            curve.setData(drawn_x, drawn_y)
            few = len(drawn_x) <= FEW
            dots.setBrush(pg.mkBrush(color))
            dots.setData(drawn_x if few else x[:0], drawn_y if few else y[:0])
            inside = drawn_y[(drawn_x >= left) & (drawn_x <= right) & np.isfinite(drawn_y)]
            if len(inside):
                lows.append(float(inside.min()))
                highs.append(float(inside.max()))
        if lows and not self.box.height_is_manual:
            low, high = min(lows), max(highs)
            margin = (high - low) * MARGIN or max(abs(high) * MARGIN, 1e-12)
            self.box.setYRange(low - margin, high + margin, padding=0)
        newest = self._debug.watch_courses.newest
        self.set_entries(
            [
                LegendEntry(
                    name,
                    name,
                    newest[name].text if name in newest and not newest[name].failed else "",
                    self.color_of(name),
                )
                for name in self._points
            ]
        )
        if math.isfinite(self._cross_x):
            self.point_at(self._cross_x)
        self.plot.scene().prepareForPaint()

    def _item(self, expression: str) -> tuple[pg.PlotCurveItem, pg.ScatterPlotItem]:
        if expression not in self._curves:
            self._curves[expression] = pg.PlotCurveItem(connect="finite")
            self._dots[expression] = pg.ScatterPlotItem(size=4, pen=None, pxMode=True)
            for item in (self._curves[expression], self._dots[expression]):
                self.plot.addItem(item, ignoreBounds=True)
        return self._curves[expression], self._dots[expression]

    # --- view -------------------------------------------------------------------------------------------

    def follow(self) -> None:
        self._follows = True
        self.box.height_is_manual = False
        self.point_at(math.nan)

    def _on_range(self, *_: object) -> None:
        if not self._is_setting and self.isVisible():
            self._redraw()

    def _on_moved_by_hand(self, axes: list[bool]) -> None:
        if axes[0]:
            self._follows = False

    def _look_at(self, left: float, right: float) -> None:
        self._follows = False
        self.box.setXRange(left, right, padding=0)

    def on_key(self, key: Qt.Key, shift: bool) -> bool:
        left, right = self.box.viewRange()[0]
        middle = self._cross_x if left < self._cross_x < right else (left + right) / 2
        match key:
            case Qt.Key.Key_Left | Qt.Key.Key_Right:
                way = 1 if key == Qt.Key.Key_Right else -1
                if shift:
                    by = way * (right - left) / 8
                    self._look_at(left + by, right + by)
                else:
                    self._step_cross(way)
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self._look_at(middle - (middle - left) / ZOOM_STEP, middle + (right - middle) / ZOOM_STEP)
            case Qt.Key.Key_Minus:
                self._look_at(middle - (middle - left) * ZOOM_STEP, middle + (right - middle) * ZOOM_STEP)
            case _:
                return False
        return True

    def menu_entries(self) -> list[tuple[str, str, str, Callable[[], None]]]:
        return [entry for entry in super().menu_entries() if not entry[0].startswith("Export")]

    # --- crosshair --------------------------------------------------------------------------------------

    def _step_cross(self, way: int) -> None:
        x = next((x for name, (x, _) in self._points.items() if self.legend.is_shown(name)), None)
        if x is None:
            return
        if math.isfinite(self._cross_x):
            place = int(np.abs(x - self._cross_x).argmin()) + way
            self.point_at(float(x[min(max(place, 0), len(x) - 1)]))
        else:
            self.point_at(float(x[-1]))

    def _on_mouse_moved(self, position: QPointF) -> None:
        inside = self.box.sceneBoundingRect().contains(position)
        self.point_at(self.box.mapSceneToView(position).x() if inside else math.nan)

    def point_at(self, x: float) -> None:
        shown = {name: points for name, points in self._points.items() if self.legend.is_shown(name)}
        if not math.isfinite(x) or not shown:
            self._cross_x = math.nan
            self._cross.setVisible(False)
            self.show_reading("")
            return
        nearest = {name: int(np.abs(xs - x).argmin()) for name, (xs, _) in shown.items()}
        at = min((float(shown[name][0][place]) for name, place in nearest.items()), key=lambda p: abs(p - x))
        self._cross_x = at
        self._cross.setPos(at)
        self._cross.setVisible(True)
        values = [f"{name} {number_text(float(shown[name][1][place]))}" for name, place in nearest.items()]
        where = f"step {at + 1:,.0f}" if self.over_steps else f"op {at:,.0f}"
        self.show_reading(f"{where}:  {'  ·  '.join(values)}")

    # --- look -------------------------------------------------------------------------------------------

    def apply_theme(self, theme: Theme) -> None:
        super().apply_theme(theme)
        self.plot.setBackground(theme.color("raised"))
        small = QFont(self.font())
        small.setPointSizeF(FONT_SMALL)
        for axis in (self.axis_x, self.axis_y):
            axis.setPen(pg.mkPen(theme.border))
            axis.setTextPen(pg.mkPen(theme.muted))
            axis.setTickFont(small)
            axis.setStyle(tickLength=-3, tickTextOffset=5, hideOverlappingLabels=False)
        self.axis_y.setWidth(AXIS_PX)
        self.plot.showGrid(x=False, y=True, alpha=0.25 if theme.is_dark else 0.2)
        self._cross.setPen(pg.mkPen(theme.muted))
        if self._curves:
            self._redraw()
