"""Writes a trace of ops: appended block by block, so that whatever was written can be read after any end.

The file is the magic `MZTRACE2` and then blocks: kind (u8), length (u32), CRC-32 of kind and payload (u32),
payload; all little-endian, payloads zlib-compressed. A block is written in one call, and a reader that meets
half of one waits for the rest. What would unpack to more than `MAX_RATIO` allows is stored as it is.

======  ============================================================================================
kind    payload
======  ============================================================================================
header  `TraceHeader`, msgpack; always the first
sites   list of `OpSite`, msgpack; numbered from 0 in the order of the file
marks   list of `LadderMark`, msgpack; likewise
ops     count (u32), columns of `PLAIN_ROW`, inputs and outputs of each op (u16 each), their ids (u32)
stats   the same with columns of `OP_ROW`
note    op's number (u64), UTF-8
tensor  `SavedTensor`, msgpack, its length before it (u32), then the bytes of the values
======  ============================================================================================
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mezzotint_sdk.trace_records import (
    FREE_BYTES,
    MAX_BLOCK_BYTES,
    MAX_RATIO,
    PLAIN_ROW,
    TRACE_MAGIC,
    BlockKind,
    LadderMark,
    OpFlags,
    OpSite,
    SavedTensor,
    TensorMeta,
    TraceHeader,
)

__all__ = ["TraceWriter"]

_ENCODER = msgspec.msgpack.Encoder()
_FRAME = struct.Struct("<BII")

Ids = tuple[tuple[int, ...], tuple[int, ...]]


class TraceWriter:
    """Used by one thread at a time. Raises OSError where the disk does.

    Sites and marks are written with the next rows, before them, so that a row never names what isn't there.
    """

    def __init__(self, path: Path, header: TraceHeader, *, value_bytes: int = 0) -> None:
        """`value_bytes`: budget for values of tensors."""
        self._file = path.open("wb")
        self._sites: dict[OpSite, int] = {}
        self._new_sites: list[OpSite] = []
        self._marks = 0
        self._new_marks: list[LadderMark] = []
        self._values_left = value_bytes
        self._written = len(TRACE_MAGIC)
        self._unpacked = 0  # of all blocks but those with values
        self._file.write(TRACE_MAGIC)
        self._block(BlockKind.HEADER, _ENCODER.encode(header))
        self._file.flush()

    def site(self, site: OpSite) -> int:
        """The number of a site; the same for an equal one."""
        number = self._sites.get(site)
        if number is None:
            number = self._sites[site] = len(self._sites)
            self._new_sites.append(site)
        return number

    def mark(self, mark: LadderMark) -> int:
        self._new_marks.append(mark)
        self._marks += 1
        return self._marks - 1

    def ops(self, rows: np.ndarray[Any, Any], tensor_ids: Sequence[Ids]) -> None:
        """A batch of `OP_ROW`s, with the ids of each op's inputs and outputs."""
        if not len(rows):
            return
        self._tables()
        with_statistics = bool((rows["flags"] & OpFlags.STATISTICS).any())
        if not with_statistics:
            plain = np.empty(len(rows), PLAIN_ROW)
            for name in PLAIN_ROW.names or ():
                plain[name] = rows[name]
            rows = plain
        sides = list(chain.from_iterable(tensor_ids))
        counts = np.array(list(map(len, sides)), dtype="<u2")
        flat = list(chain.from_iterable(sides))
        # a column's bytes are alike: compressed they take half of what rows take
        columns = b"".join(np.ascontiguousarray(rows[name]).tobytes() for name in rows.dtype.names or ())
        ids = np.array(flat, dtype="<u4").tobytes()
        payload = struct.pack("<I", len(rows)) + columns + counts.tobytes() + ids
        self._block(BlockKind.STATISTICS if with_statistics else BlockKind.OPS, payload, level=1)

    def note(self, op_number: int, text: str) -> None:
        self._block(BlockKind.NOTE, struct.pack("<Q", op_number) + text.encode("utf-8", "replace"))

    def tensor(self, op_number: int, output: int, array: np.ndarray[Any, Any], meta: TensorMeta) -> bool:
        """Values of an op's output. False where they are over the budget, and nothing is written.

        Raises TypeError for what are no numbers."""
        if array.dtype.kind not in "biufcV" or array.dtype.hasobject or array.dtype.names:
            raise TypeError(f"Values of type {array.dtype} can't be kept in a trace.")
        if array.nbytes > min(self._values_left, MAX_BLOCK_BYTES // 2):
            return False
        self._values_left -= array.nbytes
        kept = SavedTensor(op_number, output, array.dtype.str, tuple(array.shape), meta)
        head = _ENCODER.encode(kept)
        self._block(BlockKind.TENSOR, struct.pack("<I", len(head)) + head + array.tobytes(), level=1)
        return True

    def flush(self) -> None:
        self._tables()
        self._file.flush()

    def close(self) -> None:
        if not self._file.closed:
            try:
                self.flush()
            finally:
                self._file.close()

    def _tables(self) -> None:
        if self._new_sites:
            new, self._new_sites = self._new_sites, []
            self._block(BlockKind.SITES, _ENCODER.encode(new))
        if self._new_marks:
            moved, self._new_marks = self._new_marks, []
            self._block(BlockKind.MARKS, _ENCODER.encode(moved))

    def _block(self, kind: BlockKind, payload: bytes, level: int = 6) -> None:
        packed = zlib.compress(payload, level)
        if kind != BlockKind.TENSOR:
            self._unpacked += len(payload)
            if self._unpacked > FREE_BYTES + MAX_RATIO * (self._written + _FRAME.size + len(packed)):
                packed = zlib.compress(payload, 0)
        self._written += _FRAME.size + len(packed)
        self._file.write(
            _FRAME.pack(kind, len(packed), zlib.crc32(packed, zlib.crc32(bytes([kind])))) + packed
        )
