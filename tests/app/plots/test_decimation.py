"""Thinning to pixels: nothing that is visible may be lost, whatever the points are like."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mezzotint_app.plots.decimation import decimate


@st.composite
def curves(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    seed = draw(st.integers(0, 2**32 - 1))
    count = draw(st.integers(0, 3000))
    rng = np.random.default_rng(seed)
    gaps = rng.choice([0.0, 1.0, 50.0], count) if draw(st.booleans()) else np.ones(count)
    return np.cumsum(gaps), rng.normal(size=count)


@given(curves(), st.integers(1, 200), st.floats(0, 1), st.floats(0, 1))
def test_extremes_of_what_is_visible_are_kept(
    curve: tuple[np.ndarray, np.ndarray], columns: int, start: float, end: float
) -> None:
    x, values = curve
    whole = float(x[-1]) if len(x) else 1.0
    first, last = sorted((start * whole, end * whole + 1e-3))
    shown_x, shown_y = decimate(x, values, values, first, last, columns)
    assert len(shown_x) == len(shown_y) <= 4 * columns + 4
    assert np.all(np.diff(shown_x) >= 0)
    inside = (x >= first) & (x <= last)
    if inside.any():
        assert values[inside].max() <= shown_y.max()
        assert values[inside].min() >= shown_y.min()
    # nothing is invented, and nothing far away is drawn
    assert np.isin(shown_y, values).all()


@given(st.integers(0, 2**32 - 1), st.integers(10, 100))
def test_each_column_has_its_own_lowest_and_highest(seed: int, columns: int) -> None:
    count = 5000
    x = np.arange(count, dtype=float)
    values = np.random.default_rng(seed).normal(size=count)
    shown_x, shown_y = decimate(x, values, values, 0.0, float(count), columns)
    starts = shown_x[::2].astype(int)
    for place, start in enumerate(starts):
        end = starts[place + 1] if place + 1 < len(starts) else count
        assert shown_y[2 * place] == values[start:end].min()
        assert shown_y[2 * place + 1] == values[start:end].max()
    assert len(starts) <= columns + 2


def test_few_points_are_drawn_as_they_are() -> None:
    x, values = np.arange(5.0), np.array([1.0, 9.0, 2.0, 8.0, 3.0])
    shown_x, shown_y = decimate(x, values, values, 0.0, 4.0, 100)
    np.testing.assert_array_equal(shown_x, x)
    np.testing.assert_array_equal(shown_y, values)


def test_thinned_stretches_show_both_ends() -> None:
    shown_x, shown_y = decimate(np.arange(2.0), np.array([1.0, 2.0]), np.array([5.0, 6.0]), 0.0, 1.0, 100)
    assert shown_x.tolist() == [0, 0, 1, 1]
    assert shown_y.tolist() == [1, 5, 2, 6]


def test_gaps_do_not_swallow_their_neighbours() -> None:
    values = np.arange(1000.0)
    values[::2] = np.nan
    _, shown_y = decimate(np.arange(1000.0), values, values, 0.0, 999.0, 50)
    assert np.nanmax(shown_y) == 999.0
