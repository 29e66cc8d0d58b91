"""A tensor as a table, read in blocks where it lies, so that no copy of a big tensor is ever made.

The last dimension gives the columns, all others together the rows; a vector is one row, a scalar one cell.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import torch

from mezzotint_sdk.errors import BadInputError

__all__ = ["Table", "TensorTable", "blocks_of", "wide_dtype", "widened"]

# Elements that are worked on at once. On a CPU what fits its caches is some 5 times as quick as more;
# elsewhere each block waits for the device, and 64 MiB for a temporary is the price of waiting seldom.
CPU_BLOCK = 1 << 18
DEVICE_BLOCK = 1 << 23


class Table(Protocol):
    """Rows and columns of real numbers whose parts can be had."""

    rows: int
    columns: int
    device: torch.device

    def block(self, first_row: int, rows: int, first_column: int, columns: int) -> torch.Tensor:
        """A part, 2-d, of real floating point numbers, on the device; not to be written to."""
        ...


def wide_dtype(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64  # MPS has no float64


def widened(tensor: torch.Tensor) -> torch.Tensor:
    """The numbers as float32 or float64: integers as float64, complex ones as their absolute values."""
    dtype = tensor.dtype
    if dtype in (torch.float32, torch.float64):
        return tensor
    if dtype.is_complex:
        return (tensor.to(torch.complex64) if dtype is torch.complex32 else tensor).abs()
    return tensor.float() if dtype.is_floating_point else tensor.to(wide_dtype(tensor.device))


class TensorTable:
    """The table of a tensor, or of the difference of two of one shape (on possibly different devices)."""

    def __init__(self, tensor: torch.Tensor, minus: torch.Tensor | None = None) -> None:
        if minus is not None and minus.shape != tensor.shape:
            raise BadInputError(
                f"A difference needs two tensors of one shape; these are {list(tensor.shape)} and "
                f"{list(minus.shape)}."
            )
        self._tensor, self._minus = tensor, minus
        self.device = tensor.device
        self.columns = tensor.shape[-1] if tensor.dim() else 1
        self.rows = math.prod(tensor.shape[:-1])
        self._flat = self._as_matrix(tensor)
        self._flat_minus = None if minus is None else self._as_matrix(minus)

    @property
    def is_whole_numbers(self) -> bool:
        """Integers or bools, and no difference that is none."""
        return all(
            not (one.dtype.is_floating_point or one.dtype.is_complex)
            for one in (self._tensor, self._minus)
            if one is not None
        )

    def block(self, first_row: int, rows: int, first_column: int, columns: int) -> torch.Tensor:
        found = widened(self._part(self._tensor, self._flat, first_row, rows, first_column, columns))
        if self._minus is None:
            return found
        other = widened(self._part(self._minus, self._flat_minus, first_row, rows, first_column, columns))
        return found - other.to(found.device)

    def numbers(self, first_row: int, rows: int, first_column: int, columns: int) -> torch.Tensor:
        """A part as float64, or int64 where it is whole numbers that these hold; on the CPU."""
        part = self._part(self._tensor, self._flat, first_row, rows, first_column, columns)
        fits = self.is_whole_numbers and self._tensor.dtype is not torch.uint64
        if fits and self._minus is None:
            return part.to(torch.int64).cpu()
        if fits and self._minus is not None and self._minus.dtype is not torch.uint64:
            other = self._part(self._minus, self._flat_minus, first_row, rows, first_column, columns)
            return part.to(torch.int64).cpu() - other.to(torch.int64).cpu()
        return self.block(first_row, rows, first_column, columns).cpu().double()

    def raw(self, first_row: int, rows: int) -> torch.Tensor:
        """Whole rows in the tensor's own dtype, on its device."""
        return self._part(self._tensor, self._flat, first_row, rows, 0, self.columns)

    def _as_matrix(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """A view with two dimensions; None where its strides allow none, and rows are gathered instead."""
        try:
            return tensor.view(self.rows, self.columns)
        except RuntimeError:
            return None

    def _part(
        self,
        tensor: torch.Tensor,
        flat: torch.Tensor | None,
        first_row: int,
        rows: int,
        first_column: int,
        columns: int,
    ) -> torch.Tensor:
        to_row = min(first_row + rows, self.rows)
        to_column = min(first_column + columns, self.columns)
        if flat is not None:
            return flat[first_row:to_row, first_column:to_column]
        positions = torch.arange(min(first_row, to_row), to_row, device=tensor.device)
        places = torch.unravel_index(positions, tensor.shape[:-1])
        return tensor[..., first_column:to_column][places]


def blocks_of(
    table: Table, row_step: int = 1, column_step: int = 1
) -> Iterator[tuple[int, int, torch.Tensor]]:
    """(first row, first column, block) of all of a table; blocks begin at multiples of the steps."""
    if not table.rows or not table.columns:
        return
    limit = CPU_BLOCK if table.device.type == "cpu" else DEVICE_BLOCK
    if table.columns * row_step <= limit:
        width = table.columns
        height = max(1, limit // width // row_step) * row_step
    else:
        height = row_step
        width = max(1, limit // height // column_step) * column_step
    for first_row in range(0, table.rows, height):
        for first_column in range(0, table.columns, width):
            yield first_row, first_column, table.block(first_row, height, first_column, width)
