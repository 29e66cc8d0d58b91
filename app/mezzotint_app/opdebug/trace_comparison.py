"""Two traces compared for the eye: a verdict, the ops around the first difference, how the error grows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mezzotint_app.opdebug.divergence_rows import AlignedRow
from mezzotint_app.opdebug.op_columns import op_text
from mezzotint_sdk.divergence import Divergence, compare_traces
from mezzotint_sdk.errors import MezzotintError
from mezzotint_sdk.trace_reader import TraceReader
from mezzotint_sdk.trace_records import OpFlags, OpSite

__all__ = ["Comparison", "Finding", "compare_files"]

BEFORE, AFTER = 8, 24  # ops that are shown around each finding
MOST_UNPAIRED = 200


@dataclass(frozen=True)
class Finding:
    """An op that says something about the difference: `title` in a few words, with its error."""

    title: str
    op: int  # of the first trace
    help: str


@dataclass(frozen=True)
class Comparison:
    """`ops` and `errors`: of each aligned op its number in the first trace and the relative error."""

    first: str
    second: str
    verdict: str  # in one line
    place: str  # of the op that it names: module, file and line
    explanation: str
    sentence: str  # all of it
    findings: tuple[Finding, ...]
    details: str
    rows: tuple[AlignedRow, ...]
    ops: npt.NDArray[np.float64]
    errors: npt.NDArray[np.float64]
    first_op: int  # of the first trace; -1: none differs
    tolerance: float  # the largest that any op was allowed


def compare_files(first: str, second: str, tolerance: float | None = None) -> Comparison:
    """Read and compare two trace files; `tolerance` overrules those by dtype.

    Raises MezzotintError with a sentence where that can't be done.
    """
    opened: list[TraceReader] = []
    try:
        for path in (first, second):
            try:
                reader = TraceReader(Path(path))
            except OSError as error:
                raise MezzotintError(
                    f"{Path(path).name} can't be read: {error.strerror or error}."
                ) from error
            opened.append(reader)
            reader.follow()
        return _compared(first, second, opened[0], opened[1], tolerance)
    finally:
        for reader in opened:
            reader.close()


def _compared(
    first: str, second: str, left: TraceReader, right: TraceReader, tolerance: float | None
) -> Comparison:
    found = compare_traces(left, right, tolerance)
    first_op = int(found.pairs[found.first, 0]) if found.first >= 0 else -1
    return Comparison(
        first=first,
        second=second,
        verdict=_headline(found, left),
        place=_place(left.op(first_op).site) if first_op >= 0 else "",
        explanation=found.explanation or found.course,
        sentence=found.sentence,
        findings=tuple(_findings(found, left)),
        details=_details(found),
        rows=tuple(_rows(found, left, right)),
        ops=found.pairs[:, 0].astype(np.float64),
        errors=found.errors,
        first_op=first_op,
        tolerance=found.tolerance,
    )


def _headline(found: Divergence, left: TraceReader) -> str:
    """Short enough for a narrow panel."""
    if found.first < 0:
        return found.headline
    number = int(found.pairs[found.first, 0])
    title = "First over the tolerance" if found.tolerance else "First difference"
    return f"{title}: op {number:,}, {op_text(left.op(number).site.op)}"


def _place(site: OpSite) -> str:
    line = f"{Path(site.file).name}:{site.line}" if site.file else ""
    return ", ".join(part for part in (site.module, line) if part)


def _details(found: Divergence) -> str:
    parts = [f"{len(found.pairs):,} ops are in both traces"]
    if len(found.missing):
        parts.append(f"{len(found.missing):,} only in the first")
    if len(found.inserted):
        parts.append(f"{len(found.inserted):,} only in the second")
    uncompared = int(np.count_nonzero(np.isnan(found.errors)))
    if uncompared:
        parts.append(f"{uncompared:,} have neither statistics nor saved values to compare")
    return ", ".join(parts) + "."


def _findings(found: Divergence, left: TraceReader) -> list[Finding]:
    """The first op that differs at all, the first over the tolerance, and that with the largest error."""
    kinds = {
        found.largest: ("Largest", "The op with the largest difference"),
        found.first_unequal: ("Begins", "The first op that differs at all"),
        found.first: ("Over", "The first op that differs by more than the tolerance"),
    }  # one that is several of these is the last
    told: list[Finding] = []
    for place in sorted(place for place in kinds if place >= 0):
        words, what = kinds[place]
        number, error = int(found.pairs[place, 0]), float(found.errors[place])
        op = left.op(number)
        step = f"\nstep {op.mark.step} of {op.mark.steps}" if op.mark.step >= 0 else ""
        size = f" ({error:.2g})" if math.isfinite(error) else ""
        help = f"{what}\n{op.site.op}  {op.site.module}{step}\nShow it in the list below"
        told.append(Finding(f"{words}: op {number:,}{size}", number, help))
    return told


def _rows(found: Divergence, left: TraceReader, right: TraceReader) -> list[AlignedRow]:
    """The aligned ops around each finding, with what only one trace has in its place among them."""
    last = len(found.pairs)
    middles = {max(place, 0) for place in (found.first_unequal, found.first, found.largest)}
    if found.first_unequal >= 0:
        middles = {place for place in (found.first_unequal, found.first, found.largest) if place >= 0}
    shown = sorted(
        {place for one in middles for place in range(max(0, one - BEFORE), min(last, one + AFTER))}
    )
    rows = [(float(place), _paired(found, place, left, right)) for place in shown]
    rows += [
        (float(before) + 0.75, AlignedRow(first=-1, second=-1, op="⋯", module="", state="gap"))
        for before, after in pairwise(shown)
        if after > before + 1
    ]
    near_to = np.array([-1, *shown] if not shown or shown[0] == 0 else shown, np.int64)
    for column, numbers, reader in ((0, found.missing, left), (1, found.inserted, right)):
        beside = _places_beside(found.pairs[:, column], numbers)
        near = np.isin(beside, near_to)
        for number, place in list(zip(numbers[near], beside[near], strict=True))[:MOST_UNPAIRED]:
            rows.append((float(place) + 0.5, _unpaired(int(number), reader, column)))
    return [row for _, row in sorted(rows, key=lambda item: item[0])]


def _places_beside(aligned: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each number the place in `aligned` of the greatest one below it; -1 where there is none."""
    if not len(aligned):
        return np.full(len(numbers), -1, np.int64)
    order = np.argsort(aligned, kind="stable")
    before = np.searchsorted(aligned[order], numbers) - 1
    return np.where(before >= 0, order[before], -1)


def _unpaired(number: int, reader: TraceReader, column: int) -> AlignedRow:
    op = reader.op(number)
    told = _statistics(reader, number)
    return AlignedRow(
        first=number if column == 0 else -1,
        second=number if column == 1 else -1,
        op=op_text(op.site.op),
        module=op.site.module,
        left=told if column == 0 else "",
        right=told if column == 1 else "",
        note="only in the first" if column == 0 else "only in the second",
        state="only",
    )


def _paired(found: Divergence, place: int, left: TraceReader, right: TraceReader) -> AlignedRow:
    one, other = (int(number) for number in found.pairs[place])
    site, error = left.op(one).site, float(found.errors[place])
    if place == found.first:
        state, note = "first", "first difference"
    elif bool(found.differs[place]):
        state, note = "differs", "largest" if place == found.largest else "differs"
    elif place == found.first_unequal:
        state, note = "begins", "first difference at all"
    elif place == found.largest:
        state, note = "begins", "largest, within the tolerance"
    else:
        state, note = "same", "" if not math.isnan(error) else "not compared"
    return AlignedRow(
        first=one,
        second=other,
        op=op_text(site.op),
        module=site.module,
        left=_statistics(left, one),
        right=_statistics(right, other),
        error="" if math.isnan(error) else f"{error:.2g}",
        note=note,
        state=state,
    )


def _statistics(reader: TraceReader, number: int) -> str:
    op = reader.op(number)
    dtype = op.site.outputs[0].dtype if op.site.outputs else ""
    if not op.flags & OpFlags.STATISTICS:
        return dtype
    marks = " NaN" * bool(op.flags & OpFlags.NAN) + " Inf" * bool(op.flags & OpFlags.INF)
    return f"{dtype}{marks}  norm {op.norm:.4g}  mean {op.mean:.3g}"
