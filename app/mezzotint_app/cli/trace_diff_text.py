"""What a comparison of two traces prints: sentences and a table for people, facts for JSON."""

from __future__ import annotations

import math
from typing import Any

from mezzotint_app.cli.tables import print_table
from mezzotint_sdk.divergence import Divergence
from mezzotint_sdk.trace_reader import TraceReader

__all__ = ["difference_facts", "print_difference"]


def difference_facts(found: Divergence) -> dict[str, Any]:
    """For JSON: ops by their number in the first trace, -1 for none; an error is null where no number tells
    it."""
    return {
        "different": found.is_different,
        "first": _number(found, found.first),
        "first_error": _error(found, found.first),
        "first_unequal": _number(found, found.first_unequal),
        "largest": _number(found, found.largest),
        "largest_error": _error(found, found.largest),
        "sentence": found.sentence,
        "course": found.course,
        "aligned": len(found.pairs),
        "compared": found.compared,
        "missing": len(found.missing),
        "inserted": len(found.inserted),
    }


def _number(found: Divergence, place: int) -> int:
    return int(found.pairs[place, 0]) if place >= 0 else -1


def _error(found: Divergence, place: int) -> float | None:
    error = float(found.errors[place]) if place >= 0 else math.nan
    return error if math.isfinite(error) else None


def print_difference(found: Divergence, first: TraceReader, second: TraceReader, limit: int) -> None:
    """At most `limit` ops in each list."""
    print(found.sentence)
    if found.course:
        print(found.course)
    for words, numbers, reader in (("first", found.missing, first), ("second", found.inserted, second)):
        if len(numbers):
            listed = [int(one) for one in numbers[:limit]]
            names = ", ".join(f"{one} {reader.op(one).site.op}" for one in listed)
            more = ", …" if len(numbers) > len(listed) else ""
            print(f"Only in the {words}: {len(numbers):,} ops: {names}{more}")
    rows = []
    for place in [place for place, bad in enumerate(found.differs) if bad][:limit]:
        one, other = (int(number) for number in found.pairs[place])
        op = first.op(one)
        step = str(op.mark.step) if op.mark.step >= 0 else ""
        mark = " <- first" if place == found.first else ""
        error = f"{found.errors[place]:.2g}"
        rows.append((str(one), str(other), error, step, op.site.op, f"{op.site.module}{mark}".strip()))
    if rows:
        print_table(("FIRST", "SECOND", "ERROR", "STEP", "OP", "MODULE"), rows)
