"""What the command line takes and refuses, and that a refusal is one sentence."""

from __future__ import annotations

import json

import pytest

from mezzotint_app.cli import arguments, exit_status
from mezzotint_app.cli.arguments import UsageError, make_parser
from mezzotint_app.cli.main import main
from mezzotint_sdk import errors, job_spec
from mezzotint_sdk.version import __version__


def parse(*words: str):
    return make_parser().parse_args(words)


def test_everything_that_generate_takes() -> None:
    words = "generate emoji-64 --prompt cat --negative dog --steps 7 --guidance 2.5 --seed 9 --size 64x128"
    more = "--count 3 --scheduler DDIMScheduler --out x.png --image a --mask b --strength 0.5 --device cpu"
    parsed = parse(*words.split(), *more.split(), "--dtype", "float16", "--json", "--keep-engine")
    assert parsed.model == "emoji-64"
    assert (parsed.prompt, parsed.negative) == ("cat", "dog")
    assert (parsed.steps, parsed.guidance, parsed.seed, parsed.count) == (7, 2.5, 9, 3)
    assert parsed.size == (64, 128)
    assert parsed.strength == 0.5
    assert parsed.json
    assert parsed.keep_engine


def test_debug_takes_all_that_generate_takes_and_more() -> None:
    shared = ("m", "--prompt", "x", "--steps", "3", "--seed", "1", "--dtype", "float16", "--json")
    plain = vars(parse("generate", *shared))
    words = (
        "--break",
        "nan",
        "--break",
        "step=3, log='{out.max()}'",
        "--watch",
        "out.mean()",
        "--trace",
        "x",
    )
    parsed = parse("debug", *shared, *words, "--record", "statistics", "--keep", "aten.mm*")
    given = vars(parsed)
    assert {name: given[name] for name in plain if name not in ("command", "handler")} == {
        name: value for name, value in plain.items() if name not in ("command", "handler")
    }
    assert parsed.breaks == ["nan", "step=3, log='{out.max()}'"]
    assert (parsed.watch, parsed.trace, parsed.record) == (["out.mean()"], "x", "statistics")
    assert parsed.keep == "aten.mm*"
    again = parse("debug", "m", "--prompt", "x")  # lists of one command line are not those of the next
    assert (again.breaks, again.watch) == ([], [])


@pytest.mark.parametrize(("text", "size"), [("64", (64, 64)), ("64x32", (64, 32)), ("512X768", (512, 768))])
def test_sizes(text: str, size: tuple[int, int]) -> None:
    assert parse("generate", "m", "--prompt", "", "--size", text).size == size


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["paint"],
        ["generate"],
        ["generate", "m"],
        ["generate", "m", "--prompt", "x", "--prompt-file", "y"],
        ["generate", "m", "--prompt", "x", "--size", "64x"],
        ["generate", "m", "--prompt", "x", "--size", "4x4"],
        ["generate", "m", "--prompt", "x", "--size", "99999x64"],
        ["generate", "m", "--prompt", "x", "--steps", "many"],
        ["generate", "m", "--prompt", "x", "--steps", "0"],
        ["generate", "m", "--prompt", "x", "--guidance", "nan"],
        ["generate", "m", "--prompt", "x", "--guidance", "-1"],
        ["generate", "m", "--prompt", "x", "--strength", "1.1"],
        ["generate", "m", "--prompt", "x", "--seed", "-1"],
        ["generate", "m", "--prompt", "x", "--seed", str(2**63)],
        ["generate", "m", "--prompt", "x", "--count", "10001"],
        ["generate", "m", "--prompt", "x", "--dtype", "int4"],
        ["cancel"],
        ["runs", "--limit", "0"],
        ["engine", "dance"],
        ["debug", "m"],
        ["debug", "m", "--prompt", "x", "--record", "all"],
        ["trace"],
        ["trace", "show"],
        ["trace", "diff", "a"],
        ["trace", "diff", "a", "b", "--tolerance", "-1"],
        ["trace", "show", "a", "--totals", "op"],
        ["trace", "export", "a"],
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError):
        make_parser().parse_args(words)
    assert main(words) == exit_status.BAD_INPUT
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("mezzotint: ")
    assert said.err.count("\n") == 1
    assert "--help" in said.err


def test_wrong_usage_with_json_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "m", "--prompt", "x", "--steps", "0", "--json"]) == 2
    facts = json.loads(capsys.readouterr().out)
    assert facts["code"] == "bad_input"
    assert "1 to 10000" in facts["message"]


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mezzotint {__version__}\n"
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("generate", "debug", "trace", "jobs", "runs", "models"))
    for command in (
        ["generate"],
        ["debug"],
        ["trace"],
        ["trace", "show"],
        ["trace", "diff"],
        ["trace", "export"],
    ):
        assert main([*command, "--help"]) == 0


def test_limits_are_those_of_a_spec() -> None:
    assert arguments.MAX_SEED == job_spec.MAX_SEED
    assert arguments.MAX_COUNT == job_spec.MAX_COUNT
    parsed = parse("generate", "m", "--prompt", "x", "--seed", str(2**63 - 1), "--steps", "10000")
    spec = job_spec.GenerateSpec(model=job_spec.ModelRef(path="m"), seed=parsed.seed, steps=parsed.steps)
    assert job_spec.spec_from_json(job_spec.canonical_json(spec)) == spec


def every_error(kind: type[errors.MezzotintError]) -> list[type[errors.MezzotintError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in every_error(child))]


@pytest.mark.parametrize("kind", every_error(errors.MezzotintError))
def test_an_error_is_never_status_0(kind: type[errors.MezzotintError]) -> None:
    assert exit_status.status_of_error(kind.code) != exit_status.OK


@pytest.mark.parametrize(
    ("state", "code", "status"),
    [
        ("finished", "", 0),
        ("failed", "internal", 1),
        ("failed", "worker_lost", 1),
        ("failed", "bad_input", 2),
        ("failed", "model_damaged", 4),
        ("failed", "out_of_memory", 5),
        ("failed", "storage", 6),
        ("failed", "of_a_newer_engine", 1),
        ("cancelled", "", 130),
        ("interrupted", "", 130),
    ],
)
def test_status_of_runs(state: str, code: str, status: int) -> None:
    assert exit_status.status_of_run(state, code) == status


def test_each_status_is_written_down_in_the_user_guide() -> None:
    from pathlib import Path

    guide = (Path(__file__).parents[3] / "docs" / "user-guide.md").read_text()
    numbers = [getattr(exit_status, name) for name in exit_status.__all__ if name.isupper()]
    assert all(f"| {number} |" in guide for number in numbers)
