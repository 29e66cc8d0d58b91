"""`mezzotint debug` over a real engine: as a script, at a terminal, interrupted. The worker is the fake one
(its console is told in fake_debugger.py), for what the command does is the same; the last tests have the real
one."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mezzotint_sdk import messages as m
from tests.e2e.command_line import COMMAND, CommandLine, Ended
from tests.e2e.live_engine import LiveEngine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals and terminals are POSIX"),
]

FAKES = Path(__file__).parents[1] / "engine" / "server"
FAKE_WORKER = {"MEZZOTINT_WORKER_MODULE": "fake_worker", "PYTHONPATH": str(FAKES)}
LIMIT_S = 60.0


@pytest.fixture
def engine(mezzotint_home: Path) -> Iterator[LiveEngine]:
    with LiveEngine(mezzotint_home, environment=FAKE_WORKER) as engine:
        yield engine


@pytest.fixture
def mezzotint(engine: LiveEngine) -> CommandLine:
    return CommandLine(engine.home.root)


def words(*more: str, prompt: str = "normal", steps: int = 4) -> tuple[str, ...]:
    return ("debug", "emoji-64", "--prompt", prompt, "--steps", str(steps), "--seed", "1", *more)


def scripted(
    mezzotint: CommandLine, script: str, *more: str, prompt: str = "normal", steps: int = 4
) -> Ended:
    process = subprocess.Popen(
        _command(words(*more, prompt=prompt, steps=steps)),
        env=mezzotint.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    out, err = process.communicate(script, timeout=LIMIT_S)
    return Ended(process.returncode, out, err)


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [*COMMAND, *arguments]


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, mezzotint: CommandLine, *arguments: str) -> None:
        self.shown = ""
        pid, self.master = pty.fork()
        if pid == 0:
            os.environ.clear()
            os.environ.update(mezzotint.environment, TERM="dumb")
            command = _command(arguments)
            os.execv(command[0], command)
        self.pid = pid

    def until(self, text: str) -> str:
        """What was shown up to and with `text`, which is then taken as read."""
        deadline = time.monotonic() + LIMIT_S
        while text not in self.shown:
            assert time.monotonic() < deadline, f"no {text!r} in {self.shown!r}"
            assert self._read(), f"ended without {text!r}: {self.shown!r}"
        before, self.shown = self.shown.split(text, 1)
        return before + text

    def _read(self) -> bool:
        if not select.select([self.master], [], [], 1.0)[0]:
            return True
        try:
            data = os.read(self.master, 4096)
        except OSError:
            return False
        self.shown += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def end(self) -> int:
        """The exit status."""
        deadline = time.monotonic() + LIMIT_S
        while self.master >= 0 and self._read():
            assert time.monotonic() < deadline, f"it does not end: {self.shown!r}"
        status = os.waitpid(self.pid, 0)[1]
        if self.master >= 0:
            os.close(self.master)
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def terminal(mezzotint: CommandLine) -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def make(*more: str, prompt: str = "normal", steps: int = 4) -> Terminal:
        made.append(Terminal(mezzotint, *words(*more, prompt=prompt, steps=steps)))
        return made[-1]

    yield make
    for one in made:
        if one.master >= 0:
            try:
                os.kill(one.pid, signal.SIGKILL)
                one.end()
            except (ProcessLookupError, ChildProcessError, OSError):
                continue


# --- scripts ---------------------------------------------------------------------------------------------


def test_a_script_steps_prints_and_continues(mezzotint: CommandLine, tmp_path: Path) -> None:
    trace = tmp_path / "run.mzt"
    script = "p hello\nb 3\n\nn\nc\nsay 2\ntouch\njump\nc\n"
    ended = scripted(mezzotint, script, "--trace", str(trace), "--json", "--out", str(tmp_path / "x.png"))
    assert ended.status == 0, ended.err
    *transcript, last = ended.out.splitlines()
    assert transcript == [
        "Stopped as asked.",
        "[op 0]  fake.op  unet.mid  step 1 of 4",
        "   out float32[2, 3]",
        "(mzt) p hello",
        "hello at step 1",
        "(mzt) b 3",
        "Breakpoint 1 at step 3",
        "(mzt) ",
        "Breakpoint 2 at step 3",
        "(mzt) n",
        "Stopped as asked.",
        "[op 1]  fake.op  unet.mid  step 2 of 4",
        "   out float32[2, 3]",
        "(mzt) c",
        "Breakpoint 1.",
        "[op 2]  fake.op  unet.mid  step 3 of 4",
        "   out float32[2, 3]",
        "(mzt) say 2",
        "said 0",
        "said 1",
        "(mzt) touch",
        "edited",
        "(mzt) jump",
        "*** The fake console doesn't know 'jump'.",
        "(mzt) c",
    ]
    facts = json.loads(last)
    assert (facts["state"], facts["stops"], facts["touched"]) == ("finished", 3, True)
    assert facts["trace"] == str(trace)
    assert trace.read_bytes() == b"a trace"
    assert facts["files"] == [str(tmp_path / "x.png")]
    assert ended.err == ""


def test_when_commands_end_the_run_goes_on_without_stops(mezzotint: CommandLine) -> None:
    ended = scripted(mezzotint, "b 2\nb 3\n")
    assert ended.status == 0, ended.err
    assert ended.out.count("[op") == 1
    assert "(end of commands: the run goes on without stops)" in ended.out
    assert re.search(r"^Run \S+ finished in \S+ s, seed 1$", ended.out, re.MULTILINE)


def test_breaks_are_set_at_the_first_op_and_stop_where_they_say(mezzotint: CommandLine) -> None:
    ended = scripted(mezzotint, "c\n", "--break", "3", "--break", "4", "--json")
    assert ended.status == 0, ended.err
    assert ended.out.splitlines()[:6] == [
        "(mzt) b 3",
        "Breakpoint 1 at step 3",
        "(mzt) b 4",
        "Breakpoint 2 at step 4",
        "Breakpoint 1.",
        "[op 2]  fake.op  unet.mid  step 3 of 4",
    ]
    assert ended.json["stops"] == 3


def test_a_break_for_the_very_first_place_is_not_passed(mezzotint: CommandLine) -> None:
    ended = scripted(mezzotint, "p here\nc\n", "--break", "1", "--json")
    assert "here at step 1" in ended.out


def test_a_break_that_is_none_ends_it(mezzotint: CommandLine, engine: LiveEngine) -> None:
    ended = scripted(mezzotint, "c\n", "--break", "so and so", "--json")
    assert ended.status == 2
    assert (
        ended.error_line == "mezzotint: --break 'so and so' can't be set. *** 'so and so' is no breakpoint."
    )
    assert ended.json["code"] == "bad_input"
    assert engine.wait_for_end(ended.json["run_id"]).state == "cancelled"


def test_quitting_is_cancelling(mezzotint: CommandLine) -> None:
    ended = scripted(mezzotint, "q\np never\n", "--json")
    assert ended.status == 130
    assert ended.json["state"] == "cancelled"
    assert "never" not in ended.out


def test_a_worker_that_dies_at_a_stop_is_told_once(mezzotint: CommandLine) -> None:
    ended = scripted(mezzotint, "crash\np never\n", "--json")
    assert ended.status == 1
    assert ended.json["code"] == "worker_lost"
    assert ended.error_line
    assert "never" not in ended.out


def test_who_reads_our_output_goes_and_the_run_does_not_stand_for_ever(
    mezzotint: CommandLine, engine: LiveEngine
) -> None:
    process = subprocess.Popen(
        _command(words(steps=50)), env=mezzotint.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "Stopped as asked.\n"
    process.stdout.close()
    process.stdin.write("n\n" * 20)
    process.stdin.close()
    assert process.wait(LIMIT_S) == 141
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    engine.wait_until(lambda: [r.state for r in engine.runs.values()] == ["cancelled"], "its end")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--trace", "/no/such/folder/x.mzt"), "There is no folder"),
        (("--trace", "x.mzt", "--record", "nothing"), "--trace needs something recorded"),
        (("--mask", "x.png"), "There is no file x.png"),
    ],
)
def test_what_can_be_known_before_is_said_before(
    mezzotint: CommandLine, engine: LiveEngine, more: tuple[str, ...], sentence: str
) -> None:
    ended = scripted(mezzotint, "c\n", *more, "--json")
    assert ended.status == 2
    assert sentence in ended.error_line
    assert ended.json["run_id"] == ""
    assert not engine.runs


def test_standard_input_is_for_commands(mezzotint: CommandLine) -> None:
    ended = mezzotint("debug", "emoji-64", "--prompt-file", "-")
    assert ended.status == 2
    assert "standard input is for the debugger's commands" in ended.error_line


# --- at a terminal ---------------------------------------------------------------------------------------


def test_at_a_terminal_there_is_a_prompt_with_completion(terminal: Callable[..., Terminal]) -> None:
    shell = terminal()
    assert "[op 0]" in shell.until("(mzt) ")
    shell.type("pri\t hi\n")
    shell.until("*** The fake console doesn't know 'print'.")
    shell.type("p one\n")
    shell.until("one at step 1")
    shell.type("c\n")
    shell.until("finished")
    assert shell.end() == 0


def test_end_of_file_at_a_terminal_continues(terminal: Callable[..., Terminal]) -> None:
    shell = terminal()
    shell.until("(mzt) ")
    shell.type("b 3\n")
    shell.until("(mzt) ")
    shell.type("\x04")
    shell.until("without stops)")
    assert shell.end() == 0


def test_ctrl_c_breaks_in_and_again_cancels(terminal: Callable[..., Terminal], engine: LiveEngine) -> None:
    shell = terminal(prompt="normal 0.02", steps=2000)
    shell.until("(mzt) ")
    shell.type("c\n")
    engine.wait_until(lambda: any(_went_on(notice) for notice in engine.events), "the run going on")
    shell.type("\x03")
    shell.until("Breaking in")
    shell.until("Stopped as asked.")
    shell.until("(mzt) ")
    shell.type("p there\n")
    shell.until("there at step")
    shell.until("(mzt) ")
    shell.type("\x03")
    shell.until("`q` ends it")
    shell.until("(mzt) ")
    shell.type("\x03")
    shell.until("cancelled")
    assert shell.end() == 130


def _went_on(notice: m.Notice) -> bool:
    return isinstance(notice.body, m.DebuggerReported) and isinstance(notice.body.report, m.WentOn)


def _printed(notice: m.Notice, text: str) -> bool:
    return isinstance(notice.body, m.DebuggerReported) and notice.body.report == m.Printed(text=text)


def test_a_command_that_never_ends_is_left_by_ctrl_c(
    terminal: Callable[..., Terminal], engine: LiveEngine
) -> None:
    shell = terminal()
    shell.until("(mzt) ")
    shell.type("stuck\n")
    engine.wait_until(lambda: any(_printed(notice, "stuck") for notice in engine.events), "the command")
    shell.type("\x03")
    shell.until("busy with your command")
    shell.type("\x03")
    shell.until("cancelled")
    assert shell.end() == 130


def test_a_run_that_somebody_else_cancels_leaves_the_prompt(
    terminal: Callable[..., Terminal], mezzotint: CommandLine
) -> None:
    shell = terminal()
    shell.until("(mzt) ")
    assert mezzotint("cancel", "all").status == 0
    shell.until("cancelled")
    assert shell.end() == 130


def test_a_terminal_that_is_closed_ends_the_run(
    terminal: Callable[..., Terminal], engine: LiveEngine
) -> None:
    shell = terminal()
    shell.until("(mzt) ")
    shell.hang_up()
    engine.wait_until(lambda: [r.state for r in engine.runs.values()] == ["cancelled"], "its end")
    shell.end()


# --- with the real worker --------------------------------------------------------------------------------


@pytest.fixture
def real(mezzotint_home: Path) -> Iterator[LiveEngine]:
    with LiveEngine(mezzotint_home) as engine:
        yield engine


def test_an_edit_at_the_last_stop_of_a_real_run_is_in_its_record(real: LiveEngine) -> None:
    ended = scripted(CommandLine(real.home.root), "op\nout = out * 1\nc\n", "--json", prompt="cat", steps=2)
    assert ended.status == 0, ended.err
    assert (ended.json["state"], ended.json["stops"], ended.json["touched"]) == ("finished", 2, True)


def test_breaking_in_keeps_breakpoints_and_the_trace(real: LiveEngine, tmp_path: Path) -> None:
    mezzotint, trace = CommandLine(real.home.root), tmp_path / "x.mzt"
    shell = Terminal(
        mezzotint, *words("--break", "phase=decode", "--trace", str(trace), prompt="cat", steps=300)
    )
    shell.until("Breakpoint 1")
    real.wait_until(lambda: any(_went_on(notice) for notice in real.events), "the run going on")
    shell.type("\x03")
    shell.until("Breaking in")
    assert "denoise" in shell.until("(mzt) ")
    shell.type("b\n")
    assert "phase=decode" in shell.until("(mzt) ")
    shell.type("c\n")
    assert "decode" in shell.until("(mzt) ")
    shell.type("\x04")
    assert shell.end() == 0
    shown = mezzotint("trace", "show", str(trace), "--filter", "phase == encode", "--json", "--limit", "3")
    assert [json.loads(line)["number"] for line in shown.out.splitlines()] == [0, 1, 2]


def test_a_run_that_fails_stops_where_it_does_and_ends_with_its_error(real: LiveEngine) -> None:
    spoil = "!self.conv_out.weight.data = self.conv_out.weight.data[:, :1]"
    script = f"b unet.mid_block, temporary\nc\n{spoil}\nc\np a.shape\nc\n"
    ended = scripted(CommandLine(real.home.root), script, "--json", prompt="cat", steps=2)
    assert ended.status == 1
    assert ended.json["state"] == "failed"
    assert ended.error_line
    post_mortem = ended.out.split("Error: ", 1)[1]
    assert "unet.conv_out" in post_mortem.split("(mzt) ", 1)[0]
    assert "(mzt) p a.shape\ntorch.Size([2, " in post_mortem
