"""Python lines in the console: the same places as in Python's own pdb, and no trace of it afterwards."""

from __future__ import annotations

import gc
import io
import pdb
import random
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
import torch

from mezzotint_engine.opdebug.line_tracer import SKIPPED, LineTracer
from tests.engine.opdebug.talking_thread import TalkingThread

Seen = tuple[str, str, int]


def down(value: int, depth: int) -> int:
    if depth == 0:
        return value
    more = value + 1
    found = down(more, depth - 1)
    return found


def counting(count: int) -> Iterator[int]:
    for number in range(count):  # noqa: UP028 - its lines are to be stepped through
        yield number
    return


class Swallowing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> bool:
        return True


def failing(number: int) -> None:
    try:
        if number:
            raise ValueError(number)
    finally:
        number = 3


def work(mark: Callable[[], None]) -> int:
    mark()
    total = 0
    for number in range(3):
        total += number
    deep = down(total, 2)
    for number in counting(2):
        total += number
    total += len([one for one in counting(2)])  # noqa: C416 - frames of comprehensions
    total += sum(one for one in counting(3))
    try:
        failing(1)
    except ValueError:
        total += 1
    with Swallowing():
        total = down(1, 1)
        failing(2)
    return total + deep


def outer(mark: Callable[[], None]) -> int:
    found = work(mark)
    found += 1
    return found


class Scripted(pdb.Pdb):
    """Python's own debugger, told by a list what to do. `seen`: where it stopped."""

    def __init__(self, commands: list[str]) -> None:
        super().__init__(stdin=io.StringIO(), stdout=io.StringIO(), nosigint=True, readrc=False, skip=SKIPPED)
        self.script = iter(commands)
        self.seen: list[Seen] = []

    def mark(self) -> None:
        self.set_trace(sys._getframe().f_back)

    def stop(self, frame: FrameType, event: str) -> None:
        self.setup(frame, None)
        self.seen.append((event, frame.f_code.co_name, frame.f_lineno))
        while not self.onecmd(next(self.script, "c")):
            pass
        self.forget()

    def user_call(self, frame: FrameType, argument_list: Any) -> None:
        if self.stop_here(frame):
            self.stop(frame, "call")

    def user_line(self, frame: FrameType) -> None:
        self.stop(frame, "line")

    def user_return(self, frame: FrameType, return_value: Any) -> None:
        self.stop(frame, "return")

    def user_exception(self, frame: FrameType, exc_info: Any) -> None:
        self.stop(frame, "exception")


class Silent(LineTracer):
    def __init__(self, commands: list[str]) -> None:
        super().__init__(self.on_line)
        self.script = iter(commands)
        self.seen: list[Seen] = []

    def mark(self) -> None:
        frame = sys._getframe().f_back
        assert frame is not None
        self.stand(frames_above(frame))
        self.onecmd("s")

    def on_line(self, frame: FrameType, event: str, value: object) -> None:
        assert sys.gettrace() is None
        assert all(one.f_trace is None for one in frames_above(frame))
        self.seen.append((event, frame.f_code.co_name, frame.f_lineno))
        self.stand(frames_above(frame))
        while (command := next(self.script, "c")) != "c" and not self.onecmd(command):
            pass


def frames_above(frame: FrameType | None) -> list[FrameType]:
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


def on_thread(debugger: Scripted | Silent) -> list[Seen]:
    """On a thread of its own, whose trace function is nobody else's: coverage and others have one."""
    left: list[object] = []

    def body() -> None:
        outer(debugger.mark)
        if isinstance(debugger, LineTracer):
            debugger.detach()
            left.append(sys.gettrace())

    thread = threading.Thread(target=body)
    gc.collect()
    gc.disable()  # what others left behind may be finalized by Python code, whose lines would be steps, too
    try:
        thread.start()
        thread.join(30)
    finally:
        gc.enable()
    assert not thread.is_alive()
    assert left in ([], [None])
    own = {function.__name__ for function in (outer, work, down, counting, failing)}
    own |= {"__enter__", "__exit__", "<genexpr>", "<listcomp>"}
    # beyond `outer` there are the frames of this test, and `mark` itself
    kept: list[Seen] = []
    for one in debugger.seen:
        if one[1] in own:
            kept.append(one)
        elif one[1] == "body":
            break
    return kept


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="pdb's set_trace stops one line earlier from 3.13 on")
@pytest.mark.parametrize("seed", range(60))
@pytest.mark.slow
def test_lines_are_those_of_pdb(seed: int) -> None:
    draw = random.Random(seed)
    weights = [(5, 3, 1, 1, 1), (1, 8, 0, 0, 0), (8, 1, 1, 1, 0), (2, 5, 2, 2, 2)][seed % 4]
    commands = draw.choices(["n", "s", "r", "until", "u"], weights, k=draw.randint(5, 80))
    expected = on_thread(Scripted(commands))
    assert expected
    assert on_thread(Silent(commands)) == expected


def test_a_paused_generator_keeps_no_trace_function() -> None:
    paused: list[Any] = []

    def body() -> str:
        breakpoint()
        numbers = counting(2)
        next(numbers)
        paused.append(numbers)
        return "done"

    with TalkingThread(body) as talk:
        talk.halt()
        talk.go("n")
        assert talk.go("n").line == 3
        assert talk.go("s").function == "counting"
        talk.say("u")
        assert talk.go("n").line == 4
        talk.go("n")
        assert paused[0].gi_frame.f_trace is None


class Doubled(torch.nn.Module):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        twice = given * 2
        more = twice + 1
        return more


def test_from_an_op_on_to_the_lines_of_whoever_called_it() -> None:
    model = Doubled()

    def body() -> torch.Tensor:
        found: torch.Tensor = model(torch.ones(3))
        return found - 1

    with TalkingThread(body, ops=("mul",)) as talk:
        assert talk.halt().event == "op"
        following = talk.go("n")
        assert (following.event, following.function, following.line) == ("line", "forward", 2)
        assert talk.say("p float(twice.sum())").strip() == "6.0"
        assert talk.go("until").line == 3
        returned = talk.go("r")
        assert (returned.event, returned.function) == ("return", "forward")
        assert "3." in talk.say("rv")
        after = talk.go("s")  # over torch's own frames
        assert (after.function, after.line) == ("body", 2)


def test_up_and_next_goes_on_in_the_frame_that_was_chosen() -> None:
    model = Doubled()

    def body() -> int:
        model(torch.ones(3))
        return 5

    with TalkingThread(body, ops=("mul",)) as talk:
        talk.halt()
        assert "body" in talk.say("u")
        after = talk.go("n")
        assert (after.function, after.line) == ("body", 2)


def test_a_stop_by_another_reason_ends_tracing() -> None:
    def body() -> int:
        one = torch.ones(3) * 2
        two = one * 3
        return int(two.sum())

    with TalkingThread(body, ops=("mul",)) as talk:
        talk.halt()
        assert talk.go("r").event == "op"  # the second, before the return
        assert talk.there(lambda place: (sys.gettrace(), place.frames[0].f_trace)) == (None, None)
        assert talk.go("c").event == "end"


def test_an_error_of_the_run_is_seen_and_goes_on() -> None:
    def body() -> None:
        breakpoint()
        failing(7)

    with TalkingThread(body) as talk:
        talk.halt()
        talk.go("n")
        raised = talk.go("n")
        assert (raised.event, str(raised.value)) == ("exception", "7")
        assert talk.go("c").event == "end"
    assert isinstance(talk.error, ValueError)


def test_lines_cant_be_stepped_where_there_is_no_frame_or_that_is_refused() -> None:
    tracer = LineTracer(lambda frame, event, value: None)
    with pytest.raises(Exception, match="no live Python frame"):
        tracer.onecmd("n")
    tracer.stand([sys._getframe()], "The run has failed.")
    with pytest.raises(Exception, match="The run has failed"):
        tracer.onecmd("s")
    assert not tracer.tracing
