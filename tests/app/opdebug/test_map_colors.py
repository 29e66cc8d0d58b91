"""Colours of maps: ends, zero of a difference, and what is no number."""

from __future__ import annotations

import numpy as np
import pytest

from mezzotint_app.opdebug.index_axis import IndexAxis, short_label
from mezzotint_app.opdebug.map_colors import NAN_COLOR, color_levels, color_map, colors_of


def test_the_ends_have_the_maps_ends_and_nan_a_colour_of_its_own() -> None:
    numbers = np.array([[0.0, 1.0, np.nan, np.inf, -np.inf]], np.float32)
    colors = colors_of(numbers, 0.0, 1.0, "values")
    table = color_map("values").getLookupTable(nPts=256, alpha=False)
    assert tuple(colors[0, 0, :3]) == tuple(table[0])
    assert tuple(colors[0, 1, :3]) == tuple(table[255])
    assert tuple(colors[0, 2, :3]) == NAN_COLOR
    assert tuple(colors[0, 3]) == tuple(colors[0, 1]), "infinity is above all numbers"
    assert tuple(colors[0, 4]) == tuple(colors[0, 0])
    assert not any((table == NAN_COLOR).all(axis=1))


def test_zero_is_in_the_middle_of_a_difference() -> None:
    assert color_levels(-1.0, 3.0, "difference") == (-3.0, 3.0)
    assert color_levels(-1.0, 3.0, "values") == (-1.0, 3.0)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (5.0, 5.0), (np.nan, np.inf), (-1e30, -1e30)])
@pytest.mark.parametrize("use", ["values", "difference"])
def test_levels_always_have_a_width(low: float, high: float, use: str) -> None:
    found = color_levels(low, high, use)
    assert found[1] > found[0]
    colors_of(np.full((2, 2), low, np.float32), *found, use)


def test_ticks_are_in_the_middle_of_cells_and_of_no_others(qapp: object) -> None:
    axis = IndexAxis("left")
    axis.set_cells(3)
    ((_, ticks),) = axis.tickValues(3.2, -0.4, 300)  # rows run downwards
    assert ticks == [0.5, 1.5, 2.5]
    assert axis.tickStrings(ticks, 1, 1) == ["0", "1", "2"]
    axis.set_cells(3, ("a", "b", "c"))
    assert axis.tickStrings(ticks, 1, 1) == ["a", "b", "c"]
    axis.set_cells(5000)
    ((step, ticks),) = axis.tickValues(0, 5000, 160)
    assert step == 500
    assert len(ticks) == 10


def test_labels_are_short_and_white_space_is_seen() -> None:
    assert short_label(" ") == "␣"
    assert short_label("\n") == "⏎"
    assert short_label("internationalisation") == "internation…"
    assert [short_label(text) for text in ("apple</w>", "Ġfox", "▁the", "Ġ")] == ["apple", "fox", "the", "Ġ"]
