"""The canvas: whose pictures, in which order, and which one is in view."""

from __future__ import annotations

from typing import Any

import pytest

from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.canvas_state import LIVE
from mezzotint_sdk import messages as m
from tests.app.app_records import artifact, run_record
from tests.app.fake_engine_client import FakeEngineClient


@pytest.fixture
def canvas_state(client: FakeEngineClient, app_state: AppState) -> AppState:
    client.connect_engine(runs=(run_record("a", "running"), run_record("old", "finished", artifact_count=2)))
    return app_state


def test_pictures_join_in_the_order_of_the_run(client: FakeEngineClient, canvas_state: AppState) -> None:
    canvas = canvas_state.canvas
    assert canvas.run_id == "a"
    assert canvas.is_active
    for number, index in ((11, 1), (10, 0), (11, 1)):
        client.emit_event(m.ArtifactAdded(artifact=artifact(number, "a", index)))
    client.emit_event(m.ArtifactAdded(artifact=artifact(99, "another run")))
    assert [picture.artifact_id for picture in canvas.pictures] == [10, 11]
    assert canvas.position == LIVE
    assert canvas.picture.artifact_id == 11  # type: ignore[union-attr]


def test_stepping_stays_within_the_pictures(client: FakeEngineClient, canvas_state: AppState) -> None:
    canvas = canvas_state.canvas
    canvas.step(1)
    assert canvas.position == LIVE
    for index in range(3):
        client.emit_event(m.ArtifactAdded(artifact=artifact(index + 1, "a", index)))
    canvas.step(-1)
    assert canvas.position == 1
    for _ in range(5):
        canvas.step(-1)
    assert canvas.position == 0
    for _ in range(5):
        canvas.step(1)
    assert canvas.position == 2


def test_an_old_run_is_fetched_when_it_comes_into_view(
    client: FakeEngineClient, canvas_state: AppState
) -> None:
    canvas_state.runs.select("old")
    assert client.last_call(m.GetRun).run_id == "old"
    canvas_state.runs.select("a")
    pictures = (artifact(1, "old"), artifact(2, "old", 1))
    found = m.RunFound(run=run_record("old", "finished"), artifacts=pictures, folder="/x")
    client.reply(
        m.GetRun,
        lambda body: (
            found if body.run_id == "old" else m.RunFound(run=run_record("a"), artifacts=(), folder="")
        ),
    )
    assert canvas_state.canvas.pictures == [], "an answer for a run that is no longer in view changes nothing"
    canvas_state.runs.select("old")
    assert len(canvas_state.canvas.pictures) == 2


def test_a_picture_of_the_gallery_comes_into_view(client: FakeEngineClient, canvas_state: AppState) -> None:
    pictures = (artifact(1, "old"), artifact(2, "old", 1))
    client.reply(m.GetRun, m.RunFound(run=run_record("old", "finished"), artifacts=pictures, folder="/x"))
    canvas_state.canvas.show_picture(pictures[0])
    assert canvas_state.canvas.run_id == "old"
    assert canvas_state.canvas.picture == pictures[0]


def test_the_picture_before_a_cancelled_run_is_told_of(
    client: FakeEngineClient, canvas_state: AppState, qtbot: Any
) -> None:
    canvas = canvas_state.canvas
    client.emit_event(m.ArtifactAdded(artifact=artifact(1, "a")))
    client.emit_event(m.RunChanged(run=run_record("a", "finished", artifact_count=1)))
    client.emit_event(m.RunChanged(run=run_record("b", "running", started=2.0)))
    assert canvas.run_id == "b"
    assert canvas.picture is None
    with qtbot.waitSignal(canvas.picturesChanged, timeout=1000):
        client.emit_event(m.RunChanged(run=run_record("b", "cancelled")))
    assert canvas.picture is not None
    assert canvas.picture.artifact_id == 1


def test_a_run_that_was_cancelled_long_ago_shows_no_other_runs_picture(
    client: FakeEngineClient, canvas_state: AppState
) -> None:
    canvas = canvas_state.canvas
    client.emit_event(m.ArtifactAdded(artifact=artifact(1, "a")))
    client.emit_event(m.RunChanged(run=run_record("b", "cancelled")))
    canvas_state.runs.select("b")
    assert canvas.picture is None
    assert not canvas.is_earlier


def test_deleted_pictures_leave(client: FakeEngineClient, canvas_state: AppState) -> None:
    for index in range(3):
        client.emit_event(m.ArtifactAdded(artifact=artifact(index + 1, "a", index)))
    canvas_state.canvas.show(2)
    client.emit_event(m.ArtifactsDeleted(artifact_ids=(3,)))
    assert canvas_state.canvas.picture.artifact_id == 2  # type: ignore[union-attr]
    client.emit_event(m.ArtifactsDeleted(artifact_ids=(1, 2)))
    assert canvas_state.canvas.picture is None
