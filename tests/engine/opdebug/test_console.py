"""The console at the stops of a real picture run: pdb's words mean Python lines, the ladder has its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mezzotint_engine.models.residency import ModelResidency
from mezzotint_engine.worker.job_runner import JobRunner
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import DebugPlan, Stop
from mezzotint_sdk.messages import JobCancelled
from tests.engine.opdebug.debugged_job import DebuggedJob, at

# said by transformers at the first import of a pipeline, where its logger passes records on
pytestmark = [pytest.mark.slow, pytest.mark.allow_logs("requires torchvision")]


@pytest.fixture(scope="module")
def models() -> ModelResidency:
    return ModelResidency()


class Talk:
    def __init__(self, run: DebuggedJob) -> None:
        self.run = run

    def say(self, line: str) -> str:
        reply = self.run.ask(dm.SayToConsole(line=line))
        assert not reply.resumed, reply
        return str(reply.text)

    def go(self, line: str) -> Stop:
        reply = self.run.ask(dm.SayToConsole(line=line))
        assert reply.resumed, reply.text
        return self.run.stop()


@pytest.fixture
def talk(tmp_path: Path, models: ModelResidency) -> Iterator[Talk]:
    """Standing at a linear op of the first sampler step."""
    plan = DebugPlan(
        stop_at="never",
        breakpoints=(at(op="aten.linear*", module="*attn1.to_q", phase="denoise", temporary=True),),
    )
    with DebuggedJob(tmp_path / "run", plan, JobRunner(lambda _: None, models=models)) as run:
        run.stop()
        yield Talk(run)
    assert sys.gettrace() is None


def test_the_ladder(talk: Talk) -> None:
    here = talk.run.session.standing
    assert here is not None
    number = here.place.op_number
    assert talk.go("op").place.op_number == number + 1
    assert talk.go("op 5").place.op_number == number + 6
    assert talk.go("").place.op_number == number + 11  # an empty line does it again
    entered = talk.go("mod")
    assert entered.place.when == "before"
    inside = talk.go("mod into")
    assert inside.place.module != entered.place.module
    assert talk.go("out").place.module == inside.place.module
    assert talk.go("iter").place.step == 1
    assert "step 2 of 4" in talk.say("here")
    assert talk.go("goto unet.mid_block").place.module == "unet.mid_block"
    past = talk.go("back 3")
    assert past.looking_back
    assert not talk.go("c").looking_back
    assert talk.go("phase").place.phase == "decode"


def test_python_lines(talk: Talk) -> None:
    assert "__call__" in talk.say("w")
    frame = talk.run.session.standing
    assert frame is not None
    first = (frame.place.file, frame.place.line)
    following = talk.go("n")
    assert following.reason == "line"
    assert (following.place.file, following.place.line) != first
    assert following.place.file == first[0]
    assert following.place.line > first[1]
    again = talk.go("")
    assert again.place.file == first[0]
    assert again.place.line > following.place.line
    # the arguments of a Python line have no op: its tensors are variables
    assert "Tensor" in talk.say("p type(query)") or "Tensor" in talk.say("p type(hidden_states)")
    returned = talk.go("r")
    assert returned.message.startswith(("Returning from", "At "))
    stepped = talk.go("s")
    assert stepped.reason == "line"
    assert "torch/" not in stepped.place.file
    op = talk.go("op")
    assert op.place.op
    assert sys.gettrace() is None
    talk.run.finish()


def test_until_goes_no_line_back(talk: Talk) -> None:
    before = talk.go("n").place.line
    assert talk.go("until").place.line > before


def test_values_and_frames(talk: Talk) -> None:
    assert "float32[2, " in talk.say("tensors")
    assert "nan" not in talk.say("stats out").lower()
    assert re.search(r"\d", talk.say("p out.abs().max()"))
    assert "torch.float32" in talk.say("out.dtype")
    assert "ZeroDivisionError" in talk.say("p 1/0")
    assert "NameError" in talk.say("nobody")
    assert "->" in talk.say("l")
    assert "def " in talk.say("ll")
    assert talk.say("u").startswith(">")
    assert talk.say("d").startswith(">")
    assert "Newest" in talk.say("d") or "newest" in talk.say("d").lower()
    assert "self =" in talk.say("a")
    assert "Tensor" in talk.say("whatis out")
    assert len(talk.say("p list(range(1000000))")) < 10_000
    assert "here" in talk.say("h")
    assert "next op" in talk.say("help op")
    assert "belongs to the run" in talk.say("jump 3")


def test_statements_set_variables_and_edit_tensors(talk: Talk) -> None:
    assert talk.say("answer = 41 + 1") == ""
    assert talk.say("answer").strip() == "42"
    assert talk.say("out = out * 0") == ""
    assert talk.say("p out.abs().max()").startswith("tensor(0.")
    assert "must be the same" in talk.say("out = out[:1]")
    assert "has run already" in talk.say("a = a * 0")
    assert talk.say("skip 3") == ""
    assert talk.say("p float(out.min())").strip() == "3.0"
    stop = talk.run.ask(dm.GetStop()).stop
    assert stop.touched
    assert [tensor.edited for tensor in stop.tensors if tensor.name == "out"] == [True]


def test_breakpoints_by_word(talk: Talk) -> None:
    assert "Breakpoint 2" in talk.say("b aten.silu*, step=1")
    assert "Breakpoint 3" in talk.say("tbreak unet.mid_block")
    assert "silu" in talk.say("b")
    talk.say("condition 2 out.max() > -1e9")
    talk.say("ignore 2 1")
    assert talk.go("c").place.module == "unet.mid_block"
    assert "silu" in talk.go("c").place.op
    assert "no breakpoint 9" in talk.say("cl 9")
    talk.say("disable 2")
    assert "(off)" in talk.say("b")
    talk.say("enable 2")
    assert "Deleted breakpoint 2" in talk.say("cl")
    assert talk.say("b") == ""
    frames = talk.run.ask(dm.GetStop()).stop.frames
    assert "Breakpoint 4" in talk.say(f"b {frames[0].line}")


def test_a_line_that_only_calls_modules_is_a_place_to_stop(talk: Talk) -> None:
    stop = talk.run.ask(dm.GetStop()).stop
    outer = next(
        frame for frame in stop.frames[1:] if frame.file.endswith("attention.py") or "unet" in frame.file
    )
    talk.say(f"b {outer.file}:{outer.line}")
    again = talk.go("c")
    assert any((frame.file, frame.line) == (outer.file, outer.line) for frame in again.frames[1:])


def test_display_watch_and_interact(talk: Talk) -> None:
    talk.say("display frame_locals.keys()")
    talk.say("watch out.norm() @ aten.linear*")
    talk.go("n")
    assert [watch.expression for watch in talk.run.ask(dm.GetStop()).stop.watches] == [
        "out.norm() @ aten.linear*"
    ]
    talk.say("interact")
    assert talk.say("x = [") == "...\n"
    assert talk.say("1, 2]") == ""
    assert talk.say("sum(x)").strip() == "3"
    assert "Back" in talk.say("exit()")


def test_completion(talk: Talk) -> None:
    def complete(line: str) -> tuple[str, ...]:
        words: tuple[str, ...] = talk.run.ask(dm.CompleteWord(line=line, cursor=len(line))).words
        return words

    assert "tensors" in complete("tens")
    assert "out.abs" in complete("p out.ab")
    assert "unet.mid_block" in complete("b unet.mid_bl")
    assert complete("p nobody.") == ()


def test_quit_stops_the_run(talk: Talk) -> None:
    reply = talk.run.ask(dm.SayToConsole(line="q"))
    assert reply.resumed
    assert talk.run.heard(JobCancelled).asked


def test_a_call_of_breakpoint_lands_here(
    tmp_path: Path, models: ModelResidency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nobody asked for the debugger: Python's own would wait for a terminal that isn't there."""
    from mezzotint_engine.pipelines import image_generation

    own = image_generation.prompt_with_hook = image_generation.shorten_prompt  # type: ignore[attr-defined]

    def stops(*given: Any) -> Any:
        marker = 17
        breakpoint()
        return own(*given) if marker == 17 else ""

    monkeypatch.setattr(image_generation, "shorten_prompt", stops)
    with DebuggedJob(tmp_path / "run", None, JobRunner(lambda _: None, models=models)) as run:
        stop = run.stop()
        assert stop.reason == "breakpoint_call"
        assert stop.place.function.endswith("stops")
        talk = Talk(run)
        assert talk.say("p marker").strip() == "17"
        assert talk.go("n").place.line == stop.place.line + 1
        run.ask(dm.SayToConsole(line="c"))
        second = run.stop()  # the negative prompt
        assert second.reason == "breakpoint_call"
        run.finish()


def test_the_past_is_not_stepped_through_by_lines(talk: Talk) -> None:
    assert talk.go("back 3").looking_back
    assert "can't be stepped through in the past" in talk.say("n")
    assert "nothing can be changed in the past" in talk.say("self = 3")
    assert not talk.go("c").looking_back
    assert talk.go("n").reason == "line"
    talk.run.finish()
