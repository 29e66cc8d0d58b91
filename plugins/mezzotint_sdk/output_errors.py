"""How far the outputs of the same op in two runs lie apart, and how far they may."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.trace_reader import BadTraceError, TraceReader
from mezzotint_sdk.trace_records import OpFlags, OpSite, TensorMeta
from mezzotint_sdk.view_origins import view_origins

__all__ = ["TOLERANCES", "allowed_errors", "output_errors", "shapes_differ"]

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]

# Relative to the largest number of the output. Kernels add up narrow dtypes in float32 and round once, so an
# op that does nothing wrong stays within two roundings (2^-7 of bfloat16, 2^-10 of float16); float32 and
# wider are added up in themselves, in an order that changes with threads, device and kernel.
TOLERANCES = {
    "float64": 1e-10,
    "float32": 1e-4,
    "float16": 2e-3,
    "bfloat16": 1.6e-2,
    "float8_e4m3fn": 0.25,
    "float8_e4m3fnuz": 0.25,
    "float8_e5m2": 0.5,
    "float8_e5m2fnuz": 0.5,
    "complex128": 1e-10,
    "complex64": 1e-4,
    "complex32": 2e-3,
}
_SUMMED_BY_PARTS = 1 << 15  # elements from which on torch shares a sum out among threads
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
    comes from values. A view's error is relative to the largest number of what it is a view of: a part that
    holds only small numbers is no less exact than the whole."""
    errors = np.full(len(pairs), np.nan)
    by_value = np.zeros(len(pairs), np.bool_)
    if not len(pairs):
        return errors, by_value
    origins, partners = view_origins(first), view_origins(second)
    whole = _sizes_of_wholes(first, origins)[pairs[:, 0]]
    _from_statistics(errors, first.rows[pairs[:, 0]], second.rows[pairs[:, 1]], whole)
    _drop_noise(errors, first, second, pairs)
    kept, also = _saved(first), _saved(second)
    if kept and also:
        for place in np.flatnonzero(np.isin(pairs[:, 0], list(kept))).tolist():
            number, partner = pairs[place].tolist()
            found = [
                _value_error(first, number, second, partner, output, float(whole[place, 0]))
                for output in sorted(kept[number] & also.get(partner, set()))
            ]
            told = [error for error in found if error is not None]
            if told:
                errors[place], by_value[place] = max(told), True
    _hand_back(errors, pairs, _views_alike(first, second, pairs, origins, partners), origins)
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


def _sizes_of_wholes(reader: TraceReader, origins: Numbers) -> Floats:
    """Of each op the largest number and the norm of what its output is a view of, shape (n, 2); 0 for what is
    none, or whose whole has no statistics."""
    rows = reader.rows
    taken = (rows["flags"] & OpFlags.STATISTICS) != 0
    ends = [_finite(rows[name][taken].astype(np.float64)) for name in ("minimum", "maximum", "norm")]
    sizes, wholes = np.zeros((len(rows), 2)), np.zeros((len(rows), 2))
    sizes[taken, 0], sizes[taken, 1] = np.maximum(ends[0], ends[1]), ends[2]
    for number in np.flatnonzero(origins >= 0).tolist():  # in order: a view of a view comes after it
        wholes[number] = sizes[origins[number]]
        sizes[number] = np.maximum(sizes[number], wholes[number])
    return wholes


def _views_alike(
    first: TraceReader, second: TraceReader, pairs: Numbers, origins: Numbers, partners: Numbers
) -> Truths:
    """Whether a pair are the same view (by their arguments) of what is a pair again."""
    one, other = origins[pairs[:, 0]], partners[pairs[:, 1]]
    partner_of = np.full(len(origins), -1, np.int64)
    partner_of[pairs[:, 0]] = pairs[:, 1]
    alike = (one >= 0) & (other >= 0) & (partner_of[one] == other)
    numbers: dict[str, int] = {}
    texts = [
        np.array([numbers.setdefault(site.arguments, len(numbers)) for site in reader.sites], np.int64)
        for reader in (first, second)
    ]
    same: Truths = texts[0][first.rows["site"][pairs[:, 0]]] == texts[1][second.rows["site"][pairs[:, 1]]]
    return alike & same


def _hand_back(errors: Floats, pairs: Numbers, alike: Truths, origins: Numbers) -> None:
    """What differs in a view differs in what it is a view of, though the statistics of all of that may not
    show it: its largest number can lie in another part."""
    places = np.full(len(origins), -1, np.int64)
    places[pairs[:, 0]] = np.arange(len(pairs))
    for place in np.flatnonzero((errors > 0) & np.isfinite(errors) & alike)[::-1].tolist():
        made = int(places[origins[pairs[place, 0]]])
        errors[made] = np.fmax(errors[made], errors[place])


def _from_statistics(errors: Floats, left: Any, right: Any, whole: Floats) -> None:
    taken = np.flatnonzero((left["flags"] & right["flags"] & OpFlags.STATISTICS) != 0)
    one, other = (
        np.stack([side[name][taken].astype(np.float64) for name in _STATISTICS]) for side in (left, right)
    )
    apart = _apart(one, other)
    sizes = np.maximum(_finite(one), _finite(other))
    largest = np.maximum.reduce([sizes[0], sizes[1], whole[taken, 0], np.full(len(taken), _TINY)])
    norm = np.maximum.reduce([sizes[3], whole[taken, 1], np.full(len(taken), _TINY)])
    found = np.maximum(apart[:3].max(axis=0) / largest, apart[3] / norm)
    marks = OpFlags.NAN | OpFlags.INF
    found[((left["flags"] ^ right["flags"]) & marks)[taken] != 0] = np.inf
    errors[taken] = found


def _apart(one: Floats, other: Floats) -> Floats:
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(one - other)
    apart[one == other] = 0.0  # infinite ones, too
    apart[np.isnan(one) | np.isnan(other)] = 0.0  # a device tells nothing of a tensor with NaN but the flag
    return apart


def _drop_noise(errors: Floats, first: TraceReader, second: TraceReader, pairs: Numbers) -> None:
    """Mean and norm of equal tensors differ in their last bits where they were added up in another order: on
    another device, or, if they are large, by other threads. Then only the extremes are exact."""
    sums_differ = _of_sites(first, lambda meta: math.prod(meta.shape) >= _SUMMED_BY_PARTS)[pairs[:, 0]] == 1
    devices: dict[str, int] = {}
    on = [
        _of_sites(reader, lambda meta: devices.setdefault(meta.device, len(devices)))[pairs[:, column]]
        for column, reader in enumerate((first, second))
    ]
    suspects = np.flatnonzero((sums_differ | (on[0] != on[1])) & (errors > 0) & (errors < _FROM_STATISTICS))
    left, right = first.rows[pairs[suspects, 0]], second.rows[pairs[suspects, 1]]
    same = (left["minimum"] == right["minimum"]) & (left["maximum"] == right["maximum"])
    errors[suspects[same]] = 0.0


def _of_sites(reader: TraceReader, fact: Callable[[TensorMeta], int]) -> Numbers:
    """Of each op a fact about its first output; -1 where it has none."""
    by_site = [fact(site.outputs[0]) if site.outputs else -1 for site in reader.sites]
    return np.array(by_site, np.int64)[reader.rows["site"]]


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
    first: TraceReader, number: int, second: TraceReader, partner: int, output: int, whole: float
) -> float | None:
    """None where they can't be read: then the statistics must do. `whole`: of what it is a view of the
    largest number."""
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
    apart, largest = 0.0, whole
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
