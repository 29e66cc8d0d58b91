"""Compiled modules keep running as they were compiled, stop at their borders, and run eagerly where asked
to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import Breakpoint, DebugPlan
from mezzotint_sdk.errors import BadInputError
from tests.engine.opdebug.session_host import Debugged

WAYS = ("wrapped", "in place")


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.relu(self.a(x)))


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net, self.tail = Inner(), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self.net(x))


class Compiler:
    """A backend for torch.compile that counts: graphs made, and calls of them."""

    def __init__(self) -> None:
        self.graphs = self.calls = 0

    def __call__(self, graph: torch.fx.GraphModule, _: Any) -> Callable[..., Any]:
        self.graphs += 1

        def run(*given: Any) -> Any:
            self.calls += 1
            with torch.utils._python_dispatch._disable_current_modes():  # as compiled code, which has no ops
                return graph.forward(*given)

        return run


@pytest.fixture
def compiler() -> Compiler:
    torch.compiler.reset()
    return Compiler()


def made(compiler: Compiler, way: str) -> Outer:
    """Compiled by a first call, as it is when the debugger comes."""
    model = Outer().eval()
    if way == "wrapped":
        model.net = torch.compile(model.net, backend=compiler)
    else:
        model.net.compile(backend=compiler)
    with torch.no_grad():
        model(torch.ones(2, 4))
    assert (compiler.graphs, compiler.calls) == (1, 1)
    return model


def plan(record: Any, *breakpoints: Breakpoint) -> DebugPlan:
    return DebugPlan(stop_at="never", record=record, breakpoints=breakpoints)


def work(model: nn.Module, times: int = 1) -> Callable[[Any], Tensor]:
    def call(session: Any) -> Tensor:
        out = torch.empty(0)
        for step in range(times):
            session.ladder.enter_step(step, times)
            session.boundary()
            with torch.no_grad():
                out = model(torch.ones(2, 4))
        return out

    return call


ENTRY = Breakpoint(breakpoint_id=1, module="m.net", when="before")
EXIT = Breakpoint(breakpoint_id=2, module="m.net")
INSIDE = Breakpoint(breakpoint_id=3, module="m.net*.a")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("record", ["nothing", "descriptors", "statistics"])
def test_its_borders_stop_and_it_is_not_compiled_again(
    tmp_path: Path, compiler: Compiler, way: str, record: Any
) -> None:
    model = made(compiler, way)
    with torch.no_grad():
        plain = model(torch.ones(2, 4))
    run = Debugged(tmp_path, {"m": model}, plan(record, ENTRY, EXIT, INSIDE))
    run.start(work(model))
    entered = run.stop()
    assert (entered.message.split()[2], [one.shape for one in entered.tensors]) == ("Entering", [(2, 4)])
    run.ask(dm.Resume(verb="continue"))
    left = run.stop()
    assert (left.message.split()[2], [one.name for one in left.tensors]) == ("Leaving", ["a", "out"])
    run.ask(dm.Resume(verb="continue"))
    assert torch.equal(run.join(), plain)
    assert (compiler.graphs, compiler.calls) == (1, 3)
    assert not run.failures()
    if record != "nothing":
        assert {row.site.module for row in run.ops()} - {""} == {"m.tail"}
    # and nothing of the debugger is left
    with torch.no_grad():
        assert torch.equal(model(torch.ones(2, 4)), plain)
    assert (compiler.graphs, compiler.calls) == (1, 4)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("record", ["nothing", "descriptors"])
def test_it_is_run_eagerly_from_the_stop_at_its_entry_on(
    tmp_path: Path, compiler: Compiler, way: str, record: Any
) -> None:
    model = made(compiler, way)
    run = Debugged(tmp_path, {"m": model}, plan(record, ENTRY))
    run.start(work(model, 3))
    run.stop()
    said = run.ask(dm.SayToConsole(line="eager m.net"))
    assert "runs eagerly" in said.text
    node = next(one for one in run.ask(dm.ListModules()).modules if one.path == "m.net")
    assert (node.compiled, node.eager) == (True, True)
    run.ask(dm.Resume(verb="over", level="op"))
    stop = run.stop()
    assert stop.place.module in ("m.net.a", "m.net._orig_mod.a")
    assert stop.touched
    run.ask(dm.Resume(verb="continue"))
    assert run.stop().message == f"Breakpoint 1: Entering m.net ({type(model.net).__name__})."
    assert run.ask(dm.SayToConsole(line="eager m.net off")).text.startswith("m.net runs as it was compiled")
    run.ask(dm.SetBreakpoints(breakpoints=()))
    run.ask(dm.Resume(verb="continue"))
    run.join()
    assert compiler.graphs == 1
    assert compiler.calls > 1  # the last step at least ran as it was compiled
    assert not run.failures()


@pytest.mark.parametrize("way", WAYS)
def test_an_edit_at_its_borders_goes_in_and_comes_out(tmp_path: Path, compiler: Compiler, way: str) -> None:
    model = made(compiler, way)
    run = Debugged(tmp_path, {"m": model}, plan("descriptors", ENTRY, EXIT))
    run.start(work(model))
    run.stop()
    run.ask(dm.SayToConsole(line="a = a * 0"))
    run.ask(dm.Resume(verb="continue"))
    run.stop()
    inner: Any = getattr(model.net, "_orig_mod", model.net)
    with torch.no_grad():
        of_zeros = model.tail.forward(inner.forward(torch.zeros(2, 4)))
    run.ask(dm.SayToConsole(line="out = out + 0"))
    run.ask(dm.Resume(verb="continue"))
    assert torch.equal(run.join(), of_zeros)


def test_what_is_not_compiled_cant_be_run_eagerly(tmp_path: Path, compiler: Compiler) -> None:
    model = made(compiler, "wrapped")
    run = Debugged(tmp_path, {"m": model}, plan("descriptors", ENTRY))
    run.start(work(model))
    run.stop()
    with pytest.raises(BadInputError, match=r"m\.tail is not compiled\. Compiled are: m\.net\."):
        run.ask(dm.RunEagerly(module="m.tail"))
    run.ask(dm.Resume(verb="continue"))
    run.join()


def test_a_compiled_function_is_compiled_without_the_hooks_of_the_modules_that_it_calls(
    tmp_path: Path, compiler: Compiler
) -> None:
    model = Outer().eval()
    function = torch.compile(lambda x: model(x) + 1, backend=compiler)
    with torch.no_grad():
        plain = function(torch.ones(2, 4))
    run = Debugged(tmp_path, {"m": model}, plan("descriptors"))
    with torch.no_grad():
        seen = run.run(lambda session: function(torch.ones(2, 4)))
    assert torch.equal(seen, plain)
    assert compiler.graphs <= 2  # global hooks are guarded: one more graph, in one piece
    assert compiler.calls == 2
    assert not run.failures()


def test_a_failure_inside_is_the_runs_own(tmp_path: Path, compiler: Compiler) -> None:
    model = made(compiler, "in place")
    run = Debugged(tmp_path, {"m": model}, DebugPlan(stop_at="never", on_exception=False))

    def wrong(session: Any) -> None:
        with torch.no_grad():
            model(torch.ones(2, 5))

    with pytest.raises(RuntimeError):
        run.run(wrong)
    assert not run.failures()


def test_the_handler_of_ops_is_not_compiled(tmp_path: Path, compiler: Compiler) -> None:
    """A compiled function that is left in its middle runs ops eagerly while Dynamo looks at each frame."""
    model = Outer().eval()

    def broken(x: Tensor) -> Tensor:
        found = (x * 2).nonzero()  # whose shape isn't known beforehand, so it is in no graph
        return model(x) + found.sum()

    function = torch.compile(broken, backend=compiler)
    with torch.no_grad():
        plain = function(torch.ones(2, 4))
        frames = torch._dynamo.utils.counters["frames"]["total"]
        run = Debugged(tmp_path, {"m": model}, plan("statistics"))
        seen = run.run(lambda session: function(torch.ones(2, 4)))
    assert torch.equal(seen, plain)
    assert torch._dynamo.utils.counters["frames"]["total"] == frames
    assert not run.failures()


def test_a_module_that_is_entered_by_a_border_alone_is_left_again(tmp_path: Path) -> None:
    """The mode is put on in the middle of a module: those around it are known, and forgotten when they are
    left."""
    model = Outer().eval()
    run = Debugged(
        tmp_path, {"m": model}, plan("nothing", Breakpoint(breakpoint_id=1, module="m.net", when="before"))
    )
    run.start(work(model, 2))
    run.stop()
    run.ask(dm.Resume(verb="over", level="op"))
    assert run.stop().place.module == "m.net.a"
    run.ask(dm.SetBreakpoints(breakpoints=()))
    run.ask(dm.Resume(verb="out", level="module"))
    assert run.stop().message == "Leaving m.net.a (Linear)."
    run.ask(dm.Resume(verb="out", level="module"))
    assert run.stop().message == "Leaving m.net (Inner)."
    modules = []
    for _ in range(8):
        run.ask(dm.Resume(verb="over", level="op"))
        modules.append(run.stop().place.module)
    assert modules[0] == "m.tail"
    assert "m.net.b" in modules  # of the second step
    run.ask(dm.Resume(verb="continue"))
    run.join()
    assert not run.failures()
