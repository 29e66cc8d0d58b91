"""Whether a model folder can be used, from names, sizes and headers alone: no torch, nothing is executed.

A folder in diffusers' layout has a `model_index.json` that names its components, each in a folder of its own.
Raised: ModelIncompleteError (a part is missing), ModelDamagedError (nonsense in a file), ModelUnsafeError
(loading would run code from the folder), ModelError (understood, but not something Mezzotint draws with).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import msgspec

from mezzotint_engine.models.safetensors_header import DTYPE_BITS, read_header
from mezzotint_sdk.errors import (
    ModelDamagedError,
    ModelError,
    ModelIncompleteError,
    ModelUnsafeError,
    NotFoundError,
)

__all__ = ["ModelContents", "PICKLE_SUFFIXES", "check_model", "components_of", "read_json"]

MAX_JSON_BYTES = 64 * 1024 * 1024
PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt")
# Libraries whose classes a folder may name. Anything else is a module of the folder itself, that is, its
# code.
TRUSTED_LIBRARIES = ("diffusers", "transformers")
# Components without weights, by the ending of their class names.
WEIGHTLESS = ("Scheduler", "Tokenizer", "TokenizerFast", "FeatureExtractor", "ImageProcessor", "Processor")
TRAINED_DTYPES = ("F16", "BF16", "F32", "F64")
INDEX_FILE = "model_index.json"


@dataclass(frozen=True)
class ModelContents:
    """What the weights of a folder are. `pickles` are weight files that only `weights_only` may load."""

    pipeline_class: str
    components: dict[str, tuple[str, str]]  # name to (library, class)
    weights: dict[str, tuple[Path, ...]]
    pickles: tuple[Path, ...]
    parameters: int
    nbytes: int
    dtypes: dict[str, str]  # per component, the dtype of most of its bytes; "" where it is in pickles


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a model's file. Raises ModelIncompleteError or ModelDamagedError."""
    place = "/".join(path.parts[-2:])
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ModelDamagedError(f"{place} is too large to be what its name says.")
        found = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise ModelIncompleteError(f"The model lacks {place}; copy or download it again.") from None
    except OSError as error:
        raise ModelError(f"{place} can't be read ({error.strerror or error}).") from error
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError) as error:
        raise ModelDamagedError(f"{place} is damaged ({error}); copy or download it again.") from error
    if not isinstance(found, dict):
        raise ModelDamagedError(f"{place} is damaged: it should hold an object.")
    return found


def components_of(folder: Path) -> tuple[str, dict[str, tuple[str, str]]]:
    """The pipeline's class name, and what model_index.json says of each component that is not left out."""
    if not folder.is_dir():
        raise NotFoundError(f"There is no model folder {folder}.")
    if not (folder / INDEX_FILE).is_file():
        raise ModelIncompleteError(
            f"{folder} has no {INDEX_FILE}, so it is not a model in diffusers' layout."
        )
    index = read_json(folder / INDEX_FILE)
    pipeline_class = index.get("_class_name")
    if isinstance(pipeline_class, list):
        raise ModelUnsafeError(
            "The model brings a pipeline of its own as code, which Mezzotint does not run."
        )
    if not isinstance(pipeline_class, str) or not pipeline_class:
        raise ModelDamagedError(f"{INDEX_FILE} does not say which pipeline the model is for.")
    components = {}
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or len(value) != 2 or value == [None, None]:
            continue
        library, kind = value
        if (
            not re.fullmatch(r"[A-Za-z]\w*", name)
            or not isinstance(library, str)
            or not isinstance(kind, str)
        ):
            raise ModelDamagedError(f"{INDEX_FILE} is damaged at the component {name[:80]!r}.")
        if library not in TRUSTED_LIBRARIES:
            raise ModelUnsafeError(
                f"The component {name} needs code from {library[:80]!r}, which Mezzotint does not run."
            )
        components[name] = (library, kind)
    return pipeline_class, components


def check_model(folder: Path) -> ModelContents:
    """Look at every part that model_index.json names. Raises the first problem found."""
    pipeline_class, components = components_of(folder)
    weights: dict[str, tuple[Path, ...]] = {}
    pickles: list[Path] = []
    dtypes: dict[str, str] = {}
    parameters = nbytes = 0
    for name, (_, kind) in components.items():
        part = folder / name
        if not part.is_dir():
            raise ModelIncompleteError(f"The model lacks its {name}: there is no folder {part}.")
        if kind.endswith(WEIGHTLESS):
            if not any(part.iterdir()):
                raise ModelIncompleteError(f"The model lacks its {name}: the folder {part} is empty.")
            if kind.endswith("Scheduler"):
                read_json(part / "scheduler_config.json")
            continue
        read_json(part / "config.json")
        files = _weight_files(part, name)
        weights[name] = files
        if files[0].suffix in PICKLE_SUFFIXES:
            pickles.extend(files)
            dtypes[name] = ""
            nbytes += sum(file.stat().st_size for file in files)
            continue
        sizes: dict[str, int] = {}
        for file in files:
            header = read_header(file)
            parameters += header.parameters
            for entry in header.tensors.values():
                bits = prod(entry.shape) * DTYPE_BITS[entry.dtype]
                sizes[entry.dtype] = sizes.get(entry.dtype, 0) + bits // 8
        if not sizes:
            raise ModelIncompleteError(
                f"The weights of the {name} are empty; copy or download the model again."
            )
        dtypes[name] = max(sizes, key=lambda dtype: sizes[dtype])
        if dtypes[name] not in TRAINED_DTYPES:
            raise ModelError(
                f"The weights of the {name} are stored as {dtypes[name]}, which can't be drawn with: "
                f"use a copy of the model in float32, float16 or bfloat16."
            )
        nbytes += sum(sizes.values())
    return ModelContents(pipeline_class, components, weights, tuple(pickles), parameters, nbytes, dtypes)


def _weight_files(part: Path, name: str) -> tuple[Path, ...]:
    """A component's weight files.

    Safetensors, whole or in shards; pickles only where there is nothing else.
    """
    for stem in ("diffusion_pytorch_model", "model"):
        if (part / f"{stem}.safetensors").is_file():
            return (part / f"{stem}.safetensors",)
        index = part / f"{stem}.safetensors.index.json"
        if index.is_file():
            return _shards(part, name, index)
    for file in ("diffusion_pytorch_model.bin", "pytorch_model.bin"):
        if (part / file).is_file():
            return (part / file,)
        if (part / f"{file}.index.json").is_file():
            return _shards(part, name, part / f"{file}.index.json")
    variants = sorted(part.glob("*.safetensors"))
    if variants:
        raise ModelIncompleteError(
            f"The {name} has only {variants[0].name}, a variant; rename it to the name without the variant."
        )
    others = [file.name for file in sorted(part.iterdir()) if file.suffix in PICKLE_SUFFIXES]
    if others:
        raise ModelUnsafeError(
            f"The {name} has only the pickle {others[0]}, which could run code; use a safetensors copy."
        )
    raise ModelIncompleteError(f"The model lacks the weights of its {name}: {part} has no safetensors file.")


def _shards(part: Path, name: str, index: Path) -> tuple[Path, ...]:
    table = read_json(index).get("weight_map")
    if not isinstance(table, dict) or not table or not all(isinstance(file, str) for file in table.values()):
        raise ModelDamagedError(f"{part.name}/{index.name} is damaged: it lists no weights.")
    files = sorted(set(table.values()))
    for file in files:
        if Path(file).name != file:
            raise ModelDamagedError(f"{part.name}/{index.name} names a file outside of its folder.")
        if not (part / file).is_file():
            raise ModelIncompleteError(
                f"The model lacks a part of its {name}: {part.name}/{file} is not there."
            )
    return tuple(part / file for file in files)
