"""Training under the debugger: phases in their order, gradients that accumulate, and a census of the ops of
each kind of code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.checkpoint import set_checkpoint_early_stop

from mezzotint_engine.opdebug.debug_session import DebugSession
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import Breakpoint, DebugPlan
from tests.engine.opdebug.session_host import Debugged
from tests.engine.opdebug.test_any_model import Net, made, same, small_llama, train

NEVER = DebugPlan(stop_at="never", record="statistics", on_exception=False)
PHASES = ["forward", "loss", "backward", "clip", "optimizer"]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_stepping_over_phases_goes_from_forward_to_the_optimizer(tmp_path: Path) -> None:
    model = made(Net)
    debugged = Debugged(tmp_path, {"net": model}, DebugPlan(stop_at="first_op"))
    debugged.start(lambda session: train(model, session))
    stop = debugged.stop()
    while stop.place.phase != "forward":
        debugged.ask(dm.Resume(verb="over"))
        stop = debugged.stop()
    seen = [(stop.place.step, stop.place.phase)]
    for _ in range(5):
        debugged.ask(dm.Resume(verb="over", level="phase"))
        place = debugged.stop().place
        seen.append((place.step, place.phase))
        if place.phase == "backward":
            debugged.ask(dm.Resume(verb="until", op_number=place.op_number + 4))
            within = debugged.stop()
            assert within.place.phase == "backward"
            assert not within.frames[0].live
    assert seen == [*((0, phase) for phase in PHASES), (1, "forward")]
    debugged.ask(dm.Resume(verb="continue"))
    assert same(debugged.join(), train(made(Net), None))


def test_stepping_over_an_iteration_goes_to_the_next_one_from_anywhere_in_it(tmp_path: Path) -> None:
    model = made(Net)
    point = Breakpoint(breakpoint_id=0, phase="loss", temporary=True)
    debugged = Debugged(tmp_path, {"net": model}, DebugPlan(stop_at="never", breakpoints=(point,)))
    debugged.start(lambda session: train(model, session))
    assert debugged.stop().place.step == 0
    debugged.ask(dm.Resume(verb="over", level="step"))
    place = debugged.stop().place
    assert (place.step, place.phase) == (1, "forward")
    debugged.ask(dm.Resume(verb="continue"))
    assert same(debugged.join(), train(made(Net), None))


def accumulated(model: nn.Module, session: DebugSession | None) -> list[Tensor]:
    """One iteration of two micro-batches."""
    torch.manual_seed(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    enter = session.ladder.enter_phase if session is not None else lambda _: None
    if session is not None:
        session.ladder.enter_step(0, 1)
    for _ in range(2):
        inputs = torch.randn(8, 16)
        enter("forward")
        output = model(inputs)
        enter("loss")
        loss = output.square().mean() / 2
        enter("backward")
        loss.backward()
    enter("clip")
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    enter("optimizer")
    optimizer.step()
    return [one.detach().clone() for one in model.parameters()]


def test_gradients_accumulate_over_micro_batches(tmp_path: Path) -> None:
    model = made(Net)
    debugged = Debugged(tmp_path, {"net": model}, NEVER)
    assert same(debugged.run(lambda session: accumulated(model, session)), accumulated(made(Net), None))
    assert not debugged.failures()
    phases: list[str] = []
    for one in debugged.ops():
        if one.mark.phase and (not phases or phases[-1] != one.mark.phase):
            phases.append(one.mark.phase)
    assert phases == [*PHASES[:3], *PHASES]
    adds = [one for one in debugged.ops() if one.site.op == "aten.add_.Tensor" and one.site.backward]
    assert len(adds) >= len(list(model.parameters()))  # the second micro-batch's, onto the first's


def _inference() -> Callable[[DebugSession | None], object]:
    model, tokens = small_llama(), torch.arange(1, 9)[None]

    def work(_: DebugSession | None) -> object:
        with torch.inference_mode():
            return model(tokens).logits

    return work


def _training(checkpointed: bool) -> Callable[[DebugSession | None], object]:
    model = made(Net, checkpointed)

    def work(session: DebugSession | None) -> object:
        # stopping early abandons the last op of each recomputation after the profiler counted it, before it
        # is dispatched
        with set_checkpoint_early_stop(False):
            return train(model, session, 1)

    return work


def _accumulation() -> Callable[[DebugSession | None], object]:
    model = made(Net)
    return lambda session: accumulated(model, session)


@pytest.mark.parametrize(
    ("kind", "telling"),
    [
        (_inference, {"linear", "scaled_dot_product_attention", "embedding", "cat"}),
        (lambda: _training(False), {"mm", "addmm", "relu", "threshold_backward", "_log_softmax"}),
        (lambda: _training(True), {"mm", "addmm", "relu", "threshold_backward", "_log_softmax"}),
        (_accumulation, {"mm", "addmm", "relu", "threshold_backward"}),
    ],
    ids=["inference_mode", "training", "checkpoint", "accumulation"],
)
def test_the_census_of_the_profiler_is_what_was_recorded(
    tmp_path: Path, kind: Callable[[], Callable[[DebugSession | None], object]], telling: set[str]
) -> None:
    work = kind()
    work(None)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        work(None)
    counted = Counter(event.name.removeprefix("aten::") for event in profiled.events())
    debugged = Debugged(tmp_path, {}, NEVER)
    debugged.run(work)
    shown, ran = debugged.session.census
    assert shown == ran
    recorded = Counter(one.site.op.split(".")[1] for one in debugged.ops())
    assert {name: recorded[name] for name in telling} == {name: counted[name] for name in telling}
    assert all(recorded[name] for name in telling)
