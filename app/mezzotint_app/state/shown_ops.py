"""Which ops of a trace are shown, and in which order: whole columns at once, so that a million take no time.

Nothing here knows Qt: it runs on the GUI thread for small traces and on another for large ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.trace_records import LadderMark, OpSite

__all__ = ["OpSums", "Rows", "ShownOps", "Snapshot", "choose_ops", "joined", "sort_order", "sums_of"]

Rows = np.ndarray  # of OP_ROW
Matches = Callable[[Rows], npt.NDArray[np.bool_]]

SAMPLE = 50_000  # rows that a spread is taken of
NUMBERS = {
    "number": "",
    "time": "duration_us",
    "memory": "memory_delta",
    "mark": "flags",
    "step": "mark",
    "min": "minimum",
    "max": "maximum",
    "mean": "mean",
    "norm": "norm",
}
MARK_FLAGS = 1 | 2 | 8 | 16 | 32 | 2048  # of OpFlags: those that a row is marked for


@dataclass(frozen=True)
class Snapshot:
    """A trace as it was read last. `sites` and `marks` only grow: what these rows name stays where it is."""

    rows: Rows
    sites: Sequence[OpSite]
    marks: Sequence[LadderMark]


@dataclass(frozen=True)
class OpSums:
    """Of some ops: how many, their own time, floating point operations, bytes in and out."""

    count: int = 0
    time_us: float = 0.0
    flops: float = 0.0
    nbytes: float = 0.0

    def __add__(self, other: OpSums) -> OpSums:
        return OpSums(
            self.count + other.count,
            self.time_us + other.time_us,
            self.flops + other.flops,
            self.nbytes + other.nbytes,
        )


@dataclass(frozen=True)
class ShownOps:
    """`indices`: op numbers in the order shown, None for all of them in theirs. `upto`: rows considered."""

    indices: npt.NDArray[np.int64] | None
    upto: int
    sums: OpSums
    time_span: tuple[float, float] = (0.0, 0.0)  # µs: 5th and 99th percentile
    memory_span: float = 0.0  # bytes: 99th percentile of the changes' size

    @property
    def count(self) -> int:
        return self.upto if self.indices is None else len(self.indices)


NOTHING = ShownOps(None, 0, OpSums())


def choose_ops(
    snapshot: Snapshot,
    matches: Matches | None = None,
    sort_key: str = "",
    descending: bool = False,
    first: int = 0,
) -> ShownOps:
    """The ops from number `first` on that match, sorted by a column ("" leaves them as they ran)."""
    rows = snapshot.rows[first:]
    indices: npt.NDArray[np.int64] | None = None
    if matches is not None:
        indices = np.flatnonzero(matches(rows))
    sums = sums_of(rows, snapshot.sites, indices)
    time_span, memory_span = _spans(rows, indices)
    if sort_key:
        order = sort_order(rows if indices is None else rows[indices], snapshot.sites, sort_key, descending)
        indices = order if indices is None else indices[order]
    if indices is not None and first:
        indices = indices + first
    return ShownOps(indices, len(snapshot.rows), sums, time_span, memory_span)


def joined(before: ShownOps, more: ShownOps) -> ShownOps:
    """What was shown, and what was found in the rows after it."""
    indices = None
    if before.indices is not None and more.indices is not None:
        indices = np.concatenate([before.indices, more.indices])
    old, new = before.time_span, more.time_span
    span = new if not before.count else old if not more.count else (min(old[0], new[0]), max(old[1], new[1]))
    memory = max(before.memory_span, more.memory_span)
    return ShownOps(indices, more.upto, before.sums + more.sums, span, memory)


def sums_of(rows: Rows, sites: Sequence[OpSite], indices: npt.NDArray[np.int64] | None = None) -> OpSums:
    """Of these rows, or of those among them that `indices` picks. Single columns are picked, never whole
    rows: of a million that takes as long as all the rest."""
    count = len(rows) if indices is None else len(indices)
    if not count:
        return OpSums()
    known = list(sites)
    numbers, times = (
        rows[name] if indices is None else rows[name][indices] for name in ("site", "duration_us")
    )
    counts = np.bincount(numbers, minlength=len(known))
    flops = np.array([site.flops for site in known], np.float64)
    nbytes = np.array([site.nbytes for site in known], np.float64)
    time_us = float(np.nansum(times, dtype=np.float64))
    return OpSums(count, time_us, float(counts @ flops), float(counts @ nbytes))


def _spans(rows: Rows, indices: npt.NDArray[np.int64] | None) -> tuple[tuple[float, float], float]:
    count = len(rows) if indices is None else len(indices)
    if not count:
        return (0.0, 0.0), 0.0
    step = max(1, count // SAMPLE)
    sample = rows[::step] if indices is None else rows[indices[::step]]
    times = np.nan_to_num(sample["duration_us"].astype(np.float64))
    low, high = np.percentile(times, (5, 99))
    changes = np.abs(sample["memory_delta"][sample["memory_delta"] != 0])
    return (float(low), float(high)), float(np.percentile(changes, 99)) if len(changes) else 0.0


def sort_order(rows: Rows, sites: Sequence[OpSite], key: str, descending: bool) -> npt.NDArray[np.int64]:
    """The order that sorts `rows` by a column, stable, with what has no value always last."""
    values = _sort_values(rows, sites, key)
    if values.dtype.kind == "f":
        missing = np.isnan(values)
        values = np.where(missing, np.inf, -values if descending else values)
    elif descending:
        values = values.max(initial=0) - values
    return np.argsort(values, kind="stable")


def _sort_values(rows: Rows, sites: Sequence[OpSite], key: str) -> np.ndarray:
    if key == "number":
        return np.arange(len(rows))
    if key == "mark":  # with a mark first, where the least comes first
        return 65535 - (rows["flags"] & MARK_FLAGS).astype(np.int64)
    if key == "memory":
        return rows["memory_delta"].astype(np.float64)
    if key in NUMBERS:
        values = rows[NUMBERS[key]]
        return values.astype(np.float64) if values.dtype.kind == "f" else values.astype(np.int64)
    known = list(sites)
    if key in ("flops", "bytes"):
        field = "flops" if key == "flops" else "nbytes"
        return np.array([getattr(site, field) for site in known], np.float64)[rows["site"]]
    # a rank for each site, so that a million rows compare small numbers and not texts
    texts = [_site_key(site, key) for site in known]
    ranks = {text: rank for rank, text in enumerate(sorted(set(texts)))}
    return np.array([ranks[text] for text in texts], np.int32)[rows["site"]]


def _site_key(site: OpSite, key: str) -> tuple[object, ...]:
    match key:
        case "source":
            return (site.file.rpartition("/")[2], site.line)
        case "shapes":
            return (
                [meta.shape for meta in site.outputs].__repr__(),
                [m.shape for m in site.inputs].__repr__(),
            )
        case "dtype":
            return tuple(meta.dtype for meta in (*site.outputs, *site.inputs))
        case "device":
            return tuple(meta.device for meta in (*site.outputs, *site.inputs))
        case _:
            return (getattr(site, key),)
