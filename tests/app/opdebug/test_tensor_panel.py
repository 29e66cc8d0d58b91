"""The tensor panel as a user sees it: each view of a tensor, slices, differences, changes, old values."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from mezzotint_app.opdebug.tensor_panel import TensorPanel
from mezzotint_sdk.debug_messages import EditTensor, LookAtTensor, SaveTensor, SkipOp
from mezzotint_sdk.debug_records import Place
from mezzotint_sdk.errors import BadInputError
from tests.app.opdebug.tensor_stop import TensorStop

RANDOM = np.random.default_rng(0)
A = RANDOM.normal(size=(2, 3, 16, 12)).astype(np.float32)
OUT = A * 2 + 1


@pytest.fixture
def debug(qapp: Any) -> TensorStop:
    return TensorStop()


@pytest.fixture
def panel(debug: TensorStop, qtbot: Any) -> TensorPanel:
    panel = TensorPanel(SimpleNamespace(debug=debug, trace=None))  # type: ignore[arg-type]
    panel.resize(420, 760)
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


def cell(panel: TensorPanel, row: int, column: int) -> str:
    return str(panel.numbers.numbers.index(row, column).data(Qt.ItemDataRole.DisplayRole))


def pick(panel: TensorPanel, kind: str) -> None:
    panel.choice.chosen.emit(kind)


def test_without_a_stop_it_says_what_to_do(panel: TensorPanel, debug: TensorStop) -> None:
    assert panel.empty.isVisible()
    assert not panel.splitter.isVisible()
    debug.stand({"out": OUT})
    assert not panel.empty.isVisible()
    assert panel.splitter.isVisible()


def test_the_list_has_inputs_and_outputs_and_selects(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"a": A, "b": A, "out": OUT}, storage={"a": 5, "b": 5})
    model = panel.list.list_model
    rows = [[model.index(row, column).data() for column in range(model.columnCount())] for row in range(3)]
    assert rows[0] == ["a", "2 × 3 × 16 × 12", "float32", "cpu", "memory of b"]
    assert rows[2] == ["out", "2 × 3 × 16 × 12", "float32", "cpu", ""]
    assert panel.list.currentIndex().row() == 2
    panel.list.selectRow(0)
    assert debug.selected_tensor == "a"
    assert panel.name.text() == "a"
    assert cell(panel, 1, 1) == f"{float(A[0, 0, 1, 1]):.6g}"


def test_nan_beside_the_slice_in_view_is_told_and_led_to(
    panel: TensorPanel, debug: TensorStop, qtbot: Any
) -> None:
    panel.resize(320, 360)  # no room for the list and the facts
    bad = OUT.copy()
    bad[1, 2, 5, 7], bad[1, 2, 6, 0] = np.nan, np.inf
    debug.stand({"a": A, "out": bad})
    assert "nan" not in {cell(panel, row, column) for row in range(16) for column in range(12)}
    qtbot.waitUntil(lambda: panel.line.bad.text() == "1 NaN, 1 Inf")
    assert panel.line.facts.text() == "2 × 3 × 16 × 12 float32 cpu"
    assert panel.line.show_first.isVisible()
    debug.arrays["(out).isfinite().logical_not().nonzero()[0]"] = np.array([1, 2, 5, 7])
    panel.line.show_first.click()
    assert panel.slice_bar.index.text() == "1, 2"
    at = panel.numbers.table.currentIndex()
    assert (at.row(), at.column(), cell(panel, 5, 7)) == (5, 7, "nan")
    debug.stand({"a": A, "out": OUT})
    assert not panel.line.bad.isVisible(), "at another place it is not yet known"
    asked = len(debug.asks(LookAtTensor))
    qtbot.waitUntil(lambda: len(debug.asks(LookAtTensor)) > asked)
    assert panel.line.bad.text() == ""
    panel.resize(420, 900)
    assert not panel.line.isVisible(), "the list and the facts say it"


def test_quick_stepping_asks_for_no_counts(panel: TensorPanel, debug: TensorStop, qtbot: Any) -> None:
    for _ in range(5):
        debug.stand({"out": OUT})
    kinds = [ask.view.kind for ask in debug.asks(LookAtTensor)]
    assert "histogram" not in kinds
    qtbot.waitUntil(lambda: debug.asks(LookAtTensor)[-1].view.kind == "histogram")
    assert [ask.view.kind for ask in debug.asks(LookAtTensor)].count("histogram") == 1


def test_a_border_has_no_op_to_skip_and_a_failed_run_nothing_to_change(
    panel: TensorPanel, debug: TensorStop
) -> None:
    debug.stand({"a": A}, place=Place(op_number=3, module="unet"))
    assert panel.actions_bar.change.isEnabled()
    assert not panel.actions_bar.skip.isEnabled()
    assert "border" in panel.actions_bar.skip.toolTip()
    debug.stand({"a": A}, reason="exception")
    assert not panel.actions_bar.change.isEnabled()
    assert "failed" in panel.actions_bar.change.toolTip()


def test_an_edited_tensor_is_marked(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"a": A})
    model = panel.list.list_model
    debug.stand({"a": A}, tensors=(facts_edited(A),))
    assert model.index(0, 4).data() == "edited"
    assert ("Edited", "yes, at this stop", "warning") in panel.facts.facts


def facts_edited(array: np.ndarray) -> Any:
    from tests.app.opdebug.tensor_stop import facts

    return facts("a", array, edited=True)


def test_facts_and_statistics_of_the_slice(panel: TensorPanel, debug: TensorStop) -> None:
    broken = OUT.copy()
    broken[0, 0, 3, 4] = np.nan
    debug.stand({"out": broken})
    shown = {title: (value, role) for title, value, role in panel.facts.facts}
    assert shown["Shape"][0] == "2 × 3 × 16 × 12"
    assert shown["Strides"][0] == "576, 192, 12, 1"
    assert shown["Values of"][0] == "[0, 0]"
    assert shown["NaN"] == ("1", "error")
    assert shown["Size"][0] == "1,152 elements, 4.50 KiB"
    assert shown["Version"][0] == "0, never written in place"
    pick(panel, "histogram")
    shown = {title: (value, role) for title, value, role in panel.facts.facts}
    assert shown["Values of"][0] == "all of it"


def test_numbers_are_shown_and_copied(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"out": np.arange(24, dtype=np.int32).reshape(2, 3, 4)})
    assert panel.shown is panel.numbers
    assert [cell(panel, 1, column) for column in range(4)] == ["4", "5", "6", "7"]
    panel.numbers.table.selectAll()
    assert panel.numbers.table.copy() == "0\t1\t2\t3\n4\t5\t6\t7\n8\t9\t10\t11"
    assert QGuiApplication.clipboard().text().startswith("0\t1")
    panel.slice_bar.index.setText("")
    panel.slice_bar.index.editingFinished.emit()
    assert panel.numbers.numbers.row_name(4) == "1, 1"
    assert cell(panel, 4, 0) == "16"


def test_a_cell_that_is_not_here_yet_is_asked_for_when_it_is_seen(
    panel: TensorPanel, debug: TensorStop, qtbot: Any
) -> None:
    debug.stand({"out": np.arange(4000 * 3).reshape(4000, 3)})
    assert cell(panel, 5, 1) == "16"
    panel.numbers.table.scrollTo(panel.numbers.numbers.index(3000, 0))
    qtbot.waitUntil(lambda: cell(panel, 3000, 2) == str(3000 * 3 + 2), timeout=5000)
    asked = {ask.view.first_row for ask in debug.asks(LookAtTensor)}
    assert len(asked) < 8, f"scrolling to one place asked for {len(asked)} pages"


def test_nan_and_inf_stand_out_among_numbers(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"out": np.array([[1.0, np.nan], [np.inf, 0.0]])})
    model = panel.numbers.numbers
    colors = {
        cell(panel, row, column): model.index(row, column).data(Qt.ItemDataRole.ForegroundRole).name()
        for row in range(2)
        for column in range(2)
    }
    assert colors["nan"] == colors["inf"] != colors["1"]
    assert colors["0"] != colors["1"]


def test_a_heat_map_reads_values_and_marks_nan(panel: TensorPanel, debug: TensorStop) -> None:
    broken = OUT.copy()
    broken[0, 0, 3, 4] = np.nan
    debug.stand({"out": broken})
    pick(panel, "heat_map")
    assert panel.shown is panel.heat_map
    assert panel.heat_map.reading == "1 cell with NaN, drawn in magenta"
    panel.heat_map.point_at((2, 7))
    assert panel.heat_map.reading == f"row 2, column 7: {float(OUT[0, 0, 2, 7]):.6g}"
    panel.heat_map.point_at((3, 4))
    assert panel.heat_map.reading == "row 3, column 4: NaN"
    panel.heat_map.point_at((16, 0))
    assert "NaN, drawn" in panel.heat_map.reading, "outside of the map there is no value"


def test_a_thinned_map_names_the_rows_that_a_cell_stands_for(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"out": np.arange(1300 * 4, dtype=np.float32).reshape(1300, 4)})
    pick(panel, "heat_map")
    panel.heat_map.point_at((1299, 2))
    assert panel.heat_map.reading.startswith("row 1,299, column 2: ")
    panel.heat_map.point_at((7, 0))
    assert panel.heat_map.reading.startswith("row 6 to 8, column 0: 24")


def test_a_difference_is_drawn_around_zero(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"a": A, "out": A - 3})
    pick(panel, "heat_map")
    panel.slice_bar.against.setText("a")
    panel.slice_bar.against.editingFinished.emit()
    low, high = panel.heat_map.levels
    assert low == -high
    assert high == pytest.approx(3, abs=1e-3)
    assert ("Values of", "[0, 0] minus a", "") in panel.facts.facts


def test_a_histogram_counts_and_reads(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"out": np.array([0.0, 0.0, 0.0, 1.0, np.nan])})
    pick(panel, "histogram")
    assert panel.shown is panel.histogram
    assert panel.histogram.reading == "1 NaN in no bar"
    panel.histogram.bins.setValue(4)
    assert list(panel.histogram.counts) == [3, 0, 0, 1]
    panel.histogram.point_at(0.1)
    assert panel.histogram.reading == "0 to 0.25: 3 (75 %)"
    panel.histogram.log.setChecked(True)
    assert panel.histogram.count_axis.is_log
    assert panel.histogram.count_axis.tickStrings([np.log10(11)], 1, 1) == ["10"]


def test_pictures_are_shown_as_pictures(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"out": OUT})
    for kind in ("picture", "channels", "latent"):
        pick(panel, kind)
        assert panel.shown is panel.picture
        assert panel.picture.image.width() == 12
        assert panel.picture.accessibleName() == f"{kind} of out"


def test_attention_has_heads_and_tokens(panel: TensorPanel, debug: TensorStop) -> None:
    maps = RANDOM.random((1, 4, 16, 3)).astype(np.float32)
    debug.labels = ("<s>", "fox", "</s>")
    debug.stand({"out": maps})
    pick(panel, "attention")
    view = panel.attention
    assert panel.shown is view
    assert view.map.columns_axis.labels == ("<s>", "fox", "</s>")
    assert view.head.maximum() == 3
    view.head.setValue(2)
    view.map.point_at((5, 1))
    assert view.map.reading == f"row 5, column 1 “fox”: {float(maps[0, 2, 5, 1]):.6g}"
    view.token.setCurrentIndex(2)  # the first is the matrix
    view.map.point_at((3, 1))
    assert view.map.reading == f"row 3, column 1: {float(maps[0, 2].reshape(4, 4, 3)[3, 1, 1]):.6g}"


def test_slices_are_picked_by_dimension_and_by_index(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"out": OUT})
    first, second = panel.slice_bar.dimensions
    assert (first.maximum(), second.maximum()) == (1, 2)
    second.setValue(2)
    assert panel.slice_bar.index.text() == "0, 2"
    assert cell(panel, 0, 0) == f"{float(OUT[0, 2, 0, 0]):.6g}"
    panel.slice_bar.index.setText("1, 9")
    panel.slice_bar.index.editingFinished.emit()
    assert panel.slice_bar.error.text() == "Dimension 1 has entries 0 to 2; 9 is outside."
    assert panel.shown is panel.message
    panel.slice_bar.index.setText("1, 1")
    panel.slice_bar.index.editingFinished.emit()
    assert not panel.slice_bar.error.isVisible()
    assert (first.value(), second.value()) == (1, 1)


def test_a_refusal_is_a_sentence_in_the_place_of_the_view(panel: TensorPanel, debug: TensorStop) -> None:
    debug.refusal = BadInputError("This model has no decoder.")
    debug.stand({"out": OUT})
    assert panel.shown is panel.message
    assert panel.message._hint.text() == "This model has no decoder."


def test_kinds_that_make_no_sense_are_off_and_say_why(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"out": np.zeros(4)})
    button = panel.choice.segments.button("channels")
    assert not button.isEnabled()
    assert "it has 1" in button.toolTip()
    debug.stand({"out": OUT})
    assert button.isEnabled()


def test_an_edit_is_checked_asked_for_and_told(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"out": OUT})
    panel.actions_bar.begin_edit("clamp")
    assert panel.form.isVisible()
    panel.form.value.setText("5")
    panel.form.apply()
    assert panel.form.error.text() == "The low bound 5 is above the high bound 1."
    assert not debug.asks(EditTensor)
    panel.form.value.setText("-2")
    panel.form.take_slice.click()
    panel.form.apply()
    assert debug.asks(EditTensor) == [
        EditTensor(name="out", kind="clamp", value="-2", other="1", index="0, 0")
    ]
    assert panel.said.text() == "Clamped out[0, 0]: at least -2 and at most 1."
    assert not panel.form.isVisible()


def test_nothing_lies_over_something_else_in_a_small_panel(
    panel: TensorPanel, debug: TensorStop, qtbot: Any
) -> None:
    panel.resize(330, 720)
    debug.stand({"out": OUT})
    panel.actions_bar.begin_edit("clamp")
    panel.form.value.setText("7")
    panel.form.apply()  # a sentence of two lines
    form = panel.form

    def is_apart() -> bool:
        tops = [widget.geometry() for widget in (form.value, form.other, form.index, form.apply_button)]
        return all(one.bottom() < next_one.top() for one, next_one in pairwise(tops))

    qtbot.waitUntil(is_apart, timeout=5000)


def test_a_refused_edit_keeps_the_form_open(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"out": OUT})
    panel.actions_bar.begin_edit("expression")
    panel.form.value.setText("nonsense")
    debug.refusal = BadInputError("“nonsense” is no name here.")
    panel.form.apply()
    assert panel.form.error.text() == "“nonsense” is no name here."
    assert panel.form.isVisible()
    panel.form.close_form()
    panel.actions_bar.begin_skip("zeros")
    assert panel.said.text() == "“nonsense” is no name here."
    assert panel.said.property("role") == "error"


@pytest.mark.parametrize("kind", ["fill", "scale", "add_noise", "zero_channel", "zero_head", "restore"])
def test_each_edit_can_be_asked_for(panel: TensorPanel, debug: TensorStop, kind: str) -> None:
    debug.stand({"out": OUT})
    panel.actions_bar.begin_edit(kind)
    if panel.form.isVisible():
        panel.form.apply()
    assert [ask.kind for ask in debug.asks(EditTensor)] == [kind]
    assert panel.said.isVisible()


def test_an_op_is_skipped(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"out": OUT})
    panel.actions_bar.begin_skip("identity")
    assert panel.said.text() == "Skipped aten.mul.Tensor: its input goes on unchanged."
    panel.actions_bar.begin_skip("value")
    panel.form.value.setText("a * 2")
    panel.form.apply()
    assert debug.asks(SkipOp) == [SkipOp(kind="identity"), SkipOp(kind="value", value="a * 2")]


def test_it_is_saved_where_the_user_says(
    panel: TensorPanel, debug: TensorStop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    debug.stand({"outs[1]": OUT})
    starts: list[str] = []

    def choose(_parent: object, _title: str, start: str, _filters: str) -> tuple[str, str]:
        starts.append(start)
        return str(tmp_path / "there"), "Safetensors (*.safetensors)"

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    panel.actions_bar.save.click()
    assert Path(starts[0]).name == "outs_1.npy"
    assert debug.asks(SaveTensor)[0].file == str(tmp_path / "there.safetensors")
    assert panel.said.text().startswith("Saved outs[1] as ")
    panel.actions_bar.save_to(str(tmp_path / "a.PNG"))
    assert debug.asks(SaveTensor)[1].file.endswith("a.PNG")


def test_while_the_run_goes_on_values_are_old_and_changes_are_off(
    panel: TensorPanel, debug: TensorStop
) -> None:
    debug.stand({"out": OUT})
    before = cell(panel, 2, 2)
    debug.go_on()
    assert panel.stale.text() == "The run goes on; values are of the last stop."
    assert panel.stale.isVisible()
    assert cell(panel, 2, 2) == before
    for button in (panel.actions_bar.change, panel.actions_bar.skip):
        assert not button.isEnabled()
        assert "goes on" in button.toolTip()
    debug.stand({"out": OUT})
    assert not panel.stale.isVisible()
    assert panel.actions_bar.change.isEnabled()


def test_looking_back_switches_changes_off_and_says_so(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"out": OUT}, looking_back=True)
    assert not panel.actions_bar.change.isEnabled()
    assert panel.stale.text() == "This is a look back: what has happened can't be changed."
    assert panel.actions_bar.save.isEnabled(), "looking and saving are no changes"


def test_an_expression_in_the_name_is_looked_at(panel: TensorPanel, debug: TensorStop, qtbot: Any) -> None:
    debug.stand({"a": A, "out": OUT})
    panel.name.setFocus()
    panel.name.selectAll()
    qtbot.keyClicks(panel.name, "out - a")
    qtbot.keyClick(panel.name, Qt.Key.Key_Return)
    assert cell(panel, 0, 0) == f"{float(OUT[0, 0, 0, 0]) - float(A[0, 0, 0, 0]):.6g}"
    assert not panel.actions_bar.change.isEnabled()
    assert "is an expression" in panel.actions_bar.change.toolTip()


def test_a_slow_answer_is_said_and_blocks_nothing(panel: TensorPanel, debug: TensorStop, qtbot: Any) -> None:
    debug.holds_back = True
    debug.stand({"out": OUT})
    assert panel.note.text() != "Reading…", "what comes soon needs no word"
    qtbot.waitUntil(lambda: panel.note.text() == "Reading…", timeout=5000)
    debug.answer_next()
    assert panel.note.text() == ""
    assert cell(panel, 0, 0) != "…"


def test_wide_the_list_lies_beside_the_view_and_narrow_above_it(panel: TensorPanel, qtbot: Any) -> None:
    assert panel.splitter.orientation() == Qt.Orientation.Vertical
    panel.resize(1000, 420)
    qtbot.waitUntil(lambda: panel.splitter.orientation() == Qt.Orientation.Horizontal, timeout=5000)
    assert panel.choice.segments.isHidden() or panel.choice.combo.isHidden()


def test_in_a_small_dock_the_list_is_a_menu_and_facts_are_a_view(
    panel: TensorPanel, debug: TensorStop, qtbot: Any
) -> None:
    panel.resize(320, 300)
    qtbot.waitUntil(lambda: panel.width() == 320, timeout=5000)
    debug.stand({"a": A, "out": OUT})
    assert panel.names.isVisible()
    assert not panel.list.isVisible()
    right = panel.actions_bar.save.mapTo(panel, panel.actions_bar.save.rect().topRight()).x()
    assert right < 320, "a button is cut off"
    texts = [panel.names.itemText(row) for row in range(panel.names.count())]
    assert texts == ["a   2 × 3 × 16 × 12 float32", "out   2 × 3 × 16 × 12 float32"]
    panel.names.activated.emit(0)
    assert panel.name.text() == "a"
    assert debug.selected_tensor == "a"
    facts = panel.choice.combo.findData("facts")
    panel.choice.combo.activated.emit(facts)
    assert panel.shown is panel.facts_page
    debug.stand({"a": A, "out": OUT})
    assert panel.shown is panel.facts_page, "it stays from stop to stop"
    panel.resize(420, 760)
    qtbot.waitUntil(panel.list.isVisible, timeout=5000)
    assert panel._stack.currentWidget() is panel.numbers, "the facts have their own place again"
    assert panel.choice.combo.findData("facts") < 0


def test_each_control_has_a_name_and_can_be_reached(panel: TensorPanel, debug: TensorStop) -> None:
    debug.stand({"out": OUT})
    controls = [
        panel.name,
        panel.slice_bar.index,
        panel.slice_bar.against,
        *panel.slice_bar.dimensions,
        panel.list,
        panel.numbers.table,
        panel.actions_bar.save,
        panel.choice.combo,
        panel.attention.head,
        panel.attention.token,
        panel.histogram.bins,
        panel.form.close_button,
    ]
    for control in controls:
        assert control.accessibleName(), control
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus
