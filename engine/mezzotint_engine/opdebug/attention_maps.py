"""Attention maps of one head: read from a tensor that holds them, or computed from queries and keys.

Fused attention never makes the map, so at such an op it is computed for looking, a few rows at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mezzotint_engine.opdebug.tensor_index import picked
from mezzotint_engine.opdebug.tensor_table import Table, TensorTable
from mezzotint_sdk.errors import BadInputError

__all__ = ["AttentionMap", "AttentionSource", "attention_map", "attention_of_call"]


@dataclass(frozen=True)
class AttentionSource:
    """What an attention op is given. Query and key: (…, heads, tokens, size of a head).

    Fewer key heads than query heads are shared, as in grouped-query attention. `mask`: bool (True takes part)
    or added to the scores, broadcast to (…, heads, queries, keys). `scale`: None is 1 / sqrt(size of a head).
    """

    query: torch.Tensor
    key: torch.Tensor
    mask: torch.Tensor | None = None
    scale: float | None = None
    causal: bool = False


@dataclass(frozen=True)
class AttentionMap:
    """One head's map as a table: rows are queries, columns keys."""

    table: Table
    head: int
    heads: int
    note: str = ""


class _ScoresTable:
    """softmax(q kᵀ · scale + mask) of one head; rows are computed when they are asked for."""

    def __init__(
        self, query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, scale: float, causal: bool
    ) -> None:
        self._query, self._key, self._mask = query, key, mask
        self._scale, self._causal = scale, causal
        self.rows, self.columns, self.device = query.shape[0], key.shape[0], query.device

    def block(self, first_row: int, rows: int, first_column: int, columns: int) -> torch.Tensor:
        last = min(first_row + rows, self.rows)
        scores = self._query[first_row:last].float() @ self._key.float().T * self._scale
        if self._causal:
            queries = torch.arange(first_row, last, device=scores.device)[:, None]
            keys = torch.arange(self.columns, device=scores.device)
            scores = scores.masked_fill(keys > queries, -math.inf)
        if self._mask is not None:
            part = self._mask[first_row:last] if self._mask.shape[0] > 1 else self._mask
            part = part.to(scores.device)
            if part.dtype is torch.bool:
                scores = scores.masked_fill(~part, -math.inf)
            else:
                scores = scores + part.float()
        return scores.softmax(-1)[:, first_column : first_column + columns]


def attention_map(
    tensor: torch.Tensor, index: str, head: int, source: AttentionSource | None = None
) -> AttentionMap:
    """The map of one head of what `index` picks; the first of further leading dimensions (the batch).

    Without a source, `tensor` is (…, heads, queries, keys), or one map. A head beyond the last is the last.
    """
    if source is None:
        maps, note = _last_three(picked(tensor, index))
        if maps.dim() < 2:
            raise BadInputError(
                f"Attention maps need two dimensions, queries and keys; the shape is {list(maps.shape)}."
            )
        if maps.dim() == 2:
            return AttentionMap(TensorTable(maps), 0, 1, note)
        head, clamped = _head_within(head, maps.shape[0])
        return AttentionMap(
            TensorTable(maps[head]), head, maps.shape[0], " ".join(filter(None, (note, clamped)))
        )
    query, note = _last_three(picked(source.query, index))
    key, _ = _last_three(picked(source.key, index))
    if query.dim() == 2:
        query, key = query[None], key[None] if key.dim() == 2 else key
    if query.dim() != 3 or key.dim() != 3 or query.shape[-1] != key.shape[-1] or not query.shape[0]:
        raise BadInputError(
            f"Queries {list(source.query.shape)} and keys {list(source.key.shape)} give no attention map."
        )
    heads = query.shape[0]
    head, clamped = _head_within(head, heads)
    shared = max(1, heads // max(1, key.shape[0]))
    scale = source.scale if source.scale is not None else 1 / math.sqrt(max(1, query.shape[-1]))
    mask = _mask_of_head(source, index, head, heads, query.shape[1], key.shape[1])
    table = _ScoresTable(query[head], key[min(head // shared, key.shape[0] - 1)], mask, scale, source.causal)
    note = " ".join(filter(None, ("Computed from queries and keys.", note, clamped)))
    return AttentionMap(table, head, heads, note)


def attention_of_call(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> AttentionSource | None:
    """What an op of torch's fused attention was given, by the names in its schema; None for other ops."""
    schema = getattr(func, "_schema", None)
    if schema is None:
        return None
    names = [argument.name for argument in schema.arguments]
    if not {"query", "key", "value"} <= set(names) or "attention" not in schema.name:
        return None
    given = dict(zip(names, args, strict=False)) | dict(kwargs)
    query, key = given.get("query"), given.get("key")
    if not isinstance(query, torch.Tensor) or not isinstance(key, torch.Tensor) or query.dim() < 3:
        return None
    mask = given.get("attn_mask", given.get("attn_bias"))
    scale = given.get("scale")
    return AttentionSource(
        query=query.detach(),
        key=key.detach(),
        mask=mask.detach() if isinstance(mask, torch.Tensor) else None,
        scale=float(scale) if isinstance(scale, int | float) else None,
        causal=bool(given.get("is_causal", False)),
    )


def _last_three(tensor: torch.Tensor) -> tuple[torch.Tensor, str]:
    note = ""
    while tensor.dim() > 3:
        if not tensor.shape[0]:
            raise BadInputError("This tensor is empty; it has no attention map.")
        if tensor.shape[0] > 1:
            note = "The first entry of the batch is shown; pick another by its index."
        tensor = tensor[0]
    return tensor, note


def _head_within(head: int, heads: int) -> tuple[int, str]:
    if not heads:
        raise BadInputError("This tensor has no heads: its first dimension is empty.")
    if head >= heads:
        return heads - 1, f"There are {heads} heads; the last one is shown."
    return max(0, head), ""


def _mask_of_head(
    source: AttentionSource, index: str, head: int, heads: int, queries: int, keys: int
) -> torch.Tensor | None:
    """The part of the mask for this head, (queries or 1, keys)."""
    if source.mask is None:
        return None
    mask = source.mask
    try:
        # Broadcast views have the query's leading dimensions, so that the same index picks the same entry.
        mask = mask.expand(*source.query.shape[:-1], mask.shape[-1])
        mask, _ = _last_three(picked(mask, index))
        mask = mask[min(head, mask.shape[0] - 1)] if mask.dim() == 3 else mask
        return mask.expand(queries, keys)
    except RuntimeError:
        raise BadInputError(
            f"The mask {list(source.mask.shape)} fits not {heads} heads, {queries} queries and {keys} keys."
        ) from None
