"""Files that are read back by other programs: CSV as numbers, PNG as a picture, SVG as lines and text."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel, QToolButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from mezzotint_app.plots.plot_export import picture_of, write_csv, write_png, write_svg
from mezzotint_app.state.series_buffer import Points


@pytest.fixture
def drawing(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    layout = QVBoxLayout(widget)
    layout.addWidget(QLabel("median 12 ms"))
    button = QToolButton()
    button.setText("menu")
    layout.addWidget(button)
    widget.resize(120, 80)
    qtbot.addWidget(widget)
    widget.show()
    return widget


def test_csv_gives_back_each_number(tmp_path: Path) -> None:
    steps = np.arange(3.0)
    values = np.array([0.1, float("nan"), 1e300])
    thinned = Points(steps[:1], np.array([1.0]), np.array([2.0]), steps[:1])
    path = tmp_path / "run.csv"
    lines = write_csv(path, [("a", "ms", Points(steps, values, values, steps / 3)), ("b/ü", "", thinned)])
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert lines == len(rows) == 5
    np.testing.assert_array_equal([float(row["value"]) for row in rows], [0.1, np.nan, 1e300, 1.0, 2.0])
    assert [row["name"] for row in rows] == ["a", "a", "a", "b/ü", "b/ü"]
    assert [float(row["step"]) for row in rows] == [0, 1, 2, 0, 0]
    assert float(rows[1]["time"]) == pytest.approx(1 / 3, abs=1e-6)
    assert rows[0]["unit"] == "ms"


def test_a_place_that_cant_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_csv(tmp_path / "missing" / "run.csv", [])
    (tmp_path / "taken.csv").mkdir()
    with pytest.raises(OSError):
        write_csv(tmp_path / "taken.csv", [])
    assert [path.name for path in tmp_path.iterdir()] == ["taken.csv"]


def test_png_is_twice_as_fine_and_has_no_buttons(drawing: QWidget, tmp_path: Path) -> None:
    write_png(tmp_path / "plots.png", drawing)
    image = QImage(str(tmp_path / "plots.png"))
    assert (image.width(), image.height()) == (240, 160)
    button = drawing.findChild(QToolButton)
    assert button is not None
    assert button.isVisible()
    button.hide()
    assert picture_of(drawing).toImage() == picture_of(drawing).toImage()


def test_svg_keeps_text(drawing: QWidget, tmp_path: Path) -> None:
    write_svg(tmp_path / "plots.svg", drawing)
    root = ElementTree.parse(tmp_path / "plots.svg").getroot()
    text = "".join(root.itertext())
    assert "median 12 ms" in text
    assert "menu" not in text
    label = drawing.findChild(QLabel)
    assert label is not None
    wanted = label.font().pointSizeF() * drawing.logicalDpiY() / 72
    sizes = {float(part.get("font-size", "0")) for part in root.iter() if part.get("font-size")}
    assert min(abs(size - wanted) for size in sizes) < 1.0, "as large as in the window"
    with pytest.raises(OSError):
        write_svg(tmp_path / "missing" / "plots.svg", drawing)
