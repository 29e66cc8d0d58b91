"""Two traces compared in the window: the verdict, the ops around it, the plot, the way into either trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from mezzotint_app.opdebug.divergence_panel import DivergencePanel
from mezzotint_app.opdebug.growth_plot import MOST_POINTS, GrowthPlot, _thinned, _trend
from mezzotint_app.opdebug.trace_comparison import compare_files
from mezzotint_app.opdebug.trace_picker import traces_of_runs
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import MezzotintError
from tests.app.app_records import CPU, EMOJI, progress, run_record, spec
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.opdebug.trace_files import TraceMaker

CULPRIT = 50  # from here on the second trace differs


@pytest.fixture
def panel(qtbot: Any, app_state: AppState) -> DivergencePanel:
    panel = DivergencePanel(app_state)
    qtbot.addWidget(panel)
    panel.resize(1100, 600)
    panel.show()
    return panel


def pair(folder: Path, factor: float = 1.5) -> tuple[str, str]:
    first = TraceMaker(folder / "a.mzt", statistics=True).steps(0, 4).done()
    second = TraceMaker(folder / "b.mzt", statistics=True, scale_from={CULPRIT: factor}).steps(0, 4).done()
    return str(first), str(second)


def compare(qtbot: Any, panel: DivergencePanel, paths: tuple[str, str]) -> None:
    QTest.mouseClick(panel.mode.button("traces"), Qt.MouseButton.LeftButton)
    panel.set_traces(*paths)
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.button.isEnabled())


def test_the_first_difference_is_named_and_marked(qtbot: Any, panel: DivergencePanel, tmp_path: Path) -> None:
    assert panel.empty.isVisible()
    assert not panel.button.isEnabled(), "there is nothing to compare"
    compare(qtbot, panel, pair(tmp_path))
    assert f"op {CULPRIT}" in panel.answer.verdict.text()
    row = panel.answer.rows.row_at(panel.answer.rows.first_bad())
    assert row is not None
    assert (row.first, row.second) == (CULPRIT, CULPRIT)
    assert panel.answer.table.currentIndex().row() == panel.answer.rows.first_bad()
    states = [panel.answer.rows.row_at(place).state for place in range(panel.answer.rows.rowCount())]  # type: ignore[union-attr]
    assert states[: panel.answer.rows.first_bad()] == ["same"] * panel.answer.rows.first_bad()
    assert panel.answer.growth.line.isVisible()
    assert panel.answer.growth.line.value() == CULPRIT


def test_traces_that_agree_say_so(qtbot: Any, panel: DivergencePanel, tmp_path: Path) -> None:
    compare(qtbot, panel, pair(tmp_path, factor=1.0))
    assert "agree" in panel.answer.verdict.text()
    assert panel.answer.rows.first_bad() == -1
    assert not panel.answer.growth.line.isVisible()


def test_a_tolerance_of_the_users_own(qtbot: Any, panel: DivergencePanel, tmp_path: Path) -> None:
    paths = pair(tmp_path, factor=1.05)
    panel.tolerance.setText("0.2")
    compare(qtbot, panel, paths)
    assert "agree within the tolerance" in panel.answer.verdict.text()
    assert f"op {CULPRIT} on" in panel.answer.explanation.text()
    assert panel.answer.growth.tolerance.isVisible()
    assert panel.answer.rows.row_at(panel.answer.rows.first_bad()).state == "begins"  # type: ignore[union-attr]
    panel.tolerance.setText("0")
    compare(qtbot, panel, paths)
    assert f"First difference: op {CULPRIT}" in panel.answer.verdict.text()
    assert f"The first difference is op {CULPRIT}" in panel.answer.verdict.toolTip()
    panel.tolerance.setText("1e-3")
    compare(qtbot, panel, paths)
    assert f"op {CULPRIT}" in panel.answer.verdict.text()
    panel.tolerance.setText("tiny")
    assert not panel.button.isEnabled()


def test_what_is_only_in_one_is_beside_what_comes_before(
    qtbot: Any, panel: DivergencePanel, tmp_path: Path
) -> None:
    first, second = TraceMaker(tmp_path / "a.mzt"), TraceMaker(tmp_path / "b.mzt")
    second.sites = [site for site in second.sites if "softmax" not in site.op]
    second._ids = [n for n, site in enumerate(first.sites) if "softmax" not in site.op]
    paths = str(first.steps(0, 1).done()), str(second.steps(0, 1).done())
    compare(qtbot, panel, paths)
    rows = [panel.answer.rows.row_at(place) for place in range(panel.answer.rows.rowCount())]
    only = [place for place, row in enumerate(rows) if row is not None and row.state == "only"]
    assert [(rows[place].first, rows[place].second) for place in only][:2] == [(7, -1), (15, -1)]  # type: ignore[union-attr]
    assert rows[only[0] - 1].first == 6  # type: ignore[union-attr]
    assert "5 only in the first" in panel.answer.details.text()


def test_a_double_click_shows_the_op_in_its_trace(
    qtbot: Any, panel: DivergencePanel, app_state: AppState, tmp_path: Path
) -> None:
    paths = pair(tmp_path)
    compare(qtbot, panel, paths)
    place = panel.answer.rows.first_bad()
    with qtbot.waitSignal(app_state.trace.op_wanted) as wanted:
        panel.answer.table.doubleClicked.emit(panel.answer.rows.index(place, 1))
    assert wanted.args == [CULPRIT]
    assert app_state.trace.path == paths[1], "the second column is of the second trace"
    with qtbot.waitSignal(app_state.trace.op_wanted):
        panel.answer.growth.opAsked.emit(3)
    assert app_state.trace.path == paths[0]


def test_what_can_not_be_read_is_a_sentence(qtbot: Any, panel: DivergencePanel, tmp_path: Path) -> None:
    first, _ = pair(tmp_path)
    bad = tmp_path / "bad.mzt"
    bad.write_bytes(b"no trace")
    compare(qtbot, panel, (first, str(bad)))
    assert panel.empty.isVisible()
    assert "bad.mzt" in panel.empty._hint.text()
    with pytest.raises(MezzotintError, match=r"gone\.mzt can't be read"):
        compare_files(first, str(tmp_path / "gone.mzt"))


def test_runs_that_have_traces_are_offered(
    qtbot: Any, panel: DivergencePanel, app_state: AppState, tmp_path: Path
) -> None:
    runs = app_state.home / "runs"
    for name in ("20260101-000000-aaaaaa", "20260102-000000-bbbbbb"):
        TraceMaker(runs / name / "debug" / "trace.mzt").steps(0, 1).done()
    (runs / "20260103-000000-cccccc").mkdir()
    assert [path.parts[-3] for path in traces_of_runs(runs)] == [
        "20260102-000000-bbbbbb",
        "20260101-000000-aaaaaa",
    ]
    panel.offer_runs()
    qtbot.waitUntil(lambda: panel.first.choice.count() == 2)
    assert panel.first.path() == "", "nothing is chosen for the user"
    panel.first.choice.setCurrentIndex(0)
    panel.second.choice.setCurrentIndex(1)
    assert panel.button.isEnabled()
    chosen = panel.first.path()
    panel.swap_traces()
    assert panel.second.path() == chosen


# --- making both runs


def written(state: AppState, run_id: str, factor: float) -> None:
    path = state.home / "runs" / run_id / "debug" / "trace.mzt"
    TraceMaker(path, statistics=True, scale_from={CULPRIT: factor}).steps(0, 4).done()


def ready(client: FakeEngineClient, state: AppState) -> None:
    ids = iter(("r1", "r2"))
    client.reply(m.ListModels, m.ModelList(models=(EMOJI,)))
    client.reply(m.SubmitJobs, lambda _ask: m.JobsSubmitted(run_ids=(next(ids),)))
    client.connect_engine(devices=(CPU,))
    state.generate.set(prompt="red apple", seed=5)


def test_one_button_makes_both_runs_and_opens_the_comparison(
    qtbot: Any, panel: DivergencePanel, client: FakeEngineClient, app_state: AppState
) -> None:
    assert not panel.setup.button.isEnabled(), "there is no engine yet"
    ready(client, app_state)
    assert "red apple" in panel.setup.told.text()
    assert [panel.setup.value.itemData(row) for row in range(panel.setup.value.count())] == [
        "bfloat16",
        "float32",
    ], "what this machine has, the one that differs from automatic first"
    QTest.mouseClick(panel.setup.button, Qt.MouseButton.LeftButton)
    assert panel.setup.cancel.isVisible()
    client.emit_event(m.RunChanged(run=run_record("r1", "running")))
    client.emit_event(progress("r1", 1, steps=4))
    assert panel.setup.progress.text() == "The first run: step 1 of 4"
    for run_id, factor in (("r1", 1.0), ("r2", 1.5)):
        written(app_state, run_id, factor)
        client.emit_event(m.RunChanged(run=run_record(run_id, "finished")))
    qtbot.waitUntil(lambda: panel.comparison is not None)
    assert f"op {CULPRIT}" in panel.answer.verdict.text()
    assert panel.setup.button.isVisible()
    assert [ask.specs[0].dtype for ask in client.calls_of(m.SubmitJobs)] == ["auto", "bfloat16"]


def test_to_the_bit_keeps_values_and_forgives_nothing(
    qtbot: Any, panel: DivergencePanel, client: FakeEngineClient, app_state: AppState
) -> None:
    ready(client, app_state)
    panel.setup.values.click()
    assert panel.tolerance.placeholderText() == "0"
    QTest.mouseClick(panel.setup.button, Qt.MouseButton.LeftButton)
    plan = client.last_call(m.SubmitJobs).debug
    assert plan is not None
    assert plan.keep_ops == "*"
    for run_id, factor in (("r1", 1.0), ("r2", 1.00001)):
        written(app_state, run_id, factor)
        client.emit_event(m.RunChanged(run=run_record(run_id, "finished")))
    qtbot.waitUntil(lambda: panel.comparison is not None)
    assert panel.answer.verdict.text().startswith(f"First difference: op {CULPRIT}")
    QTest.mouseClick(panel.mode.button("traces"), Qt.MouseButton.LeftButton)
    assert panel.tolerance.placeholderText() == "by dtype"


def test_cancel_leaves_the_choice_as_it_was(
    qtbot: Any, panel: DivergencePanel, client: FakeEngineClient, app_state: AppState
) -> None:
    ready(client, app_state)
    panel.setup.setting.setCurrentIndex(panel.setup.setting.findData("threads"))
    panel.setup.threads.setValue(3)
    QTest.mouseClick(panel.setup.button, Qt.MouseButton.LeftButton)
    QTest.mouseClick(panel.setup.cancel, Qt.MouseButton.LeftButton)
    assert client.last_call(m.CancelRun).run_id == "r1"
    assert panel.setup.button.isEnabled()
    assert panel.setup.threads.value() == 3
    assert panel.empty.isVisible()
    assert "Run both" in panel.empty._hint.text(), "what was to be seen before"


def test_what_can_not_be_compared_says_why(
    qtbot: Any, panel: DivergencePanel, client: FakeEngineClient, app_state: AppState
) -> None:
    ready(client, app_state)
    panel.setup.setting.setCurrentIndex(panel.setup.setting.findData("scheduler"))
    assert panel.setup.value.count() == len(EMOJI.schedulers)
    app_state.generate.set(threads=2)
    panel.setup.setting.setCurrentIndex(panel.setup.setting.findData("threads"))
    panel.setup.threads.setValue(2)
    assert not panel.setup.button.isEnabled()
    assert panel.setup.told.text() == "The run has this threads already."
    panel.setup.threads.setValue(1)
    assert panel.setup.button.isEnabled()
    panel.tolerance.setText("tiny")
    assert not panel.setup.button.isEnabled()
    assert "tolerance" in panel.setup.told.text()


def test_finished_runs_are_offered_beside_the_form(
    qtbot: Any, panel: DivergencePanel, client: FakeEngineClient, app_state: AppState
) -> None:
    ready(client, app_state)
    past = run_record("past", "finished", spec=spec(prompt="cat", dtype="bfloat16"))
    client.emit_event(m.RunChanged(run=past))
    client.emit_event(m.RunChanged(run=run_record("bad", "failed")))
    source = panel.setup.source
    assert [source.itemData(row) for row in range(source.count())] == ["", "past"]
    assert source.currentData() == "", "what was chosen stays"
    assert source.itemText(1) == "cat · seed 0 · 20 steps · bfloat16  (past)"
    source.setCurrentIndex(1)
    assert panel.setup.value.findData("bfloat16") == -1, "the run has it"
    assert "cat" in panel.setup.told.text()
    client.reply(m.GetRun, m.RunFound(run=past, artifacts=(), folder=""))
    panel.setup.start()
    qtbot.waitUntil(lambda: bool(client.calls_of(m.SubmitJobs)))
    assert client.last_call(m.SubmitJobs).specs[0].prompt == "cat"


def test_each_finding_leads_to_its_op_and_from_there_into_both_traces(
    qtbot: Any, panel: DivergencePanel, app_state: AppState, tmp_path: Path
) -> None:
    first = TraceMaker(tmp_path / "a.mzt", statistics=True).steps(0, 4).done()
    grown = {CULPRIT: 1.00001, 120: 1.5}
    second = TraceMaker(tmp_path / "b.mzt", statistics=True, scale_from=grown).steps(0, 4).done()
    panel.tolerance.setText("1e-3")
    compare(qtbot, panel, (str(first), str(second)))
    begins, over, largest = panel.answer.findings
    assert begins.text().startswith(f"Begins: op {CULPRIT} (1e-05)")
    assert over.text().startswith("Over: op 120")
    assert largest.isVisible()
    QTest.mouseClick(begins, Qt.MouseButton.LeftButton)
    row = panel.answer.rows.row_at(panel.answer.table.currentIndex().row())
    assert row is not None
    assert (row.first, row.state) == (CULPRIT, "begins")
    states = [panel.answer.rows.row_at(place).state for place in range(panel.answer.rows.rowCount())]  # type: ignore[union-attr]
    assert states.count("gap") == 1
    with qtbot.waitSignal(app_state.trace.op_wanted) as wanted:
        QTest.mouseClick(panel.answer.in_second, Qt.MouseButton.LeftButton)
    assert (wanted.args, app_state.trace.path) == ([CULPRIT], str(second))
    with qtbot.waitSignal(app_state.trace.op_wanted):
        QTest.mouseClick(panel.answer.in_first, Qt.MouseButton.LeftButton)
    assert app_state.trace.path == str(first)
    gap = states.index("gap")
    panel.answer.table.selectRow(gap)
    assert not panel.answer.in_first.isEnabled()


def test_thinning_keeps_the_worst(qtbot: Any) -> None:
    errors = np.zeros(50_000)
    errors[31_234] = 7.0
    x, y = _thinned(np.arange(50_000.0), errors)
    assert len(x) <= MOST_POINTS
    assert y.max() == 7.0
    assert x[y.argmax()] == 31_234


def test_the_trend_is_of_most_ops(qtbot: Any) -> None:
    errors = np.full(1000, 1e-6)
    errors[::10] = 0.5
    errors[500:] *= 100
    x, y = _trend(np.arange(1000.0), errors)
    assert y[:40].tolist() == [1e-6] * 40
    assert y[-40:] == pytest.approx([1e-4] * 40)
    assert x[0] < 10
    assert len(_trend(np.arange(10.0), errors[:10])[0]) == 0


def test_the_plot_is_read_at_the_nearest_op(qtbot: Any) -> None:
    plot = GrowthPlot()
    qtbot.addWidget(plot)
    plot.show_growth(np.array([0.0, 5.0, 9.0]), np.array([1e-7, np.nan, 0.25]), 9)
    plot.point_at(6.9)
    assert plot.reading.text() == "op 9: relative error 0.25"
    plot.point_at(4.4)
    assert plot.reading.text() == "op 0: relative error 1e-07", "what could not be compared is no point"
    plot.show_growth(np.empty(0), np.empty(0), -1)
