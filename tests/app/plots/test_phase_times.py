"""Time by phase: sums, shares of pictures, and the run's own record once there is one."""

from __future__ import annotations

import numpy as np
import pytest

from mezzotint_app.plots.phase_times import grouped, phase_times
from mezzotint_app.state.phase_laps import PhaseLap
from mezzotint_app.state.series_buffer import Points, thin
from mezzotint_sdk.records import PhaseTime
from tests.app.app_records import run_record


def points(values: list[float] | np.ndarray) -> Points:
    array = np.asarray(values, float)
    steps = np.arange(len(array), dtype=float)
    return Points(steps, array, array, steps)


def test_sums_and_pictures() -> None:
    series = {"denoise": points([10.0, 30.0]), "load": points([500.0]), "decode": points([1.0, 2.0])}
    times = phase_times(series, {"denoise": 2, "load": 1, "decode": 2}, None)
    assert times.totals == {"load": 500.0, "denoise": 40.0, "decode": 3.0}
    assert times.whole == 543.0
    assert times.repeated == ("denoise", "decode")  # loading happens once: it is no part of a picture
    assert times.pictures.tolist() == [[10.0, 1.0], [30.0, 2.0]]


def test_the_record_of_a_finished_run_counts() -> None:
    run = run_record(
        "r", "finished", finished=1.0, phases=(PhaseTime("denoise", 2.0), PhaseTime("warm", 1.0))
    )
    times = phase_times({"denoise": points([10.0])}, {"denoise": 1}, run)
    assert times.totals == {"denoise": 2000.0}


def test_a_thinned_series_gives_an_estimate() -> None:
    values = np.random.default_rng(0).normal(100.0, 5.0, 6400)
    few = thin(points(values), 100)
    times = phase_times({"denoise": few}, {"denoise": 6400}, None)
    assert times.totals["denoise"] == pytest.approx(values.sum(), rel=0.02)
    assert len(times.pictures) == int(few.steps[-1]) + 1
    assert np.all(times.pictures > 50)


def test_nothing_measured() -> None:
    times = phase_times({}, {}, None)
    assert times.totals == {}
    assert len(times.pictures) == 0


def test_neighbours_are_averaged_to_the_width() -> None:
    table = np.arange(20.0).reshape(10, 2)
    few, size = grouped(table, 4)
    assert size == 3
    assert few.tolist() == [[2, 3], [8, 9], [14, 15], [18, 19]]
    same, one = grouped(table, 10)
    assert one == 1
    assert same is table


def test_a_phase_that_goes_on_counts_until_it_was_measured() -> None:
    laps = [PhaseLap("load", 0, 490.0, False), PhaseLap("denoise", 0, 70.0, True)]
    nothing_yet = phase_times({}, {}, None, laps)
    assert nothing_yet.totals == {"load": 490.0, "denoise": 70.0}
    assert nothing_yet.running == "denoise"
    assert nothing_yet.pictures.tolist() == [[70.0]]
    measured = phase_times({"load": points([500.0])}, {"load": 1}, None, laps)
    assert measured.totals == {"load": 500.0, "denoise": 70.0}


def test_the_second_picture_grows_on_the_first() -> None:
    series = {"denoise": points([100.0]), "decode": points([5.0])}
    times = phase_times(series, {"denoise": 1, "decode": 1}, None, [PhaseLap("denoise", 1, 30.0, True)])
    assert times.totals == {"denoise": 130.0, "decode": 5.0}
    assert times.pictures.tolist() == [[100.0, 5.0], [30.0, 0.0]]


def test_denoising_of_a_run_whose_worker_was_killed() -> None:
    killed = run_record("r", "failed", finished=9.0)
    series = {"load": points([5.0]), "encode": points([13.0])}
    counts = {"load": 1, "encode": 1}
    assert phase_times(series, counts, killed, (), 2900.0).totals == {
        "load": 5.0,
        "encode": 13.0,
        "denoise": 2900.0,
    }
    running = run_record("r", "running")
    assert "denoise" not in phase_times(series, counts, running, (), 2900.0).totals
    second = {"denoise": points([1000.0])}
    assert phase_times(second, {"denoise": 1}, killed, (), 1400.0).totals == {"denoise": 1400.0}
