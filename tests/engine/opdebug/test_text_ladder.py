"""Text under the debugger: each token is a step, and the past of a generation is computed again bit for
bit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from mezzotint_engine.opdebug.debug_session import DebugSession
from mezzotint_engine.opdebug.look_back import denoiser_of
from mezzotint_engine.opdebug.text_ladder import generate_under
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import Breakpoint, DebugPlan
from mezzotint_sdk.errors import BadInputError
from tests.engine.opdebug.run_witness import RunWitness
from tests.engine.opdebug.session_host import Debugged
from tests.engine.opdebug.test_any_model import small_llama

PROMPT = torch.arange(1, 9)[None]
TOKENS = 6
SAMPLED = {"do_sample": True, "temperature": 0.8, "top_k": 50, "pad_token_id": 0}
GREEDY = {"do_sample": False, "pad_token_id": 0}


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    return small_llama(layers=2)


def plain(model: LlamaForCausalLM, settings: dict[str, Any]) -> Tensor:
    torch.manual_seed(3)
    return model.generate(PROMPT, max_new_tokens=TOKENS, **settings)


def under(model: LlamaForCausalLM, settings: dict[str, Any]) -> Any:
    def work(session: DebugSession) -> Tensor:
        return generate_under(session, model, PROMPT, max_new_tokens=TOKENS, **settings)

    return work


def at(**conditions: Any) -> Breakpoint:
    return Breakpoint(breakpoint_id=0, **conditions)


def started(folder: Path, model: LlamaForCausalLM, settings: dict[str, Any], *points: Breakpoint) -> Debugged:
    debugged = Debugged(folder, {"model": model}, DebugPlan(stop_at="never", breakpoints=points))
    torch.manual_seed(3)  # before the run: stepping back has to put the generator back by itself
    debugged.start(under(model, settings))
    return debugged


def go(debugged: Debugged, verb: Any, level: Any = "op", **target: Any) -> Any:
    debugged.ask(dm.Resume(verb=verb, level=level, **target))
    return debugged.stop()


def finish(debugged: Debugged) -> Tensor:
    debugged.ask(dm.SetBreakpoints(breakpoints=()))
    debugged.ask(dm.Resume(verb="continue"))
    found: Tensor = debugged.join()
    assert not debugged.failures()
    return found


@pytest.mark.parametrize("settings", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_each_token_is_a_step_with_its_phases(
    tmp_path: Path, model: LlamaForCausalLM, settings: dict[str, Any]
) -> None:
    debugged = Debugged(tmp_path, {"model": model}, DebugPlan(stop_at="never", record="statistics"))
    torch.manual_seed(3)
    assert torch.equal(debugged.run(under(model, settings)), plain(model, settings))
    assert not debugged.failures()
    ops = debugged.ops()
    steps = list(dict.fromkeys((one.mark.step, one.mark.phase) for one in ops if one.site.module))
    assert steps == [(number, "forward") for number in range(TOKENS)]
    chooses = "multinomial" if settings["do_sample"] else "argmax"
    chosen = [one.mark for one in ops if chooses in one.site.op]
    assert [(mark.step, mark.phase) for mark in chosen] == [(number, "sample") for number in range(TOKENS)]


def test_steps_go_from_token_to_token(tmp_path: Path, model: LlamaForCausalLM) -> None:
    debugged = started(tmp_path, model, SAMPLED, at(op="aten.multinomial*", step=1, temporary=True))
    assert debugged.stop().place.phase == "sample"
    over = go(debugged, "over", "phase").place
    assert (over.step, over.phase) == (2, "forward")
    over = go(debugged, "over", "step").place
    assert (over.step, over.phase) == (3, "forward")
    out = go(debugged, "out", "phase").place
    assert (out.step, out.phase) == (4, "forward")
    back = go(debugged, "back", "step")
    assert back.looking_back
    assert back.place.op_number < out.op_number
    assert not go(debugged, "continue").looking_back
    assert torch.equal(finish(debugged), plain(model, SAMPLED))


def look_back_at(
    count: int,
    folder: Path,
    model: LlamaForCausalLM,
    settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    *,
    edit: bool,
) -> None:
    reference = RunWitness(monkeypatch)
    last = at(op="aten.argmax*" if settings is GREEDY else "aten.multinomial*", step=TOKENS - 1)
    points = [last]
    if edit:
        points.append(at(op="aten.mm*", step=1, ignore=3, temporary=True))
        points.append(at(module="model.model.layers.1", step=3, temporary=True))
    debugged = started(folder, model, settings, *points)
    if edit:
        debugged.stop()
        debugged.ask(dm.EditTensor(name="out", kind="add_noise", value="5"))
        go(debugged, "continue")
        debugged.ask(dm.EditTensor(name="out", kind="scale", value="-3"))
        debugged.ask(dm.Resume(verb="continue"))
    present = debugged.stop()
    assert present.place.step == TOKENS - 1
    assert present.back_refused == ""
    chosen = random.Random(11)
    seen_steps = set()
    for turn in range(count):
        number = chosen.randrange(present.place.op_number)
        past = go(debugged, "back", op_number=number)
        assert past.looking_back
        assert past.place.op_number == number
        seen_steps.add(past.place.step)
        standing = debugged.session.standing
        assert standing is not None
        assert reference.agrees(number, standing.outs), (number, past.place)
        if turn % 3 == 0:
            assert go(debugged, "continue").place.op_number == present.place.op_number
    if debugged.session.standing is not None and debugged.session.standing.past is not None:
        go(debugged, "continue")
    assert len(seen_steps) >= TOKENS - 1
    tokens = finish(debugged)
    assert torch.equal(tokens, plain(model, settings)) is not edit


@pytest.mark.parametrize("edit", [False, True], ids=["untouched", "edited"])
def test_stepping_back_in_a_sampled_text_shows_the_same_bits(
    tmp_path: Path, model: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch, edit: bool
) -> None:
    look_back_at(20, tmp_path, model, SAMPLED, monkeypatch, edit=edit)


@pytest.mark.long
@pytest.mark.parametrize("edit", [False, True], ids=["untouched", "edited"])
@pytest.mark.parametrize("settings", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_stepping_back_to_a_hundred_random_ops_of_a_text(
    tmp_path: Path,
    model: LlamaForCausalLM,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    edit: bool,
) -> None:
    look_back_at(100, tmp_path, model, settings, monkeypatch, edit=edit)


def test_the_end_of_the_first_token_is_dispatched_as_it_was(tmp_path: Path, model: LlamaForCausalLM) -> None:
    """The prompt's last position is strided, and there `linear` depends on whether autograd is around."""
    debugged = started(tmp_path, model, SAMPLED, at(op="aten.multinomial*", step=1))
    debugged.stop()
    ops = {one.number: one.site for one in debugged.ops()}
    heads = [number for number, site in ops.items() if site.module == "model.lm_head"][:6]
    for number in heads:
        past = go(debugged, "back", op_number=number)
        assert (past.place.op, past.place.module) == (ops[number].op, "model.lm_head")
    go(debugged, "continue")
    assert torch.equal(finish(debugged), plain(model, SAMPLED))


def test_a_tensor_of_an_earlier_token_is_looked_at_from_the_present(
    tmp_path: Path, model: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = RunWitness(monkeypatch)
    debugged = started(tmp_path, model, SAMPLED, at(op="aten.multinomial*", step=3))
    debugged.stop()
    first = next(number for number, outs in reference.outputs.items() if outs and outs[0].shape == (1, 8, 32))
    shown = debugged.ask(dm.LookAtTensor(name="out", op_number=first)).look
    assert shown.statistics.maximum == pytest.approx(float(reference.outputs[first][0].max()))
    assert torch.equal(finish(debugged), plain(model, SAMPLED))


def test_outputs_of_a_model_with_a_cache_are_never_fed(model: LlamaForCausalLM) -> None:
    """Whatever the part is called: GPT-like models call theirs "transformer"."""
    assert denoiser_of({"transformer": model}) is None
    linear = torch.nn.Linear(2, 2)
    assert denoiser_of({"transformer": linear}) is linear


def test_a_cancelled_run_ends_between_two_tokens(tmp_path: Path, model: LlamaForCausalLM) -> None:
    debugged = started(tmp_path, model, SAMPLED, at(op="aten.multinomial*", step=1))
    debugged.stop()
    debugged.ask(dm.Resume(verb="stop"))
    with pytest.raises(Exception, match=r"stopped|cancelled"):
        debugged.join()


def test_without_a_rerun_it_is_said_why(tmp_path: Path, model: LlamaForCausalLM) -> None:
    debugged = Debugged(
        tmp_path, {"model": model}, DebugPlan(stop_at="never", breakpoints=(at(op="aten.argmax*"),))
    )
    debugged.start(lambda _: model.generate(PROMPT, max_new_tokens=2, do_sample=False, pad_token_id=0))
    assert "can't be executed again" in debugged.stop().back_refused
    with pytest.raises(BadInputError, match="can't be executed again"):
        debugged.ask(dm.Resume(verb="back", count=1))
    finish(debugged)
