"""Where the debugger's commands come from."""

from __future__ import annotations

import io

import pytest

from mezzotint_app.cli.console_input import ScriptInput, TerminalInput


def test_a_script_is_echoed_as_if_it_was_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\r\n\np out"))
    source = ScriptInput()
    assert [source.read("(mzt) ") for _ in range(4)] == ["n", "", "p out", None]
    assert capsys.readouterr().out == "(mzt) n\n(mzt) \n(mzt) p out\n"


def test_without_standard_input_there_are_no_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert ScriptInput().read("(mzt) ") is None


class Line:
    """What readline knows of the line that is typed."""

    def __init__(self, line: str, begin: int) -> None:
        self.line, self.begin = line, begin

    def get_line_buffer(self) -> str:
        return self.line

    def get_begidx(self) -> int:
        return self.begin

    def get_endidx(self) -> int:
        return len(self.line)


@pytest.mark.parametrize(
    ("line", "begin", "words", "start", "offered"),
    [
        ("p ou", 2, ("out", "outs"), 2, ["out", "outs"]),
        ("b unet.mid-bl", 11, ("unet.mid-block", "other"), 2, ["block"]),  # the engine's word begins earlier
        ("p out.me", 2, ("mean", "median"), 6, ["out.mean", "out.median"]),  # and here later
        ("zz", 0, (), 2, []),
    ],
)
def test_completions_are_what_readline_replaces(
    line: str, begin: int, words: tuple[str, ...], start: int, offered: list[str]
) -> None:
    pytest.importorskip("readline")
    asked = []

    def complete(text: str, cursor: int) -> tuple[tuple[str, ...], int]:
        asked.append((text, cursor))
        return words, start

    source = TerminalInput(complete)
    source._readline = Line(line, begin)  # type: ignore[assignment]
    found = [source._offer(line[begin:], number) for number in range(len(offered) + 1)]
    assert found == [*offered, None]
    assert asked == [(line, len(line))]
