"""Which emoji the bundled model is trained on: a rule that was fixed before any training.

The rule: of the emoji of Unicode 6.0 and 6.1 with one code point and emoji presentation by default, those of
the everyday groups in `GROUPS`, which are whole runs of the code charts. Left out of these runs are only the
eight phases of the moon (U+1F311 to U+1F318): they are a table of one picture in eight states. Outside of the
runs, and so left out, are clock faces, buttons, arrows, signs, flags, keycaps, hands, persons, tools.
No emoji is added or removed because of how well it comes out.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple


class Group(NamedTuple):
    """A run of code points, both ends included, and the word that names it in captions."""

    word: str
    first: int
    last: int


GROUPS: tuple[Group, ...] = (
    Group("weather", 0x1F300, 0x1F30C),
    Group("sky", 0x1F30D, 0x1F320),
    Group("plant", 0x1F330, 0x1F335),
    Group("plant", 0x1F337, 0x1F344),
    Group("food", 0x1F345, 0x1F37C),
    Group("party", 0x1F380, 0x1F393),
    Group("activity", 0x1F3A0, 0x1F3C4),
    Group("activity", 0x1F3C6, 0x1F3CA),
    Group("building", 0x1F3E0, 0x1F3F0),
    Group("animal", 0x1F400, 0x1F43E),
    Group("clothes", 0x1F451, 0x1F462),
    Group("face", 0x1F600, 0x1F637),
    Group("cat", 0x1F638, 0x1F640),
    Group("vehicle", 0x1F680, 0x1F6A4),
)
MOON_PHASES = range(0x1F311, 0x1F319)


class Emoji(NamedTuple):
    """One selected emoji: its code point, its Unicode name in lower case, and its group's word."""

    codepoint: int
    name: str
    group: str

    @property
    def character(self) -> str:
        """The emoji itself, as a string of length 1."""
        return chr(self.codepoint)


def select_emoji() -> list[Emoji]:
    """All emoji of the rule, in code point order; the same on every machine with Unicode 6.1 or later."""
    return [
        Emoji(codepoint, unicodedata.name(chr(codepoint)).lower(), group.word)
        for group in GROUPS
        for codepoint in range(group.first, group.last + 1)
        if codepoint not in MOON_PHASES
    ]
