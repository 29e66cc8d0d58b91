"""A run made both ways: in turn, from the form or from a finished run, with all the ways in which it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.comparison_state import ComparisonState, comparable
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import BadInputError, ErrorInfo
from mezzotint_sdk.run_traces import TRACE_IN_RUN
from tests.app.app_records import progress, run_record, spec
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.opdebug.trace_files import TraceMaker

RED = spec(prompt="red apple", seed=3, steps=4, count=2)


class Heard:
    def __init__(self, maker: ComparisonState) -> None:
        self.made: list[tuple[str, str]] = []
        self.failed: list[str] = []
        maker.made.connect(lambda first, second: self.made.append((first, second)))
        maker.failed.connect(self.failed.append)


@pytest.fixture
def maker(client: FakeEngineClient, app_state: AppState, qtbot: Any) -> Iterator[ComparisonState]:
    client.connect_engine()
    ids = iter(("r1", "r2", "r3"))
    client.reply(m.SubmitJobs, lambda _ask: m.JobsSubmitted(run_ids=(next(ids),)))
    maker = ComparisonState(client, app_state.runs, app_state.home / "runs")
    yield maker
    maker.deleteLater()


@pytest.fixture
def heard(maker: ComparisonState) -> Heard:
    return Heard(maker)


def tell(client: FakeEngineClient, run_id: str, state: str, **fields: Any) -> None:
    client.emit_event(m.RunChanged(run=run_record(run_id, state, **fields)))


def trace_of(state: AppState, run_id: str) -> str:
    return str(state.home / "runs" / run_id / TRACE_IN_RUN)


def test_both_runs_are_made_in_turn_and_then_their_traces_are_there(
    client: FakeEngineClient, app_state: AppState, maker: ComparisonState, heard: Heard
) -> None:
    maker.start(RED, "dtype", "bfloat16")
    assert len(client.calls_of(m.SubmitJobs)) == 1, "the second one waits for the first"
    tell(client, "r1", "running")
    assert (maker.progress_text, maker.fraction) == ("The first run starts", 0.0)
    client.emit_event(progress("r1", 2, steps=4))
    assert maker.progress_text == "The first run: step 2 of 4"
    assert 0.2 < maker.fraction < 0.3
    tell(client, "r1", "finished")
    assert maker.fraction == 0.5
    tell(client, "r1", "finished", artifact_count=1)  # said again: it counts once
    tell(client, "r2", "finished")
    assert heard.made == [(trace_of(app_state, "r1"), trace_of(app_state, "r2"))]
    assert (heard.failed, maker.is_making, maker.progress_text) == ([], False, "")
    first, second = client.calls_of(m.SubmitJobs)
    assert (first.specs[0].dtype, second.specs[0].dtype) == ("auto", "bfloat16")
    assert [one.specs[0].count for one in (first, second)] == [1, 1]
    assert [one.specs[0].seed for one in (first, second)] == [3, 3]
    plan = first.debug
    assert plan is not None
    assert plan == second.debug
    assert (plan.stop_at, plan.record, plan.on_exception, plan.breakpoints) == (
        "never",
        "statistics",
        False,
        (),
    )


def test_values_are_kept_where_that_is_wanted(client: FakeEngineClient, maker: ComparisonState) -> None:
    maker.start(RED, "threads", "2", values=True)
    plan = client.last_call(m.SubmitJobs).debug
    assert plan is not None
    assert plan.keep_ops == "*"


def test_what_can_not_be_changed_is_refused_before_anything_runs(
    client: FakeEngineClient, maker: ComparisonState
) -> None:
    with pytest.raises(BadInputError, match="nothing to compare"):
        maker.start(spec(dtype="float16"), "dtype", "float16")
    assert not maker.is_making
    assert not client.calls_of(m.SubmitJobs)


@pytest.mark.parametrize("known", [True, False])
def test_cancel_cancels_what_runs_and_begins_nothing_more(
    client: FakeEngineClient, app_state: AppState, maker: ComparisonState, heard: Heard, known: bool
) -> None:
    if not known:
        client._answers.pop(m.SubmitJobs)
    maker.start(RED, "dtype", "bfloat16")
    maker.cancel()
    if not known:
        client.answer(m.SubmitJobs, m.JobsSubmitted(run_ids=("r1",)))
    assert client.last_call(m.CancelRun).run_id == "r1"
    tell(client, "r1", "cancelled")
    assert (heard.failed, heard.made, maker.is_making) == ([""], [], False)
    assert len(client.calls_of(m.SubmitJobs)) == 1


def test_a_run_that_fails_ends_it_with_its_reason(
    client: FakeEngineClient, maker: ComparisonState, heard: Heard
) -> None:
    maker.start(RED, "device", "cuda:1")
    tell(client, "r1", "finished")
    tell(client, "r2", "failed", error=ErrorInfo("out_of_memory", "There is not enough memory."))
    assert heard.failed == ["The second run was not finished: it was failed. There is not enough memory."]
    maker.start(RED, "device", "cuda:1")
    client.emit_event(m.RunsDeleted(run_ids=("r3",)))
    tell(client, "r3", "running")
    client.emit_event(m.RunsDeleted(run_ids=("r3",)))
    assert heard.failed[1:] == ["The first run was deleted."]


def test_a_refused_job_is_told(client: FakeEngineClient, maker: ComparisonState, heard: Heard) -> None:
    client.reply(m.SubmitJobs, BadInputError("There is no device cuda:9 here."))
    maker.start(RED, "device", "cuda:9")
    assert heard.failed == ["There is no device cuda:9 here."]


def test_waiting_says_for_what(client: FakeEngineClient, app_state: AppState, maker: ComparisonState) -> None:
    maker.start(RED, "dtype", "bfloat16")
    tell(client, "r1", "queued")
    assert maker.progress_text == "The first run waits in the queue"
    tell(client, "other", "running")
    app_state.runs.set_standing("other", "At aten.mm")
    assert maker.progress_text == "The first run waits: another one stands at a stop"
    client.emit_event(m.QueueChanged(order=("r1",), paused=True))
    assert maker.progress_text == "The first run waits: the queue is paused"


@pytest.mark.parametrize(
    ("statistics", "fields", "values", "made"),
    [
        (True, {}, False, 1),  # its trace is one side
        (False, {}, False, 2),  # nothing in it to compare
        (True, {"touched": True}, False, 2),  # somebody edited a tensor
        (True, {}, True, 2),  # values are wanted, and it has none
    ],
)
def test_a_finished_run_is_one_side_where_its_trace_will_do(
    client: FakeEngineClient, app_state: AppState, maker: ComparisonState, heard: Heard, qtbot: Any,
    statistics: bool, fields: dict[str, Any], values: bool, made: int,
) -> None:  # fmt: skip
    TraceMaker(Path(trace_of(app_state, "past")), statistics=statistics).steps(0, 1).done()
    past = run_record("past", "finished", spec=RED, **fields)
    client.reply(m.GetRun, m.RunFound(run=past, artifacts=(), folder=""))
    maker.start_from("past", "dtype", "bfloat16", values=values)
    qtbot.waitUntil(lambda: maker.run_id == "r1")
    tell(client, "r1", "finished")
    if made == 2:
        tell(client, "r2", "finished")
    ((first, second),) = heard.made
    assert len(client.calls_of(m.SubmitJobs)) == made
    assert client.last_call(m.SubmitJobs).specs[0].dtype == "bfloat16"
    assert first == trace_of(app_state, "past" if made == 1 else "r1")
    assert second == trace_of(app_state, f"r{made}")


def test_a_finished_run_that_is_so_already_is_refused(
    client: FakeEngineClient, maker: ComparisonState, heard: Heard, qtbot: Any
) -> None:
    past = run_record("past", "finished", spec=spec(dtype="bfloat16"))
    client.reply(m.GetRun, m.RunFound(run=past, artifacts=(), folder=""))
    maker.start_from("past", "dtype", "bfloat16")
    qtbot.waitUntil(lambda: not maker.is_making)
    assert "nothing to compare" in heard.failed[0]


def test_only_a_whole_trace_with_statistics_can_be_compared(tmp_path: Path) -> None:
    assert comparable(TraceMaker(tmp_path / "a.mzt", statistics=True).steps(0, 1).done())
    assert not comparable(TraceMaker(tmp_path / "b.mzt").steps(0, 1).done())
    assert not comparable(tmp_path / "none.mzt")
    (tmp_path / "bad.mzt").write_bytes(b"no trace")
    assert not comparable(tmp_path / "bad.mzt")
