"""Where two runs begin to differ: the first op whose inputs agree and whose output does not.

Ops are aligned by where they are, never by when they came: picture, phase, step, module, op, and the
how-manieth of
these. An op's outputs are compared by saved values where both traces have them, else by their statistics, so
traces
are best recorded with statistics. Inputs agree where the ops that made them did.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.trace_reader import TraceReader
from mezzotint_sdk.trace_records import LadderMark, OpFlags

__all__ = ["TOLERANCES", "Divergence", "compare_traces"]

Numbers = npt.NDArray[np.int64]
Key = tuple[int, str, int, str, str, int]

# Relative to the largest number of the output: some roundings of the dtype, as kernels sum in other orders.
TOLERANCES = {
    "float64": 1e-10,
    "float32": 1e-4,
    "float16": 1e-2,
    "bfloat16": 5e-2,
    "float8_e4m3fn": 0.25,
    "float8_e5m2": 0.5,
}
_EXACT = 0.0  # integers and truth values
_STATISTICS = ("minimum", "maximum", "mean", "norm")


@dataclass(frozen=True)
class Divergence:
    """`pairs`: (number in the first, number in the second) of each aligned op, in the order of the first;
    `errors` relative (NaN: nothing to compare), `differs` beyond the tolerance. `first` is the place in
    `pairs` of
    the first op whose inputs agree and whose output differs, -1 for none; `missing` are only in the first
    trace,
    `inserted` only in the second."""

    pairs: Numbers
    errors: npt.NDArray[np.float64]
    differs: npt.NDArray[np.bool_]
    first: int
    missing: Numbers
    inserted: Numbers
    sentence: str


def compare_traces(first: TraceReader, second: TraceReader, tolerance: float | None = None) -> Divergence:
    """Of two traces that were read (`follow`). `tolerance` overrules those by dtype."""
    left, right = _keys(first), _keys(second)
    pairs = np.array([(number, right[key]) for key, number in left.items() if key in right], np.int64)
    pairs = pairs.reshape(-1, 2)
    missing = np.array([number for key, number in left.items() if key not in right], np.int64)
    inserted = np.array([number for key, number in right.items() if key not in left], np.int64)
    errors = _errors(first, second, pairs)
    allowed = np.full(len(pairs), tolerance) if tolerance is not None else _allowed(first, second, pairs)
    with np.errstate(invalid="ignore"):
        differs = errors > allowed
    culprit = _culprit(first, pairs, differs)
    sentence = _verdict(first, pairs, errors, allowed, differs, culprit, len(missing) + len(inserted))
    return Divergence(pairs, errors, differs, culprit, missing, inserted, sentence)


def _keys(reader: TraceReader) -> dict[Key, int]:
    seen: Counter[tuple[int, str, int, str, str]] = Counter()
    found: dict[Key, int] = {}
    rows, sites, marks = reader.rows, reader.sites, reader.marks
    for number, (site_number, mark_number) in enumerate(
        zip(rows["site"].tolist(), rows["mark"].tolist(), strict=True)
    ):
        site = sites[site_number]
        mark = marks[mark_number] if mark_number < len(marks) else LadderMark()
        place = (mark.image, mark.phase, mark.step, site.module, site.op)
        found[*place, seen[place]] = number
        seen[place] += 1
    return found


def _errors(first: TraceReader, second: TraceReader, pairs: Numbers) -> npt.NDArray[np.float64]:
    errors = np.full(len(pairs), np.nan)
    if not len(pairs):
        return errors
    left, right = first.rows[pairs[:, 0]], second.rows[pairs[:, 1]]
    taken = ((left["flags"] & right["flags"]) & OpFlags.STATISTICS) != 0
    one = np.stack([left[name].astype(np.float64) for name in _STATISTICS])
    other = np.stack([right[name].astype(np.float64) for name in _STATISTICS])
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        largest = np.fmax(np.fmax(abs(one[:2]).max(axis=0), abs(other[:2]).max(axis=0)), 1e-30)
        spread = np.nanmax(np.nan_to_num(abs(one[:3] - other[:3]), nan=0.0), axis=0) / largest
        norms = np.fmax(np.fmax(abs(one[3]), abs(other[3])), 1e-30)
        found = np.fmax(spread, np.nan_to_num(abs(one[3] - other[3]), nan=0.0) / norms)
    marks = OpFlags.NAN | OpFlags.INF
    found[(left["flags"] & marks) != (right["flags"] & marks)] = np.inf
    errors[taken] = found[taken]
    both = set(first.saved_tensors) & set(second.saved_tensors) if first.saved_tensors else set()
    if both:
        for place, (number, partner) in enumerate(pairs.tolist()):
            if (number, 0) in first.saved_tensors and (partner, 0) in second.saved_tensors:
                errors[place] = _value_error(first.tensor(number), second.tensor(partner))
    return errors


def _value_error(one: Any, other: Any) -> float:
    if one is None or other is None or one.shape != other.shape:
        return float("inf")
    if not one.size:
        return 0.0
    left, right = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if (np.isnan(left) != np.isnan(right)).any():
        return float("inf")
    with np.errstate(invalid="ignore"):
        largest = max(
            float(np.nanmax(abs(left), initial=0.0)), float(np.nanmax(abs(right), initial=0.0)), 1e-30
        )
        return float(np.nanmax(abs(left - right), initial=0.0)) / largest


def _allowed(first: TraceReader, second: TraceReader, pairs: Numbers) -> npt.NDArray[np.float64]:
    """By dtype: the coarser of the two runs', and of all that the op's inputs were made from."""
    own = np.maximum(_by_dtype(first, pairs[:, 0]), _by_dtype(second, pairs[:, 1]))
    if not len(pairs):
        return own
    place_of = {int(number): place for place, number in enumerate(pairs[:, 0])}
    coarse: dict[int, float] = {}  # of a tensor, by its id in the first trace
    for number in range(int(pairs[:, 0].max()) + 1):
        op = first.op(number)
        place = place_of.get(number)
        least = max((coarse.get(one, 0.0) for one in op.inputs), default=0.0)
        if place is not None:
            least = own[place] = max(float(own[place]), least)
        for one in op.outputs:
            coarse[one] = least
    return own


def _by_dtype(reader: TraceReader, numbers: Numbers) -> npt.NDArray[np.float64]:
    by_site = np.array(
        [TOLERANCES.get(site.outputs[0].dtype, _EXACT) if site.outputs else _EXACT for site in reader.sites]
    )
    return by_site[reader.rows["site"][numbers]] if len(numbers) else np.empty(0)


def _culprit(reader: TraceReader, pairs: Numbers, differs: npt.NDArray[np.bool_]) -> int:
    """The first that differs though none of the ops that made its inputs does."""
    if not differs.any():
        return -1
    place_of = {int(number): place for place, number in enumerate(pairs[:, 0])}
    last = int(pairs[np.flatnonzero(differs)[-1], 0])
    maker: dict[int, int] = {}  # tensor id → op that made it
    for number in range(last + 1):
        op = reader.op(number)
        place = place_of.get(number)
        if place is not None and differs[place]:
            makers = [maker.get(one) for one in op.inputs]
            wrong = [one for one in makers if one is not None and one in place_of and differs[place_of[one]]]
            if not wrong:
                return place
        for one in op.outputs:
            maker[one] = number
    return int(np.flatnonzero(differs)[0])


def _verdict(
    reader: TraceReader,
    pairs: Numbers,
    errors: npt.NDArray[np.float64],
    allowed: npt.NDArray[np.float64],
    differs: npt.NDArray[np.bool_],
    culprit: int,
    unpaired: int,
) -> str:
    compared = int((~np.isnan(errors)).sum())
    if not len(pairs):
        return "The two traces have no op in common."
    if not compared:
        return "There is nothing to compare: record both runs with statistics, or keep values of their ops."
    if culprit < 0:
        other = f" {unpaired:,} ops are in one of them alone." if unpaired else ""
        return f"All {compared:,} ops that can be compared agree within the tolerance.{other}"
    number = int(pairs[culprit, 0])
    site = reader.op(number).site
    where = f" in {site.module}" if site.module else ""
    line = f", {Path(site.file).name}:{site.line}" if site.file else ""
    error = errors[culprit]
    much = (
        "has NaN or Inf in one run alone"
        if np.isinf(error)
        else f"differs by {error:.2g} of its largest number"
    )
    more = int(differs.sum()) - 1
    after = f" {more:,} later ops differ, too." if more else ""
    return (
        f"The first difference is op {number}, {site.op}{where}{line}: its inputs agree, its output {much} "
        f"(tolerance {allowed[culprit]:.0e}).{after}"
    )
