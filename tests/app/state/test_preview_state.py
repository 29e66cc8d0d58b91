"""Previews: the newest wins, each slot is given back exactly once, and the cost is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from tests.app.app_records import preview, progress, run_record
from tests.app.fake_engine_client import FakeEngineClient


@pytest.fixture
def running(client: FakeEngineClient, app_state: AppState) -> AppState:
    client.connect_engine(runs=(run_record("a", "running"),))
    return app_state


def given_back(client: FakeEngineClient) -> list[int]:
    refs = [ref for call in client.calls_of(m.ReleaseSlots) for ref in call.refs]
    return sorted(ref.generation for ref in [*refs, *client.released])


def test_the_newest_frame_wins_and_every_slot_is_given_back_once(
    client: FakeEngineClient, running: AppState, qtbot: Any
) -> None:
    shown: list[int] = []
    running.previews.frameArrived.connect(lambda _run: shown.append(running.previews.frame.step))  # type: ignore[union-attr]
    for step in range(1, 51):
        client.emit_event(preview(client, "a", step))
    qtbot.waitUntil(lambda: bool(shown) and shown[-1] == 50, timeout=5000)
    assert shown == [1, 50], "the first at once, then only the newest of a burst"
    assert given_back(client) == list(range(1, 51))
    assert np.all(running.previews.frame.pixels == 50)  # type: ignore[union-attr]


def test_frames_that_nobody_looks_at_are_not_copied(client: FakeEngineClient, running: AppState) -> None:
    running.previews.set_looked_at(False)
    client.emit_event(preview(client, "a", 1))
    assert client.released == []
    assert given_back(client) == [1]
    assert running.previews.frame is None


def test_a_slot_that_was_taken_back_is_no_error(client: FakeEngineClient, running: AppState) -> None:
    event = preview(client, "a", 1)
    client.arrays.clear()
    client.emit_event(event)
    assert running.previews.frame is None
    assert running.notices.notices == []


def test_the_rate_is_asked_for_at_connect_and_at_each_change(
    client: FakeEngineClient, app_state: AppState
) -> None:
    app_state.settings.set(preview_hz=5.0)
    assert client.calls_of(m.SetPreviewRate) == [], "nobody to ask yet"
    client.connect_engine(preview_hz=10.0)
    assert client.last_call(m.SetPreviewRate).hz == 5.0
    app_state.settings.set(preview_hz=0.0)
    assert client.last_call(m.SetPreviewRate).hz == 0.0


def test_the_cost_is_per_step_and_as_a_share_of_it(client: FakeEngineClient, running: AppState) -> None:
    client.emit_event(progress("a", 1, steps_per_second=10.0))
    client.emit_event(preview(client, "a", 1))
    assert running.previews.cost_ms_per_step == pytest.approx(2.0)
    assert running.previews.cost_share == pytest.approx(0.02)
    for step in range(5, 400, 4):  # one preview in four steps costs a quarter of it per step
        client.emit_event(preview(client, "a", step))
    assert running.previews.cost_ms_per_step == pytest.approx(0.5, rel=0.01)


def test_after_a_lost_connection_old_slots_are_let_be(client: FakeEngineClient, running: AppState) -> None:
    client.emit_event(preview(client, "a", 1))
    client.emit_event(preview(client, "a", 2))
    client.emit_connection("lost", "gone")
    before = len(client.calls_of(m.ReleaseSlots))
    running.previews.set_looked_at(True)
    assert len(client.calls_of(m.ReleaseSlots)) == before
