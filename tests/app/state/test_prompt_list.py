"""Prompt lists: what is read, what is refused with which sentence, and the jobs that come of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.prompt_list import MAX_FILE_BYTES, MAX_JOBS, offer_prompts, read_prompts, specs_of
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import BadInputError
from tests.app.app_records import EMOJI, spec
from tests.app.fake_engine_client import FakeEngineClient


def written(folder: Path, data: bytes, name: str = "prompts.txt") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_lines_comments_and_blank_lines(tmp_path: Path) -> None:
    text = "red apple\n\n  # a comment\n  cat in space  \r\n\\#hashtag, literally\nтигр 🐯\n"
    found = read_prompts(written(tmp_path, text.encode()))
    assert found.prompts == ("red apple", "cat in space", "#hashtag, literally", "тигр 🐯")
    assert found.comments == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marked_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    found = read_prompts(written(tmp_path, "größer\nтигр".encode(encoding)))
    assert found.prompts == ("größer", "тигр")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not a text file"),
        (
            "fine\ngrößer".encode("latin-1"),
            "Line 2 of prompts.txt is not UTF-8 text; save the file as UTF-8.",
        ),
        (b"\n# only a comment\n", "has no prompt"),
        (b"x" * (MAX_FILE_BYTES + 1), "is larger than 10 MB"),
        (b"a\n" * (MAX_JOBS + 1), "10,001 prompts; at most 10,000"),
    ],
)
def test_what_can_not_be_used_is_said(tmp_path: Path, data: bytes, sentence: str) -> None:
    with pytest.raises(BadInputError, match=sentence):
        read_prompts(written(tmp_path, data))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"gone.txt can't be read: No such file"):
        read_prompts(tmp_path / "gone.txt")


def test_seeds_follow_the_mode() -> None:
    draft = spec(prompt="old", seed=10, count=4, steps=7)
    fixed, _ = specs_of(("a", "b"), draft, "fixed")
    assert [(each.prompt, each.seed, each.steps) for each in fixed] == [("a", 10, 7), ("b", 10, 7)]
    following, then = specs_of(("a", "b"), draft, "next")
    assert [each.seed for each in following] == [10, 14]
    assert then == 18
    rolled, _ = specs_of(tuple("abcdefgh"), draft, "random")
    assert len({each.seed for each in rolled}) > 1


def test_a_dropped_list_asks_first_and_queues_all_in_one_request(
    qtbot: Any, tmp_path: Path, app_state: AppState, client: FakeEngineClient
) -> None:
    client.reply(m.ListModels, m.ModelList(models=(EMOJI,)))
    client.connect_engine()
    offer_prompts(app_state, written(tmp_path, b"apple\npear\n#no\nplum\n"))
    qtbot.waitUntil(lambda: bool(app_state.notices.notices))
    notice = app_state.notices.notices[-1]
    assert notice.sentence == "prompts.txt has 3 prompts: each becomes a job with the settings of the form."
    assert (notice.action_title, notice.detail) == ("Queue 3 jobs", "apple\npear\nplum")
    assert not client.calls_of(m.SubmitJobs), "nothing is queued unasked"
    assert notice.action is not None
    notice.action()
    (call,) = client.calls_of(m.SubmitJobs)
    assert [each.prompt for each in call.specs] == ["apple", "pear", "plum"]
    assert {each.model.path for each in call.specs} == {EMOJI.path}
    client.answer(m.SubmitJobs, m.JobsSubmitted(run_ids=("a", "b", "c")))
    assert app_state.notices.notices[-1].sentence == "3 jobs were queued from prompts.txt."


def test_without_an_engine_the_list_waits(qtbot: Any, tmp_path: Path, app_state: AppState) -> None:
    offer_prompts(app_state, written(tmp_path, b"apple"))
    qtbot.waitUntil(lambda: bool(app_state.notices.notices))
    action = app_state.notices.notices[-1].action
    assert action is not None
    action()
    notice = app_state.notices.notices[-1]
    assert notice.sentence.startswith("The prompts were not queued: ")
    assert notice.action_title == "Try again"


def test_a_bad_file_is_a_notice(qtbot: Any, tmp_path: Path, app_state: AppState) -> None:
    offer_prompts(app_state, written(tmp_path, b"\0\0\0"))
    qtbot.waitUntil(lambda: bool(app_state.notices.notices))
    assert app_state.notices.notices[-1].level == "error"
