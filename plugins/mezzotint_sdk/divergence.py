"""Where two runs begin to differ: the first op whose inputs agree and whose output does not.

Outputs are compared by saved values where both traces have them, else by their statistics, so traces are best
recorded with statistics. The inputs of the first op that differs agree because the ops that made them do; its
sentence says so, or that an op which only one run has feeds it, or that they are from before the recording.
A difference within the tolerance is told, too: where it begins, and where it is largest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.divergence_verdict import course, verdict
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
    shape), `differs` beyond the tolerance. `missing` are only in the first trace, `inserted` only in the
    second. `first` is the place in `pairs` of the first op that differs beyond the tolerance, `first_unequal`
    of the first that differs at all, `largest` of the largest error; -1 for none. `sentence` is on the first,
    `course` on the others ("" where there is nothing to add)."""

    pairs: Numbers
    errors: Floats
    differs: npt.NDArray[np.bool_]
    first: int
    missing: Numbers
    inserted: Numbers
    sentence: str = ""
    course: str = ""
    tolerance: float = 0.0  # the largest that any op was allowed
    by_value: npt.NDArray[np.bool_] | None = None  # pairs that were compared by value, not by statistics

    @property
    def headline(self) -> str:
        """The sentence up to what is said of inputs and outputs."""
        return self.sentence.partition(": ")[0].removesuffix(".") + "."

    @property
    def explanation(self) -> str:
        """The rest of the sentence; "" where there is none."""
        rest = self.sentence.partition(": ")[2]
        return rest[:1].upper() + rest[1:]

    @property
    def compared(self) -> int:
        """How many aligned ops there was something to compare of."""
        return int(np.count_nonzero(~np.isnan(self.errors)))

    @property
    def is_exact(self) -> bool:
        """All that was compared was compared value by value."""
        return self.by_value is not None and int(np.count_nonzero(self.by_value)) == self.compared

    @property
    def without_statistics(self) -> bool:
        """Ops are aligned, and none could be compared."""
        return len(self.pairs) > 0 and self.compared == 0

    @property
    def is_different(self) -> bool:
        """Some op differs beyond the tolerance, or is in one trace alone."""
        return bool(self.differs.any()) or len(self.missing) > 0 or len(self.inserted) > 0

    @property
    def first_unequal(self) -> int:
        unequal = self.errors > 0  # NaN never is
        return int(np.argmax(unequal)) if unequal.any() else -1

    @property
    def largest(self) -> int:
        return int(np.nanargmax(self.errors)) if self.first_unequal >= 0 else -1


def compare_traces(first: TraceReader, second: TraceReader, tolerance: float | None = None) -> Divergence:
    """Of two traces that were read (`follow`) and are still open. `tolerance` overrules those by dtype; 0
    finds the first difference at all."""
    aligned = align_traces(first, second)
    pairs = aligned.pairs
    errors, by_value = output_errors(first, second, pairs)
    if tolerance is None:
        allowed = allowed_errors(first, second, pairs, by_value)
    else:
        allowed = np.full(len(pairs), float(tolerance))
    differs = np.greater(errors, allowed)  # NaN never is
    culprit = int(np.argmax(differs)) if differs.any() else -1
    found = Divergence(
        pairs,
        errors,
        differs,
        culprit,
        aligned.missing,
        aligned.inserted,
        tolerance=float(allowed.max(initial=0.0)),
        by_value=by_value,
    )
    allowance = float(allowed[culprit]) if culprit >= 0 else 0.0
    told = verdict(first, second, found, allowance)
    return replace(found, sentence=told, course=course(first, found))
