"""Names of schedulers: which one somebody meant who wrote another."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

from mezzotint_sdk.a1111_text import SAMPLER_CLASSES

__all__ = ["nearest_scheduler", "scheduler_hint"]

ALIKE = 0.7  # of difflib's ratio, from which on a name counts as misspelt
ALIKE_AS_A_WHOLE = 0.9  # with the endings that all names share
LONGEST = 80  # characters that are looked at: what is longer is no name


def nearest_scheduler(name: str, schedulers: Iterable[str]) -> str:
    """The class among `schedulers` whose name, or whose name in A1111, is nearest; "" where none is near."""
    offered = list(schedulers)
    names = [(scheduler, scheduler) for scheduler in offered]
    names += [(sampler, scheduler) for sampler, scheduler in SAMPLER_CLASSES.items() if scheduler in offered]
    found = [(_likeness(name[:LONGEST], known), scheduler) for known, scheduler in names]
    ratio, nearest = max(found, default=(0.0, ""))
    return nearest if ratio >= ALIKE else ""


def scheduler_hint(name: str, schedulers: Iterable[str]) -> str:
    """The end of a sentence that refuses `name`: what may have been meant, else all that there are."""
    offered = sorted(schedulers)
    near = nearest_scheduler(name, offered)
    return f"did you mean {near}?" if near else f"it takes {', '.join(offered)}."


def _likeness(name: str, known: str) -> float:
    whole = SequenceMatcher(None, name.lower(), known.lower()).ratio()
    folded = SequenceMatcher(None, _folded(name), _folded(known)).ratio()
    return max(whole, folded) if whole >= ALIKE_AS_A_WHOLE else folded


def _folded(name: str) -> str:
    """Without the endings that all names share, which would make any two look alike."""
    plain = "".join(letter for letter in name.lower().replace("++", "pp") if letter.isalnum())
    return plain.removesuffix("scheduler").replace("discrete", "")
