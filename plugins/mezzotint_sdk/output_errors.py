"""How far the outputs of the same op in two runs lie apart, and how far they may."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.trace_reader import BadTraceError, TraceReader
from mezzotint_sdk.trace_records import OpFlags, OpSite

__all__ = ["TOLERANCES", "allowed_errors", "output_errors", "shapes_differ"]

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]

# Relative to the largest number of the output: some roundings of the dtype, as kernels sum in other orders.
TOLERANCES = {
    "float64": 1e-10,
    "float32": 1e-4,
    "float16": 1e-2,
    "bfloat16": 5e-2,
    "float8_e4m3fn": 0.25,
    "float8_e4m3fnuz": 0.25,
    "float8_e5m2": 0.5,
    "float8_e5m2fnuz": 0.5,
    "complex128": 1e-10,
    "complex64": 1e-4,
    "complex32": 1e-2,
}
_EXACT = 0.0  # integers and truth values
_FROM_STATISTICS = 2.0**-22  # statistics are kept as float32: no difference below two of its roundings counts
_LEVEL = 1.01 / 127  # numbers of few levels, made from rounded ones, may lie one level apart
_NARROW = frozenset({"uint8", "int8"})
_TINY = 1e-30  # against division by the zero of an output that is all zero
_CHUNK = 1 << 20  # values that are compared at a time
_STATISTICS = ("minimum", "maximum", "mean", "norm")


def output_errors(first: TraceReader, second: TraceReader, pairs: Numbers) -> tuple[Floats, Truths]:
    """Of each pair the relative error, from saved values where both traces have them, else from statistics;
    NaN where there is neither, infinite where NaN or Inf is in one alone or the shapes differ. And whether it
    comes from values."""
    errors = np.full(len(pairs), np.nan)
    by_value = np.zeros(len(pairs), np.bool_)
    if not len(pairs):
        return errors, by_value
    _from_statistics(errors, first.rows[pairs[:, 0]], second.rows[pairs[:, 1]])
    kept, also = _saved(first), _saved(second)
    if kept and also:
        for place in np.flatnonzero(np.isin(pairs[:, 0], list(kept))).tolist():
            number, partner = pairs[place].tolist()
            found = [
                _value_error(first, number, second, partner, output)
                for output in sorted(kept[number] & also.get(partner, set()))
            ]
            told = [error for error in found if error is not None]
            if told:
                errors[place], by_value[place] = max(told), True
    errors[shapes_differ(first, second, pairs)] = np.inf
    return errors, by_value


def shapes_differ(first: TraceReader, second: TraceReader, pairs: Numbers) -> Truths:
    numbers: dict[Any, int] = {}

    def of(reader: TraceReader, ops: Numbers) -> Numbers:
        by_site = [
            numbers.setdefault(site.outputs[0].shape if site.outputs else None, len(numbers))
            for site in reader.sites
        ]
        return np.array(by_site, np.int64)[reader.rows["site"][ops]]

    if not len(pairs):
        return np.zeros(0, np.bool_)
    return of(first, pairs[:, 0]) != of(second, pairs[:, 1])


def allowed_errors(first: TraceReader, second: TraceReader, pairs: Numbers, by_value: Truths) -> Floats:
    """By dtype: that of the coarser of the two outputs, and of all that the op's inputs were made from."""
    if not len(pairs):
        return np.empty(0)
    own = _by_site(first)[first.rows["site"]]
    own[pairs[:, 0]] = np.maximum(own[pairs[:, 0]], _by_site(second)[second.rows["site"][pairs[:, 1]]])
    passed_on = _passed_on(first, own)[pairs[:, 0]]
    dtypes = [site.outputs[0].dtype if site.outputs else "" for site in first.sites]
    inherits = np.array([not one.startswith(("int", "uint")) for one in dtypes])
    narrow = np.array([one in _NARROW for one in dtypes])
    sites = first.rows["site"][pairs[:, 0]]
    allowed = np.where(inherits[sites], passed_on, own[pairs[:, 0]])
    levels = narrow[sites] & (passed_on > 0)
    allowed[levels] = np.maximum(passed_on[levels], _LEVEL)
    return np.where(by_value, allowed, np.maximum(allowed, _FROM_STATISTICS))


def _by_site(reader: TraceReader) -> Floats:
    def of(site: OpSite) -> float:
        return TOLERANCES.get(site.outputs[0].dtype, _EXACT) if site.outputs else _EXACT

    return np.array([of(site) for site in reader.sites], np.float64)


def _passed_on(reader: TraceReader, own: Floats) -> Floats:
    """Of each op the largest tolerance on the way to it: what was rounded once stays rounded."""
    ids, starts, inputs = (column.tolist() for column in reader.tensor_ids)
    found = own.tolist()
    of_tensor: dict[int, float] = {}
    for number, most in enumerate(found):
        begin, end = starts[number], starts[number + 1]
        middle = begin + inputs[number]
        for one in ids[begin:middle]:
            most = max(most, of_tensor.get(one, 0.0))
        found[number] = most
        if most:
            for one in ids[middle:end]:
                of_tensor[one] = most
    return np.array(found)


def _from_statistics(errors: Floats, left: Any, right: Any) -> None:
    taken = np.flatnonzero((left["flags"] & right["flags"] & OpFlags.STATISTICS) != 0)
    one = np.stack([left[name][taken].astype(np.float64) for name in _STATISTICS])
    other = np.stack([right[name][taken].astype(np.float64) for name in _STATISTICS])
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(one - other)
    apart[one == other] = 0.0  # infinite ones, too
    apart[np.isnan(one) | np.isnan(other)] = 0.0  # a device tells nothing of a tensor with NaN but the flag
    sizes = np.maximum(_finite(one), _finite(other))
    largest = np.maximum(np.maximum(sizes[0], sizes[1]), _TINY)
    found = np.maximum(apart[:3].max(axis=0) / largest, apart[3] / np.maximum(sizes[3], _TINY))
    marks = OpFlags.NAN | OpFlags.INF
    found[((left["flags"] ^ right["flags"]) & marks)[taken] != 0] = np.inf
    errors[taken] = found


def _finite(numbers: Floats) -> Floats:
    return np.where(np.isfinite(numbers), np.abs(numbers), 0.0)


def _saved(reader: TraceReader) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    count = len(reader.rows)
    for number, output in reader.saved_tensors:
        if not 0 <= number < count:
            continue
        found.setdefault(number, set()).add(output)
    return found


def _value_error(
    first: TraceReader, number: int, second: TraceReader, partner: int, output: int
) -> float | None:
    """None where they can't be read: then the statistics must do."""
    try:
        one, other = first.tensor(number, output), second.tensor(partner, output)
    except (BadTraceError, OSError):
        return None
    if one is None or other is None or "V" in (one.dtype.kind, other.dtype.kind):
        return None
    if one.shape != other.shape:
        return float("inf")
    left, right = one.reshape(-1), other.reshape(-1)
    if left.dtype == np.bool_ and right.dtype == np.bool_:
        return float(np.count_nonzero(left != right)) / max(left.size, 1)
    apart = largest = 0.0
    for begin in range(0, left.size, _CHUNK):
        a, b = _wide(left[begin : begin + _CHUNK]), _wide(right[begin : begin + _CHUNK])
        finite = np.isfinite(a) & np.isfinite(b)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        if not (finite | same).all():
            return float("inf")
        a, b = a[finite], b[finite]
        with np.errstate(over="ignore"):
            apart = max(apart, float(np.abs(a - b).max(initial=0.0)))
            largest = max(largest, float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)))
    return apart / max(largest, _TINY)


def _wide(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)
