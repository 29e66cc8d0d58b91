"""What a comparison of two traces has found, in sentences: the first op over the tolerance, and the course of
the difference, which is there also where no op is over it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mezzotint_sdk.trace_reader import TraceReader

if TYPE_CHECKING:
    from mezzotint_sdk.divergence import Divergence

__all__ = ["course", "verdict"]


def verdict(first: TraceReader, second: TraceReader, found: Divergence, allowance: float) -> str:
    """One sentence, or two, on the first op that differs by more than `allowance`."""
    unpaired = len(found.missing) + len(found.inserted)
    if not len(found.pairs):
        return "The two traces have no op in common."
    if found.without_statistics:
        return "There is nothing to compare: record both runs with statistics, or keep values of their ops."
    if found.first < 0:
        return _agreement(found) + (f" {_ops(unpaired)} in one of them alone." if unpaired else "")
    inputs = _told_of_inputs(first, second, found, allowance)
    number, partner = (int(one) for one in found.pairs[found.first])
    output = _told_of_output(first, second, number, partner, float(found.errors[found.first]))
    more = int(np.count_nonzero(found.differs)) - 1
    after = (
        "" if not more else " 1 later op differs, too." if more == 1 else f" {more:,} later ops differ, too."
    )
    return (
        f"The first difference{' over the tolerance' if allowance else ''} is op {number:,}, "
        f"{_place(first, number)}: {inputs}, its output {output}"
        f"{f' (tolerance {_short(allowance)})' if allowance else ''}.{after}"
    )


def course(first: TraceReader, found: Divergence) -> str:
    """Where a difference of any size begins, where it is largest, how large it is at the end; "" where there
    is none, or all of it is said by the verdict."""
    if found.first_unequal < 0:
        return ""
    parts = []
    if found.first_unequal != found.first:
        number = int(found.pairs[found.first_unequal, 0])
        exact = found.by_value is not None and bool(found.by_value[found.first_unequal])
        who = "They differ" if exact else "By their statistics they differ"
        error = float(found.errors[found.first_unequal])
        size = f": by {_short(error)}" if math.isfinite(error) else _graveness(error)
        parts.append(f"{who} from op {number:,} on, {_place(first, number)}{size}.")
    if found.largest not in (found.first, found.first_unequal):
        number = int(found.pairs[found.largest, 0])
        mark = first.op(number).mark
        step = f", step {mark.step} of {mark.steps}" if mark.step >= 0 and mark.steps else ""
        error = float(found.errors[found.largest])
        size = f"The largest difference is {_short(error)}," if math.isfinite(error) else "The gravest is"
        parts.append(f"{size} at op {number:,}, {_place(first, number)}{step}{_graveness(error)}.")
    return " ".join(parts)


def _agreement(found: Divergence) -> str:
    if found.compared == 1:
        which, agree = "The one op that can be compared", "agrees"
    else:
        which, agree = f"All {found.compared:,} ops that can be compared", "agree"
    if found.first_unequal >= 0:
        return f"{which} {agree} within the tolerance."
    if found.is_exact:
        return f"{which} {agree} to the last bit."
    return f"{which} {agree}: their statistics show no difference."


def _ops(count: int) -> str:
    return "1 op is" if count == 1 else f"{count:,} ops are"


def _place(reader: TraceReader, number: int) -> str:
    site = reader.op(number).site
    where = f" in {site.module}" if site.module else ""
    return f"{site.op}{where}" + (f", {Path(site.file).name}:{site.line}" if site.file else "")


def _graveness(error: float) -> str:
    return ": NaN or Inf in one run alone, or another shape" if math.isinf(error) else ""


def _short(error: float) -> str:
    return f"{error:.2g}"


def _told_of_output(first: TraceReader, second: TraceReader, number: int, partner: int, error: float) -> str:
    one, other = first.op(number).site.outputs, second.op(partner).site.outputs
    if (one[0].shape if one else None) != (other[0].shape if other else None):
        told = [str(list(metas[0].shape)) if metas else "no tensor" for metas in (one, other)]
        return f"is {told[0]} in the first run and {told[1]} in the second"
    if np.isinf(error):
        return "has NaN or Inf in one run alone"
    return f"differs by {_short(error)} of its largest number"


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
        worst = max(known)
        if not worst:
            return "its inputs agree"
        # near the tolerance the error has grown to it and was not made here alone
        return f"its inputs {'just ' if worst > allowance / 4 else ''}agree, within {_short(worst)}"
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
