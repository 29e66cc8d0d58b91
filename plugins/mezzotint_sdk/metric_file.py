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

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from mezzotint_sdk.errors import BadInputError, NotFoundError, StorageError
from mezzotint_sdk.metric_levels import (
    BLOCK,
    BLOCK_FIELDS,
    HEADER_BYTES,
    MAX_LEVELS,
    SUFFIX,
    Array,
    LevelFile,
    fields_of,
    no_records,
    open_level,
    reduce_records,
    series_file_name,
    write_records,
)
from mezzotint_sdk.records import SeriesInfo

__all__ = ["BLOCK", "MetricReader", "MetricWriter", "SeriesPoints", "series_file_name"]


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
        self._add_level()
        self.count = below = self._whole(0)
        if self.count:
            last = self._source(0, self.count - 1, self.count)
            self._last_step = float(last[0, 0])
        for level in range(1, MAX_LEVELS + 1):
            wanted = below // BLOCK
            count = 0
            if wanted:
                self._add_level()
                # never ahead of the level below: what is too much comes from a file that was cut
                count = min(self._whole(level), wanted)
                self._cut(level, count)
            # a lagging level catches up, a bounded part at a time
            while count < wanted:
                upto = min(wanted, count + 65536)
                write_records(
                    self._files[level],
                    reduce_records(self._source(level - 1, count * BLOCK, upto * BLOCK), level - 1, BLOCK),
                )
                count = upto
            self._pending.append(
                self._source(level - 1, count * BLOCK, below) if below else no_records(level - 1)
            )
            below = count

    def _add_level(self) -> None:
        """Open the file of the next level, made if need be, at the end of its whole records."""
        level = len(self._files)
        self._files.append(open_level(self._path, level, self.unit, self.name))
        self._cut(level, self._whole(level))

    def _whole(self, level: int) -> int:
        size = self._files[level].seek(0, os.SEEK_END)
        return max(0, size - HEADER_BYTES) // (8 * fields_of(level))

    def _cut(self, level: int, count: int) -> None:
        end = HEADER_BYTES + count * 8 * fields_of(level)
        self._files[level].truncate(end)
        self._files[level].seek(end)

    def _source(self, level: int, first: int, last: int) -> Array:
        file = LevelFile(self._path, level)
        try:
            return file.read(first, last)
        finally:
            file.close()

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
            write_records(self._files[0], records)
            self.count += len(records)
            self._last_step = float(step[-1])
            for level in range(MAX_LEVELS):
                self._pending[level] = (
                    np.concatenate([self._pending[level], records]) if len(self._pending[level]) else records
                )
                whole = len(self._pending[level]) // BLOCK * BLOCK
                if not whole:
                    break
                records = reduce_records(self._pending[level][:whole], level, BLOCK)
                self._pending[level] = self._pending[level][whole:].copy()
                if len(self._files) == level + 1:
                    # most series are short, and never need the higher levels' files
                    self._add_level()
                    self._cut(level + 1, 0)
                write_records(self._files[level + 1], records)
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
                level = LevelFile(path, 0)
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


def _open_levels(path: Path) -> list[LevelFile]:
    """Level 0 and those above it that are usable, without a gap."""
    levels = [LevelFile(path, 0)]
    for number in range(1, MAX_LEVELS + 1):
        try:
            level = LevelFile(path, number)
        except (StorageError, OSError):
            break  # a cache that is missing or damaged: the levels below have everything
        below = levels[-1]
        level.count = min(level.count, below.count // BLOCK)
        if level.name != levels[0].name or not _agree(level, below):
            level.close()
            break
        levels.append(level)
    return levels


def _agree(level: LevelFile, below: LevelFile) -> bool:
    """Whether the last record of a level is what the one below says.

    A look at the likeliest place of damage.
    """
    if not level.count:
        return True
    last = level.count - 1
    expected = reduce_records(below.read(last * BLOCK, (last + 1) * BLOCK), below.level, BLOCK)
    return np.array_equal(level.read(last, last + 1), expected, equal_nan=True)


def _blocks(levels: list[LevelFile], number: int, first: int, last: int) -> Array:
    """Records first to last - 1 of a level; what its file lacks is computed from below."""
    if number >= len(levels):
        finished = first
        own: Array = np.empty((0, BLOCK_FIELDS))
    else:
        finished = max(first, min(last, levels[number].count))
        own = levels[number].read(first, finished)
    if finished == last or number == 0:
        return own
    below = _blocks(levels, number - 1, finished * BLOCK, last * BLOCK)
    return np.concatenate([own, reduce_records(below, number - 1, BLOCK)]) if len(below) else own


def _thinned(levels: list[LevelFile], first_step: float, last_step: float, max_points: int) -> SeriesPoints:
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
        [reduce_records(piece, 0, 1) if number == 0 else piece for piece in pieces if len(piece)]
    )
    records = reduce_records(records, 1, -(-len(records) // max_points))
    return SeriesPoints(base.unit, total, records[:, 0], records[:, 2], records[:, 3], records[:, 1])


def _edge(levels: list[LevelFile], number: int, first: int, last: int) -> Array:
    """The points between a range's end and the next whole block, as one record."""
    if number == 0 or last <= first:
        return np.empty((0, BLOCK_FIELDS))
    points = levels[0].read(first, last)
    return reduce_records(points, 0, max(1, len(points)))
