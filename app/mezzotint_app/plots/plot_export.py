"""What is plotted, as a file: CSV of the numbers, PNG and SVG of the picture."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from mezzotint_app.state.series_buffer import SeriesBuffer

if TYPE_CHECKING:
    from PySide6.QtSvg import QSvgGenerator

__all__ = ["write_csv", "write_png", "write_svg"]


def write_csv(path: Path, buffers: Iterable[SeriesBuffer]) -> int:
    """One line for each point: name, step, value, time (s), unit. Thinned stretches give two lines, their
    lowest and highest value. Returns the number of lines. Raises OSError."""
    lines = 0
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["name", "step", "value", "time", "unit"])
        for buffer in buffers:
            points = buffer.points()
            for step, low, high, time in zip(
                points.steps, points.lows, points.highs, points.times, strict=True
            ):
                for value in (low,) if low == high else (low, high):
                    writer.writerow(
                        [buffer.name, f"{step:g}", repr(float(value)), f"{time:.6f}", buffer.unit]
                    )
                    lines += 1
    return lines


def write_png(path: Path, widget: QWidget) -> None:
    """Raises OSError."""
    if not widget.grab().save(str(path), "PNG"):
        raise OSError(f"The picture can't be written to {path}.")


def write_svg(path: Path, widget: QWidget) -> None:
    """Raises OSError."""
    from PySide6.QtSvg import QSvgGenerator

    generator: QSvgGenerator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setSize(QSize(widget.width(), widget.height()))
    generator.setViewBox(QRect(QPoint(0, 0), widget.size()))
    generator.setTitle("Mezzotint plots")
    painter = QPainter()
    if not painter.begin(generator):
        raise OSError(f"The drawing can't be written to {path}.")
    try:
        widget.render(painter, QPoint(0, 0))
    finally:
        painter.end()
