"""What each phase of a run took, in all and for each picture, out of the run's series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mezzotint_app.state.phase_laps import PhaseLap
from mezzotint_app.state.series_buffer import Points
from mezzotint_sdk.phases import DENOISE, GENERATE_PHASES
from mezzotint_sdk.records import FINAL_STATES, RunRecord

__all__ = ["PHASES", "PhaseTimes", "phase_times"]

PHASES = GENERATE_PHASES
PREFIX = "time/"
ONCE = frozenset({"load"})  # happens once a run: among the pictures it would dwarf all others
MAX_PICTURES = 100_000
CUT_STATES = FINAL_STATES - {"finished"}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PhaseTimes:
    """Milliseconds. `pictures` has a row for each picture and a column for each of `repeated`."""

    totals: dict[str, float] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()
    pictures: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    running: str = ""  # the phase that goes on: its figure still grows

    @property
    def whole(self) -> float:
        return sum(self.totals.values())


def phase_times(
    series: Mapping[str, Points],
    counts: Mapping[str, int],
    run: RunRecord | None,
    laps: Sequence[PhaseLap] = (),
    steps_ms: float = 0.0,
) -> PhaseTimes:
    """`series`: points of `time/<phase>` by phase, x is the picture; `counts`: how many were measured.

    `laps` stand in for what was not measured yet. `steps_ms` is what all steps took: where a worker was
    killed in their midst nothing else tells of denoising. Where a series was thinned its sum is an estimate,
    until the run has ended and its record has the sum.
    """
    new = [lap for lap in laps if not _is_measured(lap, series.get(lap.phase))]
    was_cut = run is not None and run.state in CUT_STATES and not run.phases
    found = {name for name, points in series.items() if len(points)} | {lap.phase for lap in new}
    if was_cut and steps_ms > 0:
        found.add(DENOISE)
    order = [*PHASES, *sorted(found - set(PHASES))]
    names = [name for name in order if name in found]
    totals = {name: sum(lap.elapsed_ms for lap in new if lap.phase == name) for name in names}
    for name, points in series.items():
        if len(points):
            middle = (points.lows + points.highs) / 2
            totals[name] += float(np.nansum(middle)) * max(1.0, counts.get(name, 0) / len(points))
    if was_cut and steps_ms > totals.get(DENOISE, 0.0):
        totals[DENOISE] = steps_ms
    if run is not None and run.finished is not None and run.phases:
        recorded = {phase.name: phase.seconds * 1000.0 for phase in run.phases}
        totals = {name: recorded[name] for name in order if recorded.get(name, 0.0) > 0} or totals
    repeated = tuple(name for name in names if name not in ONCE)
    table = _by_picture([series.get(name, Points.empty()) for name in repeated])
    running = next((lap.phase for lap in new if lap.is_running), "")
    return PhaseTimes(totals, repeated, _with_laps(table, repeated, new), running)


def _is_measured(lap: PhaseLap, points: Points | None) -> bool:
    return points is not None and len(points) > 0 and points.steps[-1] >= lap.picture


def _with_laps(table: Floats, names: tuple[str, ...], laps: Sequence[PhaseLap]) -> Floats:
    """The table of pictures with what is going on in the rows of their pictures."""
    laps = [lap for lap in laps if lap.phase in names and lap.picture < MAX_PICTURES]
    rows = max((lap.picture + 1 for lap in laps), default=0)
    if rows > len(table):
        table = np.vstack([table, np.zeros((rows - len(table), len(names)))])
    for lap in laps:
        table[lap.picture, names.index(lap.phase)] += lap.elapsed_ms
    return table


def _by_picture(series: list[Points]) -> Floats:
    last = max((int(points.steps[-1]) for points in series if len(points)), default=-1)
    if not 0 <= last < MAX_PICTURES:
        return np.zeros((0, len(series)))
    table = np.zeros((last + 1, len(series)))
    for column, points in enumerate(series):
        if not len(points):
            continue
        rows = np.clip(points.steps.astype(np.intp), 0, last)
        np.add.at(table[:, column], rows, np.nan_to_num((points.lows + points.highs) / 2))
        if len(points) <= last:  # thinned: a stretch's value stands for all of its pictures
            starts = np.unique(rows)
            table[:, column] = table[
                starts[np.searchsorted(starts, np.arange(last + 1), side="right") - 1], column
            ]
    return table


def grouped(table: Floats, most: int) -> tuple[Floats, int]:
    """The table with neighbours averaged so that at most `most` rows are left, and how many went into one."""
    size = max(1, -(-len(table) // max(1, most)))
    if size == 1:
        return table, 1
    starts = np.arange(0, len(table), size)
    sums = np.add.reduceat(table, starts, axis=0)
    return sums / np.diff(np.append(starts, len(table)))[:, None], size
