"""What a run is at right now and for how long already: series know of a phase only when it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject

from mezzotint_app.state.runs_state import RunsState
from mezzotint_sdk.records import FINAL_STATES

__all__ = ["PhaseLap", "PhaseLaps"]

# A phase's own measurement arrives a moment after the next phase began, so what ended lately is kept.
KEPT_LAPS = 12


@dataclass(frozen=True)
class PhaseLap:
    """One phase of one picture. `elapsed_ms` is by the app's clock, pauses and stops left out."""

    phase: str
    picture: int
    elapsed_ms: float
    is_running: bool


class _Lap:
    """A clock that can be stopped and goes on."""

    def __init__(self, phase: str, picture: int, now: float, before: float = 0.0) -> None:
        self.phase = phase
        self.picture = picture
        self._before = before
        self._since: float | None = now

    @property
    def runs(self) -> bool:
        return self._since is not None

    def stop(self, now: float) -> None:
        self._before, self._since = self.elapsed(now), None

    def go_on(self, now: float) -> None:
        self._since = now if self._since is None else self._since

    def elapsed(self, now: float) -> float:
        return self._before + (now - self._since if self._since is not None else 0.0)


class PhaseLaps(QObject):
    """Listens to the progress of all runs, so that one can look at another run and come back."""

    def __init__(
        self, runs: RunsState, parent: QObject | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(parent)
        self._runs = runs
        self._now = now
        self._laps: dict[str, list[_Lap]] = {}
        runs.progressChanged.connect(self._on_progress)
        runs.runChanged.connect(self._on_run_changed)
        runs.runsRemoved.connect(self._forget)
        runs.reset.connect(self._on_reset)

    def laps(self, run_id: str) -> list[PhaseLap]:
        """The last phases of a run that goes on, oldest first; none once it has ended."""
        now = self._now()
        return [
            PhaseLap(lap.phase, lap.picture, lap.elapsed(now) * 1000.0, lap.runs)
            for lap in self._laps.get(run_id, [])
        ]

    def is_running(self, run_id: str) -> bool:
        """Whether time passes for this run: it isn't paused, stopped in the debugger, or over."""
        laps = self._laps.get(run_id)
        return laps is not None and laps[-1].runs

    def _on_reset(self) -> None:
        """A snapshot may bring the end of a run that was cut off with its engine: no time passes for it."""
        runs = {key: self._runs.run(key) for key in self._laps}
        self._forget([key for key, run in runs.items() if run is None or run.state in FINAL_STATES])

    def _on_progress(self, run_id: str) -> None:
        progress = self._runs.progress(run_id)
        if progress is None:
            return
        laps = self._laps.setdefault(run_id, [])
        if laps and (laps[-1].phase, laps[-1].picture) == (progress.phase, progress.image_index):
            return
        now = self._now()
        if laps:
            laps[-1].stop(now)
        # an app that joins in the middle of a phase knows from the pace how long it has been going on
        pace = progress.steps_per_second
        before = progress.step / pace if not laps and pace > 0 else 0.0
        laps.append(_Lap(progress.phase, progress.image_index, now, before))
        del laps[:-KEPT_LAPS]

    def _on_run_changed(self, run_id: str) -> None:
        run = self._runs.run(run_id)
        laps = self._laps.get(run_id)
        if not laps:
            return
        if run is None or run.state in FINAL_STATES:
            del self._laps[run_id]
        elif run.state == "paused" or self._runs.standing(run_id):
            laps[-1].stop(self._now())
        else:
            laps[-1].go_on(self._now())

    def _forget(self, run_ids: list[str]) -> None:
        for run_id in run_ids:
            self._laps.pop(run_id, None)
