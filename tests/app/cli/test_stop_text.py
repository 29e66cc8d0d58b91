"""A stop as lines of text."""

from __future__ import annotations

from pathlib import Path

from mezzotint_app.cli.stop_text import place_text, report_text, stop_lines
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import Place, Stop, TensorFacts, WatchValue
from mezzotint_sdk.errors import ErrorInfo


def test_a_stop_says_why_where_and_with_what(tmp_path: Path) -> None:
    source = tmp_path / "model.py"
    source.write_text("def forward(x):\n    return x.softmax(-1)\n")
    place = Place(
        op_number=12, op="aten._softmax.default", module="unet.mid.attn", module_class="Attention",
        file=str(source), line=2, function="forward", phase="denoise", step=3, steps=20, timestep=801.0,
        sigma=1.23456, image_index=1, image_count=2,
    )  # fmt: skip
    tensors = (
        TensorFacts(name="a", shape=(2, 64), dtype="float16", device="cuda:0", edited=True),
        TensorFacts(name="out", role="output", shape=(), dtype="float32", device="cpu"),
    )
    watches = (
        WatchValue(expression="out.mean()", value=0.5),
        WatchValue(expression="q", text="'q' is not known.", failed=True),
    )
    stop = Stop(
        stop_id=1, reason="breakpoint", message="Breakpoint 1: softmax", place=place, tensors=tensors,
        watches=watches,
    )  # fmt: skip
    assert stop_lines(stop) == [
        "Breakpoint 1: softmax",
        "[op 12]  aten._softmax.default  unet.mid.attn (Attention)  "
        "denoise, picture 2 of 2, step 3 of 20, t = 801, sigma = 1.235",
        f"> {source}(2)forward()",
        "-> return x.softmax(-1)",
        "   a float16[2, 64] cuda:0 (edited), out float32[]",
        "   watch out.mean() = 0.5",
        "   watch fails: 'q' is not known.",
    ]


def test_what_is_not_known_is_left_out() -> None:
    stop = Stop(stop_id=1, reason="step", message="Stopped.", place=Place())
    assert stop_lines(stop) == ["Stopped."]
    assert (
        place_text(Place(op="aten.mm.default", op_number=0, when="before"))
        == "[op 0]  before aten.mm.default"
    )


def test_many_tensors_are_counted() -> None:
    tensors = tuple(TensorFacts(name=f"in{n}", shape=(1,), dtype="int64") for n in range(30))
    stop = Stop(stop_id=1, reason="step", message="", place=Place(), tensors=tensors)
    (line,) = stop_lines(stop)
    assert line.endswith("in7 int64[1], and 22 more")


def test_reports_on_the_way() -> None:
    assert report_text(m.Printed(text="max 3.0\n", breakpoint_id=1)) == "max 3.0"
    assert report_text(m.Armed(trace="/x", note="unet is compiled.")) == "unet is compiled."
    failed = m.CaptureFailed(error=ErrorInfo("internal", "It broke."), op_number=7)
    assert report_text(failed) == "*** The debugger failed at op 7; the run goes on: It broke."
    assert report_text(m.WentOn(stop_id=1)) == ""
