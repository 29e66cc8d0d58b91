"""A slice of a tensor as the user writes it, in numpy's way: "0, :, 3".

Checked here, so that a typing mistake gets its sentence at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mezzotint_sdk.errors import BadInputError

__all__ = ["ALL", "SlicePicks", "compose_index", "read_index", "sliced_shape"]

ALL = -1  # a pick that keeps the whole dimension
ELLIPSIS = "..."
_NUMBER = re.compile(r"[+-]?\d{1,18}$")

Item = int | slice | None  # None stands for the ellipsis


def read_index(text: str) -> list[Item]:
    """The parts of an index. Raises BadInputError with a sentence that names the wrong part."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1].strip()
    if not text:
        return []
    parts = [part.strip() for part in text.split(",")]
    if parts[-1] == "" and len(parts) > 1:
        parts.pop()
    items = [_read_part(part) for part in parts]
    if items.count(None) > 1:
        raise BadInputError("An index can have one ... only; write : for each further dimension.")
    return items


def _read_part(part: str) -> Item:
    if part == ELLIPSIS:
        return None
    if _NUMBER.match(part):
        return int(part)
    bounds = [bound.strip() for bound in part.split(":")]
    if 2 <= len(bounds) <= 3 and all(not bound or _NUMBER.match(bound) for bound in bounds):
        numbers = [int(bound) if bound else None for bound in bounds]
        if len(numbers) == 3 and numbers[2] is not None and numbers[2] < 1:
            raise BadInputError(f"The step of {part} must be 1 or more: tensors can't be read backwards.")
        return slice(*numbers)
    shown = part if len(part) <= 40 else f"{part[:39]}…"
    raise BadInputError(
        f"“{shown}” is no index: write a number, a range like 2:5, : for all of a dimension, "
        "or ... for the rest."
    )


def sliced_shape(text: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what the index picks. Raises BadInputError: outside, or more parts than dimensions."""
    items = read_index(text)
    given = len(items) - items.count(None)
    if given > len(shape):
        dimensions = "1 dimension" if len(shape) == 1 else f"{len(shape)} dimensions"
        raise BadInputError(f"The index has {given} parts, but the tensor has {dimensions}.")
    gap = len(shape) - given
    if None in items:
        place = items.index(None)
        items[place : place + 1] = [slice(None)] * gap
    else:
        items += [slice(None)] * gap
    picked = []
    for dimension, (item, size) in enumerate(zip(items, shape, strict=True)):
        if isinstance(item, slice):
            picked.append(len(range(*item.indices(size))))
        elif item is not None and not -size <= item < size:
            raise BadInputError(_outside(item, dimension, size))
    return tuple(picked)


def _outside(item: int, dimension: int, size: int) -> str:
    if size == 0:
        return f"Dimension {dimension} is empty, so there is no entry {item}."
    return f"Dimension {dimension} has entries 0 to {size - 1:,}; {item} is outside."


def compose_index(picks: tuple[int, ...]) -> str:
    """The index of picks of the leading dimensions: (0, ALL, 3) is "0, :, 3"; what needs no word has none."""
    last = max((place for place, pick in enumerate(picks) if pick != ALL), default=-1)
    return ", ".join(":" if pick == ALL else str(pick) for pick in picks[: last + 1])


@dataclass
class SlicePicks:
    """What is picked of each leading dimension, or, when the user wrote one, an index of their own."""

    picks: tuple[int, ...] = ()
    text: str | None = None

    def fit(self, shape: tuple[int, ...], leading: int, start: int) -> None:
        """Keep the picks where they fit the shape; `start` is the pick of a dimension that is new."""
        kept = self.picks if len(self.picks) == leading else (start,) * leading
        self.picks = tuple(max(ALL, min(pick, size - 1)) for pick, size in zip(kept, shape, strict=False))

    @property
    def index(self) -> str:
        return self.text if self.text is not None else compose_index(self.picks)

    def write(self, text: str, shape: tuple[int, ...]) -> None:
        """Take an index that the user wrote; one that the picks can say, too, moves the picks."""
        try:
            items = read_index(text)
            sliced_shape(text, shape)
        except BadInputError:
            self.text = text
            return
        said = [item if isinstance(item, int) and item >= 0 else ALL for item in items]
        plain = all((isinstance(item, int) and item >= 0) or item == slice(None) for item in items) and len(
            items
        ) <= len(self.picks)
        if plain:
            self.picks = (*said, *((ALL,) * (len(self.picks) - len(said))))
            self.text = None
        else:
            self.text = text
