"""Reads a trace of ops, also while it grows. See `trace_writer` for the format.

A torn end is no error: it is what a killed process leaves, or what is being written just now. A damaged block
ends what can be read; `damage` then says so. Values of tensors stay in the file until they are asked for.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np

from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.trace_records import (
    FREE_BYTES,
    MAX_BLOCK_BYTES,
    MAX_RATIO,
    OP_ROW,
    PLAIN_ROW,
    TRACE_MAGIC,
    BlockKind,
    LadderMark,
    OpFlags,
    OpSite,
    SavedTensor,
    TraceHeader,
)

__all__ = ["BadTraceError", "OpRow", "TraceReader"]

_FRAME = struct.Struct("<BII")
_SITES = msgspec.msgpack.Decoder(list[OpSite])
_MARKS = msgspec.msgpack.Decoder(list[LadderMark])
_HEADER = msgspec.msgpack.Decoder(TraceHeader)
_TENSOR = msgspec.msgpack.Decoder(SavedTensor)
_MIN_SITE, _MIN_MARK = 64, 32  # bytes of one as the writer encodes it, at least
_MAX_HEAD = 64 * 1024  # bytes of a `SavedTensor`
_DTYPE = re.compile(r"[<>|=]?[biufcV][0-9]{1,3}")

Array = np.ndarray[Any, Any]


class BadTraceError(BadInputError):
    """The file is no trace."""

    code = "bad_trace"


@dataclass(frozen=True)
class OpRow:
    """One op, put together. `inputs` and `outputs` are ids: equal ones are the same tensor."""

    number: int
    site: OpSite
    mark: LadderMark
    started_us: int
    duration_us: float
    memory_delta: int
    flags: int
    thread: int
    minimum: float
    maximum: float
    mean: float
    norm: float
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    note: str


class TraceReader:
    """`follow` reads what was appended since. `rows` is a view that stays as it is when the trace grows.

    Raises BadTraceError where the file is no trace (or its header is not whole yet), OSError from the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.sites: list[OpSite] = []
        self.marks: list[LadderMark] = []
        self.notes: dict[int, str] = {}
        self.damage = ""
        self._rows = np.empty(1024, OP_ROW)
        self._count = 0
        self._ids = np.empty(4096, "<u4")
        self._id_count = 0
        self._id_starts = np.zeros(1025, np.int64)  # of each op, and the end of the last
        self._input_counts = np.zeros(1024, np.int64)
        self._tensors: dict[tuple[int, int], tuple[int, int]] = {}  # where in the file: offset, length
        self._file: BinaryIO = self.path.open("rb")
        self._offset = len(TRACE_MAGIC)
        self._unpacked = 0  # bytes of all blocks but those with values
        self._early: set[int] = set()  # ops whose values came before their row
        try:
            if self._file.read(self._offset) != TRACE_MAGIC:
                raise BadTraceError(f"{self.path.name} is not a trace of Mezzotint.")
            first = self._next_block()
            if first is None or first[0] != BlockKind.HEADER:
                raise BadTraceError(f"{self.path.name} has no header; it was cut off while it was made.")
            self.header = self._decoded(_HEADER, first[1])
        except BaseException:
            self._file.close()
            raise

    @property
    def rows(self) -> Array:
        return self._rows[: self._count]

    def close(self) -> None:
        self._file.close()

    def follow(self) -> int:
        """Read what is new; the number of rows now."""
        while not self.damage:
            begun = self._offset
            try:
                block = self._next_block()
                if block is None:
                    break
                self._take(*block, begun)
            except BadTraceError as error:
                self.damage = error.message
        return self._count

    def op(self, number: int) -> OpRow:
        """Raises IndexError."""
        if not 0 <= number < self._count:
            raise IndexError(number)
        row = self._rows[number]
        start, end = int(self._id_starts[number]), int(self._id_starts[number + 1])
        middle = start + int(self._input_counts[number])
        ids = tuple(int(one) for one in self._ids[start:end])
        return OpRow(
            number=number,
            site=self.sites[row["site"]],
            mark=self.marks[row["mark"]] if row["mark"] < len(self.marks) else LadderMark(),
            started_us=int(row["started_us"]),
            duration_us=float(row["duration_us"]),
            memory_delta=int(row["memory_delta"]),
            flags=int(row["flags"]),
            thread=int(row["thread"]),
            minimum=float(row["minimum"]),
            maximum=float(row["maximum"]),
            mean=float(row["mean"]),
            norm=float(row["norm"]),
            inputs=ids[: middle - start],
            outputs=ids[middle - start :],
            note=self.notes.get(number, ""),
        )

    def tensor(self, op_number: int, output: int = 0) -> Array | None:
        """The values of an op's output; None where they were not kept. Raises BadTraceError."""
        place = self._tensors.get((op_number, output))
        if place is None:
            return None
        self._file.seek(place[0])
        payload = _unpacked(self._file.read(place[1]), MAX_BLOCK_BYTES)
        head, begin = self._tensor_head(payload)
        count = math.prod(head.shape)
        if _DTYPE.fullmatch(head.dtype) and min(head.shape, default=0) >= 0:
            try:
                kind = np.dtype(head.dtype)
                if kind.kind in "biufcV" and count * kind.itemsize == len(payload) - begin:
                    return np.frombuffer(payload, kind, count, begin).reshape(head.shape).copy()
            except (TypeError, ValueError, OverflowError):  # more than any memory
                pass  # said below
        raise BadTraceError(f"The values of op {op_number} are damaged.")

    @property
    def saved_tensors(self) -> tuple[tuple[int, int], ...]:
        """(op, output) of all that was kept."""
        return tuple(self._tensors)

    @property
    def tensor_ids(self) -> tuple[Array, Array, Array]:
        """(ids, starts, inputs): op n's ids are ids[starts[n] : starts[n + 1]], and the first inputs[n] of
        these are its inputs, the others its outputs."""
        count = self._count
        return self._ids[: self._id_count], self._id_starts[: count + 1], self._input_counts[:count]

    # --- blocks

    def _next_block(self) -> tuple[int, bytes] | None:
        """None where there is no whole one (yet)."""
        self._file.seek(self._offset)
        frame = self._file.read(_FRAME.size)
        if len(frame) < _FRAME.size:
            return None
        kind, length, check = _FRAME.unpack(frame)
        if length > MAX_BLOCK_BYTES:
            raise BadTraceError(self._damage())
        packed = self._file.read(length)
        if len(packed) < length:
            return None
        if zlib.crc32(packed, zlib.crc32(frame[:1])) != check:
            raise BadTraceError(self._damage())
        end = self._offset + _FRAME.size + length
        if kind != BlockKind.TENSOR:
            allowed = FREE_BYTES + MAX_RATIO * end - self._unpacked
            packed = _unpacked(packed, min(allowed, MAX_BLOCK_BYTES))
            self._unpacked += len(packed)
        self._offset = end
        return kind, packed

    def _damage(self) -> str:
        return f"{self.path.name} is damaged at byte {self._offset}; what lies before is shown."

    def _decoded(self, decoder: Any, payload: bytes) -> Any:
        try:
            return decoder.decode(payload)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, OverflowError, ValueError):
            raise BadTraceError(self._damage()) from None

    def _take(self, kind: int, payload: bytes, begun: int) -> None:
        match kind:
            case BlockKind.SITES:
                self.sites.extend(self._list(_SITES, payload, _MIN_SITE))
            case BlockKind.MARKS:
                self.marks.extend(self._list(_MARKS, payload, _MIN_MARK))
            case BlockKind.OPS | BlockKind.STATISTICS:
                self._take_rows(payload, PLAIN_ROW if kind == BlockKind.OPS else OP_ROW)
            case BlockKind.NOTE:
                if len(payload) < 8:
                    raise BadTraceError(self._damage())
                number = struct.unpack_from("<Q", payload)[0]
                text = payload[8:].decode("utf-8", "replace")
                before = self.notes.get(number)
                self.notes[number] = f"{before}; {text}" if before else text
            case BlockKind.TENSOR:
                self._take_place(payload, begun)
            case _:
                pass  # of a newer writer

    def _list(self, decoder: Any, payload: bytes, least: int) -> Any:
        """What says to be a list of more than its bytes can hold would cost memory before it fails."""
        kind, count = payload[:1], 0
        if kind == b"\xdd" and len(payload) >= 5:
            count = int.from_bytes(payload[1:5], "big")
        elif kind == b"\xdc" and len(payload) >= 3:
            count = int.from_bytes(payload[1:3], "big")
        if count * least > len(payload):
            raise BadTraceError(self._damage())
        return self._decoded(decoder, payload)

    def _take_place(self, packed: bytes, begun: int) -> None:
        head, _ = self._tensor_head(_unpacked(packed, _MAX_HEAD, whole=False))
        self._tensors[head.op_number, head.output] = (begun + _FRAME.size, len(packed))
        if 0 <= head.op_number < self._count:
            self._rows["flags"][head.op_number] |= OpFlags.SAVED
        else:
            self._early.add(head.op_number)

    def _tensor_head(self, payload: bytes) -> tuple[SavedTensor, int]:
        """And where the values begin."""
        length = struct.unpack_from("<I", payload)[0] if len(payload) >= 4 else 0
        head: SavedTensor = self._decoded(_TENSOR, payload[4 : 4 + length])
        return head, 4 + length

    def _take_rows(self, payload: bytes, kind: np.dtype[Any]) -> None:
        if len(payload) < 4:
            raise BadTraceError(self._damage())
        count = struct.unpack_from("<I", payload)[0]
        names = kind.names or ()
        fields: Any = kind.fields or {}
        body = 4 + count * kind.itemsize
        if len(payload) < body + count * 4:
            raise BadTraceError(self._damage())
        counts = np.frombuffer(payload, "<u2", count * 2, body).reshape(count, 2).astype(np.int64)
        total = int(counts.sum())
        if len(payload) != body + count * 4 + total * 4:
            raise BadTraceError(self._damage())
        ids = np.frombuffer(payload, "<u4", total, body + count * 4)
        self._reserve(count, total)
        rows = self._rows[self._count : self._count + count]
        for name in ("minimum", "maximum", "mean", "norm"):
            rows[name] = np.nan
        offset = 4
        for name in names:
            column = fields[name][0]
            rows[name] = np.frombuffer(payload, column, count, offset)
            offset += count * column.itemsize
        if count and int(rows["site"].max()) >= len(self.sites):
            raise BadTraceError(self._damage())
        self._ids[self._id_count : self._id_count + total] = ids
        ends = self._id_count + np.cumsum(counts.sum(axis=1))
        self._id_starts[self._count + 1 : self._count + count + 1] = ends
        self._input_counts[self._count : self._count + count] = counts[:, 0]
        self._id_count += total
        self._count += count
        if self._early:
            come = {number for number in self._early if 0 <= number < self._count}
            self._rows["flags"][list(come)] |= np.uint16(OpFlags.SAVED)
            self._early -= come

    def _reserve(self, rows: int, ids: int) -> None:
        """New arrays where they are full: views that were given out keep the old ones."""
        if self._count + rows > len(self._rows):
            size = max(2 * len(self._rows), self._count + rows)
            self._rows = _grown(self._rows, self._count, size)
            self._input_counts = _grown(self._input_counts, self._count, size)
            self._id_starts = _grown(self._id_starts, self._count + 1, size + 1)
        if self._id_count + ids > len(self._ids):
            self._ids = _grown(self._ids, self._id_count, max(2 * len(self._ids), self._id_count + ids))


def _grown(array: Array, used: int, size: int) -> Array:
    larger = np.zeros(size, array.dtype)
    larger[:used] = array[:used]
    return larger


def _unpacked(packed: bytes, allowed: int, *, whole: bool = True) -> bytes:
    """Bounded: a few bytes must not become gigabytes. Not `whole`: so much of it as is allowed."""
    worker = zlib.decompressobj()
    try:
        payload = worker.decompress(packed, max(allowed, 0) + 1)  # one more: else the end isn't seen
    except zlib.error:
        raise BadTraceError("A block of the trace can't be unpacked; it is damaged.") from None
    if whole and (not worker.eof or worker.unused_data or len(payload) > allowed):
        raise BadTraceError("A block of the trace is larger than allowed, or cut off; it is damaged.")
    return payload
