"""`mezzotint debug … --compare`: two runs of a real engine and what their traces say of each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mezzotint_sdk.records import RunRecord
from tests.e2e.command_line import CommandLine, Ended
from tests.e2e.live_engine import LiveEngine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals are POSIX"),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveEngine]:
    with LiveEngine(tmp_path_factory.mktemp("home")) as engine:
        yield engine


def compared(engine: LiveEngine, change: str, *more: str) -> Ended:
    mezzotint = CommandLine(Path(engine.home.root))
    words = ("--prompt", "red apple", "--seed", "3", "--steps", "2", "--quiet", "--compare", change)
    return mezzotint("debug", "emoji-64", *words, *more)


def made(engine: LiveEngine) -> list[RunRecord]:
    return sorted(engine.runs.values(), key=lambda run: run.created)


def test_half_precision_is_found_where_it_begins_and_where_it_matters(engine: LiveEngine) -> None:
    ended = compared(engine, "dtype=bfloat16", "--json")
    assert (ended.status, ended.err) == (1, "")
    facts = ended.json
    assert (facts["state"], facts["different"], facts["missing"], facts["inserted"]) == (
        "finished",
        True,
        0,
        0,
    )
    begins = facts["course"].partition(" The largest")[0]
    assert "aten.embedding" in begins, "the weights of the first op that has any were rounded"
    assert facts["first"] > facts["first_unequal"] >= 0
    assert facts["largest_error"] >= facts["first_error"] > 0.016
    first, second = made(engine)
    assert facts["runs"] == [first.run_id, second.run_id]
    assert all(Path(trace).is_file() for trace in facts["traces"])
    assert (first.spec.dtype, second.spec.dtype) == ("auto", "bfloat16")
    assert first.spec.seed == second.spec.seed == 3


def test_the_same_made_twice_is_equal_to_the_last_bit_where_values_are_kept(engine: LiveEngine) -> None:
    ended = compared(engine, "dtype=float32", "--keep", "aten.conv2d*", "--record", "descriptors")
    assert ended.status == 0, ended.out + ended.err
    lines = ended.out.splitlines()
    assert [line.split(": ")[-1] for line in lines[:2]] == ["dtype auto", "dtype float32"]
    assert lines[2].endswith("agree to the last bit.")


def test_a_run_that_can_not_be_made_ends_the_comparison(engine: LiveEngine) -> None:
    ended = compared(engine, "device=cuda:77", "--json")
    assert (ended.status, ended.json["code"]) == (2, "bad_input")
    assert "cuda:77" in ended.error_line


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("dtype",), "takes a setting and another value"),
        (("steps=3",), "'steps' can't be compared"),
        (("dtype=bfloat16", "--break", "nan"), "--break can't be used"),
        (("dtype=bfloat16", "--record", "descriptors"), "needs statistics"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(
    engine: LiveEngine, words: tuple[str, ...], told: str
) -> None:
    before = len(engine.runs)
    ended = compared(engine, *words)
    assert ended.status == 2
    assert told in ended.error_line
    assert len(engine.runs) == before
