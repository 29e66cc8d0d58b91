"""What the gutter shows of the breakpoints of a line: a dot, a dot with a bar where it has conditions, a
diamond where it only prints; hollow while it is disabled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from mezzotint_app.look.theme import theme_manager
from mezzotint_app.state.breakpoint_conditions import condition_text, manner_text, says_more
from mezzotint_sdk.debug_records import Breakpoint

__all__ = ["LineMark", "line_marks", "paint_mark"]


@dataclass(frozen=True)
class LineMark:
    """All breakpoints of one line. `texts` has one for each, as a tooltip says it."""

    enabled: bool
    has_conditions: bool  # each of them stops only where something more holds
    prints: bool  # each of them prints and goes on
    texts: tuple[str, ...]


def line_marks(breakpoints: Iterable[Breakpoint], file: str) -> dict[int, LineMark]:
    """The lines of a source file that have breakpoints."""
    found: dict[int, list[Breakpoint]] = {}
    for point in breakpoints:
        if point.file and point.line and file.endswith(point.file):
            found.setdefault(point.line, []).append(point)
    marks = {}
    for line, points in found.items():
        ready = [point for point in points if point.enabled]
        shown = ready or points
        marks[line] = LineMark(
            enabled=bool(ready),
            has_conditions=all(says_more(point) for point in shown),
            prints=all(point.log for point in shown),
            texts=tuple(_text(point) for point in points),
        )
    return marks


def _text(point: Breakpoint) -> str:
    parts = [condition_text(point), manner_text(point), "" if point.enabled else "disabled"]
    return f"Breakpoint: {', '.join(part for part in parts if part)}"


def paint_mark(painter: QPainter, box: QRectF, mark: LineMark) -> None:
    """Draw it into a square."""
    theme = theme_manager().theme
    painter.setPen(QPen(theme.color("danger"), 1.2))
    painter.setBrush(theme.color("danger") if mark.enabled else Qt.BrushStyle.NoBrush)
    middle = box.center()
    if mark.prints:
        half = box.width() / 2 + 0.5
        corners = ((0.0, -half), (half, 0.0), (0.0, half), (-half, 0.0))
        painter.drawPolygon(QPolygonF([middle + QPointF(x, y) for x, y in corners]))
    else:
        painter.drawEllipse(box)
    if mark.has_conditions:  # an equals sign: something more must hold
        painter.setPen(QPen(theme.color("surface" if mark.enabled else "danger"), 1.4))
        for y in (-1.5, 1.5):
            painter.drawLine(middle + QPointF(-2.5, y), middle + QPointF(2.5, y))
