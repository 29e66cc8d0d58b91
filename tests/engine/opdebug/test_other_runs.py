"""A tensor of a stop against what the same op gave in another run, or against a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mezzotint_engine.opdebug.debug_session import DebugSession
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import Breakpoint, DebugPlan, TensorView
from mezzotint_sdk.errors import BadInputError, NotFoundError
from tests.engine.opdebug.session_host import Debugged


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.relu(self.a(x)))


def work(scale: float, extra: bool) -> Any:
    """`extra`: an op more before each step, so that numbers differ."""

    def steps(session: DebugSession) -> None:
        net: Any = session._models["net"]
        for step in range(3):
            session.ladder.enter_step(step, 3)
            session.boundary()
            x = torch.full((2, 4), float(step))
            with torch.no_grad():
                if extra:
                    x.abs()
                for _ in range(2):
                    x = net(x * scale)

    return steps


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs: one with values, one without, and the place of the one that is debugged."""
    folder = tmp_path / "runs"
    for name, keep in (("20260101-first", "*"), ("20260101-bare", "")):
        run = Debugged(folder / name, {"net": Net()}, DebugPlan(stop_at="never", keep_ops=keep))
        run.run(work(1.0, extra=True))
    return folder


@pytest.fixture
def here(runs: Path) -> Any:
    """Stands at the second call of `net.b` in step 1, of a run whose inputs are doubled."""
    point = Breakpoint(breakpoint_id=1, op="aten.addmm*", module="net.b", step=1, ignore=1)
    run = Debugged(runs / "20260101-second", {"net": Net()}, DebugPlan(stop_at="never", breakpoints=(point,)))
    run.start(work(2.0, extra=False))
    run.stop()
    yield run
    run.ask(dm.Resume(verb="continue"))
    run.join()


def expected(scale: float) -> Tensor:
    net, x = Net(), torch.full((2, 4), 1.0)
    with torch.no_grad():
        for _ in range(2):
            x = net(x * scale)
    return x


def test_the_difference_is_from_the_same_op_though_its_number_is_another(here: Any) -> None:
    shown = here.ask(dm.LookAtTensor(name="out", view=TensorView(against="run('first')"))).look
    difference = expected(2.0) - expected(1.0)
    assert shown.statistics.maximum == pytest.approx(difference.max().item())
    assert shown.statistics.norm == pytest.approx(difference.norm().item())
    assert here.ask(dm.LookAtTensor(name="run('20260101-first')")).look.facts.shape == (2, 4)


def test_a_file_is_another_tensor(here: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", expected(2.0).numpy())
    view = TensorView(against=f"load({str(tmp_path / 'x.npy')!r})")
    shown = here.ask(dm.LookAtTensor(name="out", view=view)).look
    assert shown.statistics.maximum == pytest.approx(0.0)
    with pytest.raises(NotFoundError, match="There is no file"):
        here.ask(dm.LookAtTensor(name=f"load({str(tmp_path / 'missing.npy')!r})"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("run('bare')", "kept no values of its op"),
        ("run('none')", "No run that was debugged fits 'none'"),
        ("run('2026')", "2 runs with a trace fit '2026'"),
        ("run('x.mzt')", r"There is no trace file x\.mzt"),
        ("run('first', 5)", "kept no values of its op"),
    ],
)
def test_what_cant_be_compared_is_said(here: Any, name: str, sentence: str) -> None:
    with pytest.raises(BadInputError, match=sentence):
        here.ask(dm.LookAtTensor(name=name))


def test_an_op_that_the_other_run_lacks_is_said(runs: Path) -> None:
    run = Debugged(runs / "20260101-third", {}, DebugPlan(stop_at="first_op"))
    run.start(lambda session: torch.zeros(2).cos())
    run.stop()
    with pytest.raises(BadInputError, match="has no op that corresponds to op 0"):
        run.ask(dm.LookAtTensor(name="run('first')"))
    run.ask(dm.Resume(verb="continue"))
    run.join()
