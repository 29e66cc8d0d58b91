"""From the options of a command to what is to be drawn."""

from __future__ import annotations

import os
import secrets
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from mezzotint_app.cli.engine_access import EngineAccess
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.job_spec import MAX_PROMPT_CHARS, GenerateSpec, ImageValue, Mode, ModelRef
from mezzotint_sdk.prompt_text import well_formed
from mezzotint_sdk.records import ModelRecord

__all__ = ["GenerateOptions"]

RANDOM_SEEDS = 2**32  # what other programs take as well


class GenerateOptions:
    """What can be checked before there is an engine, is. Raises BadInputError."""

    def __init__(self, arguments: Namespace) -> None:
        self._arguments = arguments
        self._prompt = _prompt(arguments)
        self._images = {name: _existing_file(getattr(arguments, name), name) for name in ("image", "mask")}
        if self._images["mask"] and not self._images["image"]:
            raise BadInputError("--mask needs --image: the picture of which a part is drawn anew.")
        if arguments.strength is not None and not self._images["image"]:
            raise BadInputError("--strength needs --image: it says how much of that picture may change.")

    def spec(self, access: EngineAccess, model: ModelRecord) -> GenerateSpec:
        """With the pictures brought in. Raises MezzotintError."""
        return _make_spec(self._arguments, model, self._prompt, _imported(access, self._images))


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
        threads=arguments.threads or 0,
        **settings,
    )
