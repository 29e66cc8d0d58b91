"""Where two runs begin to differ: the first op whose inputs agree and whose output does not.

Outputs are compared by saved values where both traces have them, else by their statistics, so traces are best
recorded with statistics. The inputs of the first op that differs agree because the ops that made them do; its
sentence says so, or that an op which only one run has feeds it, or that they are from before the recording.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.output_errors import TOLERANCES, allowed_errors, output_errors
from mezzotint_sdk.trace_alignment import align_traces
from mezzotint_sdk.trace_reader import TraceReader

__all__ = ["TOLERANCES", "Divergence", "compare_traces"]

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Divergence:
    """`pairs`, shape (n, 2): number in the first and in the second trace of each aligned op, in the order of
    the first; `errors` relative (NaN: nothing to compare, infinite: NaN or Inf in one run alone, or another
    shape), `differs` beyond the tolerance. `first` is the place in `pairs` of the first op that differs, -1
    for none; `missing` are only in the first trace, `inserted` only in the second."""

    pairs: Numbers
    errors: Floats
    differs: npt.NDArray[np.bool_]
    first: int
    missing: Numbers
    inserted: Numbers
    sentence: str

    @property
    def compared(self) -> int:
        """How many aligned ops there was something to compare of."""
        return int(np.count_nonzero(~np.isnan(self.errors)))

    @property
    def without_statistics(self) -> bool:
        """Ops are aligned, and none could be compared."""
        return len(self.pairs) > 0 and self.compared == 0


def compare_traces(first: TraceReader, second: TraceReader, tolerance: float | None = None) -> Divergence:
    """Of two traces that were read (`follow`) and are still open. `tolerance` overrules those by dtype."""
    aligned = align_traces(first, second)
    pairs = aligned.pairs
    errors, by_value = output_errors(first, second, pairs)
    if tolerance is None:
        allowed = allowed_errors(first, second, pairs, by_value)
    else:
        allowed = np.full(len(pairs), float(tolerance))
    differs = np.greater(errors, allowed)  # NaN never is
    culprit = int(np.argmax(differs)) if differs.any() else -1
    found = Divergence(pairs, errors, differs, culprit, aligned.missing, aligned.inserted, "")
    allowance = float(allowed[culprit]) if culprit >= 0 else 0.0
    sentence = _verdict(first, second, found, allowance)
    return Divergence(pairs, errors, differs, culprit, aligned.missing, aligned.inserted, sentence)


def _verdict(first: TraceReader, second: TraceReader, found: Divergence, allowance: float) -> str:
    unpaired = len(found.missing) + len(found.inserted)
    if not len(found.pairs):
        return "The two traces have no op in common."
    if found.without_statistics:
        return "There is nothing to compare: record both runs with statistics, or keep values of their ops."
    if found.first < 0:
        other = f" {_ops(unpaired)} in one of them alone." if unpaired else ""
        if found.compared == 1:
            return f"The one op that can be compared agrees within the tolerance.{other}"
        return f"All {found.compared:,} ops that can be compared agree within the tolerance.{other}"
    number, partner = (int(one) for one in found.pairs[found.first])
    site = first.op(number).site
    where = f" in {site.module}" if site.module else ""
    line = f", {Path(site.file).name}:{site.line}" if site.file else ""
    inputs = _told_of_inputs(first, second, found, allowance)
    output = _told_of_output(first, second, number, partner, float(found.errors[found.first]))
    more = int(np.count_nonzero(found.differs)) - 1
    after = (
        "" if not more else " 1 later op differs, too." if more == 1 else f" {more:,} later ops differ, too."
    )
    return (
        f"The first difference is op {number}, {site.op}{where}{line}: {inputs}, its output {output} "
        f"(tolerance {allowance:.0e}).{after}"
    )


def _ops(count: int) -> str:
    return "1 op is" if count == 1 else f"{count:,} ops are"


def _told_of_output(first: TraceReader, second: TraceReader, number: int, partner: int, error: float) -> str:
    one, other = first.op(number).site.outputs, second.op(partner).site.outputs
    if (one[0].shape if one else None) != (other[0].shape if other else None):
        told = [str(list(metas[0].shape)) if metas else "no tensor" for metas in (one, other)]
        return f"is {told[0]} in the first run and {told[1]} in the second"
    if np.isinf(error):
        return "has NaN or Inf in one run alone"
    return f"differs by {error:.2g} of its largest number"


def _told_of_inputs(first: TraceReader, second: TraceReader, found: Divergence, allowance: float) -> str:
    """What is known of the inputs of the first op that differs: all that was compared before it agrees."""
    number, partner = (int(one) for one in found.pairs[found.first])
    alone = (set(found.missing.tolist()), set(found.inserted.tolist()))
    errors = dict(
        zip(found.pairs[: found.first, 0].tolist(), found.errors[: found.first].tolist(), strict=True)
    )
    known: list[float] = []
    for reader, op, strangers, words in (
        (second, partner, alone[1], ("second", "first")),
        (first, number, alone[0], ("first", "second")),
    ):
        makers = _makers(reader, op)
        known = [errors[maker] for maker in makers if maker in errors]  # that of the first run stays
        for maker in sorted(makers, reverse=True):
            if maker in strangers:
                name = reader.op(maker).site.op
                return f"op {maker} of the {words[0]} run, {name}, which the {words[1]} hasn't, feeds it"
    if any(map(math.isnan, known)):
        return "its inputs agree as far as they can be compared"
    if known:
        close = max(known)  # near the tolerance the error has grown to it and was not made here alone
        return f"its inputs just agree, within {close:.1g}" if close > allowance / 4 else "its inputs agree"
    if first.op(number).inputs:
        return "its inputs are from before the recording"
    return "it has no inputs"


def _makers(reader: TraceReader, number: int) -> set[int]:
    """The ops that made the inputs of an op."""
    ids, starts, inputs = reader.tensor_ids
    begin, middle = int(starts[number]), int(starts[number] + inputs[number])
    wanted = ids[begin:middle]
    counts = np.diff(starts[: number + 1])
    is_output = np.arange(begin) - np.repeat(starts[:number], counts) >= np.repeat(inputs[:number], counts)
    hits = np.flatnonzero(is_output & np.isin(ids[:begin], wanted))
    latest: dict[int, int] = {}
    for hit in hits.tolist():  # an id that is given again means the later one
        latest[int(ids[hit])] = int(np.searchsorted(starts, hit, side="right")) - 1
    return set(latest.values())
