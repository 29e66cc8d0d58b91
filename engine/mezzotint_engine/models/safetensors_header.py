"""A strict reader of safetensors headers: what a weight file holds, without torch or reading weights.

The format: 8 bytes little-endian length of the header, the header as JSON (name to dtype, shape,
data_offsets), then data. Whatever the bytes are, the reader takes bounded memory and gives an answer or
raises ModelDamagedError.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

import msgspec

from mezzotint_sdk.errors import ModelDamagedError, ModelError

__all__ = ["DTYPE_BITS", "SafetensorsHeader", "TensorEntry", "read_header"]

# The largest real headers (hundreds of thousands of tensors) are some MB; the format itself allows 100 MB.
MAX_HEADER_BYTES = 32 * 1024 * 1024

DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip


class TensorEntry(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


@dataclass(frozen=True)
class SafetensorsHeader:
    """`raw` is the header's text as it stands in the file, for fingerprints."""

    tensors: dict[str, TensorEntry]
    metadata: dict[str, str]
    raw: bytes

    @property
    def parameters(self) -> int:
        return sum(prod(entry.shape) for entry in self.tensors.values())


def read_header(path: Path) -> SafetensorsHeader:
    """The header of a safetensors file, checked against the file's size: no gap, no overlap, nothing missing.

    Raises ModelDamagedError where it is not whole, ModelError where the file can't be opened.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(8)
            if len(start) < 8:
                raise _damaged(path, f"it is only {len(start)} bytes long")
            (length,) = struct.unpack("<Q", start)
            if length > MAX_HEADER_BYTES:
                raise _damaged(path, f"it claims a header of {length} bytes")
            raw = file.read(length)
    except OSError as error:
        raise ModelError(f"{path} can't be read ({error.strerror or error}).") from error
    if len(raw) < length:
        raise _damaged(path, "it ends within its header")
    tensors, metadata = _parse(path, raw)
    _check_layout(path, tensors, size - 8 - length)
    return SafetensorsHeader(tensors, metadata, raw)


def _damaged(path: Path, why: str) -> ModelDamagedError:
    place = "/".join(path.parts[-2:])
    return ModelDamagedError(f"The weight file {place} is damaged: {why}. Copy or download it again.")


def _parse(path: Path, raw: bytes) -> tuple[dict[str, TensorEntry], dict[str, str]]:
    try:
        entries = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        metadata = entries.pop("__metadata__", None)
        tensors = {name: msgspec.json.decode(entry, type=TensorEntry) for name, entry in entries.items()}
        texts = msgspec.json.decode(metadata, type=dict[str, str]) if metadata is not None else {}
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError) as error:
        raise _damaged(path, "its header is not what it should be") from error
    return tensors, texts


def _check_layout(path: Path, tensors: dict[str, TensorEntry], data_bytes: int) -> None:
    """Every tensor's bytes must follow those of the one before, and the last must end with the file."""
    position = 0
    for name, entry in sorted(tensors.items(), key=lambda item: item[1].data_offsets):
        begin, end = entry.data_offsets
        bits = DTYPE_BITS.get(entry.dtype)
        shown = name[:80]
        if bits is None:
            raise _damaged(path, f"the tensor {shown} has the unknown dtype {entry.dtype[:40]}")
        if any(side < 0 for side in entry.shape):
            raise _damaged(path, f"the tensor {shown} has a negative size")
        if begin != position:
            raise _damaged(path, f"the data of the tensor {shown} overlaps another's or leaves a gap")
        if (end - begin) * 8 != prod(entry.shape) * bits:
            raise _damaged(path, f"the data of the tensor {shown} does not fit its shape")
        position = end
    if position > data_bytes:
        raise _damaged(path, f"it is truncated, {position - data_bytes} bytes are missing")
    if position < data_bytes:
        raise _damaged(path, f"it has {data_bytes - position} bytes too many")
