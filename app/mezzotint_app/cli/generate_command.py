"""`mezzotint generate`: one run, from the prompt to the files."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mezzotint_app.cli import exit_status
from mezzotint_app.cli.bug_report import as_internal_error
from mezzotint_app.cli.engine_access import EngineAccess
from mezzotint_app.cli.interrupts import Interrupts
from mezzotint_app.cli.model_choice import choose_model
from mezzotint_app.cli.picture_files import PictureFiles
from mezzotint_app.cli.progress_display import make_display
from mezzotint_app.cli.run_follower import RunFollower
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import (
    BadInputError,
    CancelledRunError,
    EngineLostError,
    InternalError,
    MezzotintError,
)
from mezzotint_sdk.job_spec import MAX_PROMPT_CHARS, GenerateSpec, ImageValue, Mode, ModelRef
from mezzotint_sdk.prompt_text import well_formed
from mezzotint_sdk.records import ModelRecord, RunRecord

__all__ = ["run"]

RANDOM_SEEDS = 2**32  # what other programs take as well


@dataclass
class _Outcome:
    """What is told at the end, whichever way it came."""

    run_id: str = ""
    state: str = "failed"
    seconds: float = 0.0
    seed: int | None = None
    files: list[str] = field(default_factory=list)
    error: MezzotintError | None = None

    def as_json(self) -> str:
        facts: dict[str, Any] = {
            "run_id": self.run_id,
            "state": self.state,
            "seconds": round(self.seconds, 3),
            "seed": self.seed,
            "files": self.files,
        }
        if self.error is not None:
            facts |= {"code": self.error.code, "message": self.error.message}
        return json.dumps(facts)


def run(arguments: Namespace) -> int:
    outcome = _Outcome()
    interrupts = Interrupts()
    began = time.monotonic()
    try:
        _generate(arguments, outcome, interrupts)
    except MezzotintError as error:
        outcome.error = error
        if isinstance(error, EngineLostError) and outcome.run_id:
            outcome.state = "interrupted"
    except BrokenPipeError:
        raise
    except Exception as bug:  # a script must get its line about the run, whatever fails around it
        outcome.error = as_internal_error(bug)
    except KeyboardInterrupt:  # before there was a run: from then on interrupts are counted
        outcome.state = "cancelled"
        outcome.error = CancelledRunError("Cancelled before there was a run.")
    outcome.seconds = outcome.seconds or time.monotonic() - began
    return _report(arguments, outcome, interrupts)


def _report(arguments: Namespace, outcome: _Outcome, interrupts: Interrupts) -> int:
    error = outcome.error
    if not arguments.json:
        if outcome.run_id and outcome.state in ("finished", "cancelled"):
            print(f"Run {outcome.run_id} {outcome.state} in {outcome.seconds:.1f} s, seed {outcome.seed}")
        for file in outcome.files:
            print(file)
    if error is not None:
        sys.stdout.flush()
        print(f"mezzotint: {' '.join(error.message.split())}", file=sys.stderr, flush=True)
        if arguments.verbose and error.detail:
            print(error.detail, file=sys.stderr)
    if arguments.json:
        print(outcome.as_json())
    if outcome.state == "cancelled":
        return exit_status.TERMINATED if interrupts.was_terminated else exit_status.INTERRUPTED
    if error is not None:
        return exit_status.status_of_error(error.code)
    return exit_status.status_of_run(outcome.state)


def _generate(arguments: Namespace, outcome: _Outcome, interrupts: Interrupts) -> None:
    prompt = _prompt(arguments)
    images = {name: _existing_file(getattr(arguments, name), name) for name in ("image", "mask")}
    if images["mask"] and not images["image"]:
        raise BadInputError("--mask needs --image: the picture of which a part is drawn anew.")
    if arguments.strength is not None and not images["image"]:
        raise BadInputError("--strength needs --image: it says how much of that picture may change.")
    out = PictureFiles(arguments.out, arguments.count) if arguments.out is not None else None
    follower = RunFollower()
    display = make_display(quiet=arguments.quiet or (arguments.json and not sys.stderr.isatty()))
    with EngineAccess(
        keep=arguments.keep_engine,
        on_notice=follower.on_notice,
        on_snapshot=follower.on_snapshot,
        on_state=follower.on_state,
    ) as access:
        model = choose_model(access, arguments.model)
        spec = _make_spec(arguments, model, prompt, _imported(access, images))
        outcome.seed = spec.seed
        with interrupts, display:
            (outcome.run_id,) = access.call(m.SubmitJobs(specs=(spec,))).run_ids
            record = follower.follow(outcome.run_id, access, interrupts, display.show)
        _take_end(outcome, record)
        found: m.RunFound = access.call(m.GetRun(run_id=outcome.run_id))
        pictures = [Path(artifact.path) for artifact in sorted(found.artifacts, key=lambda a: a.index)]
        outcome.files = [str(picture) for picture in pictures]
        if out is not None:
            outcome.files = [str(file) for file in out.copy(pictures, outcome.run_id)]


def _take_end(outcome: _Outcome, record: RunRecord) -> None:
    """What the run's last record says. One that is still being stopped counts as cancelled."""
    outcome.state = (
        "cancelled" if record.state in ("running", "paused", "stopping", "queued") else record.state
    )
    outcome.seconds = record.seconds
    if record.error is not None and outcome.state != "finished":
        outcome.error = _RunFailure(record.error.code, record.error.message, record.error.detail)
    elif outcome.state in ("failed", "interrupted"):
        outcome.error = InternalError(f"The run {record.state}, and nothing says why.")


class _RunFailure(MezzotintError):
    """A run's own error, with its own code whether or not this version knows it."""

    def __init__(self, code: str, message: str, detail: str) -> None:
        super().__init__(message, detail)
        self.code = code  # type: ignore[misc]  # of the instance: it came over the wire


def _prompt(arguments: Namespace) -> str:
    if arguments.prompt_file is None:
        text = arguments.prompt
    else:
        try:
            if arguments.prompt_file == "-":
                data = sys.stdin.buffer.read()
            else:
                data = Path(arguments.prompt_file).read_bytes()
        except OSError as error:
            raise BadInputError(
                f"The prompt can't be read from {arguments.prompt_file}: {error.strerror or error}."
            ) from error
        text = data.decode("utf-8", "replace").removesuffix("\n")
    for name, given in (("prompt", text), ("negative prompt", arguments.negative)):
        if len(given) > MAX_PROMPT_CHARS:
            raise BadInputError(f"The {name} is longer than {MAX_PROMPT_CHARS} characters; shorten it.")
    return well_formed(text)


def _existing_file(path: str | None, name: str) -> str:
    if path is None:
        return ""
    full = os.path.abspath(os.path.expanduser(path))
    if not os.path.isfile(full):
        raise BadInputError(f"There is no file {path} for --{name}.")
    return full


def _imported(access: EngineAccess, images: dict[str, str]) -> dict[str, ImageValue]:
    return {
        name: ImageValue(access.call(m.ImportImage(path=path)).sha256)
        for name, path in images.items()
        if path
    }


def _make_spec(
    arguments: Namespace, model: ModelRecord, prompt: str, images: dict[str, ImageValue]
) -> GenerateSpec:
    mode: Mode = "inpaint" if "mask" in images else "image_to_image" if "image" in images else "text_to_image"
    width, height = arguments.size or (model.default_width or 512, model.default_height or 512)
    settings: dict[str, Any] = dict(images)
    if arguments.strength is not None:
        settings["strength"] = arguments.strength
    return GenerateSpec(
        model=ModelRef(path=model.path, fingerprint=model.fingerprint),
        mode=mode,
        prompt=prompt,
        negative_prompt=well_formed(arguments.negative),
        steps=arguments.steps or model.default_steps,
        guidance_scale=model.default_guidance if arguments.guidance is None else arguments.guidance,
        seed=secrets.randbelow(RANDOM_SEEDS) if arguments.seed is None else arguments.seed,
        width=width,
        height=height,
        count=arguments.count,
        scheduler=arguments.scheduler,
        device=arguments.device,
        dtype=arguments.dtype,
        **settings,
    )
