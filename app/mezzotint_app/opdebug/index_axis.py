"""An axis of a map whose cells have whole numbers, or names such as the tokens of a prompt."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtGui import QFontMetricsF

__all__ = ["IndexAxis", "short_label"]

LEFT_PX = 16  # between two labels
LONGEST = 12  # characters of a name
GAP_PX = 12


def short_label(text: str) -> str:
    """A name that fits an axis; white space can be seen, and how tokenizers mark the ends of words can't."""
    text = text.removesuffix("</w>").lstrip("Ġ▁").removeprefix("<|").removesuffix("|>") or text
    shown = text.replace("\n", "⏎").replace(" ", "␣") if not text.strip() else text.strip()
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


class IndexAxis(pg.AxisItem):
    """Ticks in the middle of cells; as many as there is room for."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.enableAutoSIPrefix(False)
        self._labels: tuple[str, ...] = ()
        self._size = 0

    @property
    def labels(self) -> tuple[str, ...]:
        return self._labels

    def set_cells(self, size: int, labels: tuple[str, ...] = ()) -> None:
        """How many cells there are, and the names of them all, or none."""
        self._size = size
        self._labels = tuple(short_label(label) for label in labels)
        self.picture = None
        self.update()

    def _px_each(self, largest: float) -> float:
        if self.orientation in ("left", "right"):
            return LEFT_PX
        metrics = QFontMetricsF(self.style["tickFont"] or self.font())
        texts = self._labels or (f"{largest:.0f}",)
        return max(metrics.horizontalAdvance(text) for text in texts) + GAP_PX

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        minVal, maxVal = sorted((minVal, maxVal))  # rows run downwards
        if not (math.isfinite(minVal) and math.isfinite(maxVal)) or maxVal <= minVal or size <= 0:
            return []
        least = max(1.0, (maxVal - minVal) * self._px_each(max(abs(minVal), abs(maxVal))) / size)
        power = 10.0 ** math.floor(math.log10(least))
        step = next(int(factor * power) for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
        first = math.ceil((minVal - 0.5) / step) * step
        ticks = [number + 0.5 for number in range(first, math.floor(maxVal - 0.5) + 1, step)]
        return [(float(step), [tick for tick in ticks if 0 < tick < self._size])]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        places = [math.floor(value) for value in values]
        if self._labels:
            return [self._labels[place] if 0 <= place < len(self._labels) else "" for place in places]
        return [f"{place:,}" for place in places]
