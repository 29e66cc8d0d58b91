"""Looks at arrays that were saved in a trace: the same answers as the engine's, computed here from numpy."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from mezzotint_app.state.slice_index import read_index, sliced_shape
from mezzotint_sdk.debug_records import TensorFacts, TensorLook, TensorStatistics, TensorView
from mezzotint_sdk.errors import BadInputError

__all__ = ["look_at_array"]

GAP = 1  # pixels between channels


def look_at_array(
    array: np.ndarray, facts: TensorFacts, view: TensorView
) -> tuple[TensorLook, np.ndarray | None]:
    """The look (its `array` stays None) and what is shown. Raises BadInputError with a sentence."""
    if view.against:
        raise BadInputError("A difference needs the run; a trace has saved values of single tensors.")
    if view.kind == "latent":
        raise BadInputError("Decoding a latent needs the run's model; a trace has none.")
    sliced_shape(view.index, array.shape)
    part = array[tuple(... if item is None else item for item in read_index(view.index))]
    heads, note = 0, ""
    if view.kind == "attention":
        if part.ndim < 2:
            raise BadInputError("Attention maps need two dimensions, queries and keys.")
        maps = part.reshape(-1, *part.shape[-2:])
        heads = len(maps)
        if not heads:
            raise BadInputError("This tensor has no heads: it is empty.")
        part = maps[min(view.head, heads - 1)]
    if np.iscomplexobj(part):
        part, note = np.abs(part), "Complex numbers are shown by their absolute values."
    table = part.reshape(math.prod(part.shape[:-1]), part.shape[-1]) if part.ndim else part.reshape(1, 1)
    statistics = _statistics(table)
    look = TensorLook(
        facts=facts,
        kind=view.kind,
        statistics=statistics,
        slice_shape=part.shape,
        rows=table.shape[0],
        columns=table.shape[1],
        low=statistics.minimum or 0.0,
        high=statistics.maximum or 0.0,
        heads=heads,
        note=note or "Saved in the trace.",
    )
    if not part.size:
        return msgspec.structs.replace(look, note="The slice is empty."), None
    match view.kind:
        case "numbers":
            return look, _page(table, view)
        case "histogram":
            finite = table[np.isfinite(table)]
            counts, edges = np.histogram(finite.astype(np.float64), bins=view.bins)
            return msgspec.structs.replace(
                look, histogram=tuple(map(float, counts)), edges=tuple(map(float, edges))
            ), None
        case "picture":
            return look, _picture(part, statistics, view)
        case "channels":
            return look, _channels(part, view)
        case _:
            return look, _thinned(table, view.rows, view.columns)


def _statistics(table: np.ndarray) -> TensorStatistics:
    numbers = table.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    return TensorStatistics(
        count=numbers.size,
        nan=int(np.isnan(numbers).sum()),
        inf=int(np.isinf(numbers).sum()),
        zeros=int(finite.size - np.count_nonzero(finite)),
        minimum=float(finite.min()) if finite.size else None,
        maximum=float(finite.max()) if finite.size else None,
        mean=float(finite.mean()) if finite.size else None,
        std=float(finite.std(ddof=1)) if finite.size > 1 else None,
        norm=float(np.linalg.norm(finite)) if finite.size else None,
    )


def _page(table: np.ndarray, view: TensorView) -> np.ndarray:
    page = table[view.first_row :, view.first_column :][: view.rows, : view.columns]
    whole = page.dtype.kind in "ib" or (page.dtype.kind == "u" and page.dtype.itemsize < 8)
    return page.astype(np.int64 if whole else np.float64)


def _thinned(table: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """float32, at most (rows, columns): of each block the value farthest from zero, or NaN if it has one."""
    tall, wide = -(-table.shape[0] // rows), -(-table.shape[1] // columns)
    numbers = table.astype(np.float32)
    if tall > 1:
        numbers = _farthest(numbers, tall, 0)
    return _farthest(numbers, wide, 1) if wide > 1 else numbers


def _farthest(numbers: np.ndarray, block: int, axis: int) -> np.ndarray:
    starts = np.arange(0, numbers.shape[axis], block)
    high = np.maximum.reduceat(numbers, starts, axis=axis)  # both keep NaN
    low = np.minimum.reduceat(numbers, starts, axis=axis)
    return np.where(np.abs(low) > np.abs(high), low, high)


def _picture(part: np.ndarray, statistics: TensorStatistics, view: TensorView) -> np.ndarray:
    """uint8 (height, width, 3) of (H, W), (C, H, W) or (H, W, C), of a batch the first."""
    while part.ndim > 3:
        part = part[0]
    if part.ndim < 2:
        raise BadInputError("A picture needs height and width.")
    if part.ndim == 2:
        part = part[None]
    elif part.shape[0] not in (1, 3, 4) and part.shape[-1] in (1, 3, 4):
        part = np.moveaxis(part, -1, 0)
    planes = part[:3] if part.shape[0] >= 3 else part[:1]
    low, high = statistics.minimum or 0.0, statistics.maximum or 0.0
    for least, greatest in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
        if low >= least and high <= greatest:
            low, high = least, greatest
            break
    return np.repeat(_bytes(_strided(planes, view), low, high), 3 // len(planes), axis=2)


def _channels(part: np.ndarray, view: TensorView) -> np.ndarray:
    """uint8 (height, width, 3): channels in a grid, each over its own range."""
    while part.ndim > 3:
        part = part[0]
    if part.ndim != 3:
        raise BadInputError("Channels need a tensor (channels, height, width).")
    count = len(part)
    wide = max(1, math.ceil(math.sqrt(count)))
    tall = -(-count // wide)
    inner = msgspec.structs.replace(
        view, rows=max(1, view.rows // tall), columns=max(1, view.columns // wide)
    )
    small = _strided(part, inner)
    _, height, width = small.shape
    grid = np.zeros((tall * (height + GAP), wide * (width + GAP), 1), np.uint8)
    for place, plane in enumerate(small):
        finite = plane[np.isfinite(plane)]
        ends = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        top, left = place // wide * (height + GAP), place % wide * (width + GAP)
        grid[top : top + height, left : left + width] = _bytes(plane[None], *ends)
    return np.repeat(grid[:-GAP, :-GAP], 3, axis=2)


def _strided(planes: np.ndarray, view: TensorView) -> np.ndarray:
    """(C, H, W) as float64, thinned to fit; the ratio is kept."""
    step = max(1, -(-planes.shape[1] // view.rows), -(-planes.shape[2] // view.columns))
    return planes[:, ::step, ::step].astype(np.float64)


def _bytes(planes: np.ndarray, low: float, high: float) -> np.ndarray:
    """uint8 (H, W, C) of (C, H, W)."""
    scaled = np.nan_to_num(
        (planes - low) * (255.0 / ((high - low) or 1.0)), nan=0.0, posinf=255.0, neginf=0.0
    )
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8).transpose(1, 2, 0)
