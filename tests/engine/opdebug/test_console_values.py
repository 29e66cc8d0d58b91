"""Expressions and statements in the console: no end of the run, and no change that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from mezzotint_engine.opdebug.console import MAX_CHARS
from mezzotint_engine.opdebug.console_values import shown
from mezzotint_sdk.errors import BadInputError
from tests.engine.opdebug.talking_thread import TalkingThread


def doubled() -> tuple[torch.Tensor, float]:
    step, scratch = 41, {"key": 1}
    given = torch.ones(3)
    twice = given * 2
    total = twice + step + scratch["key"] * 0
    return total, float(torch.rand(1))


@pytest.fixture
def talk() -> Iterator[TalkingThread]:
    with torch.random.fork_rng(devices=[]), TalkingThread(doubled, ops=("mul",)) as thread:
        thread.halt()
        yield thread


def end(talk: TalkingThread) -> Any:
    assert talk.go("c").event == "end"
    assert talk.error is None
    return talk.result


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("p 1 / 0", "*** ZeroDivisionError: division by zero\n"),
        ("p nobody", "*** NameError: name 'nobody' is not defined\n"),
        ("stats nobody", "*** NameError: name 'nobody' is not defined\n"),
        ("whatis nobody", "*** NameError: name 'nobody' is not defined\n"),
        ("p __import__('sys').exit(3)", "*** SystemExit: 3\n"),
        ("!raise SystemExit(3)", "*** SystemExit: 3\n"),
        ("!raise KeyboardInterrupt", "*** KeyboardInterrupt\n"),
        ("!raise ValueError('one\\ntwo')", "*** ValueError: one\n"),
        ("p (", "*** SyntaxError: '(' was never closed\n"),
        ("p", "Say what: an expression on the tensors of the op and the frame's variables.\n"),
        ("p 1 ;; p 2", "1\n2\n"),
        ("p [k * given.sum() for k in range(2)]", "[tensor(0.), tensor(3.)]\n"),
        ("out 3", "'out' takes nothing after it; 'p out3' looks at the tensor.\n"),
        ("op x", "'x' is no number.\n"),
        ("undisplay x", "'x' is not displayed.\n"),
        ("condition", "Say which breakpoint, by its number; there are: none.\n"),
        ("b 99999", "End of file\n"),
    ],
)
def test_what_goes_wrong_is_one_line_and_the_run_goes_on(talk: TalkingThread, line: str, said: str) -> None:
    assert talk.say(line) == said
    assert end(talk)[0].tolist() == [43.0, 43.0, 43.0]


def test_endless_recursion_and_values_that_cant_be_printed(talk: TalkingThread) -> None:
    assert "RecursionError" in talk.say("p (lambda f: f(f))(lambda f: f(f))")
    assert "repr() failed: ValueError: no" in shown(Unprintable())
    assert len(talk.say("p 'x' * 10**7")) < MAX_CHARS
    assert len(talk.say("p list(range(10**6))")) < MAX_CHARS


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8])
def test_a_large_tensor_is_summarised_where_it_lies(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10^8 elements that take no memory: whatever makes a copy of them all is seen by its size."""
    large = torch.ones(1, dtype=dtype).expand(10_000, 10_000)
    largest = 0
    from torch.utils._python_dispatch import TorchDispatchMode

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor) and out.untyped_storage().nbytes() > 10:
                largest = max(largest, out.untyped_storage().nbytes())
            return out

    with Sizes():
        text = shown(large)
    assert "..." in text
    assert "[10000, 10000] on cpu" in text
    assert len(text) < 2_000
    assert largest < 1_000_000


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("out = out * 0", 41.0),
        ("out *= 3", 47.0),
        ("out[:] = 5", 46.0),
        ("out.zero_()", 41.0),
        ("outs[0] = out - 1", 42.0),
        ("torch.nn.init.zeros_(out)", 41.0),
    ],
)
def test_the_ops_tensor_is_replaced_and_never_changed_where_it_lies(
    talk: TalkingThread, line: str, result: float
) -> None:
    before = talk.there(lambda place: place.names["out"])
    was = before.clone()
    talk.say(line)
    assert torch.equal(before, was)
    assert end(talk)[0].tolist() == [result] * 3


def test_looking_changes_nothing(talk: TalkingThread) -> None:
    with torch.random.fork_rng(devices=[]):
        state = talk.there(lambda place: torch.get_rng_state())
        for line in (
            "p out.zero_()",
            "p torch.rand(3)",
            "display torch.rand(1)",
            "out.sum()",
            "stats torch.rand(9)",
        ):
            assert "***" not in talk.say(line)
        assert torch.equal(talk.there(lambda place: torch.get_rng_state()), state)
    assert end(talk)[0].tolist() == [43.0, 43.0, 43.0]
    assert talk.edits == []


def test_a_statement_may_seed(talk: TalkingThread) -> None:
    talk.say("torch.manual_seed(7)")
    expected = float(torch.rand(1, generator=torch.Generator().manual_seed(7)))
    assert end(talk)[1] == expected


def test_variables_come_before_the_ladders_words_and_after_the_ops_tensors(talk: TalkingThread) -> None:
    assert talk.say("p step").strip() == "41"
    talk.say("step = 1")
    assert talk.edits == ["set step in the console"]
    talk.say("scratch['key'] = 2")
    assert talk.edits[1:] == ["changed scratch in the console"]
    talk.say("made_up = 7")
    assert talk.say("made_up").strip() == "7"
    assert len(talk.edits) == 2
    assert end(talk)[0].tolist() == [3.0, 3.0, 3.0]


def test_where_nothing_may_be_changed_nothing_is(talk: TalkingThread) -> None:
    talk.changeable = False
    assert talk.say("step = 1") == "Nothing can be changed here.\n"
    assert talk.say("scratch.clear(); scratch['key'] = 2") == "Nothing can be changed here.\n"
    assert end(talk)[0].tolist() == [43.0, 43.0, 43.0]


def test_words_of_the_debugger_that_are_tensors(talk: TalkingThread) -> None:
    assert "2., 2., 2." in talk.say("a + 1")
    assert "4., 4., 4." in talk.say("out * 2")
    assert talk.say("a.sum()").strip() == "tensor(3.)"
    assert talk.say("out == 2").startswith("tensor([True")
    assert "shape=[2,64]" in talk.say("b [2,64]")


def test_display_tells_changes_and_survives_tensors(talk: TalkingThread) -> None:
    assert "NameError" in talk.say("display twice")
    assert talk.say("display given").startswith("display given: tensor([1.")
    changed = talk.go("n")
    assert changed.shown.startswith("display twice: tensor([2., 2., 2.]")
    assert "given" not in changed.shown
    talk.say("undisplay")
    assert talk.go("n").shown == ""
    assert end(talk)[0].tolist() == [43.0, 43.0, 43.0]


def test_breakpoint_inside_of_an_expression_doesnt_stop(talk: TalkingThread) -> None:
    assert talk.say("p breakpoint()").strip() == "None"
    assert end(talk)


def test_python_line_by_line(talk: TalkingThread) -> None:
    talk.say("interact")
    assert talk.say("for k in range(2):") == "...\n"
    assert talk.say("    print(k)") == "...\n"
    assert talk.say("") == "0\n1\n"
    assert "ZeroDivisionError" in talk.say("1/0")
    assert talk.complete("giv") == ("given",)
    assert talk.say("raise SystemExit") == "Back in the debugger.\n"
    assert talk.say("p step").strip() == "41"


def test_completion(talk: TalkingThread) -> None:
    talk.modules = ("unet.mid_block", "unet.up_blocks.0")
    assert talk.complete("tens") == ("tensors",)
    assert "given.abs" in talk.complete("p given.ab")
    assert talk.complete("p abs(giv") == ("given",)
    assert "unet.mid_block" in talk.complete("b unet.m")
    assert "aten.softmax" in talk.complete("b aten.softm")
    assert talk.complete("help tens") == ("tensors",)
    assert talk.complete("p nobody.") == ()
    talk.say("b nan")
    assert talk.complete("condition ") == ("1",)


def test_a_function_can_be_named(talk: TalkingThread) -> None:
    first = doubled.__code__.co_firstlineno
    talk.say("f = __import__('tests.engine.opdebug.test_console_values', fromlist=['x']).doubled")
    assert f"test_console_values.py, line={first}" in talk.say("b f, step > 3")
    assert [one.expression for one in talk.book.list()] == ["step > 3"]
    assert "B" in talk.say("ll").splitlines()[0]
    assert "Deleted breakpoint 1" in talk.say(f"cl test_console_values.py:{first}")
    assert "Blank or comment" in talk.say(f"b {first - 1}")
    assert "no module that is loaded" in talk.say("b nowhere.py:3")


def test_errors_of_what_holds_the_stop_are_sentences(talk: TalkingThread) -> None:
    def refuse(name: str, value: object) -> None:
        raise BadInputError("Not here.")

    talk.there(lambda place: setattr(place, "set_name", refuse))
    assert talk.say("out = 0") == "Not here.\n"
