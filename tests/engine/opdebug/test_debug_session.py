"""The debugger of a real picture run: where it stops, what it sees, what it changes, and that it changes no
more."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.modules import module as nn_module
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from mezzotint_engine.models.residency import ModelResidency
from mezzotint_engine.opdebug import debug_session
from mezzotint_engine.opdebug.own_failures import MAX_FAILURES_TOLD
from mezzotint_engine.worker.job_runner import JobRunner
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import DebugPlan, TensorView
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.messages import JobCancelled, JobFailed
from mezzotint_sdk.run_traces import TRACE_IN_RUN
from mezzotint_sdk.trace_reader import TraceReader
from mezzotint_sdk.trace_records import OpFlags
from tests.engine.opdebug.debugged_job import DebuggedJob, at
from tests.engine.opdebug.run_witness import RunWitness

NEVER = DebugPlan(stop_at="never")

# said by transformers at the first import of a pipeline, where its logger passes records on
pytestmark = [pytest.mark.slow, pytest.mark.allow_logs("requires torchvision")]


@pytest.fixture(scope="module")
def models() -> ModelResidency:
    return ModelResidency()


@pytest.fixture
def job(tmp_path: Path, models: ModelResidency) -> Any:
    """Make a job; all of a test file share the loaded model."""
    count = 0

    def make(plan: DebugPlan | None = None, **changes: Any) -> DebuggedJob:
        nonlocal count
        count += 1
        return DebuggedJob(
            tmp_path / f"run{count}", plan, JobRunner(lambda _: None, models=models), **changes
        )

    return make


@pytest.fixture(scope="module")
def plain(models: ModelResidency, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The pixels that the run gives without a debugger."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    with DebuggedJob(folder, None, JobRunner(lambda _: None, models=models)) as run:
        return run.pixels()


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    assert not _get_current_dispatch_mode_stack()
    assert not nn_module._global_forward_hooks
    assert not nn_module._global_forward_pre_hooks
    assert sys.gettrace() is None


def test_without_a_plan_nothing_is_installed(job: Any, plain: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("the debugger was attached")

    monkeypatch.setattr(debug_session, "OpCapture", forbidden)
    monkeypatch.setattr(nn_module, "register_module_forward_hook", forbidden)
    monkeypatch.setattr(nn_module, "register_module_forward_pre_hook", forbidden)
    monkeypatch.setattr(torch.nn.Module, "register_forward_hook", forbidden)
    with job() as run:
        assert run.pixels() == plain
    assert not (run.folder / TRACE_IN_RUN).exists()


@pytest.mark.parametrize("record", ["nothing", "descriptors", "statistics"])
def test_recording_changes_no_pixel(job: Any, plain: bytes, record: Any) -> None:
    with job(DebugPlan(stop_at="never", record=record)) as run:
        assert run.pixels() == plain
    assert not run.reports(dm.CaptureFailed)


def test_the_trace_holds_every_op_with_its_module_and_line(job: Any) -> None:
    with job(DebugPlan(stop_at="never", record="statistics")) as run:
        run.pixels()
    trace = TraceReader(run.folder / TRACE_IN_RUN)
    count = trace.follow()
    assert not trace.damage
    assert count > 2000
    ops = [trace.op(number) for number in range(count)]
    linear = [one for one in ops if one.site.op == "aten.linear.default" and "attn1.to_q" in one.site.module]
    assert linear
    assert linear[0].site.module.startswith("unet.down_blocks.")
    assert linear[0].site.file.endswith("attention_processor.py")
    assert linear[0].site.flops > 0
    assert linear[0].norm > 0
    assert {one.mark.step for one in ops if one.mark.phase == "denoise"} == {0, 1, 2, 3}
    assert not [one for one in ops if "mezzotint_engine" in one.site.file and one.mark.phase == "denoise"]
    assert {one.mark.phase for one in ops} >= {"encode", "denoise", "decode"}
    sigmas = [mark.sigma or 0.0 for mark in trace.marks if mark.phase == "denoise" and mark.step >= 0]
    assert sigmas == sorted(sigmas, reverse=True)
    attention = [one.site for one in ops if "scaled_dot_product_attention" in one.site.op]
    assert attention
    assert all(site.kernel for site in attention)
    # what one op gives, a later one takes
    made = {number for one in ops for number in one.outputs}
    taken = [number for one in ops[500:600] for number in one.inputs]
    assert sum(number in made for number in taken) > len(taken) / 2
    trace.close()


def test_steps_at_each_level(job: Any, plain: bytes) -> None:
    with job(DebugPlan()) as run:
        first = run.stop()
        assert (first.reason, first.place.op_number, first.place.phase) == ("step", 0, "encode")
        assert first.frames
        assert run.go("over").place.op_number == 1
        assert run.go("over", count=5).place.op_number == 6
        entry = run.go("into", "module")
        assert (entry.place.module, entry.place.when) == ("text_encoder", "before")
        inner = run.go("into", "module")
        assert inner.place.module == "text_encoder.embeddings"
        op = run.go("over", "op")
        assert op.place.module.startswith("text_encoder.embeddings")
        left = run.go("until", module="text_encoder.encoder.layers.0.self_attn")
        assert left.place.module == "text_encoder.encoder.layers.0.self_attn"
        out = run.go("out", "module")
        assert (out.place.module, out.place.when) == (left.place.module, "after")
        assert [tensor.role for tensor in out.tensors].count("output") >= 1
        denoise = run.go("over", "phase")
        assert (denoise.place.phase, denoise.place.step) == ("denoise", 0)
        assert denoise.place.timestep is not None
        assert denoise.place.sigma is not None
        second = run.go("over", "step")
        assert second.place.step == 1
        later = run.go("until", op_number=second.place.op_number + 100)
        assert later.place.op_number == second.place.op_number + 100
        assert run.go("out", "step").place.phase == "decode"
        assert run.finish() == plain


def test_out_of_an_op_that_is_in_no_module_is_the_end_of_its_step_or_phase(job: Any, plain: bytes) -> None:
    with job(DebugPlan()) as run:
        assert not run.stop().place.module
        outside = run.go("out", "op").place
        assert (outside.phase, outside.op_number > 1) == ("denoise", True)
        assert run.finish() == plain


def test_weights_that_were_changed_by_hand_are_not_kept_for_the_next_run(
    job: Any, plain: bytes, models: ModelResidency
) -> None:
    with job(DebugPlan()) as run:
        run.stop()
        kept = run.session._models["unet"]
        run.go("until", module="unet.mid_block")
        run.ask(dm.SayToConsole(line="p self.mid_block"))
        assert run.finish() == plain
    with job(DebugPlan()) as run:
        run.stop()
        assert run.session._models["unet"] is kept, "looking changes nothing"
        run.go("until", module="unet.mid_block")
        run.ask(dm.SayToConsole(line="bias = self.mid_block.attentions[0].proj_in.bias.data"))
        run.ask(dm.SayToConsole(line="bias[3] = 2.5"))
        assert run.finish() != plain
    assert len(models) == 0
    with job() as run:
        assert run.pixels() == plain, "it is loaded anew"


def test_a_watch_that_cannot_be_read_is_no_reason_to_fail(job: Any, plain: bytes) -> None:
    with job(DebugPlan(watches=("1 +", "out.abs().max()"))) as run:
        bad, good = run.stop().watches
        assert (bad.expression, bad.failed, bad.value) == ("1 +", True, None)
        assert "no Python expression" in bad.text
        assert good.value is not None
        assert run.finish() == plain


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"op": "aten.group_norm*"}, lambda place: place.op.startswith("aten.group_norm")),
        ({"op": "mm", "phase": "denoise"}, None),
        ({"module": "unet.mid_block"}, lambda place: place.module == "unet.mid_block" and not place.op),
        ({"op": "*", "module": "unet.mid_block.*", "step": 2}, lambda place: place.step == 2),
        ({"phase": "decode"}, lambda place: place.phase == "decode"),
        ({"step": 3}, lambda place: place.step == 3),
        ({"shape": "2,...,8,8"}, None),
        ({"dtype": "int64", "phase": "encode"}, None),
        ({"expression": "out.abs().max() > 20", "op": "aten.conv2d*"}, None),
        ({"op": "aten.silu*", "ignore": 7}, None),
        ({"op": "aten.linear*", "when": "before"}, lambda place: place.when == "before"),
    ],
)
def test_breakpoints_stop_where_they_say(job: Any, conditions: dict[str, Any], expected: Any) -> None:
    with job(DebugPlan(stop_at="never", breakpoints=(at(**conditions),))) as run:
        try:
            stop = run.stop()
        except AssertionError:
            assert expected is None  # no such op in this model: then the run has simply ended
            return
        assert stop.reason == "breakpoint"
        assert stop.breakpoint_id == 1
        assert expected is None or expected(stop.place)
        (known,) = run.reports(dm.BreakpointsChanged)[-1].breakpoints
        assert known.hits == conditions.get("ignore", 0) + 1


def test_a_breakpoint_on_a_source_line(job: Any) -> None:
    with job(DebugPlan(stop_at="never", breakpoints=(at(op="aten.group_norm*"),))) as run:
        place = run.stop().place
    line = at(file=Path(place.file).name, line=place.line)
    with job(DebugPlan(stop_at="never", breakpoints=(line,))) as run:
        again = run.stop().place
        assert (again.file, again.line) == (place.file, place.line)


def test_a_logpoint_prints_and_a_temporary_breakpoint_stops_once(job: Any, plain: bytes) -> None:
    points = (
        at(op="aten.silu*", step=1, log="norm {out.norm():.2f}"),
        at(module="unet.mid_block", temporary=True),
    )
    with job(DebugPlan(stop_at="never", breakpoints=points)) as run:
        assert run.stop().place.module == "unet.mid_block"
        run.ask(dm.Resume(verb="continue"))
        assert run.pixels() == plain
        printed = run.reports(dm.Printed)
        assert printed
        assert all(one.text.startswith("norm ") for one in printed)


def test_a_planted_nan_is_found_repaired_and_the_picture_is_drawn(
    job: Any, plain: bytes, models: ModelResidency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the walk-through does: one weight is NaN; the op that first gives it is edited, and the run goes
    on."""
    plan = DebugPlan(stop_at="never", breakpoints=(at(nan=True),))
    with job(DebugPlan()) as run:
        run.stop()
        unet = run.session._models["unet"]
        run.finish()
    bias = unet.mid_block.attentions[0].proj_in.bias
    value = bias.data[3].clone()
    with torch.inference_mode():
        bias.data[3] = float("nan")
    try:
        with job(plan) as run:
            stop = run.stop()
            assert stop.place.module == "unet.mid_block.attentions.0.proj_in"
            seen = run.ask(dm.LookAtTensor(name="out", view=TensorView(kind="histogram"))).look
            assert seen.statistics.nan > 0
            run.ask(dm.EditTensor(name="out", kind="expression", value="out.nan_to_num(0)"))
            again = run.ask(dm.GetStop()).stop
            assert again.touched
            run.ask(dm.SetBreakpoints(breakpoints=()))
            with torch.inference_mode():
                bias.data[3] = value
            run.ask(dm.Resume(verb="continue"))
            assert run.pixels() != plain  # the first step was drawn without that channel's bias
    finally:
        with torch.inference_mode():
            bias.data[3] = value


def test_edits_and_skips_change_the_picture_and_are_noted(job: Any, plain: bytes) -> None:
    with job(DebugPlan(stop_at="never", breakpoints=(at(op="aten.linear*", step=1, temporary=True),))) as run:
        stop = run.stop()
        assert not stop.touched
        with pytest.raises(BadInputError, match="has run already"):
            run.ask(dm.EditTensor(name="a", kind="fill", value="0"))
        run.ask(dm.EditTensor(name="out", kind="scale", value="-3"))
        run.ask(dm.EditTensor(name="out", kind="restore"))
        run.ask(dm.SkipOp(kind="zeros"))
        shown = run.ask(dm.LookAtTensor(name="out")).look
        assert (shown.statistics.minimum, shown.statistics.maximum) == (0.0, 0.0)
        assert run.finish() != plain
    trace = TraceReader(run.folder / TRACE_IN_RUN)
    trace.follow()
    assert "skipped" in trace.notes[stop.place.op_number]
    trace.close()


def test_edits_that_change_nothing_leave_every_pixel(job: Any, plain: bytes) -> None:
    points = (
        at(op="aten.linear*", step=1, temporary=True),
        at(module="unet.mid_block", step=2, temporary=True),
    )
    with job(DebugPlan(stop_at="never", breakpoints=points)) as run:
        run.stop()
        run.ask(dm.EditTensor(name="out", kind="expression", value="out.clone()"))
        run.go("continue")
        run.ask(dm.EditTensor(name="out", kind="expression", value="out.clone()"))
        assert run.finish() == plain


def test_inputs_are_edited_before_an_op_and_at_the_entry_of_a_module(job: Any, plain: bytes) -> None:
    before = at(op="aten.linear*", step=1, when="before", temporary=True)
    entry = at(module="unet.mid_block", step=2, when="before", temporary=True)
    for point in (before, entry):
        with job(DebugPlan(stop_at="never", breakpoints=(point,))) as run:
            stop = run.stop()
            assert stop.place.when == "before"
            with pytest.raises(BadInputError, match=r"no tensor of this stop|no output yet"):
                run.ask(dm.EditTensor(name="out", kind="fill", value="0"))
            run.ask(dm.EditTensor(name="a", kind="fill", value="0"))
            assert run.finish() != plain


def _look_back_at(count: int, job: Any, plain: bytes, monkeypatch: pytest.MonkeyPatch, *, edit: bool) -> None:
    witness = RunWitness(monkeypatch)
    points = [at(phase="decode")]
    if edit:
        points.append(at(op="aten.conv2d*", step=1, ignore=3, temporary=True))
        points.append(at(module="unet.up_blocks.0", step=2, temporary=True))
    with job(DebugPlan(stop_at="never", breakpoints=tuple(points))) as run:
        if edit:
            run.stop()
            run.ask(dm.EditTensor(name="out", kind="add_noise", value="0.5"))
            run.go("continue")
            run.ask(dm.EditTensor(name="out", kind="scale", value="0.9"))
            run.ask(dm.Resume(verb="continue"))
        present = run.stop()
        assert present.back_refused == ""
        chosen = random.Random(7)
        for turn in range(count):
            number = chosen.randrange(present.place.op_number)
            past = run.go("back", op_number=number)
            assert past.looking_back
            assert past.place.op_number == number
            standing = run.session.standing
            assert standing is not None
            assert witness.agrees(number, standing.outs), (number, past.place)
            with pytest.raises(BadInputError, match="look back"):
                run.ask(dm.EditTensor(name="out", kind="fill", value="0"))
            if turn % 3 == 0:
                back = run.go("continue")
                assert not back.looking_back
                assert back.place.op_number == present.place.op_number
        if turn % 3:
            run.go("continue")
        pixels = run.finish()
        assert (pixels == plain) is not edit


@pytest.mark.parametrize("edit", [False, True])
def test_stepping_back_shows_the_same_bits(
    job: Any, plain: bytes, monkeypatch: pytest.MonkeyPatch, edit: bool
) -> None:
    _look_back_at(8, job, plain, monkeypatch, edit=edit)


@pytest.mark.long
@pytest.mark.parametrize("edit", [False, True])
def test_stepping_back_to_a_hundred_random_ops(
    job: Any, plain: bytes, monkeypatch: pytest.MonkeyPatch, edit: bool
) -> None:
    _look_back_at(100, job, plain, monkeypatch, edit=edit)


def test_a_look_back_steps_forward_and_a_past_tensor_is_looked_at_from_the_present(
    job: Any, plain: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = RunWitness(monkeypatch)
    with job(DebugPlan(stop_at="never", breakpoints=(at(step=2),))) as run:
        present = run.stop().place.op_number
        past = run.go("back", count=30)
        assert past.place.op_number == present - 30
        assert run.go("over").place.op_number == present - 29
        assert run.go("back").place.op_number == present - 30
        assert run.go("back", "step").place.op_number < present - 30
        assert run.go("continue").place.op_number == present
        shown = run.ask(dm.LookAtTensor(name="out", op_number=present - 200)).look
        known = witness.outputs[present - 200][0]
        assert shown.statistics.maximum == pytest.approx(float(known.max()))
        with pytest.raises(BadInputError, match="is not before"):
            run.ask(dm.Resume(verb="back", op_number=present))
        assert run.finish() == plain


def test_cancel_stop_and_restart_while_it_stands(job: Any, plain: bytes) -> None:
    with job(DebugPlan()) as run:
        run.stop()
        run.control.cancel()
        assert not run.heard(JobCancelled).asked
    with job(DebugPlan()) as run:
        run.stop()
        run.ask(dm.Resume(verb="stop"))
        assert run.heard(JobCancelled).asked
    with job(DebugPlan(stop_at="never", breakpoints=(at(step=2, temporary=True),))) as run:
        run.stop()
        run.ask(dm.Resume(verb="restart"))
        assert run.pixels() == plain


def test_it_is_armed_at_a_step_boundary_of_a_run_that_goes_on_and_taken_off_again(
    job: Any, plain: bytes
) -> None:
    with job(DebugPlan(stop_at="never", record="nothing", breakpoints=(at(step=1),))) as run:
        run.stop()
        run.ask(dm.Disarm())
        run.heard(dm.Disarmed)
        assert run.pixels() == plain


def test_an_op_that_fails_is_looked_at_post_mortem(job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = DebugPlan(
        stop_at="never", breakpoints=(at(op="aten.linear*", step=1, when="before", temporary=True),)
    )
    with job(plan) as run:
        run.stop()
        session = run.session
        still = session.standing
        assert still is not None
        assert still.event is not None
        # hand the op arguments that it can't take, as a broken model would
        still.event.swaps[id(still.ins[0])] = still.ins[0][..., :3]
        failed = run.go("continue")
        assert failed.reason == "exception"
        assert failed.place.op.startswith("aten.linear")
        assert "RuntimeError" in failed.message
        assert "Traceback" in failed.detail
        assert [tensor.name for tensor in failed.tensors][:2] == ["a", "b"]
        assert failed.tensors[0].shape[-1] == 3
        run.ask(dm.Resume(verb="continue"))
        assert run.heard(JobFailed).error.message


@pytest.mark.allow_logs("op debugger failed at op")
def test_a_failure_of_the_debugger_is_told_and_the_run_goes_on(
    job: Any, plain: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mezzotint_engine.opdebug import capture

    calls = 0
    describe = capture.describe_site

    def fails_at_times(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 50 == 0:
            raise ZeroDivisionError("planted")
        return describe(*given)

    monkeypatch.setattr(capture, "describe_site", fails_at_times)
    with job(NEVER) as run:
        assert run.pixels() == plain
    told = run.reports(dm.CaptureFailed)
    assert 0 < len(told) <= MAX_FAILURES_TOLD
    assert "planted" in told[0].error.message
    trace = TraceReader(run.folder / TRACE_IN_RUN)
    count = trace.follow()
    marked = [number for number in range(count) if trace.rows[number]["flags"] & OpFlags.CAPTURE_FAILED]
    assert told[0].op_number == marked[0]  # the table's rows are the ops' numbers, also after a failure
    assert trace.op(marked[0]).site.op.startswith("aten.")
    trace.close()


def test_bad_questions_are_refused_with_a_sentence(job: Any, plain: bytes) -> None:
    with job(DebugPlan()) as run:
        run.stop()
        for ask in (
            dm.LookAtTensor(name="nobody"),
            dm.EditTensor(name="nobody", kind="fill", value="1"),
            dm.Resume(verb="until"),
            dm.Resume(verb="over", count=0),
            dm.SetBreakpoints(breakpoints=(at(expression="out.("),)),
            dm.SetWatches(expressions=("1 +",)),
            dm.ReadSource(file="/etc/passwd"),
            dm.SaveTensor(name="out", file="relative.npy"),
        ):
            with pytest.raises(BadInputError):
                run.ask(ask)
        assert run.finish() == plain


def test_modules_source_watches_and_saved_tensors(job: Any, tmp_path: Path) -> None:
    with job(DebugPlan(stop_at="never", breakpoints=(at(op="aten.conv2d*", step=0, temporary=True),))) as run:
        stop = run.stop()
        nodes = run.ask(dm.ListModules()).modules
        paths = [node.path for node in nodes]
        assert paths.index("unet") < paths.index("unet.mid_block")
        assert next(node for node in nodes if node.path == "unet").parameters > 1_000_000
        assert "def forward" in run.ask(dm.ReadSource(file=nodes[0].file)).text
        run.ask(dm.SetWatches(expressions=("out.abs().max()", "a.nothing", "out.norm() @ unet.conv_out")))
        watches = run.ask(dm.GetStop()).stop.watches
        assert [watch.failed for watch in watches] == [False, True, False]
        file = tmp_path / "out.npy"
        assert run.ask(dm.SaveTensor(name="out", file=str(file))).nbytes == file.stat().st_size
        assert stop.tensors[-1].name == "out"
        run.finish()
    assert list((run.folder / "metrics").glob("*"))


def test_only_the_window_of_steps_is_recorded(job: Any, plain: bytes) -> None:
    with job(DebugPlan(stop_at="never", first_step=1, last_step=2)) as run:
        assert run.pixels() == plain
    trace = TraceReader(run.folder / TRACE_IN_RUN)
    trace.follow()
    steps = {trace.marks[row["mark"]].step for row in trace.rows}
    assert steps == {-1, 1, 2}
    assert not (trace.rows["flags"] & OpFlags.STATISTICS).any()
    trace.close()


def test_values_of_chosen_ops_go_to_the_trace_within_a_budget(job: Any, plain: bytes) -> None:
    with job(DebugPlan(stop_at="never", keep_ops="aten.conv2d", trace_bytes=100_000)) as run:
        assert run.pixels() == plain
    trace = TraceReader(run.folder / TRACE_IN_RUN)
    trace.follow()
    kept = trace.saved_tensors
    assert kept
    assert all(trace.op(number).site.op.startswith("aten.conv2d") for number, _ in kept)
    values = [trace.tensor(number, output) for number, output in kept]
    assert sum(one.nbytes for one in values if one is not None) <= 100_000
    first = trace.op(kept[0][0])
    assert values[0] is not None
    assert values[0].shape == first.site.outputs[0].shape
    trace.close()
