"""Statistics, histogram and thinned heat map of a table of any size, block by block on its device."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from mezzotint_engine.opdebug.tensor_table import Table, blocks_of, wide_dtype
from mezzotint_sdk.debug_records import TensorStatistics

__all__ = ["Histogram", "histogram_of", "statistics_of", "thinned"]


class Histogram(NamedTuple):
    counts: tuple[float, ...]
    edges: tuple[float, ...]  # one more than counts


def statistics_of(table: Table) -> TensorStatistics:
    """Over all elements that are finite; `std` as torch's (divided by n - 1), None for fewer than two."""
    nan = inf = zeros = finite = 0
    least, greatest = math.inf, -math.inf
    mean = squares = spread = 0.0  # spread: sum of squared distances from the mean
    for _, _, block in blocks_of(table):
        low, high = block.amin().item(), block.amax().item()
        if not (math.isfinite(low) and math.isfinite(high)):
            nan += int(block.isnan().sum())
            inf += int(block.isinf().sum())
            block = block[block.isfinite()]
            if not block.numel():
                continue
            low, high = block.amin().item(), block.amax().item()
        count = block.numel()
        zeros += count - int(block.count_nonzero())
        least, greatest = min(least, low), max(greatest, high)
        wide = block.to(wide_dtype(block.device))
        block_mean = wide.sum().item() / count
        block_spread = torch.linalg.vector_norm(wide - block_mean).item() ** 2
        squares += torch.linalg.vector_norm(wide).item() ** 2
        # Chan's rule for two parts: exact where sums of squares alone would cancel.
        apart = block_mean - mean
        total = finite + count
        spread += block_spread + apart * apart * finite * count / total
        mean += apart * count / total
        finite = total
    return TensorStatistics(
        count=table.rows * table.columns,
        nan=nan,
        inf=inf,
        zeros=zeros,
        minimum=least if finite else None,
        maximum=greatest if finite else None,
        mean=_finite(mean) if finite else None,
        std=_finite(math.sqrt(spread / (finite - 1))) if finite > 1 else None,
        norm=_finite(math.sqrt(squares)) if finite else None,
    )


def histogram_of(table: Table, statistics: TensorStatistics, bins: int, whole_numbers: bool) -> Histogram:
    """Counts of the finite elements between the extremes. Few different whole numbers get a bin each."""
    if statistics.minimum is None or statistics.maximum is None:
        return Histogram((), ())
    low, high = statistics.minimum, statistics.maximum
    if whole_numbers and high - low < bins:
        bins = int(high - low) + 1
        low, high = low - 0.5, high + 0.5
    elif low == high:
        reach = max(abs(low) * 1e-3, 0.5)
        low, high = low - reach, high + reach
    counts: torch.Tensor | None = None
    for _, _, block in blocks_of(table):
        flat = block.flatten()
        if statistics.nan or statistics.inf:
            flat = flat[flat.isfinite()]
        found = _counts(flat, bins, low, high).double()
        counts = found if counts is None else counts + found
    step = (high - low) / bins
    edges = (*(low + step * place for place in range(bins)), high)
    return Histogram(tuple(counts.tolist()) if counts is not None else (), edges)


def _counts(finite: torch.Tensor, bins: int, low: float, high: float) -> torch.Tensor:
    try:
        return torch.histc(finite, bins, low, high).cpu()
    except (RuntimeError, NotImplementedError):
        # Where no kernel is allowed to count (deterministic algorithms on CUDA): bin by bin, by comparing.
        edges = [low + (high - low) * place / bins for place in range(1, bins)]
        below = [int((finite < edge).sum()) for edge in edges] + [finite.numel()]
        counts = [after - before for before, after in zip([0, *below], below, strict=False)]
        return torch.tensor(counts, device="cpu")


def thinned(table: Table, rows: int, columns: int) -> torch.Tensor:
    """At most `rows` × `columns` of a table, float32 on the CPU: of each block the one farthest from zero.

    NaN wins in its block, so that a single one stays seen.
    """
    tall, wide = max(1, -(-table.rows // rows)), max(1, -(-table.columns // columns))
    shape = (-(-table.rows // tall), -(-table.columns // wide))
    found = torch.empty(shape, dtype=torch.float32, device="cpu")
    for first_row, first_column, block in blocks_of(table, tall, wide):
        part = _extremes(block, tall, wide) if tall * wide > 1 else block
        row, column = first_row // tall, first_column // wide
        found[row : row + part.shape[0], column : column + part.shape[1]] = part.to("cpu", torch.float32)
    return found


def _extremes(block: torch.Tensor, tall: int, wide: int) -> torch.Tensor:
    missing_rows, missing_columns = -block.shape[0] % tall, -block.shape[1] % wide
    if missing_rows:  # repeating the last one changes no extreme
        block = torch.cat([block, block[-1:].expand(missing_rows, -1)])
    if missing_columns:
        block = torch.cat([block, block[:, -1:].expand(-1, missing_columns)], dim=1)
    cells = block.unflatten(1, (-1, wide)).unflatten(0, (-1, tall))
    least, greatest = cells.amin(dim=(1, 3)), cells.amax(dim=(1, 3))
    return torch.where(-least > greatest, least, greatest)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
