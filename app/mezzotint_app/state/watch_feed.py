"""Brings the values of watches from the run's series: live as they come, and those of before when one joins
late."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from mezzotint_app.state.watch_series import CAPACITY, WatchCourses
from mezzotint_sdk import messages as m

if TYPE_CHECKING:
    from mezzotint_app.client.qt_bridge import EngineClient

__all__ = ["SERIES", "WatchFeed"]

SERIES = "watch/"  # what the engine puts before the expression, for the name of the series


class WatchFeed(QObject):
    """Of one run at a time: see `follow`. Values go to `courses`; `stands` says whether the run is at a
    stop."""

    arrived = Signal()

    def __init__(
        self,
        client: EngineClient,
        courses: WatchCourses,
        stands: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._stands = stands
        self._client = client
        self._courses = courses
        self._run_id = ""
        client.eventArrived.connect(self._on_event)

    def follow(self, run_id: str) -> None:
        """Forget what another run gave."""
        self._run_id = run_id
        self._courses.clear()

    def catch_up(self, expressions: Iterable[str]) -> None:
        """Read what came before anybody listened."""
        run_id = self._run_id

        def stored(data: m.SeriesData) -> None:
            if run_id == self._run_id:
                ops, values = (np.frombuffer(part, "<f8").tolist() for part in (data.steps, data.highs))
                self._take(data.name, ops, values)

        for expression in expressions:
            if expression not in self._courses.courses:
                self._client.call(
                    m.ReadSeries(run_id=run_id, name=SERIES + expression, max_points=CAPACITY // 2),
                    stored,
                    lambda _error: None,  # it has no values yet; what comes is told
                )

    def _on_event(self, event: m.Event) -> None:
        if isinstance(event, m.MetricsAdded) and event.run_id == self._run_id:
            self._take(event.name, event.steps, event.values)

    def _take(self, name: str, ops: Iterable[float], values: Iterable[float]) -> None:
        if name.startswith(SERIES):
            self._courses.take_points(
                name.removeprefix(SERIES), tuple(ops), tuple(values), stands=self._stands()
            )
            self.arrived.emit()
