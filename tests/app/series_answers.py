"""An engine's answers about metric series, made from arrays: thinned as the engine thins them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import NotFoundError
from mezzotint_sdk.records import SeriesInfo
from tests.app.fake_engine_client import FakeEngineClient

__all__ = ["added", "serve_series", "series_data"]


def series_data(name: str, values: np.ndarray, unit: str = "ms", total: int = 0) -> m.SeriesData:
    """Values at the steps 0, 1, 2 ..., a tenth of a second apart, not thinned."""
    steps = np.arange(len(values), dtype=float)
    parts = [np.ascontiguousarray(part, "<f8").tobytes() for part in (steps, values, values, steps / 10)]
    return m.SeriesData(
        name=name,
        unit=unit,
        total=total or len(values),
        steps=parts[0],
        lows=parts[1],
        highs=parts[2],
        times=parts[3],
    )


def added(run_id: str, name: str, first: int, values: list[float], unit: str = "ms") -> m.MetricsAdded:
    """Live points that go on from step `first`."""
    steps = tuple(float(first + place) for place in range(len(values)))
    return m.MetricsAdded(
        run_id=run_id,
        name=name,
        unit=unit,
        steps=steps,
        values=tuple(values),
        times=tuple(step / 10 for step in steps),
    )


def serve_series(client: FakeEngineClient, series: Mapping[str, tuple[str, np.ndarray]]) -> None:
    """Answer ListSeries and ReadSeries of any run from `series` (unit and values by name)."""

    def listed(_request: m.ListSeries) -> m.SeriesList:
        return m.SeriesList(
            series=tuple(SeriesInfo(name, unit, len(values)) for name, (unit, values) in series.items())
        )

    def read(request: m.ReadSeries) -> m.SeriesData | NotFoundError:
        if request.name not in series:
            return NotFoundError(f"There is no metric {request.name} in this run.")
        unit, values = series[request.name]
        steps = np.arange(len(values), dtype=float)
        inside = (steps >= request.first_step) & (steps <= request.last_step)
        steps, values = steps[inside], values[inside]
        total = len(steps)
        lows = highs = values
        if total > request.max_points:
            starts = np.unique(np.linspace(0, total, request.max_points, endpoint=False, dtype=np.intp))
            lows, highs = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
            steps = steps[starts]
        parts = [np.ascontiguousarray(part, "<f8").tobytes() for part in (steps, lows, highs, steps / 10)]
        return m.SeriesData(
            name=request.name,
            unit=unit,
            total=total,
            steps=parts[0],
            lows=parts[1],
            highs=parts[2],
            times=parts[3],
        )

    client.reply(m.ListSeries, listed)
    client.reply(m.ReadSeries, read)
