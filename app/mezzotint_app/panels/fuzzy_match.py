"""Finds titles by a few letters of them, best first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["fuzzy_score", "ranked"]

Item = TypeVar("Item")


def fuzzy_score(pattern: str, title: str) -> int | None:
    """How well the letters of `pattern` occur in `title`, in order, in any case; None if they don't.

    Letters at the start of a word and letters in a row count more; gaps count less.
    """
    letters = [letter for letter in pattern.casefold() if not letter.isspace()]
    text = title.casefold()
    if not letters:
        return 0
    best: int | None = None
    start = text.find(letters[0])
    while start >= 0:
        score = _score_from(letters, text, start)
        if score is not None and (best is None or score > best):
            best = score
        start = text.find(letters[0], start + 1)
    return best


def _score_from(letters: list[str], text: str, start: int) -> int | None:
    score, place, previous = 0, start, -2
    for letter in letters:
        place = text.find(letter, place)
        if place < 0:
            return None
        at_word = place == 0 or not text[place - 1].isalnum()
        score += 8 if place == previous + 1 else 6 if at_word else 0
        score -= min(3, max(0, place - previous - 1)) if previous >= 0 else min(3, place)
        previous = place
        place += 1
    return score


def ranked(pattern: str, items: Iterable[Item], title: Callable[[Item], str]) -> list[Item]:
    """The items whose title matches, best first; equal ones keep their order."""
    scored = [(fuzzy_score(pattern, title(item)), item) for item in items]
    found = [(score, item) for score, item in scored if score is not None]
    found.sort(key=lambda pair: -pair[0])
    return [item for _, item in found]
