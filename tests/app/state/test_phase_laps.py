"""The phase that a run is at grows by the clock, stands still in a pause, and is told until it was
measured."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.phase_laps import PhaseLap, PhaseLaps
from mezzotint_sdk import messages as m
from tests.app.app_records import progress, run_record
from tests.app.fake_engine_client import FakeEngineClient


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def laps(client: FakeEngineClient, app_state: AppState, clock: Clock) -> PhaseLaps:
    """Of an engine with one run that goes on, and one that has not begun."""
    client.connect_engine(runs=(run_record("r1", "running", started=2.0), run_record("r2")))
    return PhaseLaps(app_state.runs, app_state.runs, clock)


def test_a_phase_grows_until_the_next_begins(client: FakeEngineClient, laps: PhaseLaps, clock: Clock) -> None:
    client.emit_event(progress("r1", 0, 1, phase="load"))
    clock.now += 3.0
    assert laps.laps("r1") == [PhaseLap("load", 0, 3000.0, True)]
    client.emit_event(progress("r1", 0, 20))
    clock.now += 0.5
    client.emit_event(progress("r1", 5, 20))
    clock.now += 0.5
    assert laps.laps("r1") == [PhaseLap("load", 0, 3000.0, False), PhaseLap("denoise", 0, 1000.0, True)]
    assert laps.is_running("r1")
    assert laps.laps("r2") == []


def test_a_pause_and_a_stop_in_the_debugger_count_for_nothing(
    client: FakeEngineClient, app_state: AppState, laps: PhaseLaps, clock: Clock
) -> None:
    client.emit_event(progress("r1", 0, 20))
    clock.now += 1.0
    client.emit_event(m.RunChanged(run=run_record("r1", "paused", started=2.0)))
    assert not laps.is_running("r1")
    clock.now += 60.0
    client.emit_event(m.RunChanged(run=run_record("r1", "running", started=2.0)))
    clock.now += 1.0
    app_state.runs.set_standing("r1", "at aten::mm")
    clock.now += 60.0
    app_state.runs.set_standing("r1", "")
    clock.now += 1.0
    assert laps.laps("r1") == [PhaseLap("denoise", 0, 3000.0, True)]


def test_who_joins_in_the_middle_knows_the_pace(
    client: FakeEngineClient, laps: PhaseLaps, clock: Clock
) -> None:
    client.emit_event(progress("r1", 10, 20, steps_per_second=4.0))
    assert laps.laps("r1") == [PhaseLap("denoise", 0, 2500.0, True)]


def test_nothing_is_kept_of_a_run_that_is_over(client: FakeEngineClient, laps: PhaseLaps) -> None:
    client.emit_event(progress("r1", 0, 20))
    client.emit_event(m.RunChanged(run=run_record("r1", "finished", finished=3.0)))
    assert laps.laps("r1") == []
    assert not laps.is_running("r1")


def test_no_time_passes_for_a_run_that_was_cut_off_with_its_engine(
    client: FakeEngineClient, laps: PhaseLaps
) -> None:
    client.emit_event(progress("r1", 0, 20))
    client.emit_snapshot(runs=(run_record("r1", "interrupted", started=2.0),))
    assert (laps.laps("r1"), laps.is_running("r1")) == ([], False)


def test_the_series_tell_that_a_phase_has_become_longer(
    client: FakeEngineClient, app_state: AppState, qtbot: QtBot
) -> None:
    client.connect_engine(runs=(run_record("r1", "running", started=2.0),))
    app_state.runs.select("r1")
    client.emit_event(progress("r1", 0, 1, phase="load"))
    first = app_state.series.laps[0].elapsed_ms
    for _ in range(3):  # no point arrives, and no progress either
        with qtbot.waitSignal(app_state.series.updated):
            pass
    assert app_state.series.laps[0].elapsed_ms > first
