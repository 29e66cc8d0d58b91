"""Numbers as a person reads them."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from mezzotint_app.plots.measures import format_value, unit_scale
from mezzotint_app.plots.scaled_axis import ScaledAxis
from mezzotint_app.plots.statistics_of_series import clip_limit, spread_of


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12.345, "ms", "12.3 ms"),
        (1234.0, "ms", "1,234 ms"),
        (1600.0, "ms", "1.60 s"),
        (150_000.0, "ms", "2.50 min"),
        (0.05, "ms", "50.0 µs"),
        (0.0, "ms", "0 ms"),
        (float("nan"), "ms", "–"),
        (3 * 1024.0**3, "bytes", "3.00 GiB"),
        (500 * 1024.0**2, "bytes", "500 MiB"),
        (12.0, "bytes", "12 B"),
        (0.0, "bytes", "0 B"),
        (90.0, "s", "90.0 s"),
        (7200.0, "s", "2.00 h"),
        (21.5, "1/s", "21.5/s"),
        (0.25, "", "0.25"),
        (0.0123, "", "0.0123"),
        (-20.0, "ms", "-20.0 ms"),
    ],
)
def test_values_have_the_unit_that_suits_them(value: float, unit: str, text: str) -> None:
    assert format_value(value, unit) == text


def test_an_endless_value_keeps_its_unit() -> None:
    assert unit_scale(float("inf"), "ms") == (1.0, "ms")


def test_spread_is_numpys() -> None:
    values = np.random.default_rng(0).gamma(9.0, 2.0, 999)
    spread = spread_of(np.append(values, np.nan))
    assert spread is not None
    assert spread.median == np.median(values)
    assert spread.p95 == np.percentile(values, 95)
    assert spread.largest == values.max()
    assert spread_of(np.array([np.nan])) is None


def test_a_warm_up_is_cut_and_ordinary_scatter_is_not() -> None:
    values = np.random.default_rng(0).normal(50.0, 2.0, 100)
    assert clip_limit(values) is None
    values[0] = 900.0
    limit = clip_limit(values)
    assert limit is not None
    assert 50 < limit < 150
    assert clip_limit(values[:3]) is None


@pytest.mark.parametrize(
    ("span", "unit", "size", "whole", "texts"),
    [
        ((0.0, 0.85), "s", 100.0, False, ["0", "0.5 s"]),
        ((0.07, 1.35), "s", 110.0, False, ["0.5 s", "1.0 s"]),
        ((0.07, 0.85), "s", 100.0, False, ["0.5 s"]),  # four labels would run into each other
        ((0.0, 1.0), "", 100.0, True, ["0", "1"]),
        ((0.0, 19.3), "", 120.0, True, ["0", "10"]),
    ],
)
def test_ticks_are_round_apart_and_at_least_two(
    qtbot: QtBot, span: tuple[float, float], unit: str, size: float, whole: bool, texts: list[str]
) -> None:
    axis = ScaledAxis("bottom", unit, whole=whole)
    axis.setRange(*span)
    ((spacing, values),) = axis.tickValues(*span, size)
    assert axis.tickStrings(values, 1.0, spacing) == texts
