"""Tensors as pictures: RGB or grey, all channels in a grid, latents through the model's own decoder.

Everything is thinned on the device; only the picture's bytes leave it. NaN is magenta.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as functional

from mezzotint_engine.opdebug.tensor_table import widened
from mezzotint_sdk.debug_records import TensorStatistics
from mezzotint_sdk.errors import BadInputError, MezzotintError

__all__ = ["LatentDecoder", "Picture", "channel_grid", "decoded_latent", "picture_of"]

LatentDecoder = Callable[[torch.Tensor], Any]
"""(1, channels, height, width) → a PIL image, or an array (height, width, 3), uint8 or 0 … 1."""

_MAGENTA = (255, 0, 255)
_LEAST_CELL = 4  # pixels of a channel's side in the grid


class Picture(NamedTuple):
    pixels: np.ndarray  # uint8 (height, width, 3)
    note: str = ""


def picture_of(
    tensor: torch.Tensor,
    statistics: TensorStatistics,
    rows: int,
    columns: int,
    minus: torch.Tensor | None = None,
) -> Picture:
    """Of (3 or 4 or 1, H, W), (H, W, 3 or 4 or 1) or (H, W), of a batch the first; alpha is left out.

    Values 0 … 1, -1 … 1 and 0 … 255 are understood, others are stretched from least to greatest. Of a
    difference grey is zero.
    """
    planes, note = _planes(tensor)
    small = _small(planes, rows, columns)
    if minus is not None:
        small = small - _small(_planes(minus)[0], rows, columns).to(small.device)
        small, words = _centred(small)
    else:
        small, words = _unit(small, statistics)
    if small.shape[0] == 1:
        small = small.expand(3, -1, -1)
    pixels, bad = _bytes(small)
    return Picture(pixels, _sentences(note, words, "NaN is magenta." if bad else ""))


def channel_grid(tensor: torch.Tensor, rows: int, columns: int, minus: torch.Tensor | None = None) -> Picture:
    """(channels, H, W) in a grid, each channel stretched over its own range; of a batch the first."""
    note = ""
    if minus is not None and minus.shape != tensor.shape:
        raise BadInputError("A difference needs two tensors of one shape.")
    while tensor.dim() > 3 and tensor.shape[0]:
        note = "The first entry of the batch is shown." if tensor.shape[0] > 1 else note
        tensor, minus = tensor[0], None if minus is None else minus[0]
    if tensor.dim() == 2:
        tensor, minus = tensor[None], None if minus is None else minus[None]
    if tensor.dim() != 3 or not tensor.numel():
        raise BadInputError(
            f"Channels need a tensor (channels, height, width) with values; this is {list(tensor.shape)}."
        )
    count, height, width = tensor.shape
    wide = max(1, min(count, round(math.sqrt(count * height / max(1, width) * columns / max(1, rows)))))
    wide = min(wide, max(1, columns // (_LEAST_CELL + 1)))
    tall = -(-count // wide)
    if tall * (_LEAST_CELL + 1) > rows:
        tall = max(1, rows // (_LEAST_CELL + 1))
    shown = min(count, tall * wide)
    cell_rows, cell_columns = max(1, rows // tall - 1), max(1, columns // wide - 1)
    cells = _small(tensor[:shown], cell_rows, cell_columns)
    if minus is not None:
        cells = cells - _small(minus[:shown], cell_rows, cell_columns).to(cells.device)
    cells = torch.stack([_stretched(cell) for cell in cells])
    _, cell_rows, cell_columns = cells.shape
    grid = torch.zeros(tall * wide, cell_rows + 1, cell_columns + 1, dtype=cells.dtype, device=cells.device)
    grid[:shown, :cell_rows, :cell_columns] = cells
    grid = grid.unflatten(0, (tall, wide)).permute(0, 2, 1, 3).flatten(2).flatten(0, 1)[:-1, :-1]
    pixels, bad = _bytes(grid.expand(3, -1, -1))
    return Picture(
        pixels,
        _sentences(
            note,
            f"{shown} of {count} channels are shown." if shown < count else "",
            "Each channel is stretched over its own range.",
            "NaN is magenta." if bad else "",
        ),
    )


def decoded_latent(tensor: torch.Tensor, decode: LatentDecoder, rows: int, columns: int) -> Picture:
    """The picture that the model's own decoder makes of (channels, H, W); of a batch the first."""
    note = ""
    while tensor.dim() > 3 and tensor.shape[0]:
        note = "The first entry of the batch is shown." if tensor.shape[0] > 1 else note
        tensor = tensor[0]
    if tensor.dim() != 3 or not tensor.numel():
        raise BadInputError(f"A latent is (channels, height, width); this is {list(tensor.shape)}.")
    try:
        decoded = decode(tensor.detach()[None].clone())
    except MezzotintError:
        raise
    except Exception as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise BadInputError(f"The model's decoder can't make a picture of this tensor: {said}") from error
    array = np.asarray(decoded)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise BadInputError(f"The model's decoder gave no picture but an array of shape {list(array.shape)}.")
    if array.dtype != np.uint8:
        array = (np.clip(np.nan_to_num(array.astype(np.float32)), 0, 1) * 255).round().astype(np.uint8)
    array = array[:, :, :3] if array.shape[2] > 1 else np.repeat(array, 3, axis=2)
    high, wide = array.shape[:2]
    if high > rows or wide > columns:
        planes = torch.from_numpy(np.ascontiguousarray(array)).permute(2, 0, 1)
        array, _ = _bytes(_small(planes, rows, columns) / 255)
    return Picture(np.ascontiguousarray(array), note)


def _planes(tensor: torch.Tensor) -> tuple[torch.Tensor, str]:
    """(1 or 3, H, W) of a tensor, and what was left out."""
    note = ""
    while tensor.dim() > 3 and tensor.shape[0]:
        note = "The first entry of the batch is shown." if tensor.shape[0] > 1 else note
        tensor = tensor[0]
    if tensor.dim() < 2 or tensor.dim() > 3 or not tensor.numel():
        raise BadInputError(
            f"A picture needs height and width with values; this has the shape {list(tensor.shape)}."
        )
    if tensor.dim() == 2:
        return tensor[None], note
    if tensor.shape[0] not in (1, 3, 4) and tensor.shape[-1] in (1, 3, 4):
        tensor = tensor.permute(2, 0, 1)
    channels = tensor.shape[0]
    if channels == 2 or channels > 4:
        words = f"The first {3 if channels > 4 else 1} of {channels} channels are shown as colours."
        return tensor[: 3 if channels > 4 else 1], _sentences(note, words)
    return tensor[:3], note


def _small(planes: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """(C, H, W) thinned to fit, as float32, in its ratio: by strides while far too big, then by areas."""
    high, wide = planes.shape[-2:]
    ratio = max(high / rows, wide / columns, 1.0)
    stride = max(1, int(ratio // 2))
    if stride > 1:
        planes = planes[..., ::stride, ::stride]
    planes = widened(planes).float()
    target = (max(1, round(high / ratio)), max(1, round(wide / ratio)))
    if ratio > 1 and planes.shape[-2:] != target:
        planes = functional.adaptive_avg_pool2d(planes, target)
    return planes


def _unit(planes: torch.Tensor, statistics: TensorStatistics) -> tuple[torch.Tensor, str]:
    """Values as 0 … 1, by the range of the whole tensor."""
    low, high = statistics.minimum, statistics.maximum
    if low is None or high is None or (low >= 0 and high <= 1):
        return planes, ""
    if low >= -1 and high <= 1:
        return (planes + 1) / 2, "-1 is black, 1 is white."
    if low >= 0 and high <= 255:
        return planes / 255, ""
    return (planes - low) / (high - low), f"{low:.4g} is black, {high:.4g} is white."


def _centred(planes: torch.Tensor) -> tuple[torch.Tensor, str]:
    finite = planes[planes.isfinite()]
    reach = float(finite.abs().max()) if finite.numel() else 0.0
    return planes / (2 * reach or 1.0) + 0.5, f"Grey is no difference, black and white are ±{reach:.4g}."


def _stretched(plane: torch.Tensor) -> torch.Tensor:
    finite = plane[plane.isfinite()]
    if not finite.numel():
        return plane
    low, high = finite.min(), finite.max()
    return (
        (plane - low) / (high - low)
        if float(high) > float(low)
        else torch.where(plane.isfinite(), 0.5, plane)
    )


def _bytes(planes: torch.Tensor) -> tuple[np.ndarray, bool]:
    """uint8 (H, W, 3) of (3, H, W) with values 0 … 1, and whether any was NaN."""
    nan = planes.isnan().any(dim=0)
    scaled = (planes.nan_to_num(0.0, posinf=1.0, neginf=0.0).clamp(0, 1) * 255).round().to(torch.uint8)
    pixels = scaled.permute(1, 2, 0).contiguous().cpu().numpy()
    bad = bool(nan.any())
    if bad:
        pixels[nan.cpu().numpy()] = _MAGENTA
    return pixels, bad


def _sentences(*notes: str) -> str:
    return " ".join(note for note in notes if note)
