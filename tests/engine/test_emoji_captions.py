"""The rule that selects emoji, their captions, and the captions.json that is shipped."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from mezzotint_engine.training.emoji.emoji_captions import (
    caption_emoji,
    read_captions,
    training_captions,
    write_captions,
)
from mezzotint_engine.training.emoji.emoji_selection import Emoji, select_emoji

MODEL_FOLDER = Path(__file__).parents[2] / "assets" / "models" / "emoji-64"


def test_rule_selects_a_fixed_number_of_distinct_emoji() -> None:
    selected = select_emoji()
    assert len(selected) == 363
    assert len({emoji.codepoint for emoji in selected}) == 363
    assert len({emoji.name for emoji in selected}) == 363
    assert selected == select_emoji()


@pytest.mark.parametrize("name", ["red apple", "tiger face", "grinning face", "rocket", "slice of pizza"])
def test_well_known_emoji_are_selected(name: str) -> None:
    assert name in {emoji.name for emoji in select_emoji()}


@pytest.mark.parametrize("character", ["🌑", "🌘", "🕐", "🔀", "👍", "🇫", "🚻"])
def test_excluded_groups_are_not_selected(character: str) -> None:
    assert character not in {emoji.character for emoji in select_emoji()}


def test_main_caption_is_the_unicode_name() -> None:
    for emoji in caption_emoji(select_emoji()):
        assert emoji.caption == unicodedata.name(chr(emoji.codepoint)).lower()


def test_no_loose_caption_is_the_main_caption_of_another_emoji() -> None:
    captioned = caption_emoji(select_emoji())
    main = {emoji.caption: emoji.codepoint for emoji in captioned}
    for emoji in captioned:
        for text in training_captions(emoji):
            assert main.get(text, emoji.codepoint) == emoji.codepoint


def test_loose_captions_drop_fillers_and_keep_telling_words() -> None:
    cat_face, cat = Emoji(0x1F431, "cat face", "animal"), Emoji(0x1F408, "cat", "animal")
    pizza = Emoji(0x1F355, "slice of pizza", "food")
    by_name = {emoji.name: emoji for emoji in caption_emoji([cat_face, cat, pizza])}
    assert by_name["slice of pizza"].variants == ("slice pizza", "slice", "pizza")
    assert by_name["cat face"].variants == ()
    assert "a pizza emoji" in training_captions(by_name["slice of pizza"])


def test_shipped_captions_are_those_of_the_rule(tmp_path: Path) -> None:
    captioned = caption_emoji(select_emoji())
    assert read_captions(MODEL_FOLDER / "captions.json") == captioned
    write_captions(captioned, tmp_path / "captions.json")
    assert (tmp_path / "captions.json").read_bytes() == (MODEL_FOLDER / "captions.json").read_bytes()
