"""One plot with its title, its figures and a crosshair; pan and zoom with the mouse, keys for the rest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from mezzotint_app.look.theme import FONT_SMALL, SPACING, Theme, theme_manager
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.plots.measures import format_value, unit_scale

__all__ = ["PlotCard", "ScaledAxis"]

MIN_HEIGHT_PX = 112
ZOOM_STEP = 1.25


class ScaledAxis(pg.AxisItem):
    """An axis whose ticks carry their unit: 200 ms, 1.5 GiB."""

    def __init__(self, orientation: str, unit: str = "") -> None:
        super().__init__(orientation)
        self.unit = unit
        self.enableAutoSIPrefix(False)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        """Round numbers of the unit that is shown: 500 MiB, not 477."""
        divisor, _ = unit_scale(max(abs(minVal), abs(maxVal)), self.unit)
        levels = super().tickValues(minVal / divisor, maxVal / divisor, size)
        return [(spacing * divisor, [value * divisor for value in values]) for spacing, values in levels]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if not len(values):
            return []
        divisor, name = unit_scale(max(abs(value) for value in (*values, *self.range)), self.unit)
        digits = max(0, min(3, int(np.ceil(-np.log10(max(spacing / divisor, 1e-9))))))
        return [f"{value / divisor:.{digits}f}{' ' + name if name else ''}" for value in values]


class PlotCard(QFrame):
    """Base of the cards. Subclasses draw in `refresh` and name their curves in `readings`."""

    rangeChanged = Signal(float, float)  # steps that are in view now, after panning or zooming by hand

    def __init__(self, title: str, unit: str, x_unit: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.setAccessibleName(f"Plot: {title}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(MIN_HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.unit = unit
        self._title = text_label(title, "heading", self)
        self._figures = ElidedLabel("", "muted", self)
        self._figures.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.axis_y = ScaledAxis("left", unit)
        self.axis_x = ScaledAxis("bottom", x_unit)
        self.plot = pg.PlotWidget(self, axisItems={"left": self.axis_y, "bottom": self.axis_x})
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setAntialiasing(False)
        self.box = self.plot.getPlotItem().getViewBox()
        self.box.setDefaultPadding(0.02)
        self.box.sigRangeChangedManually.connect(self._on_range_changed)
        self._cross = pg.InfiniteLine(angle=90, movable=False)
        self._cross.setVisible(False)
        self.plot.addItem(self._cross, ignoreBounds=True)
        self.plot.scene().sigMouseMoved.connect(self._on_mouse_moved)
        self._reading = ""
        self._summary = ""

        head = QHBoxLayout()
        head.setSpacing(SPACING)
        head.addWidget(self._title)
        head.addWidget(self._figures, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACING, SPACING, SPACING, SPACING // 2)
        layout.setSpacing(SPACING // 2)
        layout.addLayout(head)
        layout.addWidget(self.plot, 1)
        theme_manager().changed.connect(self.apply_theme)

    # --- for subclasses ---------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Draw what the state holds now."""
        raise NotImplementedError

    def readings(self, x: float) -> str:
        """What the crosshair says at `x`."""
        raise NotImplementedError

    def set_summary(self, text: str) -> None:
        self._summary = text
        self._show_figures()

    def apply_theme(self, theme: Theme) -> None:
        self.plot.setBackground(theme.color("raised"))
        small = QFont(self.font())
        small.setPointSizeF(FONT_SMALL)
        for axis in (self.axis_x, self.axis_y):
            axis.setPen(pg.mkPen(theme.border))
            axis.setTextPen(pg.mkPen(theme.muted))
            axis.setTickFont(small)
            axis.setStyle(tickLength=-4, tickTextOffset=4)
        self.axis_y.setWidth(58)
        self.plot.showGrid(x=False, y=True, alpha=0.18 if theme.is_dark else 0.22)
        self._cross.setPen(pg.mkPen(theme.muted, style=Qt.PenStyle.DashLine))

    # --- view -------------------------------------------------------------------------------------------

    def reset_view(self) -> None:
        """Everything in view again, following new points."""
        self.box.enableAutoRange()
        self.refresh()

    @property
    def follows(self) -> bool:
        """Whether the view follows the run: nobody has panned or zoomed."""
        return bool(self.box.state["autoRange"][0])

    def _on_range_changed(self, _axes: object) -> None:
        first, last = self.box.viewRange()[0]
        self.rangeChanged.emit(float(first), float(last))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset_view()
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        (left, right), _ = self.box.viewRange()
        shift = (right - left) / 8
        match event.key():
            case Qt.Key.Key_Home | Qt.Key.Key_0:
                self.reset_view()
            case Qt.Key.Key_Left:
                self._view(left - shift, right - shift)
            case Qt.Key.Key_Right:
                self._view(left + shift, right + shift)
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self._zoom(1 / ZOOM_STEP)
            case Qt.Key.Key_Minus:
                self._zoom(ZOOM_STEP)
            case _:
                super().keyPressEvent(event)

    def _zoom(self, factor: float) -> None:
        (left, right), _ = self.box.viewRange()
        middle, half = (left + right) / 2, (right - left) / 2 * factor
        self._view(middle - half, middle + half)

    def _view(self, left: float, right: float) -> None:
        self.box.setXRange(left, right, padding=0)
        self.rangeChanged.emit(left, right)

    # --- crosshair --------------------------------------------------------------------------------------

    def _on_mouse_moved(self, position: QPointF) -> None:
        inside = self.plot.getPlotItem().sceneBoundingRect().contains(position)
        self.point_at(self.position_of(self.box.mapSceneToView(position)) if inside else float("nan"))

    def position_of(self, point: QPointF) -> float:
        """Which coordinate of the mouse the crosshair follows."""
        return point.x()

    def point_at(self, x: float) -> None:
        """Show the values at `x`; NaN takes the crosshair away."""
        reading = self.readings(x) if np.isfinite(x) else ""
        self._cross.setVisible(bool(reading))
        if reading:
            self._cross.setPos(x)
        if reading != self._reading:
            self._reading = reading
            self._show_figures()

    def leaveEvent(self, event: object) -> None:
        self.point_at(float("nan"))

    def _show_figures(self) -> None:
        self._figures.setText(self._reading or self._summary)

    @property
    def figures(self) -> str:
        """What stands beside the title now."""
        return self._figures.text()

    def value_text(self, value: float) -> str:
        return format_value(value, self.unit)


def nearest_index(steps: npt.NDArray[np.float64], x: float) -> int | None:
    """Index of the step nearest to `x` in a rising array; None when it is empty."""
    if not len(steps):
        return None
    right = int(np.searchsorted(steps, x))
    candidates = [index for index in (right - 1, right) if 0 <= index < len(steps)]
    return min(candidates, key=lambda index: abs(steps[index] - x))
