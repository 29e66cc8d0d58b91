"""Runs: what snapshots and events do to them, which one panels follow, and what the verbs ask."""

from __future__ import annotations

from typing import Any

import pytest

from mezzotint_app.state.notice_state import NoticeState
from mezzotint_app.state.runs_state import RunsState
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import ModelChangedError, NotFoundError
from tests.app.app_records import progress, run_record
from tests.app.fake_engine_client import FakeEngineClient


@pytest.fixture
def notices(qapp: Any) -> NoticeState:
    return NoticeState()


@pytest.fixture
def runs(client: FakeEngineClient, notices: NoticeState) -> RunsState:
    return RunsState(client, notices)


def test_a_snapshot_replaces_what_can_change_and_keeps_old_final_runs(
    client: FakeEngineClient, runs: RunsState
) -> None:
    client.emit_snapshot(runs=(run_record("old", "finished"), run_record("gone", "running")))
    client.emit_snapshot(runs=(run_record("a"), run_record("b")), queue_paused=True)
    assert runs.run("old") is not None
    assert runs.run("gone") is None, "a run that was active and is no longer told of is no longer there"
    assert runs.queue_order == ["a", "b"]
    assert runs.queue_paused


def test_events_add_change_and_remove(client: FakeEngineClient, runs: RunsState) -> None:
    heard: list[tuple[str, Any]] = []
    runs.runAdded.connect(lambda run_id: heard.append(("added", run_id)))
    runs.runChanged.connect(lambda run_id: heard.append(("changed", run_id)))
    runs.runsRemoved.connect(lambda ids: heard.append(("removed", ids)))
    client.emit_event(m.RunChanged(run=run_record("a")))
    client.emit_event(m.QueueChanged(paused=False, order=("a",)))
    client.emit_event(m.RunChanged(run=run_record("a", "running")))
    assert runs.queue_order == [], "what runs has left the queue"
    client.emit_event(m.RunsDeleted(run_ids=("a", "never seen")))
    assert heard == [("added", "a"), ("changed", "a"), ("removed", ["a"])]
    assert runs.run("a") is None


def test_progress_is_kept_until_the_run_ends(client: FakeEngineClient, runs: RunsState) -> None:
    client.emit_event(progress("unknown"))
    assert runs.progress("unknown") is None
    client.emit_event(m.RunChanged(run=run_record("a", "running")))
    client.emit_event(progress("a", 3))
    assert runs.progress("a").step == 3  # type: ignore[union-attr]
    client.emit_event(m.RunChanged(run=run_record("a", "finished")))
    assert runs.progress("a") is None


def test_panels_follow_the_newest_active_run_unless_one_was_picked(
    client: FakeEngineClient, runs: RunsState
) -> None:
    client.emit_snapshot(runs=(run_record("done", "finished"), run_record("one", "running", started=1.0)))
    assert runs.current == "one"
    client.emit_event(m.RunChanged(run=run_record("two", "running", started=2.0)))
    assert runs.current == "two"
    runs.select("done")
    assert runs.current == "done"
    client.emit_event(m.RunChanged(run=run_record("three", "running", started=3.0)))
    assert runs.current == "done"
    runs.select("")
    assert runs.current == "three"
    client.emit_event(m.RunChanged(run=run_record("three", "finished")))
    client.emit_event(m.RunChanged(run=run_record("two", "finished")))
    client.emit_event(m.RunChanged(run=run_record("one", "cancelled")))
    assert runs.current == "one", "the last one to end stays in view"
    client.emit_event(m.RunsDeleted(run_ids=("one",)))
    assert runs.current == ""


def test_a_run_that_starts_stays_out_of_view_if_the_user_wants_so(
    client: FakeEngineClient, runs: RunsState
) -> None:
    runs.set_follow_live(False)
    client.emit_event(m.RunChanged(run=run_record("one", "running", started=1.0)))
    assert runs.current == "one", "with nothing in view there is nothing to keep"
    client.emit_event(m.RunChanged(run=run_record("two", "running", started=2.0)))
    assert runs.current == "one"


@pytest.mark.parametrize(
    ("verb", "arguments", "body"),
    [
        ("cancel", ("a",), m.CancelRun(run_id="a")),
        ("cancel_all", (), m.CancelAll()),
        ("pause", ("a",), m.PauseRun(run_id="a")),
        ("resume", ("a",), m.ResumeRun(run_id="a")),
        ("retry", ("a",), m.RetryRun(run_id="a")),
        ("move", ("a", "b"), m.MoveRun(run_id="a", before="b")),
        ("pause_queue", (), m.PauseQueue()),
        ("resume_queue", (), m.ResumeQueue()),
        ("restore", (["a"],), m.RestoreRuns(run_ids=("a",))),
    ],
)
def test_verbs_ask_the_engine(
    client: FakeEngineClient, runs: RunsState, verb: str, arguments: tuple[Any, ...], body: m.Body
) -> None:
    getattr(runs, verb)(*arguments)
    assert client.calls == [body]


def test_a_refused_verb_is_told_in_one_sentence(
    client: FakeEngineClient, runs: RunsState, notices: NoticeState
) -> None:
    client.reply(m.CancelRun, NotFoundError("There is no run a.", "detail"))
    runs.cancel("a")
    assert [(n.level, n.sentence, n.detail) for n in notices.notices] == [
        ("error", "There is no run a.", "detail")
    ]


def test_a_retry_whose_model_has_changed_can_be_run_with_the_model_as_it_is(
    client: FakeEngineClient, runs: RunsState, notices: NoticeState
) -> None:
    client.reply(m.RetryRun, ModelChangedError("The files of Emoji have changed."))
    runs.retry("a")
    (notice,) = notices.notices
    assert (notice.level, notice.sentence) == ("warning", "The files of Emoji have changed.")
    assert notice.action is not None
    notice.action()
    assert client.last_call(m.RetryRun) == m.RetryRun(run_id="a", present_model=True)


def test_delete_offers_undo(client: FakeEngineClient, runs: RunsState, notices: NoticeState) -> None:
    runs.delete([])
    assert client.calls == []
    client.reply(m.DeleteRuns, m.Done())
    runs.delete(["a", "b"])
    notice = notices.notices[-1]
    assert notice.action_title == "Undo"
    assert notice.action is not None
    notice.action()
    assert client.last_call(m.RestoreRuns).run_ids == ("a", "b")


def test_restored_runs_are_fetched(client: FakeEngineClient, runs: RunsState) -> None:
    client.reply(m.GetRun, m.RunFound(run=run_record("a", "finished"), artifacts=(), folder="/x"))
    client.emit_event(m.RunsRestored(run_ids=("a",)))
    assert runs.run("a") is not None
