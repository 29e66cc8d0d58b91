"""Ratios that can be trusted on a noisy machine: interleaved pairs, medians, and an A/A control.

Each round runs reference, candidate, reference again. The candidate's ratio is taken against the mean of the
two references around it, and reference against reference says how large a ratio can come from noise alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Literal

import msgspec

__all__ = ["Result", "Verdict", "compare", "judge"]

Verdict = Literal["met", "missed", "inconclusive"]


class Result(msgspec.Struct, kw_only=True):
    """One line of the table. `spread`: how far from 1 the A/A control lay, as a share."""

    name: str
    what: str
    value: float
    target: float
    unit: str = "ratio"
    spread: float = 0.0
    verdict: Verdict = "met"
    details: dict[str, float | str | list[float]] = {}


def judge(value: float, target: float, spread: float) -> Verdict:
    """Met or missed; inconclusive where noise alone could carry the value over the target."""
    if spread * value > abs(target - value):
        return "inconclusive"
    return "met" if value <= target else "missed"


def compare(
    name: str,
    what: str,
    reference: Callable[[], float],
    candidate: Callable[[], float],
    *,
    target: float,
    rounds: int,
    warm_ups: int = 1,
) -> Result:
    """Measure candidate / reference. Both return the seconds of one run; `warm_ups` runs don't count."""
    for _ in range(warm_ups):
        reference()
        candidate()
    before, middle, after = [], [], []
    for _ in range(rounds):
        before.append(reference())
        middle.append(candidate())
        after.append(reference())
    ratios = [m / ((b + a) / 2) for b, m, a in zip(before, middle, after, strict=True)]
    controls = [a / b for b, a in zip(before, after, strict=True)]
    value = statistics.median(ratios)
    # half the range between the quartiles (one odd round does not move it) by the square root of their number
    spread = abs(statistics.median(controls) - 1) + _half_quartile_range(controls) / len(controls) ** 0.5
    return Result(
        name=name,
        what=what,
        value=value,
        target=target,
        spread=spread,
        verdict=judge(value, target, spread),
        details={
            "reference_s": statistics.median(before + after),
            "candidate_s": statistics.median(middle),
            "ratios": ratios,
            "controls": controls,
        },
    )


def _half_quartile_range(values: list[float]) -> float:
    if len(values) < 2:
        return abs(values[0] - 1)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2
