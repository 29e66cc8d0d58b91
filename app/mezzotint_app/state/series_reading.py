"""Reads more of a series than its overview: all of it, or a sample, in pieces that come without thinning."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mezzotint_app.state.series_buffer import Points
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import MezzotintError

if TYPE_CHECKING:
    from mezzotint_app.client.qt_bridge import EngineClient

__all__ = ["SeriesSampling", "WholeSeriesReading"]

PIECE_POINTS = 100_000
WINDOWS = 32  # places of a series where a sample is taken
WINDOW_POINTS = 400

Named = tuple[str, str, Points]  # name, unit, points


class WholeSeriesReading:
    """One request at a time: a range that comes back thinned is halved and asked for again."""

    def __init__(
        self,
        client: EngineClient,
        run_id: str,
        wanted: list[tuple[str, str]],
        on_done: Callable[[list[Named]], None],
        on_error: Callable[[MezzotintError], None],
    ) -> None:
        self._client = client
        self._run_id = run_id
        self._wanted = list(reversed(wanted))  # (name, unit), next last
        self._on_done = on_done
        self._on_error = on_error
        self._done: list[Named] = []
        self._pieces: list[Points] = []
        self._ranges: list[tuple[float, float]] = []  # next last

    def start(self) -> None:
        self._ranges = [(-math.inf, math.inf)]
        self._ask()

    def _ask(self) -> None:
        if not self._wanted:
            self._on_done(self._done)
            return
        first, last = self._ranges.pop()
        request = m.ReadSeries(
            run_id=self._run_id,
            name=self._wanted[-1][0],
            first_step=first,
            last_step=last,
            max_points=PIECE_POINTS,
        )
        self._client.call(request, lambda data: self._on_data(first, last, data), self._on_error)

    def _on_data(self, first: float, last: float, data: m.SeriesData) -> None:
        points = Points.of(data)
        middle = float(points.steps[len(points) // 2]) if len(points) else 0.0
        # many points of one and the same step can't be parted, so their extremes must do
        if data.total > len(points) and points.steps[0] < middle:
            self._ranges.append((middle, last))
            self._ranges.append((first, math.nextafter(middle, -math.inf)))
        else:
            self._pieces.append(points)
        if not self._ranges:
            name, unit = self._wanted.pop()
            whole = Points.concatenated(self._pieces)
            self._done.append((name, unit, whole))
            self._pieces = []
            self._ranges = [(-math.inf, math.inf)]
        self._ask()


class SeriesSampling:
    """Short stretches of whole points, evenly spread over a series that is too long to be read.

    Where a stretch can't be read the sample does without it: figures from it are called estimates anyway.
    """

    def __init__(
        self, client: EngineClient, run_id: str, overview: m.SeriesData, on_done: Callable[[Points], None]
    ) -> None:
        self._on_done = on_done
        self._parts: dict[int, Points] = {}
        points = Points.of(overview)
        steps = points.steps
        width = float(steps[-1] - steps[0]) / overview.total * WINDOW_POINTS
        places = np.linspace(float(steps[0]), max(float(steps[0]), float(steps[-1]) - width), WINDOWS)
        self._awaited = len(places)
        for place, first in enumerate(places.tolist()):
            request = m.ReadSeries(
                run_id=run_id,
                name=overview.name,
                first_step=first,
                last_step=first + width,
                max_points=4 * WINDOW_POINTS,
            )
            client.call(request, partial(self._add, place), self._on_error)

    def _add(self, place: int, data: m.SeriesData) -> None:
        points = Points.of(data)
        if not points.is_thinned:
            self._parts[place] = points
        self._count()

    def _on_error(self, _error: MezzotintError) -> None:
        self._count()

    def _count(self) -> None:
        self._awaited -= 1
        if not self._awaited:
            self._on_done(Points.concatenated([self._parts[place] for place in sorted(self._parts)]))
