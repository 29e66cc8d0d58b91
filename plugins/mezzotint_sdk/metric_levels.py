"""The bytes of metric files (see `metric_file`): headers, records, levels of the min/max pyramid."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from mezzotint_sdk.errors import BadInputError, StorageError

BLOCK = 32  # points of a level that one record of the next stands for
MAX_LEVELS = 6  # 32^6 is a thousand million points in one record: nobody's plot needs a seventh
HEADER_BYTES = 512
SUFFIX = ".mzm"
MAX_NAME_BYTES = 200
MAX_UNIT_BYTES = 64

_MAGIC = b"MZMETRIC"
_VERSION = 1
# magic, version, level, bytes of unit, bytes of name; then unit, name, zeros; CRC-32 of all that in the last
# 4 bytes
_HEAD = struct.Struct("<8sIIHH")
BLOCK_FIELDS = 4

Array = NDArray[np.float64]


def series_file_name(name: str) -> str:
    """A file name for any series name: the same on every platform, none for two names, none that is reserved.

    Raises BadInputError for a name that is empty, too long, or can't be encoded.
    """
    try:
        data = name.encode()
    except UnicodeEncodeError:
        raise BadInputError("A metric series' name holds characters that can't be written.") from None
    if not data or len(data) > MAX_NAME_BYTES:
        raise BadInputError(
            f"A metric series' name must have 1 to {MAX_NAME_BYTES} bytes; this has {len(data)}."
        )
    # upper case is escaped as well: there are file systems that don't tell it from lower case
    safe = "".join(
        chr(byte)
        if chr(byte) in "abcdefghijklmnopqrstuvwxyz0123456789_-"
        else "."
        if byte == 0x2F
        else f"%{byte:02x}"
        for byte in data
    )
    if len(safe) > 120:
        safe = f"{safe[:80]}~{hashlib.sha256(data).hexdigest()[:24]}"
    # the prefix keeps names like "con" and ".." harmless
    return f"s.{safe}{SUFFIX}"


def pack_header(level: int, unit: str, name: str) -> bytes:
    unit_bytes, name_bytes = unit.encode(), name.encode()
    if len(unit_bytes) > MAX_UNIT_BYTES:
        raise BadInputError(f"A metric's unit may have {MAX_UNIT_BYTES} bytes at most.")
    head = _HEAD.pack(_MAGIC, _VERSION, level, len(unit_bytes), len(name_bytes)) + unit_bytes + name_bytes
    head = head.ljust(HEADER_BYTES - 4, b"\0")
    return head + struct.pack("<I", zlib.crc32(head))


def parse_header(data: bytes, path: Path) -> tuple[int, str, str]:
    """Level, unit and name. Raises StorageError for anything that is not a header of ours."""
    if len(data) < HEADER_BYTES or data[:8] != _MAGIC:
        raise StorageError(f"{path.name} is not a metric file of Mezzotint, or it is damaged.")
    if struct.unpack("<I", data[-4:])[0] != zlib.crc32(data[:-4]):
        raise StorageError(f"The header of the metric file {path.name} is damaged.")
    _, version, level, unit_length, name_length = _HEAD.unpack_from(data)
    if version != _VERSION:
        raise StorageError(
            f"The metric file {path.name} is of version {version}; this Mezzotint reads {_VERSION}."
        )
    start = _HEAD.size
    if unit_length > MAX_UNIT_BYTES or name_length > MAX_NAME_BYTES:
        raise StorageError(f"The header of the metric file {path.name} is damaged.")
    try:
        unit = data[start : start + unit_length].decode()
        name = data[start + unit_length : start + unit_length + name_length].decode()
    except UnicodeDecodeError:
        raise StorageError(f"The header of the metric file {path.name} is damaged.") from None
    return level, unit, name


def level_path(path: Path, level: int) -> Path:
    return path if level == 0 else path.with_name(f"{path.name}.{level}")


def no_records(level: int) -> Array:
    return np.empty((0, fields_of(level)))


def fields_of(level: int) -> int:
    return 3 if level == 0 else BLOCK_FIELDS


def reduce_records(records: Array, level: int, group: int) -> Array:
    """Records of a level, in groups of `group` (the last may be short), as records of a higher level.

    (n, 4).
    """
    starts = np.arange(0, len(records), group)
    low_column, high_column = (2, 2) if level == 0 else (2, 3)
    return np.column_stack(
        [
            records[starts, 0],
            records[starts, 1],
            np.fmin.reduceat(records[:, low_column], starts),
            np.fmax.reduceat(records[:, high_column], starts),
        ]
    )


class LevelFile:
    """Records of one level of a series, open for reading; whole records only."""

    def __init__(self, path: Path, level: int) -> None:
        self.level = level
        self._fields = fields_of(level)
        self._file: BinaryIO = open(level_path(path, level), "rb", buffering=0)  # noqa: SIM115 (closed by close)
        try:
            found, self.unit, self.name = parse_header(self._file.read(HEADER_BYTES), path)
            if found != level:
                raise StorageError(f"The metric file {path.name} is damaged.")
        except BaseException:
            self._file.close()
            raise
        size = os.fstat(self._file.fileno()).st_size
        self.count = max(0, size - HEADER_BYTES) // (8 * self._fields)

    def read(self, first: int, last: int) -> Array:
        """Records first to last - 1, shape (n, fields); fewer where the file was cut meanwhile."""
        if last <= first:
            return np.empty((0, self._fields))
        self._file.seek(HEADER_BYTES + first * 8 * self._fields)
        wanted = (last - first) * 8 * self._fields
        data = bytearray()
        while len(data) < wanted and (chunk := self._file.read(wanted - len(data))):
            data += chunk
        whole = len(data) // (8 * self._fields) * self._fields
        return (
            np.frombuffer(bytes(data), "<f8", whole).astype(np.float64, copy=False).reshape(-1, self._fields)
        )

    def bisect(self, step: float, after: bool) -> int:
        """How many records have a step below `step` (with `after`: not above it)."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            record = self.read(middle, middle + 1)
            if len(record) and (record[0, 0] < step or (after and record[0, 0] == step)):
                low = middle + 1
            else:
                high = middle
        return low

    def close(self) -> None:
        self._file.close()


def open_level(path: Path, level: int, unit: str, name: str) -> BinaryIO:
    """A level's file, opened to write.

    New, unless there is one of ours. Raises StorageError for somebody else's.
    """
    place = level_path(path, level)
    header = pack_header(level, unit, name)
    file: BinaryIO = open(place, "r+b" if place.exists() else "w+b", buffering=0)  # noqa: SIM115
    try:
        found = file.read(HEADER_BYTES)
        try:
            # a header torn by a kill has nothing behind it; a pyramid's file can always be made again
            fresh = len(found) < HEADER_BYTES or (parse_header(found, place)[::2] != (level, name))
            if fresh and level == 0 and len(found) >= HEADER_BYTES:
                raise StorageError(f"The metric file {place.name} belongs to another series.")
        except StorageError:
            if level == 0:
                raise
            fresh = True
        if fresh:
            file.seek(0)
            file.truncate(0)
            write_bytes(file, header)
    except BaseException:
        file.close()
        raise
    return file


def write_records(file: BinaryIO, records: Array) -> None:
    write_bytes(file, np.ascontiguousarray(records, dtype="<f8").tobytes())


def write_bytes(file: BinaryIO, data: bytes) -> None:
    """All of `data` or none of it: half a record in the middle would shift all that follow."""
    start = file.tell()
    view = memoryview(data)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError:
        file.seek(start)
        file.truncate(start)
        raise
