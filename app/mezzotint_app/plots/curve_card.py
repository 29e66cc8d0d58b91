"""Curves of a run's series on one pair of axes: panned, zoomed, read with a crosshair, thinned to pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QWidget

from mezzotint_app.look.theme import FONT_SMALL, Theme, theme_manager
from mezzotint_app.plots.decimation import decimate
from mezzotint_app.plots.legend_row import LegendEntry
from mezzotint_app.plots.measures import format_value
from mezzotint_app.plots.plot_box import PlotBox, PlotCanvas
from mezzotint_app.plots.plot_card import PlotCard
from mezzotint_app.plots.scaled_axis import ScaledAxis
from mezzotint_app.plots.statistics_of_series import clip_limit
from mezzotint_app.state.series_buffer import Points
from mezzotint_app.state.series_state import SeriesState
from mezzotint_sdk.records import ACTIVE_STATES

__all__ = ["CurveCard", "Trace"]

DOT_PX = 7  # closer than this, dots only make a smear
ZOOM_STEP = 1.25
HEADROOM = 1.08
AXIS_PX = 56
NONE = np.empty(0)


@dataclass(frozen=True)
class Trace:
    """One series: its name in the run, its name in the legend, its colour among the theme's plot colours."""

    name: str
    title: str
    color: int = 0


class CurveCard(PlotCard):
    """`whole_steps`: x counts steps (else it is seconds).

    `clips`: a few outliers are marked at the top instead of flattening all the rest.
    """

    def __init__(
        self,
        series: SeriesState,
        title: str,
        unit: str,
        traces: tuple[Trace, ...],
        parent: QWidget | None = None,
        *,
        whole_steps: bool = True,
        clips: bool = False,
    ) -> None:
        super().__init__(title, unit, parent)
        self._series = series
        self.traces = traces
        self._whole_steps = whole_steps
        self._clips = clips
        self._limit: float | None = None
        self._points: dict[str, Points] = {}
        self._hint = "not drawn yet"
        self._follows = True
        self._is_setting = False
        self.axis_y = ScaledAxis("left", unit)
        self.axis_x = ScaledAxis("bottom", "" if whole_steps else "s", whole=whole_steps)
        self.box = PlotBox()
        self.plot = PlotCanvas(self, self.box, {"left": self.axis_y, "bottom": self.axis_x})
        self.plot.setAccessibleName(f"{title}, drawing")
        self.plot.getPlotItem().layout.setContentsMargins(0, 4, 14, 0)  # half of the last label
        self.set_canvas(self.plot)
        self._curves = {trace.name: pg.PlotCurveItem(connect="finite") for trace in traces}
        self._dots = {trace.name: pg.ScatterPlotItem(size=4, pen=None, pxMode=True) for trace in traces}
        self._marks = pg.ScatterPlotItem(symbol="t1", size=9, pen=None, pxMode=True)
        self._cross = pg.InfiniteLine(angle=90, movable=False)
        self._read_dots = pg.ScatterPlotItem(size=7, pxMode=True)
        for item in (*self._curves.values(), *self._dots.values(), self._marks, self._cross, self._read_dots):
            self.plot.addItem(item, ignoreBounds=True)
        self._cross.setVisible(False)
        self._cross_x = math.nan
        self._pointer: QPointF | None = None
        self.box.sigRangeChangedManually.connect(self._on_moved_by_hand)
        self.box.sigXRangeChanged.connect(self._on_range)
        self.box.resetAsked.connect(self.reset_view)
        self.box.menuAsked.connect(self.open_menu)
        self.box.sigResized.connect(self._on_range)
        self.plot.scene().sigMouseMoved.connect(self._on_mouse_moved)
        self.apply_theme(theme_manager().theme)

    # --- drawing ----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        self._points = self._measured()
        self._hint = "" if self._points else self.why_empty()
        self.show_hint(self._hint)
        self._set_axes_shown(bool(self._points))
        if self._follows and self._points:
            first, last = self.span
            self._set_x(first, last)
        self._redraw()

    def refresh_news(self) -> None:
        now = self._measured()
        same = now.keys() == self._points.keys() and all(now[name] is self._points[name] for name in now)
        if not same or self._hint != ("" if now else self.why_empty()):
            self.refresh()

    def _measured(self) -> dict[str, Points]:
        found = {}
        for trace in self.traces:
            buffer = self._series.buffer(trace.name)
            points = buffer.points() if buffer is not None else Points.empty()
            if len(points) and bool(np.any(np.isfinite(points.highs))):
                found[trace.name] = points
        return found

    def series_names(self) -> list[str]:
        return [trace.name for trace in self.traces]

    def why_empty(self) -> str:
        run = self._series.run
        if run is not None and run.state in ACTIVE_STATES:
            return "Begins with the first step"
        return "Not measured in this run"

    def _set_axes_shown(self, shown: bool) -> None:
        """Without points there is no scale: axes from 0 to 1 would be an invention."""
        for axis in (self.axis_x, self.axis_y):
            if axis.isVisible() != shown:
                axis.setVisible(shown)

    @property
    def span(self) -> tuple[float, float]:
        """First and last x of all that is here, a little wider where that is one point; time begins at 0."""
        first = min(float(points.steps[0]) for points in self._points.values())
        first = first if self._whole_steps else min(first, 0.0)
        last = max(float(points.steps[-1]) for points in self._points.values())
        return (first, last) if last > first else (first - 0.5, last + 0.5)

    @property
    def shown(self) -> dict[str, Points]:
        """What is measured, and not hidden by a click on the legend."""
        return {name: points for name, points in self._points.items() if self.legend.is_shown(name)}

    def in_view(self, points: Points) -> Points:
        left, right = self.box.viewRange()[0]
        start = int(np.searchsorted(points.steps, left, side="left"))
        end = int(np.searchsorted(points.steps, right, side="right"))
        return points if end - start >= len(points) else points.where(slice(start, end))

    def _redraw(self) -> None:
        shown = self.shown
        left, right = self.box.viewRange()[0]
        columns = max(16, round(self.box.width()))
        for name, curve in self._curves.items():
            points = shown.get(name)
            if points is None:
                curve.setData([], [])
                _show_dots(self._dots[name], NONE, NONE)
                continue
            x, y = decimate(points.steps, points.lows, points.highs, left, right, columns)
            curve.setData(x, y)
            few = x if len(x) * DOT_PX <= columns and not points.is_thinned else x[:0]
            _show_dots(self._dots[name], few, y[: len(few)])
        visible = {name: self.in_view(points) for name, points in shown.items()}
        self.set_entries(self.entries(visible))
        self._set_height(visible)
        if self._pointer is not None:
            self._on_mouse_moved(
                self._pointer
            )  # the curve moves under a mouse that rests, and while it drags
        elif math.isfinite(self._cross_x):
            self.point_at(self._cross_x)
        # pyqtgraph puts off its transforms until it paints, which then asks for a second painting
        self.plot.scene().prepareForPaint()

    def entries(self, visible: dict[str, Points]) -> list[LegendEntry]:
        """The legend: by default each trace with its newest value."""
        return [
            LegendEntry(trace.name, trace.title, self._newest(trace.name), trace.color)
            for trace in self.traces
            if trace.name in self._points
        ]

    def _newest(self, name: str) -> str:
        return self.value_text(float(self._points[name].highs[-1]))

    def _set_height(self, visible: dict[str, Points]) -> None:
        """Fit the height to what is in view, from zero, without what would flatten all the rest."""
        highs, lows = (
            np.concatenate([np.empty(0), *(getattr(points, name) for points in visible.values())])
            for name in ("highs", "lows")
        )
        highs, lows = highs[np.isfinite(highs)], lows[np.isfinite(lows)]
        self._limit = clip_limit(highs) if self._clips and self.legend.is_shown("clipped") else None
        if not self.box.height_is_manual:
            top = self._limit if self._limit is not None else float(highs.max()) if len(highs) else 1.0
            bottom = min(0.0, float(lows.min())) if len(lows) else 0.0
            self.box.setYRange(
                bottom * HEADROOM, (top if top > bottom else bottom + 1.0) * HEADROOM, padding=0
            )
        over = (
            [points.where(points.highs > self._limit) for points in visible.values()] if self._limit else []
        )
        at = np.concatenate([points.steps for points in over]) if over else np.empty(0)
        _show_dots(self._marks, at, np.full(len(at), self._limit or 0.0))

    @property
    def clipped_count(self) -> int:
        """How many points in view lie above the axis, each marked by a triangle at its top."""
        return len(self._marks.data)

    # --- view -------------------------------------------------------------------------------------------

    @property
    def follows(self) -> bool:
        """Whether the view follows the run: nobody has panned or zoomed."""
        return self._follows

    def follow(self) -> None:
        self._follows = True
        self.box.height_is_manual = False
        self.point_at(math.nan)

    def look_at(self, left: float, right: float) -> None:
        """Show the steps from `left` to `right`, and stay there."""
        if right > left:
            self._follows = False
            self.box.setXRange(left, right, padding=0)
            self._look_closer()

    def _set_x(self, left: float, right: float) -> None:
        self._is_setting = True
        # steps of a tenth of a per cent: dots at the edges are cut in half otherwise
        margin = (right - left) * 0.015
        self.box.setXRange(left - margin, right + margin, padding=0)
        self._is_setting = False

    def _on_range(self, *_: object) -> None:
        if not self._is_setting and self.isVisible():
            self._redraw()

    def _on_moved_by_hand(self, axes: list[bool]) -> None:
        if axes[0]:
            self._follows = False
            self._look_closer()

    def _look_closer(self) -> None:
        left, right = self.box.viewRange()[0]
        for trace in self.traces:
            self._series.look_closer(trace.name, float(left), float(right))

    def on_key(self, key: Qt.Key, shift: bool) -> bool:
        left, right = self.box.viewRange()[0]
        middle = self._cross_x if left < self._cross_x < right else (left + right) / 2
        match key:
            case Qt.Key.Key_Left | Qt.Key.Key_Right:
                way = 1 if key == Qt.Key.Key_Right else -1
                if shift:
                    by = way * (right - left) / 8
                    self.look_at(left + by, right + by)
                else:
                    self._step_cross(way)
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.look_at(middle - (middle - left) / ZOOM_STEP, middle + (right - middle) / ZOOM_STEP)
            case Qt.Key.Key_Minus:
                self.look_at(middle - (middle - left) * ZOOM_STEP, middle + (right - middle) * ZOOM_STEP)
            case _:
                return False
        return True

    # --- crosshair --------------------------------------------------------------------------------------

    def _step_cross(self, way: int) -> None:
        """To the next point, or the one before; from the newest one where there is no crosshair yet."""
        steps = next((points.steps for points in self.shown.values()), None)
        if steps is None:
            return
        place = len(steps) - 1
        if math.isfinite(self._cross_x):
            place = min(max((nearest_index(steps, self._cross_x) or 0) + way, 0), place)
        self._pointer = None
        x = float(steps[place])
        left, right = self.box.viewRange()[0]
        if not left <= x <= right:  # the view follows
            by = x - (right if x > right else left) + way * (right - left) / 8
            self.look_at(left + by, right + by)
        self.point_at(x)

    def _on_mouse_moved(self, position: QPointF) -> None:
        inside = self.box.sceneBoundingRect().contains(position)
        self._pointer = position if inside else None
        self.point_at(self.box.mapSceneToView(position).x() if inside else math.nan)

    def room_for_reading(self) -> QRect:
        return self.box.sceneBoundingRect().toRect().adjusted(6, 6, -2, -6)

    def reads_left(self) -> bool:
        left, right = self.box.viewRange()[0]
        return self._cross_x < (left + right) / 2

    def point_at(self, x: float) -> None:
        """The crosshair snaps to the nearest point and shows its values; NaN takes it away."""
        nearest = {
            name: place
            for name, points in self.shown.items()
            if math.isfinite(x) and (place := nearest_index(points.steps, x)) is not None
        }
        self._cross.setVisible(bool(nearest))
        if not nearest:
            self._cross_x = math.nan
            self._pointer = None
            _show_dots(self._read_dots, NONE, NONE)
            self.show_reading("")
            return
        at = {name: self._points[name].where(slice(place, place + 1)) for name, place in nearest.items()}
        self._cross_x = min((float(p.steps[0]) for p in at.values()), key=lambda step: abs(step - x))
        self._cross.setPos(self._cross_x)
        top = self.box.viewRange()[1][1]
        colors = theme_manager().theme.plot_colors
        self._read_dots.show()
        self._read_dots.setData(
            [float(p.steps[0]) for p in at.values()],
            [min(float(p.highs[0]), self._limit or top) for p in at.values()],
            brush=[
                pg.mkBrush(colors[trace.color % len(colors)]) for trace in self.traces if trace.name in at
            ],
        )
        self.show_reading(self.readings(self._cross_x))
        self._place_reading()

    def readings(self, x: float) -> str:
        """What the crosshair says at `x`: the place, then a line for each curve."""
        lines = []
        for trace in self.traces:
            points = self.shown.get(trace.name)
            place = nearest_index(points.steps, x) if points is not None else None
            if points is None or place is None:
                continue
            low, high = float(points.lows[place]), float(points.highs[place])
            value = self.value_text(high)
            if points.is_thinned and low != high:
                value = f"{self.value_text(low)} to {value}"
            lines.append(f"{trace.title} {value}" if len(self.traces) > 1 else value)
        where = f"step {x:,.0f}" if self._whole_steps else format_value(x, "s")
        return f"{where}:  {'  ·  '.join(lines)}" if lines else ""

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
        self._marks.setBrush(pg.mkBrush(theme.warning))
        self._read_dots.setPen(pg.mkPen(theme.raised, width=1.5))
        colors = theme.plot_colors
        for trace in self.traces:
            color = colors[trace.color % len(colors)]
            self._curves[trace.name].setPen(pg.mkPen(color, width=1))
            self._dots[trace.name].setBrush(pg.mkBrush(color))


def _show_dots(item: pg.ScatterPlotItem, x: np.ndarray, y: np.ndarray) -> None:
    """An empty scatter costs as much to paint as a full one, so it is hidden."""
    if len(x) or item.isVisible():
        item.setData(x, y)
        item.setVisible(bool(len(x)))


def nearest_index(steps: np.ndarray, x: float) -> int | None:
    """Index of the step nearest to `x` in a rising array; None when it is empty."""
    if not len(steps):
        return None
    right = int(np.searchsorted(steps, x))
    candidates = [index for index in (right - 1, right) if 0 <= index < len(steps)]
    return min(candidates, key=lambda index: abs(float(steps[index]) - x))
