"""What is plotted, as a file: CSV of the numbers, PNG and SVG of the picture."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QPoint, QRect
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QToolButton, QWidget

from mezzotint_app.look.theme import theme_manager
from mezzotint_app.state.series_buffer import Points

__all__ = ["picture_of", "write_csv", "write_png", "write_svg"]


def write_csv(path: Path, series: Iterable[tuple[str, str, Points]]) -> int:
    """One line for each point: name, step, value, time (s), unit; `series` has (name, unit, points).

    Thinned stretches give two lines, their lowest and highest value. Returns the number of lines.
    Raises OSError.
    """
    lines = 0
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["name", "step", "value", "time", "unit"])
            for name, unit, points in series:
                rows = zip(
                    points.steps.tolist(),
                    points.lows.tolist(),
                    points.highs.tolist(),
                    points.times.tolist(),
                    strict=True,
                )
                for step, low, high, time in rows:
                    # NaN is unlike itself: `high != high` keeps it to one line
                    for value in (high,) if low == high or high != high else (low, high):
                        writer.writerow([name, f"{step:.15g}", repr(value), f"{time:.6f}", unit])
                        lines += 1
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return lines


def write_png(path: Path, widget: QWidget) -> None:
    """Raises OSError."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture_of(widget).save(buffer, "PNG")
    path.write_bytes(buffer.data().data())


def write_svg(path: Path, widget: QWidget) -> None:
    """Lines stay lines and text stays text. Raises OSError."""
    from PySide6.QtSvg import QSvgGenerator

    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setResolution(widget.logicalDpiX())  # else text is smaller than the room that was made for it
    generator.setSize(widget.size())
    generator.setViewBox(QRect(QPoint(0, 0), widget.size()))
    generator.setTitle("Mezzotint plots")
    painter = QPainter(generator)
    try:
        with _without_buttons(widget):
            widget.render(painter, QPoint(0, 0))
    finally:
        painter.end()
    path.write_bytes(buffer.data().data())


def picture_of(widget: QWidget, scale: float = 2.0) -> QPixmap:
    """A card or the board of cards as it is, without its buttons, drawn at `scale` times its size."""
    pixmap = QPixmap(widget.size() * scale)
    pixmap.setDevicePixelRatio(scale)
    pixmap.fill(theme_manager().theme.color("surface"))
    with _without_buttons(widget):
        widget.render(pixmap)
    return pixmap


@contextmanager
def _without_buttons(widget: QWidget) -> Iterator[None]:
    """What can only be clicked has no place in a picture."""
    buttons = [button for button in widget.findChildren(QToolButton) if not button.isHidden()]
    for button in buttons:
        button.hide()
    try:
        yield
    finally:
        for button in buttons:
            button.show()
