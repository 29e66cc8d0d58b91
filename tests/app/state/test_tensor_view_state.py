"""What is asked of the engine for a tensor in view, what is kept from stop to stop, and what is old."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from mezzotint_app.state.slice_index import ALL
from mezzotint_app.state.tensor_view_state import TensorViewState
from mezzotint_sdk.debug_messages import EditTensor, LookAtTensor, SaveTensor, SkipOp, Standing
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.trace_records import OpSite, TensorMeta
from tests.app.opdebug.tensor_stop import SavedTrace, TensorStop

OUT = np.arange(2 * 3 * 8 * 6, dtype=np.float32).reshape(2, 3, 8, 6)


@pytest.fixture
def debug(qapp: QApplication) -> TensorStop:
    return TensorStop()


@pytest.fixture
def view(debug: TensorStop) -> TensorViewState:
    view = TensorViewState(debug)  # type: ignore[arg-type]
    view.set_looked_at(True)
    return view


def last_look(debug: TensorStop) -> LookAtTensor:
    looks = debug.asks(LookAtTensor)
    assert looks, "no tensor was asked for"
    return looks[-1]


def test_at_a_stop_the_output_is_looked_at(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"a": OUT, "out": OUT * 2})
    assert view.name == "out"
    assert last_look(debug).name == "out"
    assert last_look(debug).view.index == "0, 0"
    assert view.look is not None
    assert view.pages.value(1, 2) == float(OUT[0, 0, 1, 2] * 2)
    assert len(debug.released) == 1


def test_a_tensor_without_values_at_the_output_falls_back_to_the_first_input(
    debug: TensorStop, view: TensorViewState
) -> None:
    debug.stand({"a": OUT, "b": OUT})
    assert view.name == "a"


def test_nothing_is_asked_while_nobody_looks(debug: TensorStop, view: TensorViewState) -> None:
    view.set_looked_at(False)
    debug.stand({"out": OUT})
    assert not debug.asked
    view.set_looked_at(True)
    assert len(debug.asked) == 1
    view.set_looked_at(False)
    view.set_looked_at(True)
    assert len(debug.asked) == 1, "what is shown already was asked for again"


def test_settings_are_kept_by_name_from_stop_to_stop(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"a": OUT, "out": OUT})
    view.set_kind("heat_map")
    view.set_pick(1, 2)
    debug.select_tensor("a")
    assert view.settings.kind == "numbers"
    debug.select_tensor("out")
    debug.stand({"a": OUT, "out": OUT[:, :2]})
    assert view.settings.kind == "heat_map"
    assert last_look(debug).view.index == "0, 1", "the pick must be brought into the smaller tensor"
    assert last_look(debug).view.kind == "heat_map"


def test_each_kind_has_its_own_number_of_leading_dimensions(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"out": OUT})
    wanted = {"numbers": "0, 0", "picture": "0", "latent": "0", "histogram": ""}
    for kind, index in wanted.items():
        view.set_kind(kind)
        assert last_look(debug).view.index == index


def test_a_pick_of_all_keeps_the_dimension(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"out": OUT})
    view.set_pick(0, ALL)
    assert last_look(debug).view.index == ":, 0"
    view.set_pick(1, ALL)
    assert last_look(debug).view.index == ""


def test_a_wrong_index_is_said_at_once_and_not_asked(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"out": OUT})
    count = len(debug.asked)
    view.write_index("0, 9")
    assert view.slice_problem == "Dimension 1 has entries 0 to 2; 9 is outside."
    assert view.problem == view.slice_problem
    assert len(debug.asked) == count
    view.write_index("0, 1:3, 2")
    assert not view.problem
    assert last_look(debug).view.index == "0, 1:3, 2"
    view.set_pick(0, 1)
    assert last_look(debug).view.index == "1, 0", "a pick takes the place of a written index"


def test_only_the_newest_of_many_wishes_is_asked(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"out": OUT})
    debug.holds_back = True
    for column in (1, 2, 1, 2, 0, 1):
        view.set_pick(1, column)
    assert len(debug.asks(LookAtTensor)) == 2, "one question at a time"
    assert view.is_busy
    debug.answer_next()
    assert len(debug.asks(LookAtTensor)) == 3
    assert last_look(debug).view.index == "0, 1"
    debug.answer_next()
    assert not view.is_busy
    assert view.pages.value(0, 0) == float(OUT[0, 1, 0, 0])


def test_an_answer_that_came_too_late_is_not_shown_but_its_slot_is_freed(
    debug: TensorStop, view: TensorViewState
) -> None:
    debug.holds_back = True
    debug.stand({"out": OUT})
    debug.stand({"out": OUT + 1000})
    debug.answer_next()
    assert len(debug.released) == 1
    assert view.look is None
    debug.answer_next()
    assert view.pages.value(0, 0) == 1000.0


def test_a_table_of_numbers_is_asked_for_page_by_page(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"out": np.arange(1000 * 700, dtype=np.int64).reshape(1000, 700)})
    arrived: list[tuple[int, int]] = []
    view.pageArrived.connect(lambda row, column: arrived.append((row, column)))
    assert view.pages.rows == 1000
    assert view.pages.value(600, 650) is None
    view.want_cell(600, 650)
    assert arrived == [(512, 512)]
    assert view.pages.value(600, 650) == 600 * 700 + 650
    assert all(ask.view.rows <= 256 and ask.view.columns <= 256 for ask in debug.asks(LookAtTensor))
    view.want_cell(600, 660)
    assert len(arrived) == 1, "a page that is here must not be asked for again"


def test_a_page_that_is_refused_is_not_asked_for_again(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"out": np.zeros((1000, 10))})
    debug.refusal = BadInputError("No.")
    view.want_cell(900, 0)
    view.want_cell(900, 0)
    assert len(debug.asks(LookAtTensor)) == 2
    assert not view.problem, "what is shown stays"


def test_a_refusal_is_shown_as_its_sentence(debug: TensorStop, view: TensorViewState) -> None:
    debug.refusal = BadInputError("This model has no VAE.")
    debug.stand({"out": OUT})
    assert view.problem == "This model has no VAE."
    assert view.look is None
    debug.refusal = None
    view.set_kind("heat_map")
    assert not view.problem
    assert view.array is not None


def test_while_the_run_goes_on_the_last_values_stay_and_are_old(
    debug: TensorStop, view: TensorViewState
) -> None:
    debug.stand({"out": OUT})
    debug.go_on()
    assert view.place.age == "The run goes on; values are of the last stop."
    assert view.look is not None
    assert [facts.name for facts in view.tensors] == ["out"]
    assert "goes on" in view.place.locked
    count = len(debug.asked)
    view.set_kind("heat_map")
    view.refresh()
    assert len(debug.asked) == count, "nothing can be asked of a run that goes on"
    debug.stand({"out": OUT})
    assert not view.place.age
    assert last_look(debug).view.kind == "heat_map"


def test_an_op_in_the_past_is_looked_at_by_its_number_and_can_not_be_changed(
    debug: TensorStop, view: TensorViewState
) -> None:
    debug.stand({"a": OUT, "out": OUT}, op_number=50)
    debug.select_op(20)
    assert last_look(debug).op_number == 20
    assert "Op 20 has passed" in view.place.locked
    debug.select_op(50)
    assert last_look(debug).op_number == -1
    assert not view.place.locked


def test_looking_back_locks_changes_with_a_reason(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"out": OUT}, looking_back=True)
    said: list[tuple[str, str]] = []
    view.changes.said.connect(lambda level, sentence: said.append((level, sentence)))
    view.changes.edit(EditTensor(name="out", kind="fill", value="0"))
    view.changes.skip(SkipOp(kind="zeros"))
    assert not debug.asks(EditTensor)
    assert not debug.asks(SkipOp)
    assert said == [("error", "This is a look back: what has happened can't be changed.")] * 2


def test_facts_are_read_again_after_an_edit(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"out": OUT})
    assert debug.stop is not None
    changed = msgspec.structs.replace(debug.stop.tensors[0], edited=True, version=3)
    debug.standing = Standing(armed=True, stop=msgspec.structs.replace(debug.stop, tensors=(changed,)))
    view.changes.edit(EditTensor(name="out", kind="fill", value="0"))
    assert view.facts is not None
    assert view.facts.edited
    assert view.facts.version == 3
    debug.stand({"out": OUT})
    assert not view.facts.edited


def test_when_the_debugger_is_off_or_another_run_is_debugged_nothing_is_mixed_up(
    debug: TensorStop, view: TensorViewState
) -> None:
    debug.stand({"out": OUT})
    debug.armed = False
    debug.go_on()
    assert view.place.age == "The debugger is off; values are of the last stop."
    debug.run_id = "another"
    debug.armed_changed.emit()
    assert view.place.stop is None
    assert view.look is None
    assert view.tensors == ()
    debug.stop = None
    debug.stand({"out": OUT + 5})
    assert view.pages.value(0, 0) == 5.0, "the first stop of a run has the number of the other run's first"


def test_an_op_in_the_past_has_the_tensors_that_the_trace_describes(debug: TensorStop) -> None:
    meta = TensorMeta((2, 3), "bfloat16", "cuda:0", (3, 1))
    site = OpSite(op="aten.mm", inputs=(meta,) * 27, outputs=(meta, meta))
    view = TensorViewState(debug, SavedTrace({20: site}))  # type: ignore[arg-type]
    view.set_looked_at(True)
    debug.stand({"a": OUT, "out": np.zeros((2, 3))}, op_number=50)
    debug.select_op(20)
    names = [facts.name for facts in view.tensors]
    assert names == [*"abcdefghijklmnopqrstuvwxyz", "in26", "out", "outs[1]"]
    assert view.facts is not None
    assert view.facts.dtype == "float64", "what was looked at is known better than the trace has it"
    assert view.tensors[0].nbytes == 12
    assert last_look(debug).op_number == 20


MULTIPLIED = OpSite(
    op="aten.mul",
    inputs=(TensorMeta((2, 3, 8, 6), "float32", "cpu"),),
    outputs=(TensorMeta((2, 3, 8, 6), "float32", "cpu"),),
)


def test_saved_values_of_a_trace_file_are_shown_without_a_run(debug: TensorStop, qtbot: Any) -> None:
    trace = SavedTrace({3: MULTIPLIED, 4: MULTIPLIED}, {(3, 0): OUT})
    trace.is_file = True
    debug.armed, debug.run_id = False, ""
    view = TensorViewState(debug, trace)  # type: ignore[arg-type]
    view.set_looked_at(True)
    assert not view.place.is_known
    debug.select_op(3)
    assert [facts.name for facts in view.tensors] == ["a", "out"]
    qtbot.waitUntil(lambda: view.look is not None, timeout=5000)
    assert view.pages.value(1, 1) == float(OUT[0, 0, 1, 1])
    assert not debug.asked, "there is no run to ask"
    view.set_kind("heat_map")
    qtbot.waitUntil(lambda: view.look is not None and view.look.kind == "heat_map", timeout=5000)
    assert trace.reads == 1, "the array is kept for the next view of it"
    assert view.place.locked
    debug.select_tensor("a")
    assert "saves outputs" in view.problem
    debug.select_op(4)
    debug.select_tensor("out")
    assert "not saved" in view.problem
    debug.select_op(3)
    view.set_kind("latent")
    qtbot.waitUntil(lambda: "needs the run's model" in view.problem, timeout=5000)


def test_what_the_run_has_not_kept_comes_from_the_trace_where_it_was_saved(
    debug: TensorStop, qtbot: Any
) -> None:
    trace = SavedTrace({3: MULTIPLIED, 4: MULTIPLIED}, {(3, 0): OUT})
    view = TensorViewState(debug, trace)  # type: ignore[arg-type]
    view.set_looked_at(True)
    debug.stand({"out": OUT * 2}, op_number=9)
    debug.refusal = BadInputError("This was not kept.")
    debug.select_op(3)
    qtbot.waitUntil(lambda: view.pages.value(0, 1) == float(OUT[0, 0, 0, 1]), timeout=5000)
    debug.select_op(4)
    assert view.problem == "This was not kept."


def test_a_change_in_the_console_reads_the_tensor_again(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"out": OUT})
    assert debug.stop is not None
    debug.arrays["out"] = OUT + 1
    changed = msgspec.structs.replace(debug.stop.tensors[0], edited=True)
    debug.stop = msgspec.structs.replace(debug.stop, tensors=(changed,))
    debug.watches_changed.emit()
    assert view.pages.value(0, 0) == 1.0
    assert view.facts is not None
    assert view.facts.edited


def test_an_expression_is_looked_at_and_not_edited(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"a": OUT, "out": OUT * 3})
    view.place.select("out - a")
    assert view.facts is not None
    assert view.shape == OUT.shape
    assert view.pages.value(0, 1) == 2.0
    assert last_look(debug).view.index == "0, 0", "dimensions of an expression are known after its first look"
    assert "is an expression" in view.place.edit_locked
    debug.stand({"a": OUT, "out": OUT * 5})
    assert view.name == "out - a"
    assert view.pages.value(0, 1) == 4.0


def test_a_difference_is_asked_for_and_drops_the_pages(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"a": OUT, "out": OUT + 7})
    view.set_against("a")
    assert last_look(debug).view.against == "a"
    assert view.pages.value(3, 3) == 7.0


def test_an_edit_is_told_and_the_tensor_is_read_again(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"out": OUT})
    said: list[tuple[str, str]] = []
    view.changes.said.connect(lambda level, sentence: said.append((level, sentence)))
    debug.arrays["out"] = np.zeros_like(OUT)
    view.changes.edit(EditTensor(name="out", kind="fill", value="0"))
    assert said == [("info", "Filled out with 0.")]
    assert view.pages.value(1, 1) == 0.0
    debug.refusal = BadInputError("The file has another shape.")
    view.changes.edit(EditTensor(name="out", kind="load", value="x.npy"))
    assert said[-1] == ("error", "The file has another shape.")


def test_saving_says_where_and_how_large(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"out": OUT})
    said: list[tuple[str, str]] = []
    view.changes.said.connect(lambda level, sentence: said.append((level, sentence)))
    view.changes.save("/tmp/out.npy")
    assert debug.asks(SaveTensor)[-1].name == "out"
    assert said == [("info", "Saved out as /tmp/out.npy, 128 bytes.")]
    debug.go_on()
    view.changes.save("/tmp/out.npy")
    assert said[-1][0] == "error"


def test_tensors_with_one_memory_know_of_each_other(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"a": OUT, "b": OUT, "out": OUT}, storage={"a": 1, "b": 1, "out": 2})
    first, _, out = view.tensors
    assert view.place.sharing(first) == ("b",)
    assert view.place.sharing(out) == ()


def test_kinds_that_make_no_sense_say_why(debug: TensorStop, view: TensorViewState) -> None:
    debug.stand({"out": np.zeros(5)})
    assert "it has 1" in view.unavailable("picture")
    assert not view.unavailable("numbers")
    debug.stand({"out": OUT})
    assert not view.unavailable("channels")
