"""A run that ends badly is told once; what had ended before the app came is not."""

from __future__ import annotations

from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import ErrorInfo
from tests.app.app_records import run_record
from tests.app.fake_engine_client import FakeEngineClient

OUT_OF_MEMORY = ErrorInfo("out_of_memory", "There is not enough memory; choose a smaller size.", "trace")


def test_a_failure_is_told_once_with_its_details_and_a_retry(
    client: FakeEngineClient, app_state: AppState
) -> None:
    client.connect_engine(runs=(run_record("a", "running"), run_record("old", "failed", error=OUT_OF_MEMORY)))
    failed = run_record("a", "failed", error=OUT_OF_MEMORY)
    client.emit_event(m.RunChanged(run=failed))
    client.emit_event(m.RunChanged(run=failed))
    (notice,) = app_state.notices.notices
    assert (notice.level, notice.sentence, notice.detail) == ("error", OUT_OF_MEMORY.message, "trace")
    assert notice.action is not None
    notice.action()
    assert client.last_call(m.RetryRun).run_id == "a"


def test_an_end_during_a_lost_connection_is_told_after_it(
    client: FakeEngineClient, app_state: AppState
) -> None:
    client.connect_engine(runs=(run_record("a", "running"),))
    client.emit_snapshot(runs=(run_record("a", "interrupted"),))
    (notice,) = app_state.notices.notices
    assert notice.level == "warning"
    assert "interrupted" in notice.sentence


def test_good_ends_are_not_told(client: FakeEngineClient, app_state: AppState) -> None:
    client.connect_engine(runs=(run_record("a", "running"), run_record("b", "running")))
    client.emit_event(m.RunChanged(run=run_record("a", "finished")))
    client.emit_event(m.RunChanged(run=run_record("b", "cancelled")))
    assert app_state.notices.notices == []
