"""The gradient beside the activation: asked for at a stop in forward, known in and after backward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mezzotint_engine.opdebug import held_gradients
from mezzotint_engine.opdebug.debug_session import DebugSession
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import Breakpoint, DebugPlan
from mezzotint_sdk.errors import BadInputError
from tests.engine.opdebug.session_host import Debugged
from tests.engine.opdebug.test_any_model import Net, made, same


def train(model: nn.Module, session: DebugSession | None, grads: list[Tensor] | None = None) -> list[Tensor]:
    """One iteration. `grads`: takes the gradient of the first block's `relu`, by autograd itself."""
    torch.manual_seed(1)
    inputs = torch.randn(8, 16)
    enter = session.ladder.enter_phase if session is not None else lambda _: None
    if session is not None:
        session.ladder.enter_step(0, 1)
    hook: Any = None
    if grads is not None:

        def keep(_module: nn.Module, given: tuple[Tensor, ...]) -> None:
            given[0].register_hook(lambda gradient: grads.append(gradient.clone()))

        hook = model.get_submodule("blocks.0.second").register_forward_pre_hook(keep)
    enter("forward")
    output = model(inputs)
    enter("loss")
    loss = output.square().mean()
    enter("backward")
    loss.backward()
    enter("optimizer")
    with torch.no_grad():
        for one in model.parameters():
            assert one.grad is not None
            one.sub_(0.1 * one.grad)
    if hook is not None:
        hook.remove()
    return [one.detach().clone() for one in model.parameters()]


def at(**conditions: Any) -> Breakpoint:
    return Breakpoint(breakpoint_id=0, temporary=True, **conditions)


def started(folder: Path, *points: Breakpoint) -> Debugged:
    model = made(Net)
    debugged = Debugged(folder, {"net": model}, DebugPlan(stop_at="never", breakpoints=points))
    debugged.start(lambda session: train(model, session))
    return debugged


def resume(debugged: Debugged) -> Any:
    debugged.ask(dm.Resume(verb="continue"))
    return debugged.stop()


def look(debugged: Debugged, name: str, op_number: int = -1) -> Any:
    return debugged.ask(dm.LookAtTensor(name=name, op_number=op_number, of_gradient=True)).look


def finish(debugged: Debugged) -> None:
    debugged.ask(dm.Resume(verb="continue"))
    assert same(debugged.join(), train(made(Net), None))
    assert not debugged.failures()


@pytest.mark.parametrize(
    ("point", "name"),
    [
        (at(op="aten.relu*", module="net.blocks.0"), "out"),  # not yet in the graph when it is asked for
        (at(op="aten.addmm*", module="net.blocks.0.second"), "b"),  # an input, which is
        (at(module="net.blocks.0.second", when="before"), "a"),  # at a module's border
    ],
    ids=["output", "input", "border"],
)
def test_a_gradient_that_was_asked_for_is_known_after_backward(
    tmp_path: Path, point: Breakpoint, name: str
) -> None:
    wanted: list[Tensor] = []
    train(made(Net), None, wanted)
    debugged = started(tmp_path, point, at(phase="optimizer"))
    number = debugged.stop().place.op_number
    first = look(debugged, name)
    assert "not known yet" in first.note
    assert first.facts.name == name
    assert resume(debugged).place.phase == "optimizer"
    shown = look(debugged, name, number)
    assert shown.facts.name == f"gradient of {name}"
    assert shown.facts.shape == tuple(wanted[0].shape)
    assert shown.statistics.norm == pytest.approx(float(wanted[0].norm()))
    assert torch.equal(debugged.session.gradients.known(number, name), wanted[0])
    by_name = debugged.ask(dm.LookAtTensor(name=f"gradient({number}, '{name}') * 2")).look
    assert by_name.statistics.norm == pytest.approx(2 * float(wanted[0].norm()), rel=1e-6)
    finish(debugged)


def test_a_parameter_has_its_gradient_without_being_followed(tmp_path: Path) -> None:
    debugged = started(tmp_path, at(op="aten.sub_*", phase="optimizer"))
    debugged.stop()
    shown = look(debugged, "a")
    assert shown.facts.name == "gradient of a"
    assert shown.statistics.norm is not None
    assert not debugged.session.gradients.waiting
    finish(debugged)


def test_without_an_ask_nothing_is_hooked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooked: list[Tensor] = []
    own = Tensor.register_hook

    def register_hook(one: Tensor, hook: Any) -> Any:
        hooked.append(one)
        return own(one, hook)

    monkeypatch.setattr(Tensor, "register_hook", register_hook)
    debugged = started(tmp_path, at(op="aten.relu*", module="net.blocks.0"))
    debugged.stop()
    debugged.ask(dm.LookAtTensor(name="out"))
    finish(debugged)
    assert not hooked


def test_why_there_is_no_gradient_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_gradients, "MAX_HELD_BYTES", 8)
    debugged = started(
        tmp_path, at(op="aten.relu*", module="net.blocks.0"), at(op="aten.mul*", phase="optimizer")
    )
    number = debugged.stop().place.op_number
    look(debugged, "out")
    resume(debugged)
    with pytest.raises(BadInputError, match="no room"):
        look(debugged, "out", number)
    with pytest.raises(BadInputError, match="is not followed"):
        look(debugged, "a", number)
    assert "without autograd" in look(debugged, "out").note
    finish(debugged)
