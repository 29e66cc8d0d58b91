"""The legend takes no more rows than it may, and loses nothing by it."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from mezzotint_app.plots.legend_row import CHIP_PX, LegendEntry, LegendRow

ENTRIES = [
    LegendEntry("step", "step", "23.7 ms"),
    LegendEntry("median", "median", "24.5 ms"),
    LegendEntry("p95", "p95", "36.5 ms"),
    LegendEntry("clipped", "12 above", "up to 1,200 ms", swatch="peak"),
]


@pytest.fixture
def legend(qtbot: QtBot) -> LegendRow:
    row = LegendRow(None)  # type: ignore[arg-type]
    qtbot.addWidget(row)
    row.resize(600, CHIP_PX)
    row.show()
    row.set_entries(ENTRIES)
    return row


def chips(legend: LegendRow) -> list[QAbstractButton]:
    return [chip for key in legend.keys if (chip := legend.chip(key)) is not None]


def needed(legend: LegendRow) -> int:
    """Pixels that all entries side by side take."""
    return max(chip.geometry().right() for chip in chips(legend)) + 1


def test_with_room_all_are_in_one_row(legend: LegendRow) -> None:
    assert legend.height() == CHIP_PX
    assert all(chip.isVisible() for chip in chips(legend))
    assert not legend.more.isVisible()


def test_a_few_pixels_short_they_move_closer(legend: LegendRow) -> None:
    legend.set_most_rows(1)
    legend.resize(needed(legend) - 10, CHIP_PX)
    assert legend.height() == CHIP_PX
    assert all(chip.isVisible() for chip in chips(legend))
    assert not legend.more.isVisible()


def test_what_does_not_fit_is_one_click_away(legend: LegendRow) -> None:
    legend.set_most_rows(1)
    legend.resize(needed(legend) // 2, CHIP_PX)
    assert legend.height() == CHIP_PX
    left_out = [chip for chip in chips(legend) if not chip.isVisible()]
    assert left_out
    assert legend.more.entry.title == f"+{len(left_out)}"
    assert all(chip.accessibleName() in legend.more.toolTip() for chip in left_out)
    assert "12 above" in legend.text, "screen readers hear all of it"
    legend.more.click()
    assert all(chip.isVisible() for chip in chips(legend))
    assert legend.height() > CHIP_PX
    assert all(legend.rect().contains(chip.geometry()) for chip in chips(legend))
    legend.more.click()
    assert legend.height() == CHIP_PX
    legend.resize(600, CHIP_PX)
    assert not legend.more.isVisible()


def test_no_two_overlap_at_any_width(legend: LegendRow) -> None:
    legend.set_most_rows(2)
    for width in range(60, 600, 30):
        legend.resize(width, CHIP_PX)
        places = [chip.geometry() for chip in (*chips(legend), legend.more) if chip.isVisible()]
        assert places
        for index, place in enumerate(places):
            assert not any(place.intersects(other) for other in places[index + 1 :])
