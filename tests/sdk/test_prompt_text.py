from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mezzotint_sdk.prompt_text import well_formed


@given(st.text(st.characters(codec="utf-8")))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert well_formed(text) == text


@given(st.text(st.characters(categories=("Cs", "L"))))
def test_whatever_comes_can_be_encoded_after(text: str) -> None:
    well_formed(text).encode("utf-8")


def test_halves_are_replaced_and_pairs_are_joined() -> None:
    assert well_formed("a\ud800b") == "a\ufffdb"
    assert well_formed("\ud83d\udc08") == "🐈"
    assert well_formed("cut \ud83d") == "cut \ufffd"
