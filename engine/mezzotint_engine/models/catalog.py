"""Which models there are and what each is, read from files' names and headers.

No torch: the server uses this.
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mezzotint_engine.models.model_check import (
    INDEX_FILE,
    ModelContents,
    check_model,
    components_of,
    read_json,
)
from mezzotint_engine.models.model_families import ModelFamily, family_of
from mezzotint_engine.models.model_fingerprint import fingerprint, folder_stamp
from mezzotint_sdk.errors import MezzotintError, ModelError, NotFoundError
from mezzotint_sdk.records import ModelRecord

__all__ = [
    "BUNDLED_PREFIX",
    "bundled_models_folder",
    "describe_model",
    "fingerprint",
    "list_models",
    "model_reference",
    "resolve_model",
]

BUNDLED_PREFIX = "bundled:"
MAX_EXAMPLES = 24
# First in the form, where a model knows them: things that anybody recognises at 64 pixels.
FAVOURITES = (
    "red apple",
    "pizza",
    "sunflower",
    "rocket",
    "cat face",
    "red heart",
    "rainbow",
    "fire",
    "penguin",
)

_DTYPE_NAMES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}

NOTES_FILE = "mezzotint.json"
CAPTIONS_FILE = "captions.json"

Stamp = tuple[tuple[tuple[str, int, int], ...], tuple[int, ...]]
# Reading a model's headers takes 5 ms, and each job that is submitted asks. A dict's get and set are atomic.
_known: dict[Path, tuple[Stamp, ModelRecord]] = {}


def bundled_models_folder() -> Path:
    """Where the models lie that come with Mezzotint.

    Found through the package, also in a read-only install.
    """
    return Path(str(importlib.resources.files("mezzotint_assets"))) / "models"


def resolve_model(path: str) -> Path:
    """The folder of a model from what stands in `ModelRef.path`: `bundled:NAME` or an absolute folder.

    Raises NotFoundError where there is none.
    """
    if path.startswith(BUNDLED_PREFIX):
        name = path[len(BUNDLED_PREFIX) :]
        folder = bundled_models_folder() / name
        if not name or Path(name).name != name or name in (".", "..") or not folder.is_dir():
            known = ", ".join(
                BUNDLED_PREFIX + child.name for child in _model_folders(bundled_models_folder())
            )
            raise NotFoundError(f"There is no model {path}; those that come with Mezzotint are: {known}.")
        return folder
    if not path or "\0" in path:
        raise NotFoundError("No model was chosen.")
    folder = Path(path).expanduser()
    if not folder.is_absolute():
        # a relative path would mean another place in each process
        raise NotFoundError(
            f"The model {path!r} must be given as an absolute folder or as {BUNDLED_PREFIX}NAME."
        )
    if folder.name == INDEX_FILE:
        folder = folder.parent
    try:
        found = folder.is_dir()
    except OSError:
        found = False
    if not found:
        raise NotFoundError(f"There is no model folder {folder}.")
    return folder


def model_reference(folder: Path) -> str:
    """What goes into `ModelRef.path` for a folder."""
    bundled = bundled_models_folder()
    return f"{BUNDLED_PREFIX}{folder.name}" if folder.parent == bundled else str(folder)


def list_models(folders: Iterable[Path | str] = ()) -> list[ModelRecord]:
    """The bundled models, then those in or directly below each of `folders`.

    A broken one carries its problem.
    """
    found: dict[Path, None] = dict.fromkeys(_model_folders(bundled_models_folder()))
    for folder in folders:
        found.update(dict.fromkeys(_model_folders(Path(folder).expanduser().absolute())))
    return [_described(folder) for folder in found]


def describe_model(path: str) -> ModelRecord:
    """What a model is; read again where any of its files was written since. What is wrong with it is in
    `problem`.

    Raises NotFoundError where there is no such folder.
    """
    folder = resolve_model(path)
    try:
        stamp: Stamp = (
            folder_stamp(folder),
            tuple(_time_of(folder / name) for name in (NOTES_FILE, CAPTIONS_FILE)),
        )
    except (OSError, MezzotintError):
        return _described(folder)  # which says what is wrong
    known = _known.get(folder)
    if known is None or known[0] != stamp:
        known = stamp, _described(folder)
        if known[1].problem is None:
            _known[folder] = known
    return known[1]


def _time_of(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return -1


def _model_folders(folder: Path) -> list[Path]:
    try:
        if (folder / INDEX_FILE).is_file():
            return [folder]
        return [child for child in sorted(folder.iterdir()) if (child / INDEX_FILE).is_file()]
    except OSError:
        return []


def _described(folder: Path) -> ModelRecord:
    base = ModelRecord(path=model_reference(folder), name=folder.name, folder=str(folder))
    try:
        pipeline_class, _ = components_of(folder)
        family = family_of(pipeline_class)
        if family is None:
            raise ModelError(
                f"{folder.name} is for {pipeline_class}, which Mezzotint does not draw with yet."
            )
        contents = check_model(folder)
        return _record(base, folder, family, contents)
    except MezzotintError as error:
        return _replaced(base, problem=error.info())
    except OSError as error:
        problem = ModelError(f"The model {folder} can't be read ({error.strerror or error}).")
        return _replaced(base, problem=problem.info())


def _replaced(record: ModelRecord, **changes: Any) -> ModelRecord:
    return ModelRecord(**{**{name: getattr(record, name) for name in record.__struct_fields__}, **changes})


def _record(base: ModelRecord, folder: Path, family: ModelFamily, contents: ModelContents) -> ModelRecord:
    denoiser = read_json(folder / family.denoiser / "config.json")
    scale = _vae_scale(folder)
    width, height = _default_size(denoiser, scale, family)
    patch = denoiser.get("patch_size", 1) if family.denoiser == "transformer" else 1
    # Flux packs latents two by two, whatever its patch size says
    patch = 2 if family.name == "flux" else patch if isinstance(patch, int) and 0 < patch < 64 else 1
    scheduler = contents.components.get("scheduler", ("", ""))[1]
    return _replaced(
        base,
        pipeline_class=contents.pipeline_class,
        fingerprint=fingerprint(folder),
        nbytes=contents.nbytes,
        parameters=contents.parameters,
        dtype=_DTYPE_NAMES.get(contents.dtypes.get(family.denoiser, ""), ""),
        default_width=width,
        default_height=height,
        size_multiple=max(8, scale * patch),
        default_steps=family.default_steps,
        default_guidance=_own_guidance(folder) or family.default_guidance,
        scheduler=scheduler,
        schedulers=tuple(sorted({*family.schedulers, scheduler} - {""})),
        modes=family.modes,
        example_prompts=_examples(folder),
    )


def _vae_scale(folder: Path) -> int:
    channels = read_json(folder / "vae" / "config.json").get("block_out_channels")
    return 2 ** (len(channels) - 1) if isinstance(channels, list) and 0 < len(channels) < 8 else 8


def _default_size(denoiser: dict[str, Any], scale: int, family: ModelFamily) -> tuple[int, int]:
    """Width and height in pixels that the model was made for."""
    sample = denoiser.get("sample_size")
    if isinstance(sample, int) and sample > 0:
        return sample * scale, sample * scale
    if (
        isinstance(sample, list)
        and len(sample) == 2
        and all(isinstance(side, int) and side > 0 for side in sample)
    ):
        return sample[1] * scale, sample[0] * scale
    return family.default_size, family.default_size


def _own_guidance(folder: Path) -> float | None:
    """The guidance scale that suits this very model, from its `mezzotint.json` where it has one."""
    try:
        value = json.loads((folder / NOTES_FILE).read_text(encoding="utf-8"))["default_guidance"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None  # as below: a nicety
    return float(value) if isinstance(value, int | float) and 0.0 < value <= 100.0 else None


def _examples(folder: Path) -> tuple[str, ...]:
    """Prompts that a model is known to draw, from its captions.json where it has one."""
    try:
        entries = json.loads((folder / CAPTIONS_FILE).read_text(encoding="utf-8"))
        captions = [entry["caption"] for entry in entries if isinstance(entry["caption"], str)]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return ()  # a nicety: its absence is no problem of the model
    chosen = [caption for caption in FAVOURITES if caption in captions]
    stride = max(1, len(captions) // MAX_EXAMPLES)
    chosen.extend(caption for caption in captions[::stride] if caption not in chosen)
    return tuple(chosen[:MAX_EXAMPLES])
