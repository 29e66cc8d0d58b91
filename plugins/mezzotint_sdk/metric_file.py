"""Metric series on disk: append-only files that survive a kill at any moment, read quickly at any zoom.

A series is one file of fixed records, `NAME.mzm`, and files of a min/max pyramid beside it, `NAME.mzm.1` and
so on, where a record of level k stands for 32^k points::

    NAME.mzm      header (512 bytes), then per point     step, time, value            3 little-endian float64
    NAME.mzm.K    header (512 bytes), then per 32^K      first step, first time,
                  points that are complete               least value, greatest value  4 little-endian float64

The points are the truth and the pyramid is a cache of them: a reader takes from a level what is finished
there and computes the rest from the level below, so that a torn tail, a level that lags or one that is
missing costs time and never an answer. One process writes a series; any number read it meanwhile.

Steps must not decrease along a series (readers search by bisection); values may be anything, NaN is left out
of minima and maxima where a block holds a number as well.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mezzotint_sdk.errors import BadInputError, NotFoundError, StorageError
from mezzotint_sdk.records import SeriesInfo

__all__ = ["BLOCK", "MetricReader", "MetricWriter", "SeriesPoints", "series_file_name"]

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
_POINT = np.dtype("<f8"), 3
_BLOCK_FIELDS = 4

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SeriesPoints:
    """Part of a series, thinned by minimum and maximum. All arrays are float64 and of one length.

    `total` counts the points in the asked range before thinning; `times` are seconds since the run's start.
    Without thinning `lows` equals `highs`.
    """

    unit: str
    total: int
    steps: Array
    lows: Array
    highs: Array
    times: Array


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


def _header(level: int, unit: str, name: str) -> bytes:
    unit_bytes, name_bytes = unit.encode(), name.encode()
    if len(unit_bytes) > MAX_UNIT_BYTES:
        raise BadInputError(f"A metric's unit may have {MAX_UNIT_BYTES} bytes at most.")
    head = _HEAD.pack(_MAGIC, _VERSION, level, len(unit_bytes), len(name_bytes)) + unit_bytes + name_bytes
    head = head.ljust(HEADER_BYTES - 4, b"\0")
    return head + struct.pack("<I", zlib.crc32(head))


def _parse_header(data: bytes, path: Path) -> tuple[int, str, str]:
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


def _level_path(path: Path, level: int) -> Path:
    return path if level == 0 else path.with_name(f"{path.name}.{level}")


def _fields(level: int) -> int:
    return 3 if level == 0 else _BLOCK_FIELDS


def _reduce(records: Array, level: int, group: int) -> Array:
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


class _LevelFile:
    """Records of one level of a series, open for reading; whole records only."""

    def __init__(self, path: Path, level: int) -> None:
        self.level = level
        self._fields = _fields(level)
        self._file: BinaryIO = open(_level_path(path, level), "rb", buffering=0)  # noqa: SIM115 (closed by close)
        try:
            found, self.unit, self.name = _parse_header(self._file.read(HEADER_BYTES), path)
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


class MetricWriter:
    """Appends points to one series of a folder; takes up a series that is there, also after a kill.

    Each `append` is one write of whole records to the operating system: what it returned from outlives the
    process. Raises StorageError where the folder can't be written, BadInputError for points that can't be
    taken.
    """

    def __init__(self, folder: Path, name: str, unit: str = "") -> None:
        self.name, self.unit = name, unit
        self._path = folder / series_file_name(name)
        self._files: list[BinaryIO] = []
        self._pending: list[Array] = []  # per level: records that don't fill a block of the next yet
        self.count = 0
        self._last_step = -np.inf
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            self.close()
            raise _storage_error(name, error) from error
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        records: Array = np.empty((0, 3))
        below = 0
        for level in range(MAX_LEVELS + 1):
            file = _open_level(self._path, level, self.unit, self.name)
            self._files.append(file)
            size = 8 * _fields(level)
            count = max(0, file.seek(0, os.SEEK_END) - HEADER_BYTES) // size
            if level == 0:
                self.count = count
            else:
                # never ahead of the level below: what is too much comes from a file that was cut
                count = min(count, below // BLOCK)
            file.truncate(HEADER_BYTES + count * size)
            file.seek(HEADER_BYTES + count * size)
            if level:
                source = _LevelFile(self._path, level - 1)
                try:
                    # a lagging level catches up, a bounded part at a time
                    while count < below // BLOCK:
                        upto = min(below // BLOCK, count + 65536)
                        records = _reduce(source.read(count * BLOCK, upto * BLOCK), level - 1, BLOCK)
                        _write(file, records)
                        count = upto
                    self._pending.append(source.read(count * BLOCK, below))
                finally:
                    source.close()
            below = count
        if self.count:
            source = _LevelFile(self._path, 0)
            try:
                self._last_step = float(source.read(self.count - 1, self.count)[0, 0])
            finally:
                source.close()

    def append(self, steps: ArrayLike, times: ArrayLike, values: ArrayLike) -> None:
        """Add points: three equally long sequences (or three numbers) of steps, seconds and values."""
        columns = [np.atleast_1d(np.asarray(part, dtype=np.float64)) for part in (steps, times, values)]
        if any(column.ndim != 1 or len(column) != len(columns[0]) for column in columns):
            raise BadInputError("Steps, times and values of a metric must be equally long lists of numbers.")
        step = columns[0]
        if not len(step):
            return
        if not np.isfinite(step).all() or step[0] < self._last_step or (np.diff(step) < 0).any():
            raise BadInputError(f"The steps of the metric {self.name} must be finite and must not decrease.")
        if not self._files:
            raise StorageError(f"The metric {self.name} is closed.")
        records = np.column_stack(columns)
        try:
            _write(self._files[0], records)
            self.count += len(records)
            self._last_step = float(step[-1])
            for level in range(MAX_LEVELS):
                self._pending[level] = (
                    np.concatenate([self._pending[level], records]) if len(self._pending[level]) else records
                )
                whole = len(self._pending[level]) // BLOCK * BLOCK
                if not whole:
                    break
                records = _reduce(self._pending[level][:whole], level, BLOCK)
                self._pending[level] = self._pending[level][whole:].copy()
                _write(self._files[level + 1], records)
        except OSError as error:
            raise _storage_error(self.name, error) from error

    def flush(self) -> None:
        """Make what was appended outlive a power cut as well (fsync)."""
        try:
            for file in self._files:
                os.fsync(file.fileno())
        except OSError as error:
            raise _storage_error(self.name, error) from error

    def close(self) -> None:
        for file in self._files:
            file.close()
        self._files.clear()

    def __enter__(self) -> MetricWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open_level(path: Path, level: int, unit: str, name: str) -> BinaryIO:
    """A level's file, opened to write.

    New, unless there is one of ours. Raises StorageError for somebody else's.
    """
    place = _level_path(path, level)
    header = _header(level, unit, name)
    file: BinaryIO = open(place, "r+b" if place.exists() else "w+b", buffering=0)  # noqa: SIM115
    try:
        found = file.read(HEADER_BYTES)
        try:
            # a header torn by a kill has nothing behind it; a pyramid's file can always be made again
            fresh = len(found) < HEADER_BYTES or (_parse_header(found, place)[::2] != (level, name))
            if fresh and level == 0 and len(found) >= HEADER_BYTES:
                raise StorageError(f"The metric file {place.name} belongs to another series.")
        except StorageError:
            if level == 0:
                raise
            fresh = True
        if fresh:
            file.seek(0)
            file.truncate(0)
            _write_bytes(file, header)
    except BaseException:
        file.close()
        raise
    return file


def _write(file: BinaryIO, records: Array) -> None:
    _write_bytes(file, np.ascontiguousarray(records, dtype="<f8").tobytes())


def _write_bytes(file: BinaryIO, data: bytes) -> None:
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


def _storage_error(name: str, error: OSError) -> StorageError:
    reason = error.strerror or str(error)
    return StorageError(
        f"The metric {name} can't be written ({reason}); free some space or check the data folder."
    )


class MetricReader:
    """Reads the series of one folder, also while they are written.

    Raises NotFoundError for a series that is not there, StorageError for one that is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def series(self) -> tuple[SeriesInfo, ...]:
        """All series that can be read, by name. Damaged files are left out; `damaged` names them."""
        return self._scan()[0]

    def damaged(self) -> tuple[str, ...]:
        """Names of files here that should be series and can't be read as such."""
        return self._scan()[1]

    def _scan(self) -> tuple[tuple[SeriesInfo, ...], tuple[str, ...]]:
        found, damaged = [], []
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                level = _LevelFile(path, 0)
            except StorageError:
                if path.stat().st_size >= HEADER_BYTES:  # shorter: just being made
                    damaged.append(path.name)
                continue
            except OSError:
                damaged.append(path.name)
                continue
            level.close()
            found.append(SeriesInfo(level.name, level.unit, level.count))
        return tuple(sorted(found, key=lambda info: info.name)), tuple(damaged)

    def read(
        self, name: str, first_step: float = -np.inf, last_step: float = np.inf, max_points: int = 2000
    ) -> SeriesPoints:
        """Points with first_step <= step <= last_step, thinned to `max_points` or fewer."""
        if max_points < 1:
            raise BadInputError(f"At least 1 point must be asked for, not {max_points}.")
        path = self._folder / series_file_name(name)
        try:
            levels = _open_levels(path)
        except FileNotFoundError:
            raise NotFoundError(f"There is no metric {name} in this run.") from None
        except OSError as error:
            raise StorageError(f"The metric {name} can't be read ({error.strerror or error}).") from error
        try:
            if levels[0].name != name:
                raise StorageError(f"The metric file {path.name} belongs to another series.")
            return _thinned(levels, first_step, last_step, max_points)
        except OSError as error:
            raise StorageError(f"The metric {name} can't be read ({error.strerror or error}).") from error
        finally:
            for level in levels:
                level.close()


def _open_levels(path: Path) -> list[_LevelFile]:
    """Level 0 and those above it that are usable, without a gap."""
    levels = [_LevelFile(path, 0)]
    for number in range(1, MAX_LEVELS + 1):
        try:
            level = _LevelFile(path, number)
        except (StorageError, OSError):
            break  # a cache that is missing or damaged: the levels below have everything
        below = levels[-1]
        level.count = min(level.count, below.count // BLOCK)
        if level.name != levels[0].name or not _agree(level, below):
            level.close()
            break
        levels.append(level)
    return levels


def _agree(level: _LevelFile, below: _LevelFile) -> bool:
    """Whether the last record of a level is what the one below says.

    A look at the likeliest place of damage.
    """
    if not level.count:
        return True
    last = level.count - 1
    expected = _reduce(below.read(last * BLOCK, (last + 1) * BLOCK), below.level, BLOCK)
    return np.array_equal(level.read(last, last + 1), expected, equal_nan=True)


def _blocks(levels: list[_LevelFile], number: int, first: int, last: int) -> Array:
    """Records first to last - 1 of a level; what its file lacks is computed from below."""
    if number >= len(levels):
        finished = first
        own: Array = np.empty((0, _BLOCK_FIELDS))
    else:
        finished = max(first, min(last, levels[number].count))
        own = levels[number].read(first, finished)
    if finished == last or number == 0:
        return own
    below = _blocks(levels, number - 1, finished * BLOCK, last * BLOCK)
    return np.concatenate([own, _reduce(below, number - 1, BLOCK)]) if len(below) else own


def _thinned(levels: list[_LevelFile], first_step: float, last_step: float, max_points: int) -> SeriesPoints:
    base = levels[0]
    first, last = base.bisect(first_step, after=False), base.bisect(last_step, after=True)
    total = max(0, last - first)
    if total <= max_points:
        points = base.read(first, last)
        return SeriesPoints(base.unit, total, points[:, 0], points[:, 2], points[:, 2], points[:, 1])
    # The highest level that still has more blocks than points are asked for: little to read, nothing lost.
    number = 0
    while number < MAX_LEVELS and total // BLOCK ** (number + 1) >= max_points:
        number += 1
    size = BLOCK**number
    first_block, last_block = -(-first // size), last // size
    pieces = [
        _edge(levels, number, first, min(last, first_block * size)),
        _blocks(levels, number, first_block, last_block),
        _edge(levels, number, max(first, last_block * size), last),
    ]
    records = np.concatenate(
        [_reduce(piece, 0, 1) if number == 0 else piece for piece in pieces if len(piece)]
    )
    records = _reduce(records, 1, -(-len(records) // max_points))
    return SeriesPoints(base.unit, total, records[:, 0], records[:, 2], records[:, 3], records[:, 1])


def _edge(levels: list[_LevelFile], number: int, first: int, last: int) -> Array:
    """The points between a range's end and the next whole block, as one record."""
    if number == 0 or last <= first:
        return np.empty((0, _BLOCK_FIELDS))
    points = levels[0].read(first, last)
    return _reduce(points, 0, max(1, len(points)))
