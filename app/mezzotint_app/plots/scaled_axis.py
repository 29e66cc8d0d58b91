"""An axis in the unit that reads best: 200 ms or 1.5 s, 512 MiB or 3 GiB, and round numbers of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QRectF

from mezzotint_app.plots.measures import unit_scale

__all__ = ["ScaledAxis"]

PX_PER_TICK = {"left": 30, "bottom": 64}  # so many pixels for one labelled tick
LEAST_PX = {"left": 16, "bottom": 40}
MOST_TICKS = 7
LABEL_PX = 8  # half of the height of a label


class ScaledAxis(pg.AxisItem):
    """`unit` as in measures.unit_scale; `whole`: only whole numbers get a tick (there is no step 2.5)."""

    def __init__(self, orientation: str, unit: str = "", *, whole: bool = False) -> None:
        super().__init__(orientation)
        self.unit = unit
        self.whole = whole
        self.enableAutoSIPrefix(False)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        """Ticks at 1, 2 or 5 times a power of ten of the shown unit (of bytes: powers of two)."""
        if not (math.isfinite(minVal) and math.isfinite(maxVal)) or maxVal <= minVal:
            return []
        divisor, name = unit_scale(max(abs(minVal), abs(maxVal)), self.unit)
        wanted = min(max(2.0, size / PX_PER_TICK[self.orientation]), MOST_TICKS)
        is_binary = name in ("B", "KiB", "MiB")
        spacing = _nice((maxVal - minVal) / divisor / wanted, binary=is_binary)
        places = self._places(minVal, maxVal, spacing * divisor, divisor)
        if len(places[1]) < 2:  # one label says nothing of the scale
            finer = _nice(spacing / 2.5, binary=is_binary)
            more = self._places(minVal, maxVal, finer * divisor, divisor)
            if len(more[1]) * LEAST_PX[self.orientation] <= size:
                places = more
        return [places]

    def _places(self, least: float, most: float, spacing: float, divisor: float) -> tuple[float, list[float]]:
        if self.whole:
            spacing = max(divisor, spacing)
        first, last = math.ceil(least / spacing - 1e-9), math.floor(most / spacing + 1e-9)
        return spacing, [number * spacing for number in range(first, last + 1)]

    def boundingRect(self) -> QRectF:
        """Room for the lower half of the lowest label and the upper half of the highest.

        With a grid pyqtgraph (0.14) leaves none, and then drops these labels: the axis has no zero.
        """
        rect: QRectF = super().boundingRect()
        if self.orientation == "left" and self.grid is not False:
            return rect.adjusted(0, -LABEL_PX, 0, LABEL_PX)
        return rect

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        if not len(values):
            return []
        divisor, name = unit_scale(max(abs(self.range[0]), abs(self.range[1])), self.unit)
        step = spacing / divisor
        digits = max(0, min(4, math.ceil(-math.log10(step) - 1e-9))) if step > 0 else 0
        return [
            "0" if value == 0 else f"{value / divisor:,.{digits}f}{' ' + name if name else ''}"
            for value in values
        ]


def _nice(spacing: float, *, binary: bool) -> float:
    """The round number at or above `spacing`."""
    if binary:
        return float(2.0 ** math.ceil(math.log2(max(spacing, 1.0))))
    power = 10.0 ** math.floor(math.log10(spacing))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= spacing * (1 - 1e-9))
