"""Metric series of the run that the panels follow: read from the engine, and live while the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from mezzotint_app.state.pacer import Pacer
from mezzotint_app.state.phase_laps import PhaseLap, PhaseLaps
from mezzotint_app.state.runs_state import RunsState
from mezzotint_app.state.series_buffer import Points, SeriesBuffer
from mezzotint_app.state.series_reading import SeriesSampling, WholeSeriesReading
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import MezzotintError
from mezzotint_sdk.records import RunRecord

if TYPE_CHECKING:
    from mezzotint_app.client.qt_bridge import EngineClient

__all__ = ["OVERVIEW_POINTS", "REPAINT_HZ", "SeriesState"]

OVERVIEW_POINTS = 2000  # more than a plot has columns of pixels
# Ten pictures a second look live; more only takes time from a worker that shares the cores.
REPAINT_HZ = 10.0
TICK_MS = 200  # the phase that runs grows although no point arrives (loading takes long)
LOOK_CLOSER_MS = 150  # after the last movement: while one pans, what is here is drawn


class SeriesState(QObject):
    """Buffers by series name for one run.

    `updated` comes at most `REPAINT_HZ` times a second (see `set_rate`), however fast points arrive;
    `runChanged` when the plots turn to another run. While a phase of the run goes on `updated` comes also
    without points, for the phase has become longer.
    """

    runChanged = Signal(str)
    updated = Signal()

    def __init__(self, client: EngineClient, runs: RunsState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._runs = runs
        self._run_id = ""
        self._buffers: dict[str, SeriesBuffer] = {}
        self._pacer = Pacer(REPAINT_HZ, self)
        self._pacer.due.connect(self.updated)
        self._phases = PhaseLaps(runs, self)
        self._ticks = QTimer(self)
        self._ticks.setInterval(TICK_MS)
        self._ticks.timeout.connect(self._tick)
        self._closer: dict[str, tuple[float, float]] = {}
        self._closer_timer = QTimer(self)
        self._closer_timer.setSingleShot(True)
        self._closer_timer.setInterval(LOOK_CLOSER_MS)
        self._closer_timer.timeout.connect(self._read_closer)
        self.error = ""
        client.eventArrived.connect(self._on_event)
        client.snapshotArrived.connect(lambda _snapshot: self.reload())
        runs.currentChanged.connect(self._follow)
        runs.progressChanged.connect(self._on_progress)
        self._follow(runs.current)

    @property
    def run_id(self) -> str:
        return self._run_id

    @property
    def run(self) -> RunRecord | None:
        return self._runs.run(self._run_id)

    @property
    def names(self) -> list[str]:
        return sorted(self._buffers)

    def buffer(self, name: str) -> SeriesBuffer | None:
        return self._buffers.get(name)

    @property
    def laps(self) -> list[PhaseLap]:
        """The phases that the run is at, or was at a moment ago; see PhaseLaps."""
        return self._phases.laps(self._run_id)

    def set_rate(self, hz: float) -> None:
        """How often `updated` may come, per second."""
        self._pacer.set_hz(hz)

    def close(self) -> None:
        """Nothing more is told or asked."""
        self._pacer.stop()
        self._ticks.stop()
        self._closer_timer.stop()

    def reload(self) -> None:
        """Ask the engine again for everything: after a reconnect events may be missing."""
        run_id = self._run_id
        if not run_id:
            return
        self._client.call(
            m.ListSeries(run_id=run_id),
            lambda reply: self._on_list(run_id, reply),
            lambda error: self._on_error(run_id, error.message),
        )

    def look_closer(self, name: str, first: float, last: float) -> None:
        """Read the steps from `first` to `last` in more detail, where the overview left points out.

        A moment later: while the view moves, only the last range counts.
        """
        buffer = self._buffers.get(name)
        if buffer is not None and not buffer.is_whole and last > first:
            self._closer[name] = (first, last)
            self._closer_timer.start()

    def read_whole(
        self,
        on_done: Callable[[list[tuple[str, str, Points]]], None],
        on_error: Callable[[MezzotintError], None],
        names: Collection[str] | None = None,
    ) -> None:
        """Every point of the run's series as (name, unit, points), for an export; `names` None: of all."""
        wanted = [
            (name, buffer.unit)
            for name, buffer in sorted(self._buffers.items())
            if names is None or name in names
        ]
        WholeSeriesReading(self._client, self._run_id, wanted, on_done, on_error).start()

    # --- what the engine tells --------------------------------------------------------------------------

    def _on_progress(self, run_id: str) -> None:
        if run_id == self._run_id and not self._ticks.isActive():
            self._ticks.start()
            self._pacer.request()

    def _tick(self) -> None:
        if self._phases.is_running(self._run_id):
            self._pacer.request()
        elif not self.laps:
            self._ticks.stop()

    def _read_closer(self) -> None:
        wanted, self._closer = self._closer, {}
        run_id = self._run_id
        for name, (first, last) in wanted.items():

            def refined(
                data: m.SeriesData, name: str = name, first: float = first, last: float = last
            ) -> None:
                if run_id == self._run_id and name in self._buffers:
                    self._buffers[name].set_refined(first, last, data)
                    self._pacer.request()

            request = m.ReadSeries(
                run_id=run_id, name=name, first_step=first, last_step=last, max_points=OVERVIEW_POINTS
            )
            self._client.call(request, refined, lambda error: self._on_error(run_id, error.message))

    def _follow(self, run_id: str) -> None:
        if run_id == self._run_id:
            return
        self._run_id = run_id
        self._buffers = {}
        self._closer = {}
        self._closer_timer.stop()
        self.error = ""
        self.runChanged.emit(run_id)
        self.updated.emit()
        if self.laps:
            self._ticks.start()
        self.reload()

    def _on_list(self, run_id: str, reply: m.SeriesList) -> None:
        if run_id != self._run_id:
            return
        for info in reply.series:
            self._buffer(info.name, info.unit)
            request = m.ReadSeries(run_id=run_id, name=info.name, max_points=OVERVIEW_POINTS)
            self._client.call(
                request,
                lambda data: self._on_data(run_id, data),
                lambda error: self._on_error(run_id, error.message),
            )

    def _on_data(self, run_id: str, data: m.SeriesData) -> None:
        if run_id == self._run_id:
            self.error = ""
            buffer = self._buffer(data.name, data.unit)
            buffer.set_stored(data)
            if not buffer.is_whole:
                SeriesSampling(
                    self._client, run_id, data, lambda sample: self._on_sample(run_id, buffer, sample)
                )
            self._pacer.request()

    def _on_sample(self, run_id: str, buffer: SeriesBuffer, sample: Points) -> None:
        if run_id == self._run_id:
            buffer.set_sample(sample)
            self._pacer.request()

    def _on_error(self, run_id: str, sentence: str) -> None:
        """Plots say why they are empty; that is no reason for a notice, the run itself is well."""
        if run_id == self._run_id:
            self.error = sentence
            self._pacer.request()

    def _on_event(self, event: m.Event) -> None:
        match event:
            case m.MetricsAdded() if event.run_id == self._run_id:
                self._buffer(event.name, event.unit).append(event)
                self._pacer.request()
            case m.RunChanged() if event.run.run_id == self._run_id and event.run.finished is not None:
                self.reload()  # live points are coalesced and may be lost; the file has them all
            case _:
                pass

    def _buffer(self, name: str, unit: str) -> SeriesBuffer:
        if name not in self._buffers:
            self._buffers[name] = SeriesBuffer(name, unit)
        return self._buffers[name]
