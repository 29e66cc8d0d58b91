"""Arrays of a trace are looked at here as tensors are in the engine."""

from __future__ import annotations

import numpy as np
import pytest

from mezzotint_app.state.array_look import look_at_array
from mezzotint_sdk.debug_records import TensorFacts, TensorView
from mezzotint_sdk.errors import BadInputError

FACTS = TensorFacts(name="out")
ARRAY = np.random.default_rng(0).normal(size=(2, 3, 40, 30)).astype(np.float32)


def test_a_page_of_numbers_of_a_slice() -> None:
    look, array = look_at_array(ARRAY, FACTS, TensorView(index="1, 2", first_row=10, rows=5, columns=4))
    assert array is not None
    assert np.array_equal(array, ARRAY[1, 2, 10:15, :4].astype(np.float64))
    assert (look.rows, look.columns, look.slice_shape) == (40, 30, (40, 30))
    assert look.statistics.mean == pytest.approx(float(ARRAY[1, 2].mean()), rel=1e-5)
    assert look_at_array(np.arange(4, dtype=np.uint8), FACTS, TensorView())[1].dtype == np.int64  # type: ignore[union-attr]


def test_a_thinned_map_keeps_extremes_and_nan() -> None:
    big = np.zeros((1000, 700), np.float32)
    big[501, 301], big[7, 7] = -9, np.nan
    look, array = look_at_array(big, FACTS, TensorView(kind="heat_map", rows=100, columns=100))
    assert array is not None
    assert array.shape == (100, 100)
    assert array[50, 43] == -9
    assert np.isnan(array[0, 1])
    assert (look.rows, look.columns) == (1000, 700)
    assert look.statistics.nan == 1


def test_a_histogram_leaves_out_what_is_no_number() -> None:
    look, array = look_at_array(
        np.array([0.0, 0, 1, np.nan, np.inf]), FACTS, TensorView(kind="histogram", bins=2)
    )
    assert array is None
    assert look.histogram == (2, 1)
    assert look.edges == (0, 0.5, 1)


@pytest.mark.parametrize(
    "shape", [(3, 20, 10), (20, 10, 3), (20, 10), (4, 20, 10), (1, 3, 20, 10), (2, 20, 10)]
)
def test_pictures_have_three_colours(shape: tuple[int, ...]) -> None:
    _, array = look_at_array(np.full(shape, 0.5), FACTS, TensorView(kind="picture"))
    assert array is not None
    assert array.shape == (20, 10, 3)
    assert array.dtype == np.uint8
    assert np.all(array == 128)


def test_channels_lie_in_a_grid() -> None:
    planes = np.zeros((5, 4, 4))
    planes[4, 0, 0] = 1
    _, array = look_at_array(planes, FACTS, TensorView(kind="channels"))
    assert array is not None
    assert array.shape == (2 * 5 - 1, 3 * 5 - 1, 3)
    assert list(np.argwhere(array[..., 0] == 255)[0]) == [5, 5]


def test_attention_has_heads() -> None:
    look, array = look_at_array(ARRAY, FACTS, TensorView(kind="attention", index="1", head=2))
    assert look.heads == 3
    assert array is not None
    assert np.array_equal(array, ARRAY[1, 2])


@pytest.mark.parametrize(
    ("view", "part"),
    [
        (TensorView(kind="latent"), "needs the run's model"),
        (TensorView(against="a"), "needs the run"),
        (TensorView(index="0, 9"), "9 is outside"),
        (TensorView(kind="channels", index="0, 0"), "Channels need"),
    ],
)
def test_what_a_trace_can_not_show_is_said(view: TensorView, part: str) -> None:
    with pytest.raises(BadInputError, match=part):
        look_at_array(ARRAY, FACTS, view)


@pytest.mark.parametrize("kind", ["numbers", "heat_map", "histogram", "picture", "channels", "attention"])
@pytest.mark.parametrize(
    "array",
    [np.zeros((0, 3, 3)), np.full((2, 3, 3), np.nan), np.zeros((2, 3, 3), bool), np.ones((2, 3, 3)) * 1j],
)
def test_odd_arrays_are_looked_at_or_refused_in_words(kind: str, array: np.ndarray) -> None:
    try:
        look, _ = look_at_array(array, FACTS, TensorView(kind=kind))  # type: ignore[arg-type]
    except BadInputError as error:
        assert error.message.endswith(".")  # noqa: PT017 - most are no error
    else:
        assert look.kind == kind
