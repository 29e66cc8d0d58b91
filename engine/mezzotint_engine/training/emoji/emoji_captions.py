"""Captions of the selected emoji: one main caption each, and looser ones that make prompts forgiving.

The main caption is the Unicode name in lower case; evaluation asks for it and nothing else. The looser ones
are made from the names by rule: the name without filler words, its single telling words, and frames like
"a ... emoji".
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .emoji_selection import Emoji

FILLERS = frozenset({"face", "with", "sign", "symbol", "of", "and", "on", "in", "for", "the", "a", "at"})
FRAMES = ("{}", "a {}", "{} emoji", "a {} emoji", "a picture of a {}", "{}, {group}")
SHARED_AT_MOST = 8  # a word in more names than this says too little to stand for one of them


class CaptionedEmoji(NamedTuple):
    """An emoji with its main caption and its looser captions (without frames)."""

    codepoint: int
    name: str
    group: str
    caption: str
    variants: tuple[str, ...]


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", name) if word]


def _telling_words(name: str) -> list[str]:
    return [word for word in _words(name) if word not in FILLERS and len(word) > 2]


def caption_emoji(selected: Sequence[Emoji]) -> list[CaptionedEmoji]:
    """Give each emoji its captions; a looser caption never equals the main caption of another emoji."""
    main_captions = {emoji.name for emoji in selected}
    word_counts = Counter(word for emoji in selected for word in set(_telling_words(emoji.name)))
    captioned = []
    for emoji in selected:
        telling = _telling_words(emoji.name)
        loose = [" ".join(_words(emoji.name)), " ".join(telling)]
        loose += [word for word in telling if word_counts[word] <= SHARED_AT_MOST]
        variants = tuple(dict.fromkeys(text for text in loose if text and text not in main_captions))
        captioned.append(CaptionedEmoji(emoji.codepoint, emoji.name, emoji.group, emoji.name, variants))
    return captioned


def training_captions(emoji: CaptionedEmoji) -> list[str]:
    """What this emoji is called in training besides its main caption: variants, and all of it in frames."""
    plain = (emoji.caption, *emoji.variants)
    framed = [frame.format(text, group=emoji.group) for text in plain for frame in FRAMES]
    return [text for text in dict.fromkeys(framed) if text != emoji.caption]


def write_captions(captioned: Sequence[CaptionedEmoji], path: Path) -> None:
    """Write captions.json: a list of objects with codepoints, name, group, caption, variants."""
    rows = [
        {
            "codepoints": [emoji.codepoint],
            "name": emoji.name,
            "group": emoji.group,
            "caption": emoji.caption,
            "variants": list(emoji.variants),
        }
        for emoji in captioned
    ]
    lines = ",\n".join(json.dumps(row) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def read_captions(path: Path) -> list[CaptionedEmoji]:
    """Read captions.json back, in the order of the training data."""
    return [
        CaptionedEmoji(
            row["codepoints"][0], row["name"], row["group"], row["caption"], tuple(row["variants"])
        )
        for row in json.loads(path.read_text(encoding="utf-8"))
    ]
