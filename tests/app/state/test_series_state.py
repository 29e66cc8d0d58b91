"""Series of a run: read, followed live, refined, read whole; never told more often than a plot can show."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from mezzotint_app.state import series_buffer, series_reading
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.series_buffer import Points, SeriesBuffer, thin
from mezzotint_app.state.series_state import OVERVIEW_POINTS
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import MezzotintError, NotFoundError
from tests.app.app_records import run_record
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.series_answers import added, series_data, serve_series

LATENCY = "latency/step"


@pytest.fixture
def long_values() -> np.ndarray:
    return np.random.default_rng(1).gamma(20.0, 1.0, 200_000)


def follow(client: FakeEngineClient, state: AppState, run_id: str = "r1", run_state: str = "running") -> None:
    client.connect_engine(runs=(run_record(run_id, run_state, started=2.0),))
    state.runs.select(run_id)


def test_the_followed_run_is_listed_and_read(client: FakeEngineClient, app_state: AppState) -> None:
    values = np.array([3.0, 1.0, 2.0])
    serve_series(client, {LATENCY: ("ms", values), "memory/worker": ("bytes", values)})
    follow(client, app_state)
    assert app_state.series.run_id == "r1"
    assert app_state.series.names == [LATENCY, "memory/worker"]
    buffer = app_state.series.buffer(LATENCY)
    assert buffer is not None
    np.testing.assert_array_equal(buffer.points().highs, values)
    assert buffer.is_whole


def test_live_points_go_on_where_the_file_ended(client: FakeEngineClient, app_state: AppState) -> None:
    serve_series(client, {LATENCY: ("ms", np.array([1.0, 2.0, 3.0]))})
    follow(client, app_state)
    # 2 and 3 are in the file already: they were on their way while it was read
    client.emit_event(added("r1", LATENCY, 1, [2.0, 3.0, 4.0, 5.0]))
    client.emit_event(added("other", LATENCY, 9, [9.0]))
    buffer = app_state.series.buffer(LATENCY)
    assert buffer is not None
    np.testing.assert_array_equal(buffer.points().highs, [1, 2, 3, 4, 5])
    assert buffer.total == 5


def test_another_run_forgets_the_first(client: FakeEngineClient, app_state: AppState) -> None:
    serve_series(client, {LATENCY: ("ms", np.array([1.0]))})
    client.connect_engine(runs=(run_record("r1", "finished"), run_record("r2", "finished")))
    app_state.runs.select("r1")
    told: list[str] = []
    app_state.series.runChanged.connect(told.append)
    client.emit_event(added("r1", "loss", 0, [1.0]))
    app_state.runs.select("r2")
    assert told == ["r2"]
    assert app_state.series.names == [LATENCY]


def test_an_answer_about_an_earlier_run_is_not_shown(client: FakeEngineClient, app_state: AppState) -> None:
    client.connect_engine(runs=(run_record("r1", "finished"), run_record("r2", "finished")))
    app_state.runs.select("r1")
    app_state.runs.select("r2")
    serve_series(client, {LATENCY: ("ms", np.array([1.0]))})
    asked = {request.run_id for request in client.calls_of(m.ReadSeries)}
    assert asked == {"r2"}


def test_the_end_of_a_run_reads_what_live_events_lost(client: FakeEngineClient, app_state: AppState) -> None:
    serve_series(client, {LATENCY: ("ms", np.array([1.0]))})
    follow(client, app_state)
    serve_series(client, {LATENCY: ("ms", np.array([1.0, 2.0, 3.0]))})
    client.emit_event(m.RunChanged(run=run_record("r1", "finished", finished=9.0)))
    buffer = app_state.series.buffer(LATENCY)
    assert buffer is not None
    assert buffer.total == 3


def test_a_refusal_is_kept_for_the_panel(client: FakeEngineClient, app_state: AppState) -> None:
    client.reply(m.ListSeries, NotFoundError("There is no run r1."))
    follow(client, app_state)
    assert app_state.series.error == "There is no run r1."


def test_signals_are_paced(client: FakeEngineClient, app_state: AppState, qtbot: QtBot) -> None:
    serve_series(client, {LATENCY: ("ms", np.array([1.0]))})
    app_state.series.set_rate(5.0)
    follow(client, app_state)
    told: list[int] = []
    app_state.series.updated.connect(lambda: told.append(1))
    for step in range(500):
        client.emit_event(added("r1", LATENCY, 1 + step, [1.0]))
    assert len(told) <= 1
    with qtbot.waitSignal(app_state.series.updated):
        pass  # the last of them comes by itself, later
    buffer = app_state.series.buffer(LATENCY)
    assert buffer is not None
    assert buffer.total == 501


def test_a_closer_look_reads_the_last_range_once(
    client: FakeEngineClient, app_state: AppState, qtbot: QtBot, long_values: np.ndarray
) -> None:
    serve_series(client, {LATENCY: ("ms", long_values)})
    follow(client, app_state)
    series = app_state.series
    buffer = series.buffer(LATENCY)
    assert buffer is not None
    assert len(buffer.points()) <= OVERVIEW_POINTS
    assert not buffer.is_whole
    before = len(client.calls_of(m.ReadSeries))
    for shift in range(50):
        series.look_closer(LATENCY, 1000.0 + shift, 1500.0 + shift)
    qtbot.waitUntil(lambda: len(client.calls_of(m.ReadSeries)) > before)
    asked = client.calls_of(m.ReadSeries)[before:]
    assert [(request.first_step, request.last_step) for request in asked] == [(1049.0, 1549.0)]
    points = buffer.points()
    inside = (points.steps >= 1049) & (points.steps <= 1549)
    np.testing.assert_array_equal(points.highs[inside], long_values[1049:1550])
    assert np.all(np.diff(points.steps) >= 0)


def test_a_sample_stands_for_what_is_usual(
    client: FakeEngineClient, app_state: AppState, long_values: np.ndarray
) -> None:
    serve_series(client, {LATENCY: ("ms", long_values)})
    follow(client, app_state)
    buffer = app_state.series.buffer(LATENCY)
    assert buffer is not None
    sample = buffer.sample_between(0, 1e9)
    assert len(sample) > 5000
    for percent in (50, 95):
        assert np.percentile(sample, percent) == pytest.approx(np.percentile(long_values, percent), rel=0.05)


def test_everything_is_read_for_an_export(
    client: FakeEngineClient, app_state: AppState, long_values: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series_reading, "PIECE_POINTS", 30_000)
    serve_series(client, {LATENCY: ("ms", long_values), "loss": ("", long_values[:10])})
    follow(client, app_state)
    got: list[list[tuple[str, str, Points]]] = []
    app_state.series.read_whole(got.append, pytest.fail)
    ((first, second),) = got
    assert (first[0], second[0]) == (LATENCY, "loss")
    np.testing.assert_array_equal(first[2].highs, long_values)
    np.testing.assert_array_equal(first[2].steps, np.arange(len(long_values)))
    assert not first[2].is_thinned


def test_an_export_that_is_refused_says_so(client: FakeEngineClient, app_state: AppState) -> None:
    serve_series(client, {LATENCY: ("ms", np.array([1.0]))})
    follow(client, app_state)
    client.reply(m.ReadSeries, NotFoundError("The metric is gone."))
    errors: list[MezzotintError] = []
    app_state.series.read_whole(pytest.fail, errors.append)
    assert [error.message for error in errors] == ["The metric is gone."]


def test_live_points_are_bounded_and_keep_their_peaks() -> None:
    buffer = SeriesBuffer("x", "")
    values = np.random.default_rng(2).normal(size=4 * series_buffer.MAX_LIVE_POINTS)
    for first in range(0, len(values), 1000):
        buffer.append(added("r", "x", first, values[first : first + 1000].tolist()))
    points = buffer.points()
    assert len(points) <= series_buffer.MAX_LIVE_POINTS
    assert buffer.total == len(values)
    assert (points.lows.min(), points.highs.max()) == (values.min(), values.max())
    assert np.all(np.diff(points.steps) > 0)
    sample = buffer.sample_between(0, len(values))
    assert np.median(sample) == pytest.approx(np.median(values), abs=0.05)


def test_arrays_of_unequal_length_are_refused() -> None:
    data = series_data("x", np.array([1.0, 2.0]))
    damaged = m.SeriesData(
        name="x",
        unit="",
        total=2,
        steps=data.steps,
        lows=data.lows[:8],
        highs=data.highs,
        times=data.times,
    )
    with pytest.raises(ValueError, match="differ in length"):
        Points.of(damaged)


def test_thinning_keeps_extremes() -> None:
    values = np.random.default_rng(3).normal(size=10_001)
    steps = np.arange(len(values), dtype=float)
    few = thin(Points(steps, values, values, steps), 100)
    assert len(few) <= 100
    assert (few.lows.min(), few.highs.max()) == (values.min(), values.max())
