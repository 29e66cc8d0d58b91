"""A slice in numpy's words: what it picks, and one sentence where it is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzotint_app.state.slice_index import ALL, SlicePicks, compose_index, sliced_shape
from mezzotint_sdk.errors import BadInputError

SHAPE = (2, 4, 64, 48)


@pytest.mark.parametrize(
    "text",
    ["", "0", "0, 3", "1, :, 5", "-1", "0, 1:3", "..., 7", "0, ..., 2:9:3", "[0, 2]", ":, :, 60:900", "0,"],
)
def test_a_slice_has_the_shape_that_numpy_gives_it(text: str) -> None:
    array = np.zeros(SHAPE)
    plain = text.strip("[]")
    expected = array[eval(f"np.s_[{plain}]", {"np": np})] if plain else array
    assert sliced_shape(text, SHAPE) == expected.shape


@given(st.lists(st.one_of(st.integers(-3, 2), st.just(":"), st.just("1:")), max_size=3))
def test_whatever_is_inside_has_numpys_shape(parts: list[object]) -> None:
    text = ", ".join(str(part) for part in parts)
    array = np.zeros((3, 3, 3))
    expected = array[eval(f"np.s_[{text}]", {"np": np})] if text else array
    assert sliced_shape(text, array.shape) == expected.shape


@given(st.text(max_size=60))
def test_any_text_is_an_index_or_gets_a_sentence(text: str) -> None:
    sentence = "."
    try:
        sliced_shape(text, SHAPE)
    except BadInputError as error:
        sentence = error.message
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("0, 9", "Dimension 1 has entries 0 to 3; 9 is outside."),
        ("0, 0, 0, 0, 0", "5 parts, but the tensor has 4 dimensions"),
        ("a", "“a” is no index"),
        ("..., ...", "one ... only"),
        ("::-1", "can't be read backwards"),
    ],
)
def test_a_wrong_index_is_explained(text: str, part: str) -> None:
    with pytest.raises(BadInputError, match=part.replace(".", r"\.")):
        sliced_shape(text, SHAPE)


def test_picks_are_written_as_short_as_they_can_be() -> None:
    assert compose_index((0, ALL, 3)) == "0, :, 3"
    assert compose_index((0, ALL)) == "0"
    assert compose_index((ALL, ALL)) == ""
    assert compose_index(()) == ""


def test_a_written_index_moves_the_picks_where_they_can_say_it() -> None:
    picks = SlicePicks((0, 0))
    picks.write("1, 2", SHAPE)
    assert picks.picks == (1, 2)
    assert picks.text is None
    picks.write("1, 2:4", SHAPE)
    assert picks.picks == (1, 2)
    assert picks.index == "1, 2:4"
    picks.write("1", SHAPE)
    assert picks.picks == (1, ALL)
    assert picks.index == "1"
    picks.write("5, 1", SHAPE)
    assert picks.text == "5, 1", "what is outside must not be brought inside silently"
    picks.write("nonsense", SHAPE)
    assert picks.index == "nonsense"


def test_picks_are_kept_for_a_tensor_of_another_size_and_begin_anew_for_other_dimensions() -> None:
    picks = SlicePicks((1, 3))
    picks.fit((2, 2, 8, 8), 2, 0)
    assert picks.picks == (1, 1)
    picks.fit((2, 8, 8), 1, 0)
    assert picks.picks == (0,)
