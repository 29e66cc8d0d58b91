"""A table of numbers as colours, a bar that says what they mean, and the value under the pointer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mezzotint_app.look.theme import FONT_SMALL, Theme, theme_manager
from mezzotint_app.look.widgets.text_label import ElidedLabel
from mezzotint_app.opdebug.index_axis import IndexAxis
from mezzotint_app.opdebug.map_colors import color_levels, color_map, colors_of

__all__ = ["HeatMap"]

SQUARE_UP_TO = 6  # sides of a ratio up to this keep square cells; longer ones fill the room
MARGIN = 0.02


class MapBox(pg.ViewBox):
    """Wheel and drag zoom and pan; a double click shows all."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False, defaultPadding=MARGIN, invertY=True)

    def mouseClickEvent(self, ev: Any) -> None:
        if ev.double() and ev.button() == Qt.MouseButton.LeftButton:
            ev.accept()
            self.autoRange()


class HeatMap(QWidget):
    """`show_map` draws; `reading` is what the pointer reads."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._numbers = np.empty((0, 0), np.float32)
        self._size = (0, 0)
        self._use = "values"
        self._levels = (0.0, 1.0)
        self._at: tuple[int, int] | None = None
        self.canvas = pg.GraphicsLayoutWidget(self)
        self.canvas.setFrameShape(self.canvas.Shape.NoFrame)
        self.canvas.setAccessibleName(name)
        self.canvas.setToolTip("Wheel zooms, drag moves, a double click shows all")
        self.canvas.setMinimumSize(120, 96)
        self.box = MapBox()
        self.rows_axis, self.columns_axis = IndexAxis("left"), IndexAxis("bottom")
        axes = {"left": self.rows_axis, "bottom": self.columns_axis}
        self.plot = pg.PlotItem(viewBox=self.box, axisItems=axes, enableMenu=False)
        self.plot.hideButtons()
        self.canvas.addItem(self.plot, 0, 0)
        self.image = pg.ImageItem(axisOrder="row-major")
        self.plot.addItem(self.image)
        self.bar = pg.ColorBarItem(
            values=(0.0, 1.0), colorMap=color_map("values"), interactive=False, width=12
        )
        self.canvas.addItem(self.bar, 0, 1)
        self.reading_label = ElidedLabel("", "small", self)
        self.reading_label.setMinimumHeight(self.reading_label.fontMetrics().height() + 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.reading_label)
        self.plot.scene().sigMouseMoved.connect(self._on_mouse)
        theme_manager().changed.connect(self.apply_theme)
        self.apply_theme(theme_manager().theme)

    # --- drawing ----------------------------------------------------------------------------------------

    def show_map(
        self,
        numbers: np.ndarray,
        low: float,
        high: float,
        *,
        rows: int = 0,
        columns: int = 0,
        is_difference: bool = False,
        row_labels: tuple[str, ...] = (),
        column_labels: tuple[str, ...] = (),
    ) -> None:
        """Draw float numbers of shape (height, width).

        `rows` and `columns`: of what they stand for, where they were thinned. The view stays where it was
        while the size is the same.
        """
        size = (rows or numbers.shape[0], columns or numbers.shape[1])
        self._numbers = numbers
        self._use = "difference" if is_difference else "values"
        self._levels = color_levels(low, high, self._use)
        for axis, count, labels in (
            (self.rows_axis, size[0], row_labels),
            (self.columns_axis, size[1], column_labels),
        ):
            axis.set_cells(count, labels if len(labels) == count else ())
        self.bar.setColorMap(color_map(self._use))
        self.bar.setLevels(values=self._levels)
        self._draw()
        if size != self._size:
            self._size = size
            tall, wide = size
            keeps_square = max(size) <= SQUARE_UP_TO * min(size) if min(size) else False
            self.box.setAspectLocked(keeps_square, 1.0)
            self.box.setRange(QRectF(0, 0, wide, tall), padding=MARGIN)
        if numbers.size:
            tall, wide = (_block(n, shown) * shown for n, shown in zip(size, numbers.shape, strict=True))
            self.image.setRect(QRectF(0, 0, wide, tall))
        self._read()

    def _draw(self) -> None:
        if self._numbers.size:
            colors = colors_of(self._numbers, *self._levels, self._use)
            self.image.setImage(colors, autoLevels=False, levels=(0, 255))
        else:
            self.image.clear()

    @property
    def levels(self) -> tuple[float, float]:
        """Values at the ends of the colour bar."""
        return self._levels

    # --- reading ----------------------------------------------------------------------------------------

    @property
    def reading(self) -> str:
        return self.reading_label.text()

    def _on_mouse(self, position: QPointF) -> None:
        if not self.box.sceneBoundingRect().contains(position):
            self.point_at(None)
            return
        place = self.box.mapSceneToView(position)
        self.point_at((math.floor(place.y()), math.floor(place.x())))

    def point_at(self, place: tuple[int, int] | None) -> None:
        """Read the value at a row and column of the slice; None reads nothing."""
        self._at = place
        self._read()

    def _read(self) -> None:
        self.reading_label.setText(self._reading_at(self._at) or self._nan_text())

    def _nan_text(self) -> str:
        count = int(np.isnan(self._numbers).sum())
        if not count:
            return ""
        return f"{count:,} cell{'s' if count > 1 else ''} with NaN, drawn in magenta"

    def _reading_at(self, place: tuple[int, int] | None) -> str:
        rows, columns = self._size
        if place is None or not self._numbers.size:
            return ""
        row, column = place
        if not (0 <= row < rows and 0 <= column < columns):
            return ""
        tall, wide = self._numbers.shape
        value = float(self._numbers[row // _block(rows, tall), column // _block(columns, wide)])
        where = (
            f"row {_span(row, rows, tall, self.rows_axis.labels)}, "
            f"column {_span(column, columns, wide, self.columns_axis.labels)}"
        )
        return f"{where}: {'NaN' if math.isnan(value) else f'{value:.6g}'}"

    # --- look -------------------------------------------------------------------------------------------

    def apply_theme(self, theme: Theme) -> None:
        self.canvas.setBackground(theme.color("surface"))
        small = QFont(self.font())
        small.setPointSizeF(FONT_SMALL)
        for axis in (self.rows_axis, self.columns_axis, self.bar.axis):
            axis.setPen(pg.mkPen(theme.border_strong))
            axis.setTextPen(pg.mkPen(theme.muted))
            axis.setTickFont(small)
            axis.setStyle(tickLength=-3, tickTextOffset=4)
        self.bar.axis.enableAutoSIPrefix(False)


def _span(place: int, size: int, shown: int, labels: tuple[str, ...]) -> str:
    """A row or column as read: its number, with its name, or the range that one cell stands for."""
    if labels:
        return f"{place:,} “{labels[place]}”"
    if shown >= size:
        return f"{place:,}"
    block = _block(size, shown)
    first = place // block * block
    last = min(first + block, size) - 1
    return f"{first:,} to {last:,}" if last > first else f"{first:,}"


def _block(size: int, shown: int) -> int:
    """How many rows or columns one cell stands for; of the last cell it may be fewer."""
    return max(1, -(-size // shown)) if shown else 1
