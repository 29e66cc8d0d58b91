"""The console with the debugger's session around it: what it changes is told, what it can't is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mezzotint_engine.opdebug.debug_session import DebugSession
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import DebugPlan, Stop
from tests.engine.opdebug.session_host import Debugged


class Twice(nn.Module):
    """Its first line does no op, so that only its beginning can be stopped at."""

    def forward(self, x: Tensor, factor: int) -> Tensor:
        name = "first"
        hidden = x * factor
        hidden = hidden + len(name)
        return hidden


class Chain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.twice = Twice()
        self.linear = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(x)
        for factor in range(1, 4):
            x = self.twice(x, factor)
        return x


LINE = Twice.forward.__code__.co_firstlineno


class Talk(Debugged):
    def say(self, line: str) -> str:
        reply = self.ask(dm.SayToConsole(line=line))
        assert not reply.resumed, reply
        return str(reply.text)

    def go(self, line: str) -> Stop:
        reply = self.ask(dm.SayToConsole(line=line))
        assert reply.resumed, reply.text
        return self.stop()

    def end(self) -> Any:
        self.ask(dm.SetBreakpoints(breakpoints=()))
        self.ask(dm.Resume(verb="continue"))
        result = self.join()
        assert self.failures() == []
        return result


def work(session: DebugSession) -> tuple[float, object]:
    torch.manual_seed(0)
    model = Chain()
    session.ladder.enter_phase("forward")
    model(torch.ones(2, 3)).sum().backward()
    assert model.linear.weight.grad is not None
    return float(model.linear.weight.grad.sum()), sys.gettrace()


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    run = Talk(tmp_path, {}, DebugPlan())
    run.start(work)
    run.stop()
    yield run
    run.session.gate.cancel()
    run._thread.join(30)  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def undebugged(tmp_path_factory: pytest.TempPathFactory) -> float:
    return Talk(tmp_path_factory.mktemp("bare"), {}, None).run(work)[0]


def to_function(talk: Talk) -> Stop:
    talk.say(f"tbreak test_console_session.py:{LINE}")
    return talk.go("c")


def test_a_function_is_stopped_in_at_each_call_of_it(talk: Talk) -> None:
    stop = to_function(talk)
    assert stop.place.function == "Twice.forward"
    assert talk.say("p factor").strip() == "1"
    assert "Breakpoint" in talk.say("b self.forward")
    for factor in ("2", "3"):
        assert talk.go("c").place.function == "Twice.forward"
        assert talk.say("p factor").strip() == factor
    talk.end()


@pytest.mark.parametrize("line", [LINE, LINE + 2])
def test_a_condition_sees_the_variables_of_its_line(talk: Talk, line: int) -> None:
    talk.say(f"b test_console_session.py:{line}, factor == 3")
    talk.go("c")
    assert talk.say("p factor").strip() == "3"
    talk.end()


def test_a_changed_variable_touches_the_run(talk: Talk, undebugged: float) -> None:
    to_function(talk)
    talk.go("n")
    talk.say("made_up = 3")
    assert not talk.ask(dm.GetStop()).stop.touched
    talk.say("hidden = hidden * 0")
    assert talk.ask(dm.GetStop()).stop.touched
    assert talk.end()[0] != undebugged


def test_words_that_end_a_process_end_nothing(talk: Talk, undebugged: float) -> None:
    for line in (
        "p __import__('sys').exit(3)",
        "!raise SystemExit",
        "!raise KeyboardInterrupt",
        "p breakpoint()",
    ):
        talk.say(line)
    to_function(talk)
    talk.say("display hidden")
    for _ in range(3):
        talk.go("n")
    talk.say("p torch.rand(4).sum() ;; p out")
    assert talk.end() == (undebugged, None)


def test_backward_has_no_live_variables_and_says_so(talk: Talk) -> None:
    talk.say("b op=*mul*")
    for _ in range(3):
        talk.go("c")
    stop = talk.go("c")
    assert not stop.frames[0].live
    assert "no live variables" in talk.say("w")
    assert "variables of the forward line are gone" in talk.say("p hidden")
    talk.say("cl")
    following = talk.go("n")  # of whoever called backward
    assert following.place.function == "work"
    assert talk.end()[1] is None


def test_a_failed_run_cant_be_stepped(tmp_path: Path) -> None:
    def fail(session: DebugSession) -> None:
        found = 3
        raise ValueError(str(found))

    run = Talk(tmp_path, {}, DebugPlan(stop_at="never"))
    run.start(fail)
    assert run.stop().reason == "exception"
    assert run.say("p found").strip() == "3"
    assert run.say("n").startswith("The run has failed")
    run.ask(dm.Resume(verb="continue"))
    with pytest.raises(ValueError, match="3"):
        run.join()


def test_what_the_debugger_calls_is_no_place_to_stop(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host is anybody's code, and is called while lines are stepped through."""
    report: Callable[[Any], None] = talk.host.report

    def tell(told: Any) -> None:
        report(told)

    monkeypatch.setattr(talk.host, "report", tell)
    to_function(talk)
    seen = [talk.go("s").place.function for _ in range(12)]
    assert not any("tell" in name for name in seen)
    assert talk.end()[1] is None
