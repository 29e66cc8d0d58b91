"""What a client sees of a tensor: numbers, heat map, picture, channels, latent, attention map or histogram.

Works on the paused thread, on the tensor's own device, block by block; only what is shown leaves it. The
tensor is never changed, no graph is built, no random number is drawn, and no autocast region has a say.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
import torch

from mezzotint_engine.models.memory_errors import is_out_of_memory
from mezzotint_engine.opdebug.attention_maps import AttentionSource, attention_map
from mezzotint_engine.opdebug.tensor_expression import TensorExpression
from mezzotint_engine.opdebug.tensor_index import picked
from mezzotint_engine.opdebug.tensor_pictures import (
    LatentDecoder,
    Picture,
    channel_grid,
    decoded_latent,
    picture_of,
)
from mezzotint_engine.opdebug.tensor_statistics import histogram_of, statistics_of, thinned
from mezzotint_engine.opdebug.tensor_table import TensorTable
from mezzotint_sdk.debug_records import TensorFacts, TensorLook, TensorStatistics, TensorView
from mezzotint_sdk.errors import BadInputError, MezzotintError, OutOfMemoryError

__all__ = ["Look", "Lookers", "look", "plain_tensor"]

# A map of so few cells crosses whole, so that the app can draw the column of one token as a picture.
WHOLE_MAP = 1 << 20


@dataclass(frozen=True)
class Lookers:
    """What the session knows beside the tensor: the model's decoder, an op's queries and keys, the prompt."""

    decode_latent: LatentDecoder | None = None
    attention: AttentionSource | None = None
    tokens: tuple[str, ...] = ()


class Look(NamedTuple):
    """`look.array` is None: the caller puts `array` into a slot and names it there."""

    look: TensorLook
    array: np.ndarray | None


def look(
    tensor: torch.Tensor,
    facts: TensorFacts,
    view: TensorView,
    lookers: Lookers = Lookers(),
    names: Mapping[str, object] | None = None,
    against: torch.Tensor | None = None,
) -> Look:
    """Look at a tensor. `view.against` is evaluated with `names`, unless `against` is given.

    Raises `BadInputError` (an index that doesn't fit, no picture to be made) and `OutOfMemoryError`.
    """
    try:
        with _undisturbed(tensor):
            tensor = plain_tensor(tensor)
            if against is None and view.against.strip():
                against = _other(view.against, names or {})
            elif against is not None:
                against = plain_tensor(against)
            if against is not None and against.shape != tensor.shape:
                raise BadInputError(
                    f"A difference needs two tensors of one shape; these are {list(tensor.shape)} and "
                    f"{list(against.shape)}."
                )
            return _look(tensor, facts, view, lookers, against)
    except MezzotintError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise OutOfMemoryError(
                "There is no memory left to look at this tensor; look at a slice."
            ) from None
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise BadInputError(f"This tensor can't be looked at: {said}") from error


def _look(
    tensor: torch.Tensor, facts: TensorFacts, view: TensorView, lookers: Lookers, against: torch.Tensor | None
) -> Look:
    if tensor.device.type == "meta":
        note = "This tensor has a shape and no values (it is on the meta device)."
        return Look(TensorLook(facts=facts, kind=view.kind, statistics=TensorStatistics(), note=note), None)
    if view.kind == "attention":
        return _attention(tensor, facts, view, lookers)
    part = picked(tensor, view.index)
    minus = None if against is None else picked(against, view.index)
    table = TensorTable(part, minus)
    if view.kind == "numbers" and (view.first_row or view.first_column):
        statistics = TensorStatistics(count=table.rows * table.columns)  # told with the first page
    else:
        statistics = statistics_of(table)
    shown = TensorLook(
        facts=facts,
        kind=view.kind,
        statistics=statistics,
        slice_shape=tuple(part.shape),
        rows=table.rows,
        columns=table.columns,
        low=statistics.minimum or 0.0,
        high=statistics.maximum or 0.0,
        note="Complex numbers are shown by their absolute values." if part.is_complex() else "",
    )
    if not part.numel():
        return Look(_with(shown, note="The slice is empty."), None)
    match view.kind:
        case "numbers":
            array = table.numbers(view.first_row, view.rows, view.first_column, view.columns)
            return Look(shown, np.ascontiguousarray(array.numpy()))
        case "histogram":
            found = histogram_of(table, statistics, view.bins, table.is_whole_numbers)
            return Look(_with(shown, histogram=found.counts, edges=found.edges), None)
        case "picture":
            return _pictured(shown, picture_of(part, statistics, view.rows, view.columns, minus))
        case "channels":
            return _pictured(shown, channel_grid(part, view.rows, view.columns, minus))
        case "latent":
            if lookers.decode_latent is None:
                return Look(
                    _with(shown, note="There is no decoder here that makes a picture of a latent."), None
                )
            latent = part if minus is None else part - minus.to(part.device)
            return _pictured(shown, decoded_latent(latent, lookers.decode_latent, view.rows, view.columns))
        case _:
            return _heat_map(shown, table, view.rows, view.columns)


def _heat_map(shown: TensorLook, table: TensorTable, rows: int, columns: int) -> Look:
    array = thinned(table, rows, columns).numpy()
    tall, wide = -(-table.rows // rows), -(-table.columns // columns)
    if tall > 1 or wide > 1:
        words = f"Each cell is the value farthest from zero of {tall:,} × {wide:,}."
        shown = _with(shown, note=words)
    return Look(shown, np.ascontiguousarray(array))


def _attention(tensor: torch.Tensor, facts: TensorFacts, view: TensorView, lookers: Lookers) -> Look:
    found = attention_map(tensor, view.index, view.head, lookers.attention)
    table = found.table
    statistics = statistics_of(table)
    rows, columns = view.rows, view.columns
    note = found.note
    if table.rows * table.columns <= WHOLE_MAP:
        rows, columns = max(rows, table.rows), max(columns, table.columns)
    elif table.rows > rows or table.columns > columns:
        note = f"{note} It is thinned: each cell is the greatest weight of its block.".strip()
    array = thinned(table, max(1, rows), max(1, columns)).numpy() if statistics.count else None
    return Look(
        TensorLook(
            facts=facts,
            kind="attention",
            statistics=statistics,
            slice_shape=(found.heads, table.rows, table.columns),
            rows=table.rows,
            columns=table.columns,
            low=statistics.minimum or 0.0,
            high=statistics.maximum or 0.0,
            labels=lookers.tokens if len(lookers.tokens) == table.columns else (),
            heads=found.heads,
            note=note if statistics.count else "The map is empty.",
        ),
        None if array is None else np.ascontiguousarray(array),
    )


def _pictured(shown: TensorLook, picture: Picture) -> Look:
    return Look(_with(shown, note=picture.note), np.ascontiguousarray(picture.pixels))


def _with(shown: TensorLook, note: str = "", **fields: object) -> TensorLook:
    return msgspec.structs.replace(shown, note=f"{shown.note} {note}".strip(), **fields)


def _other(text: str, names: Mapping[str, object]) -> torch.Tensor:
    value = TensorExpression(text).value(names)
    if not isinstance(value, torch.Tensor):
        raise BadInputError(f"'{text.strip()[:80]}' is no tensor, so there is no difference from it.")
    return plain_tensor(value)


def plain_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """The same values as an ordinary dense tensor that no graph hangs on; shares memory wherever it can."""
    tensor = tensor.detach()
    if tensor.is_quantized:
        return tensor.dequantize()
    if tensor.layout is not torch.strided:
        dense_bytes = math.prod(tensor.shape) * tensor.element_size()
        if dense_bytes > 1 << 30:
            raise BadInputError(
                "This sparse tensor is too big to be shown as a dense one; look at its values()."
            )
        return tensor.to_dense()
    return tensor.resolve_conj().resolve_neg()


@contextlib.contextmanager
def _undisturbed(tensor: torch.Tensor) -> Iterator[None]:
    """Without gradients, without autocast, and without the defaults that the run has set for new tensors."""
    kind = tensor.device.type if torch.amp.is_autocast_available(tensor.device.type) else "cpu"
    with torch.no_grad(), torch.autocast(kind, enabled=False):
        yield
