"""The op table: what its cells say, filter, order, colours, totals, and the ways to module and source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from mezzotint_app.opdebug.op_columns import COLUMNS, OpTexts
from mezzotint_app.opdebug.op_table_delegate import ROW_PX, heat_part
from mezzotint_app.opdebug.op_table_panel import OpTablePanel
from mezzotint_app.opdebug.place_menus import op_menu
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import Place, Stop
from mezzotint_sdk.trace_records import OP_ROW
from tests.app.app_records import run_record
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.opdebug.trace_files import TraceMaker

KEYS = [column.key for column in COLUMNS]
Shows = Callable[..., TraceMaker]


@pytest.fixture
def panel(qtbot: Any, app_state: AppState) -> OpTablePanel:
    panel = OpTablePanel(app_state)
    qtbot.addWidget(panel)
    panel.resize(1200, 500)
    panel.show()
    return panel


@pytest.fixture
def shows(qtbot: Any, app_state: AppState, panel: OpTablePanel, tmp_path: Path) -> Shows:
    """Shows a finished trace of some steps."""

    def show(steps: int = 2, **fields: Any) -> TraceMaker:
        maker = TraceMaker(tmp_path / "t.mzt", **fields).steps(0, steps)
        maker.nan_at_last()
        app_state.trace.open_file(str(maker.done()))
        qtbot.waitUntil(lambda: app_state.trace.shown_count == maker.count)
        return maker

    return show


def cell(panel: OpTablePanel, row: int, key: str) -> str:
    return str(panel.table.model().index(row, KEYS.index(key)).data())


def click_header(panel: OpTablePanel, key: str) -> None:
    header = panel.table.horizontalHeader()
    place = header.sectionViewportPosition(KEYS.index(key)) + 12
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place, 8))


def titles(menu: Any) -> dict[str, bool]:
    return {action.text(): action.isEnabled() for action in menu.actions() if action.text()}


def test_without_a_trace_it_says_what_to_do(panel: OpTablePanel) -> None:
    assert panel.empty.isVisible()
    assert panel.empty.button is not None


def test_cells_say_what_an_op_did(panel: OpTablePanel, shows: Shows) -> None:
    maker = shows()
    assert panel.table.isVisible()
    assert cell(panel, 2, "number") == "2"
    assert cell(panel, 2, "op") == "aten.convolution"
    assert cell(panel, 2, "module") == "unet.down_blocks.0.resnets.0.conv1"
    assert cell(panel, 2, "source") == "resnet.py:14"
    assert cell(panel, 2, "shapes") == "2×64×64×64, 64×64×3×3 → 2×64×64×64"
    assert cell(panel, 2, "dtype") == "float32"
    assert cell(panel, 2, "device") == "cpu"
    assert cell(panel, 2, "flops") == "604 M"
    assert cell(panel, 2, "memory").startswith("+")
    assert cell(panel, 6, "kernel") == "flash (CPU)"
    assert cell(panel, 2, "step") == "1 of 20 · denoise"
    assert cell(panel, maker.count - 1, "mark") == "NaN"
    assert f"{maker.count:,} ops" in panel.summary.text()


def test_statistics_take_room_only_where_they_are(panel: OpTablePanel, shows: Shows) -> None:
    shows()
    assert panel.table.isColumnHidden(KEYS.index("norm"))
    assert not panel.table.isColumnHidden(KEYS.index("kernel"))
    shows(statistics=True)
    assert not panel.table.isColumnHidden(KEYS.index("norm"))
    assert cell(panel, 1, "norm") == "11"


def test_typing_filters_and_a_mistake_is_a_quiet_sentence(
    qtbot: Any, panel: OpTablePanel, shows: Shows
) -> None:
    shows()
    QTest.keyClicks(panel.filter.field, "softmax")
    QTest.keyClick(panel.filter.field, Qt.Key.Key_Return)
    found = panel.table.model().rowCount()
    assert 0 < found < 20
    assert cell(panel, 0, "op") == "aten._softmax"
    assert f"{found} of " in panel.summary.text()
    QTest.keyClicks(panel.filter.field, " & (")
    qtbot.waitUntil(lambda: panel.filter.problem.isVisible())
    assert panel.filter.problem.text().endswith(".")
    assert panel.table.model().rowCount() == found, "what is shown stays while one types"
    QTest.keyClick(panel.filter.field, Qt.Key.Key_Escape)
    assert not panel.filter.problem.isVisible()
    assert panel.table.model().rowCount() > found


def test_all_examples_are_right(panel: OpTablePanel, shows: Shows, app_state: AppState) -> None:
    shows()
    panel.filter.show_help()
    assert panel.filter.help is not None
    for button in panel.filter.help.buttons:
        button.click()
        assert app_state.trace.filter_problem == "", button.accessibleName()
        assert panel.filter.text() == button.accessibleName()
    panel.filter.help.hide()


def test_where_nothing_matches_it_says_so(panel: OpTablePanel, shows: Shows) -> None:
    shows()
    panel.filter.set_text("nowhere_to_be_found")
    assert panel.nothing_found.isVisible()


def test_a_click_on_the_header_sorts_and_the_third_goes_back(panel: OpTablePanel, shows: Shows) -> None:
    shows()
    click_header(panel, "flops")
    assert cell(panel, 0, "op") == "aten.convolution"
    assert panel.table.model().headerData(KEYS.index("flops"), Qt.Orientation.Horizontal) == "FLOPs ↓"
    click_header(panel, "flops")
    assert cell(panel, 0, "flops") == ""
    click_header(panel, "flops")
    assert [cell(panel, row, "number") for row in range(3)] == ["0", "1", "2"]


def test_the_chosen_op_is_told_and_stays_chosen(
    panel: OpTablePanel, shows: Shows, app_state: AppState
) -> None:
    shows()
    panel.table.setCurrentIndex(panel.table.model().index(7, 0))
    assert app_state.debug.selected_op == 7
    panel.filter.set_text("softmax")
    assert panel.table.currentIndex().row() == 0, "the same op, now the first one"
    assert app_state.debug.selected_op == 7
    panel.filter.set_text("silu")
    assert not panel.table.selectionModel().hasSelection()
    panel.filter.set_text("")
    assert panel.table.currentIndex().row() == 7


def test_an_op_that_the_filter_hides_is_led_to(
    panel: OpTablePanel, shows: Shows, app_state: AppState
) -> None:
    shows()
    panel.filter.set_text("softmax")
    app_state.trace.op_wanted.emit(2)
    assert panel.filter.text() == ""
    assert panel.table.currentIndex().row() == 2
    assert app_state.debug.selected_op == 2


def test_return_leads_to_the_source(
    qtbot: Any, panel: OpTablePanel, shows: Shows, app_state: AppState
) -> None:
    maker = shows()
    panel.table.setCurrentIndex(panel.table.model().index(5, 0))
    with qtbot.waitSignal(app_state.trace.source_wanted) as wanted:
        QTest.keyClick(panel.table, Qt.Key.Key_Return)
    assert wanted.args == [maker.sites[5].file, 8]


def test_totals_by_module_and_by_line(qtbot: Any, panel: OpTablePanel, shows: Shows) -> None:
    maker = shows()
    panel.tabs.setCurrentWidget(panel.modules)
    unet = panel.modules.tree.entry("unet")
    block = panel.modules.tree.entry("unet.down_blocks.0")
    assert unet is not None
    assert block is not None
    assert unet.total.ops == 2 * 40 + 1
    assert block.total.ops == 2 * 8 + 1
    assert unet.total.self_time_us == 0
    assert block.total.time_us < unet.total.time_us
    first = panel.modules.tree.roots[0]
    assert first.path == "unet", "what takes longest is on top"
    panel.tabs.setCurrentWidget(panel.lines)
    assert panel.lines.model().index(0, 0).data() == "resnet.py:14", "the convolution is the hot line"
    shares = [panel.lines.lines.line_at(row) for row in range(panel.lines.model().rowCount())]
    assert sum(line.ops for line in shares if line is not None) == maker.count


def test_totals_are_of_what_the_filter_shows(panel: OpTablePanel, shows: Shows) -> None:
    shows()
    panel.tabs.setCurrentWidget(panel.modules)
    panel.filter.field.setText("softmax")
    panel._trace.set_filter("softmax")
    panel.tabs.setCurrentWidget(panel.modules)
    unet = panel.modules.tree.entry("unet")
    assert unet is not None
    assert unet.total.ops == 2 * 5 + 1


def test_the_stop_is_marked_and_the_census_told(
    qtbot: Any, panel: OpTablePanel, app_state: AppState, client: FakeEngineClient, tmp_path: Path
) -> None:
    maker = TraceMaker(tmp_path / "debug" / "trace.mzt").steps(0, 1)
    client.emit_event(m.RunChanged(run=run_record("run", "running", started=1.0)))
    client.emit_event(m.DebuggerReported(run_id="run", report=m.Armed(trace=str(maker.flush()))))
    stop = Stop(
        stop_id=1,
        reason="step",
        message="Stopped.",
        place=Place(op_number=20, op="aten.view", module="unet.mid_block.attentions.0"),
        shown=41,
        ran=43,
    )
    client.emit_event(m.DebuggerReported(run_id="run", report=m.Stopped(stop=stop)))
    qtbot.waitUntil(lambda: app_state.trace.shown_count == maker.count)
    assert panel.table.cells.current == 20
    assert panel.table.currentIndex().row() == 20
    assert "41 of 43 ops that ran are shown" in panel.summary.text()
    menu = op_menu(panel, app_state, 30)
    assert menu is not None
    assert titles(menu)["Run to this op"]
    assert not titles(menu)["Step back to this op"]
    next(action for action in menu.actions() if action.text() == "Run to this op").trigger()
    asked = client.last_call(m.AskDebugger).ask
    assert isinstance(asked, m.Resume)
    assert (asked.verb, asked.op_number) == ("until", 30)
    client.emit_event(m.DebuggerReported(run_id="run", report=m.WentOn(stop_id=1)))
    assert panel.table.cells.current == -1
    maker.done()
    app_state.trace.close()


def test_choosing_an_op_puts_the_cursor_there(
    qtbot: Any, panel: OpTablePanel, app_state: AppState, client: FakeEngineClient, tmp_path: Path
) -> None:
    maker = TraceMaker(tmp_path / "debug" / "trace.mzt").steps(0, 1)
    client.emit_event(m.RunChanged(run=run_record("run", "running", started=1.0)))
    client.emit_event(m.DebuggerReported(run_id="run", report=m.Armed(trace=str(maker.done()))))
    qtbot.waitUntil(lambda: app_state.trace.shown_count == maker.count)
    panel.table.setCurrentIndex(panel.table.model().index(3, 0))
    assert app_state.debug.cursor.op_number == 3
    assert app_state.debug.cursor.module == maker.sites[3].module
    app_state.trace.close()


def test_rows_are_copied_as_a_table(panel: OpTablePanel, shows: Shows) -> None:
    shows()
    panel.table.setCurrentIndex(panel.table.model().index(1, 0))
    down = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    panel.table.selectionModel().select(panel.table.model().index(2, 0), down)
    QTest.keyClick(panel.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().split("\n")
    assert [line.split("\t")[KEYS.index("op")] for line in lines] == ["op", "aten.silu", "aten.convolution"]


def test_menus_filter_by_op_module_and_line(panel: OpTablePanel, shows: Shows, app_state: AppState) -> None:
    shows()
    for title, expected in (
        ("Only aten.convolution", 2 * 5),
        ("Only this module", 2),
        ("Only this source line", 2 * 5),
    ):
        menu = op_menu(panel, app_state, 2)
        assert menu is not None
        next(action for action in menu.actions() if action.text() == title).trigger()
        assert panel.table.model().rowCount() == expected, title
        assert panel.filter.text() == app_state.trace.filter_text != ""


def test_heat_is_on_a_scale_of_powers() -> None:
    assert heat_part(0.0, 1.0, 100.0) == 0.0
    assert heat_part(100.0, 1.0, 100.0) == 1.0
    assert heat_part(1000.0, 1.0, 100.0) == 1.0
    assert heat_part(10.0, 1.0, 100.0) == pytest.approx(0.5)
    assert heat_part(5.0, 0.0, 0.0) == 0.0


def test_colours_are_drawn(panel: OpTablePanel, shows: Shows) -> None:
    shows()
    plain = panel.table.viewport().grab().toImage()
    panel.heat.chosen.emit("time")
    by_time = panel.table.viewport().grab().toImage()
    panel.heat.chosen.emit("memory")
    by_memory = panel.table.viewport().grab().toImage()
    assert plain != by_time != by_memory != plain


def test_a_million_rows_cost_what_is_seen_of_them(
    qtbot: Any, panel: OpTablePanel, app_state: AppState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = TraceMaker(tmp_path / "t.mzt").steps(0, 1)
    rows = np.zeros(1_000_000 - maker.count, OP_ROW)
    rows["site"] = np.resize(np.arange(len(maker.sites)), len(rows))
    maker.put(rows)
    asked: list[int] = []
    cell_of = OpTexts.cell

    def counted(texts: OpTexts, row: np.void, number: int, key: str) -> str:
        asked.append(number)
        return cell_of(texts, row, number, key)

    monkeypatch.setattr(OpTexts, "cell", counted)
    app_state.trace.open_file(str(maker.done()))
    qtbot.waitUntil(lambda: panel.table.model().rowCount() == 1_000_000, timeout=30_000)
    seen = (panel.table.viewport().height() // ROW_PX + 2) * len(COLUMNS)
    panel.table.viewport().grab()
    assert len(asked) < 6 * seen, "opening reads what is in view, whatever Qt paints again"
    asked.clear()
    panel.table.verticalScrollBar().setValue(777_777)
    panel.table.viewport().grab()
    assert 0 < len(asked) < 3 * seen
    assert all(777_777 <= number < 777_900 for number in asked)
    asked.clear()
    app_state.trace.set_filter("softmax")
    qtbot.waitUntil(lambda: not app_state.trace.is_busy, timeout=30_000)
    panel.table.viewport().grab()
    assert len(asked) < 3 * seen


def test_in_a_narrow_panel_times_stay_in_view_and_colours_go_below(
    panel: OpTablePanel, shows: Shows, qtbot: Any
) -> None:
    shows()
    table, time = panel.table, [column.key for column in COLUMNS].index("time")
    for width in (900, 500):
        panel.resize(width, 400)
        qtbot.waitUntil(lambda width=width: panel.width() == width)
        end = table.columnViewportPosition(time) + table.columnWidth(time)
        assert end <= table.viewport().width()
    qtbot.waitUntil(panel.heat.isVisible)
    below = panel.heat.mapTo(panel, panel.heat.rect().topLeft()).y()
    assert below > panel.height() * 2 // 3
    panel.resize(900, 400)
    qtbot.waitUntil(lambda: panel.heat.mapTo(panel, panel.heat.rect().topLeft()).y() < 120)
    qtbot.waitUntil(panel.heat.isVisible)
