"""Facts and statistics of the tensor that is looked at, in as many columns as there is room for."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.opdebug.tensor_list_view import shape_text
from mezzotint_app.plots.measures import format_value
from mezzotint_app.state.tensor_view_state import TensorViewState
from mezzotint_sdk.debug_records import TensorFacts, TensorStatistics

__all__ = ["TensorFactsView", "facts_of", "number_text", "statistics_of"]

PAIR_PX = 160  # a title and its value
MOST_COLUMNS = 3
MOST_FACTS = 24

Fact = tuple[str, str, str]  # title, value, role of the value's label


def number_text(value: float | None) -> str:
    """A number to six digits; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.6g}"


def facts_of(facts: TensorFacts, sharing: tuple[str, ...]) -> list[Fact]:
    """What is known of a tensor without its values, beside shape and type."""
    count = math.prod(facts.shape)
    strides = ", ".join(str(stride) for stride in facts.strides) if facts.strides else "–"
    memory = f"shared with {', '.join(sharing)}" if sharing else "not shared here"
    if facts.version < 0:
        version = "not counted"
    else:
        times = "once" if facts.version == 1 else f"{facts.version:,} times"
        version = "0, never written in place" if not facts.version else f"{facts.version}, written {times}"
    found: list[Fact] = [
        ("Strides", strides, ""),
        ("Device", facts.device, ""),
        ("Size", f"{count:,} elements, {format_value(facts.nbytes, 'bytes')}", ""),
        ("Memory", memory, ""),
        ("Version", version, ""),
    ]
    if facts.requires_grad:
        found.append(("Gradient", "required", ""))
    if facts.kind and facts.kind != "Tensor":
        found.append(("Class", facts.kind, ""))
    if facts.edited:
        found.append(("Edited", "yes, at this stop", "warning"))
    return found


def statistics_of(statistics: TensorStatistics) -> list[Fact]:
    """What the values are like."""
    bad = "error"
    return [
        ("Minimum", number_text(statistics.minimum), ""),
        ("Maximum", number_text(statistics.maximum), ""),
        ("Mean", number_text(statistics.mean), ""),
        ("Std", number_text(statistics.std), ""),
        ("Norm", number_text(statistics.norm), ""),
        ("Zeros", f"{statistics.zeros:,}", ""),
        ("NaN", f"{statistics.nan:,}", bad if statistics.nan else ""),
        ("Inf", f"{statistics.inf:,}", bad if statistics.inf else ""),
    ]


class TensorFactsView(QWidget):
    """Pairs of title and value, column by column."""

    def __init__(self, view: TensorViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self.facts: list[Fact] = []
        self._columns = 1
        self._pairs: list[tuple[QLabel, QLabel]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        self._grid.setHorizontalSpacing(SPACING)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self.setAccessibleName("Facts and statistics of the tensor")
        view.tensorsChanged.connect(self.refresh)
        view.lookChanged.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        view, facts = self._view, self._view.facts
        found: list[Fact] = []
        if facts is not None:
            found = [("Shape", shape_text(facts.shape), ""), ("Type", facts.dtype, "")]
            if view.look is not None and view.look.statistics.count:
                found.append(("Values of", self._values_of(), ""))
                found += statistics_of(view.look.statistics)
            found += facts_of(facts, view.place.sharing(facts))
        if found != self.facts:
            self.facts = found
            self._show()

    def _values_of(self) -> str:
        """Which values the statistics are of."""
        settings, index = self._view.settings, self._view.slice_picks.index
        if settings.kind == "attention":
            return f"head {settings.head}"
        part = f"[{index}]" if index else "all of it"
        return f"{part} minus {settings.against}" if settings.against else part

    def _show(self) -> None:
        while len(self._pairs) < len(self.facts):
            title, value = text_label("", "muted", self), text_label("", "", self)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setWordWrap(True)
            value.setMinimumWidth(1)
            self._pairs.append((title, value))
            self._place(len(self._pairs) - 1)
            self._grid.setRowStretch(MOST_FACTS, 1)
        for place, (title, value) in enumerate(self._pairs):
            is_used = place < len(self.facts)
            title.setVisible(is_used)
            value.setVisible(is_used)
            if is_used:
                name, text, role = self.facts[place]
                title.setText(name)
                value.setText(text)
                value.setToolTip(text)
                value.setAccessibleName(f"{name}: {text}")
                if value.property("role") != role:
                    value.setProperty("role", role)
                    value.style().unpolish(value)
                    value.style().polish(value)

    def _place(self, place: int) -> None:
        row, column = divmod(place, self._columns)
        title, value = self._pairs[place]
        self._grid.addWidget(title, row, column * 2, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(value, row, column * 2 + 1, Qt.AlignmentFlag.AlignTop)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        columns = max(1, min(MOST_COLUMNS, self.width() // PAIR_PX))
        if columns != self._columns:
            self._columns = columns
            for column in range(MOST_COLUMNS):
                self._grid.setColumnStretch(column * 2 + 1, 1 if column < columns else 0)
            for place in range(len(self._pairs)):
                self._place(place)
