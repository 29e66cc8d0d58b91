"""Slices of tensors as users write them, in numpy's way: "0, :, 3", "..., 2:5", "[::4]"."""

from __future__ import annotations

import re
from types import EllipsisType

import torch

from mezzotint_sdk.errors import BadInputError

__all__ = ["picked", "read_index"]

Item = int | slice | EllipsisType
_NUMBER = re.compile(r"[+-]?\d{1,18}$")


def read_index(text: str) -> tuple[Item, ...]:
    """The parts of an index, "" gives none. Raises `BadInputError` with a sentence about the wrong part."""
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1].strip()
    if not inner:
        return ()
    parts = [part.strip() for part in inner.split(",")]
    if len(parts) > 1 and not parts[-1]:
        parts.pop()
    items = tuple(_read_part(part) for part in parts)
    if sum(item is Ellipsis for item in items) > 1:
        raise BadInputError("An index can have one ... only; write : for each further dimension.")
    return items


def _read_part(part: str) -> Item:
    if part in {"...", "…"}:
        return Ellipsis
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
        f"'{shown}' is no index: write a number, a range like 2:5, : for all of a dimension, "
        "or ... for the rest."
    )


def picked(tensor: torch.Tensor, text: str) -> torch.Tensor:
    """The view that the index picks; `tensor` itself for "". Raises `BadInputError` where it doesn't fit."""
    items = read_index(text)
    if not items:
        return tensor
    given = sum(item is not Ellipsis for item in items)
    if given > tensor.dim():
        dimensions = "1 dimension" if tensor.dim() == 1 else f"{tensor.dim()} dimensions"
        raise BadInputError(f"The index has {given} parts, but the tensor has {dimensions}.")
    dimension = 0
    for item in items:
        if item is Ellipsis:
            dimension += tensor.dim() - given
            continue
        size = tensor.shape[dimension]
        if isinstance(item, int) and not -size <= item < size:
            raise BadInputError(
                f"Dimension {dimension} has entries 0 to {size - 1:,}; {item} is outside."
                if size
                else f"Dimension {dimension} is empty, so there is no entry {item}."
            )
        dimension += 1
    return tensor[items]
