"""A text file of prompts: each line becomes a job with the settings of the form.

Empty lines are skipped, and lines that begin with `#` are comments; a prompt that itself begins with `#` is
written `\\#`. UTF-8 (with or without a mark) and UTF-16 with its mark are read.
"""

from __future__ import annotations

import codecs
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_app.state.generate_state import RANDOM_SEEDS, runnable_spec
from mezzotint_app.state.settings_state import SeedMode
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import BadInputError, MezzotintError
from mezzotint_sdk.job_spec import MAX_PROMPT_CHARS, MAX_SEED, GenerateSpec
from mezzotint_sdk.prompt_text import well_formed

if TYPE_CHECKING:
    from mezzotint_app.state.app_state import AppState

__all__ = ["MAX_FILE_BYTES", "MAX_JOBS", "PromptList", "offer_prompts", "read_prompts", "specs_of"]

MAX_FILE_BYTES = 10 * 2**20
MAX_JOBS = 10_000  # what the engine takes at once
PREVIEW_LINES = 200
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class PromptList:
    name: str
    prompts: tuple[str, ...]
    comments: int


def read_prompts(path: str | Path) -> PromptList:
    """The prompts of a text file. Raises BadInputError with a sentence that says what is wrong with it."""
    name = Path(path).name
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadInputError(f"{name} can't be read: {error.strerror or error}.") from error
    if len(data) > MAX_FILE_BYTES:
        raise BadInputError(
            f"{name} is larger than {MAX_FILE_BYTES // 2**20} MB; split it into smaller files."
        )
    lines = _decoded(name, data).splitlines()
    prompts: list[str] = []
    comments = 0
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text.startswith("#"):
            comments += 1
        elif text:
            if len(text) > MAX_PROMPT_CHARS:
                raise BadInputError(
                    f"Line {number} of {name} is longer than {MAX_PROMPT_CHARS:,} characters."
                )
            prompts.append(well_formed(text.removeprefix("\\") if text.startswith("\\#") else text))
    if not prompts:
        raise BadInputError(f"{name} has no prompt: write one on each line.")
    if len(prompts) > MAX_JOBS:
        raise BadInputError(
            f"{name} has {len(prompts):,} prompts; at most {MAX_JOBS:,} can be queued at once."
        )
    return PromptList(name, tuple(prompts), comments)


def _decoded(name: str, data: bytes) -> str:
    encoding = next((encoding for mark, encoding in MARKS if data.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in data:
        raise BadInputError(f"{name} is not a text file; prompts are read from plain text.")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInputError(f"Line {line} of {name} is not UTF-8 text; save the file as UTF-8.") from error


def specs_of(
    prompts: Sequence[str], draft: GenerateSpec, seed_mode: SeedMode
) -> tuple[tuple[GenerateSpec, ...], int]:
    """A spec for each prompt, and the seed that the form goes on with.

    Fixed: all have the form's seed. Random: each has its own. Next: they follow each other.
    """
    base = runnable_spec(draft)
    seed = base.seed
    specs = []
    for prompt in prompts:
        if seed_mode == "random":
            seed = secrets.randbelow(RANDOM_SEEDS)
        specs.append(msgspec.structs.replace(base, prompt=prompt, seed=seed))
        if seed_mode == "next":
            seed = (seed + base.count) % (MAX_SEED + 1 - base.count)
    return tuple(specs), seed


def offer_prompts(state: AppState, path: str | Path) -> None:
    """Read a file on another thread, say how many jobs it makes, and queue them when the user says so."""

    def failed(error: Exception) -> None:
        if isinstance(error, MezzotintError):
            state.notices.show_error(error)
        else:
            state.notices.show("error", f"{Path(path).name} can't be read: {error}")

    BackgroundTask(lambda: read_prompts(path), lambda found: _ask(state, found), failed, owner=state.generate)


def _ask(state: AppState, found: PromptList) -> None:
    count = len(found.prompts)
    jobs = "1 job" if count == 1 else f"{count:,} jobs"
    prompts = "one prompt" if count == 1 else f"{count:,} prompts"
    preview = [_short(prompt) for prompt in found.prompts[:PREVIEW_LINES]]
    if count > PREVIEW_LINES:
        preview.append(f"… and {count - PREVIEW_LINES:,} more")
    state.notices.show(
        "info",
        f"{found.name} has {prompts}: each becomes a job with the settings of the form.",
        "\n".join(preview),
        f"Queue {jobs}",
        lambda: _queue(state, found),
    )


def _queue(state: AppState, found: PromptList) -> None:
    blocker = state.generate.blocker()
    if blocker:
        state.notices.show(
            "warning",
            f"The prompts were not queued: {blocker}",
            action_title="Try again",
            action=lambda: _queue(state, found),
        )
        return
    specs, seed = specs_of(found.prompts, state.generate.draft, state.generate.seed_mode)

    def queued(reply: m.JobsSubmitted) -> None:
        count = len(reply.run_ids)
        what = "One job was" if count == 1 else f"{count:,} jobs were"
        state.notices.show("info", f"{what} queued from {found.name}.")
        if state.generate.seed_mode == "next":
            state.generate.set(seed=seed)

    state.client.call(m.SubmitJobs(specs=specs), queued, state.notices.show_error)


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"
