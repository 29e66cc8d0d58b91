"""The queue panel: rows in order, keys and drag that move runs, what can be done to them, a thousand jobs."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu

from mezzotint_app.panels.queue_delegate import QueueDelegate
from mezzotint_app.panels.queue_model import QueueModel
from mezzotint_app.panels.queue_panel import QueuePanel
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import ErrorInfo
from mezzotint_sdk.records import RunRecord
from tests.app.app_records import progress, run_record, spec
from tests.app.fake_engine_client import FakeEngineClient


@pytest.fixture
def panel(qtbot: Any, app_state: AppState) -> QueuePanel:
    panel = QueuePanel(app_state)
    qtbot.addWidget(panel)
    panel.resize(320, 600)
    panel.show()
    return panel


def some_runs() -> tuple[RunRecord, ...]:
    error = ErrorInfo("out_of_memory", "The picture needs too much memory; make it smaller.")
    return (
        run_record("run", "running", started=2.0),
        *(run_record(name, spec=spec(prompt=f"prompt {name}")) for name in "abcd"),
        run_record("done", "finished", finished=9.0, seconds=3.0, artifact_count=1),
        run_record("bad", "failed", finished=8.0, error=error),
    )


def rows(model: QueueModel) -> list[str]:
    found = []
    for row in range(model.rowCount()):
        run = model.run_at(row)
        found.append(run.run_id if run is not None else str(model.index(row).data()))
    return found


def titles(menu: QMenu | None) -> list[str]:
    assert menu is not None
    return [action.text() for action in menu.actions() if action.text()]


def filled(client: FakeEngineClient, panel: QueuePanel) -> None:
    client.connect_engine(runs=some_runs())
    panel.model.rebuild()


def test_empty_queue_says_what_to_do(panel: QueuePanel, client: FakeEngineClient) -> None:
    assert panel.empty.isVisible()
    filled(client, panel)
    assert panel.list.isVisible()


def test_what_runs_what_waits_what_ended(panel: QueuePanel, client: FakeEngineClient) -> None:
    filled(client, panel)
    assert rows(panel.model) == ["Running", "run", "Waiting", "a", "b", "c", "d", "Ended", "done", "bad"]
    assert panel.model.place_in_queue("a") == 1
    assert panel.model.place_in_queue("d") == 4
    assert "1 running · 4 waiting" in panel.summary.text()
    client.emit_event(m.RunChanged(run=run_record("run", "paused", started=2.0)))
    assert "1 paused · 4 waiting" in panel.summary.text()


def test_a_failed_run_says_why_in_one_sentence(panel: QueuePanel, client: FakeEngineClient) -> None:
    filled(client, panel)
    run = panel.model.run_at(panel.model.row_of("bad"))
    assert run is not None
    assert panel.model.state_line(run) == "The picture needs too much memory; make it smaller."


def test_progress_is_in_the_row_and_moves_no_rows(
    qtbot: Any, panel: QueuePanel, client: FakeEngineClient
) -> None:
    filled(client, panel)
    changed: list[QModelIndex] = []
    panel.model.dataChanged.connect(lambda top, *_: changed.append(top))
    client.emit_event(progress("run", 12, 20, steps_per_second=5.0, eta_seconds=1.6))
    run = panel.model.run_at(1)
    assert run is not None
    assert panel.model.state_line(run) == "Denoising · step 12 of 20 · 5.0 steps/s · 1.6 s left"
    assert changed == [], "a change of data would lay out all rows anew"


def test_alt_and_arrows_move_what_is_selected(panel: QueuePanel, client: FakeEngineClient) -> None:
    filled(client, panel)
    panel.select_runs(["c"])
    QTest.keyClick(panel.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert client.last_call(m.MoveRun) == m.MoveRun(run_id="c", before="b")
    panel.select_runs(["a", "b"])
    QTest.keyClick(panel.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    moves = client.calls_of(m.MoveRun)[-2:]
    assert moves == [m.MoveRun(run_id="b", before="d"), m.MoveRun(run_id="a", before="b")]
    count = len(client.calls_of(m.MoveRun))
    QTest.keyClick(panel.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert len(client.calls_of(m.MoveRun)) == count, "what is on top stays there"


def test_the_selection_stays_with_its_runs(panel: QueuePanel, client: FakeEngineClient) -> None:
    filled(client, panel)
    panel.select_runs(["b", "done"])
    client.emit_event(m.QueueChanged(paused=False, order=("b", "d", "c", "a")))
    panel.model.rebuild()
    assert rows(panel.model)[3:7] == ["b", "d", "c", "a"]
    assert [run.run_id for run in panel.selected_runs()] == ["b", "done"]
    client.emit_event(m.RunChanged(run=run_record("b", "running", started=3.0)))
    panel.model.rebuild()
    assert rows(panel.model)[:3] == ["Running", "run", "b"]
    assert [run.run_id for run in panel.selected_runs()] == ["b", "done"]


def test_a_drop_between_rows_moves_and_elsewhere_is_refused(
    panel: QueuePanel, client: FakeEngineClient
) -> None:
    filled(client, panel)
    model = panel.model
    data = model.mimeData([model.index(model.row_of("d")), model.index(model.row_of("c"))])
    move = Qt.DropAction.MoveAction
    nowhere = QModelIndex()
    for row, fits in ((model.row_of("a"), True), (model.row_of("d") + 1, True), (1, False), (-1, False)):
        assert model.canDropMimeData(data, move, row, 0, nowhere) is fits, row
    assert not model.canDropMimeData(data, move, -1, -1, model.index(4)), "never onto a run"
    assert not model.dropMimeData(data, move, model.row_of("b"), 0, nowhere), "the view must not remove rows"
    assert client.calls_of(m.MoveRun) == [
        m.MoveRun(run_id="d", before="b"),
        m.MoveRun(run_id="c", before="d"),
    ]
    assert not model.flags(model.index(1)) & Qt.ItemFlag.ItemIsDragEnabled, "what runs can't be moved"


def test_delete_key_cancels_what_is_open_and_deletes_what_ended(
    panel: QueuePanel, client: FakeEngineClient, app_state: AppState
) -> None:
    filled(client, panel)
    panel.select_runs(["run", "a", "done", "bad"])
    QTest.keyClick(panel.list, Qt.Key.Key_Delete)
    assert [call.run_id for call in client.calls_of(m.CancelRun)] == ["run", "a"]
    assert client.last_call(m.DeleteRuns).run_ids == ("done", "bad")
    client.answer(m.DeleteRuns, m.Done())
    notice = app_state.notices.notices[-1]
    assert (notice.sentence, notice.action_title) == ("2 runs were deleted.", "Undo")
    assert notice.action is not None
    notice.action()
    assert client.last_call(m.RestoreRuns).run_ids == ("done", "bad")


def test_the_menu_offers_what_fits_the_state(panel: QueuePanel, client: FakeEngineClient) -> None:
    filled(client, panel)
    panel.select_runs(["run"])
    assert titles(panel.build_menu()) == ["Pause", "Cancel", "Duplicate", "Use these settings"]
    panel.select_runs(["b"])
    offered = titles(panel.build_menu())
    assert offered[:5] == ["Cancel", "Move up", "Move down", "Move to the top", "Move to the bottom"]
    panel.select_runs(["bad"])
    assert titles(panel.build_menu()) == ["Retry", "Use these settings", "Copy error", "Delete"]
    client.emit_event(m.RunChanged(run=run_record("run", "stopping", started=2.0)))
    panel.model.rebuild()
    panel.select_runs(["run"])
    menu = panel.build_menu()
    assert "Kill worker now" in titles(menu)
    assert menu is not None
    next(action for action in menu.actions() if action.text() == "Kill worker now").trigger()
    assert client.last_call(m.CancelRun) == m.CancelRun(run_id="run", force=True)


def test_pause_and_resume(panel: QueuePanel, client: FakeEngineClient) -> None:
    filled(client, panel)
    panel.pause_button.click()
    assert client.calls_of(m.PauseQueue)
    client.emit_event(m.QueueChanged(paused=True, order=("a", "b", "c", "d")))
    assert panel.summary.text() == "Queue paused", "whole, also in a narrow panel"
    assert panel.pause_button.accessibleName() == "Resume queue"
    panel.pause_button.click()
    assert client.calls_of(m.ResumeQueue)
    panel.select_runs(["run"])
    panel.pause_selected()
    assert client.last_call(m.PauseRun).run_id == "run"
    client.emit_event(m.RunChanged(run=run_record("run", "paused", started=2.0)))
    panel.resume_selected()
    assert client.last_call(m.ResumeRun).run_id == "run"


def test_a_click_shows_the_run_in_all_panels(panel: QueuePanel, client: FakeEngineClient) -> None:
    filled(client, panel)
    runs = panel._state.runs

    def click(run_id: str) -> None:
        place = panel.list.visualRect(panel.model.index(panel.model.row_of(run_id))).center()
        QTest.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=place)

    click("done")
    assert runs.current == "done"
    click("run")
    assert (runs.current, runs.picked) == ("run", ""), "the live run is followed, not picked"


def test_cancel_all_and_retry(panel: QueuePanel, client: FakeEngineClient) -> None:
    filled(client, panel)
    panel.cancel_button.click()
    assert client.calls_of(m.CancelAll)
    panel.select_runs(["bad", "done"])
    panel.retry_button.click()
    assert {call.run_id for call in client.calls_of(m.RetryRun)} == {"bad", "done"}


def test_use_settings_takes_the_whole_spec(
    panel: QueuePanel, client: FakeEngineClient, app_state: AppState
) -> None:
    filled(client, panel)
    whole = spec(prompt="the whole long prompt", seed=77)
    client.reply(
        m.GetRun, m.RunFound(run=run_record("done", "finished", spec=whole), artifacts=(), folder="")
    )
    panel.select_runs(["done"])
    panel.use_settings()
    assert app_state.generate.draft.prompt == "the whole long prompt"
    assert app_state.notices.notices[-1].sentence == "The form has the settings of this run now."


def test_a_thousand_jobs_rebuild_a_few_times_and_paint_what_is_in_view(
    qtbot: Any, panel: QueuePanel, client: FakeEngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.connect_engine()
    rebuilt: list[int] = []
    panel.model.rebuilt.connect(lambda: rebuilt.append(panel.model.rowCount()))
    runs = [run_record(f"r{number}", position=float(number)) for number in range(1_000)]
    for run in runs:
        client.emit_event(m.RunChanged(run=run))
    client.emit_event(m.QueueChanged(paused=False, order=tuple(run.run_id for run in runs)))
    qtbot.waitUntil(lambda: panel.model.rowCount() == 1_001)
    assert len(rebuilt) < 200, "not one for each of the 1,000 events"
    painted: list[str] = []
    paint = QueueDelegate._paint_run

    def counted(
        delegate: QueueDelegate, painter: Any, rect: Any, state: Any, run: RunRecord, theme: Any
    ) -> None:
        painted.append(run.run_id)
        paint(delegate, painter, rect, state, run, theme)

    monkeypatch.setattr(QueueDelegate, "_paint_run", counted)
    panel.list.viewport().repaint()
    assert 0 < len(painted) < 40, "the rows in view only"


def test_rows_are_named_for_screen_readers(panel: QueuePanel, client: FakeEngineClient) -> None:
    filled(client, panel)
    name = panel.model.index(panel.model.row_of("a")).data(Qt.ItemDataRole.AccessibleTextRole)
    assert name == "prompt a, queued"
    for button in (panel.pause_button, panel.cancel_button, panel.retry_button, panel.delete_button):
        assert button.accessibleName()
        assert button.toolTip()
