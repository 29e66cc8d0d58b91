"""A model folder becomes a pipeline in memory.

Local files only, explicit dtype, never code from the folder.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch

from mezzotint_engine.models.memory_errors import is_out_of_memory
from mezzotint_engine.models.model_check import ModelContents, check_model
from mezzotint_engine.models.model_families import ModelFamily, family_of
from mezzotint_sdk.errors import (
    BadInputError,
    MezzotintError,
    ModelDamagedError,
    ModelError,
    ModelUnsafeError,
)

__all__ = ["DTYPES", "LoadedModel", "load_model"]

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass
class LoadedModel:
    """One set of components in memory, and the pipelines over it: one a mode, sharing all of them."""

    folder: Path
    family: ModelFamily
    device: str
    dtype: str
    nbytes: int
    base: Any
    scheduler: Any  # the model's own, as it was loaded: pipelines get others in its place
    pipelines: dict[str, Any] = field(default_factory=dict)

    def pipeline(self, mode: str) -> Any:
        """The pipeline for a mode. Raises BadInputError where the model can't do that."""
        if mode not in self.family.classes:
            known = ", ".join(self.family.modes)
            raise BadInputError(f"{self.folder.name} can't do {mode}; it does {known}.")
        if mode not in self.pipelines:
            self.pipelines[mode] = self._build(self.family.classes[mode])
        return self.pipelines[mode]

    def _build(self, class_name: str) -> Any:
        cls = getattr(diffusers, class_name)
        if type(self.base) is cls:
            return self.base
        # not `from_pipe`, which casts the shared components to a dtype of its own choice
        expected, options = cls._get_signature_keys(cls)
        parts = {name: part for name, part in self.base.components.items() if name in expected}
        kept = {name: self.base.config[name] for name in options if name in self.base.config}
        kept.pop("safety_checker", None)
        built = cls(**{**kept, **parts})
        built.set_progress_bar_config(disable=True)
        return built


def load_model(
    folder: Path,
    dtype: str,
    device: str,
    before_parts: Callable[[], None] = lambda: None,
) -> LoadedModel:
    """Check a folder, then load it with diffusers. `before_parts` is called before the long part begins.

    Raises ModelError and its kin with a sentence; memory running out is passed on as it is.
    """
    contents = check_model(folder)
    family = family_of(contents.pipeline_class)
    if family is None:
        raise ModelError(
            f"{folder.name} is for {contents.pipeline_class}, which Mezzotint can't draw with yet."
        )
    for file in contents.pickles:
        _check_pickle(file)
    before_parts()
    try:
        base = _from_folder(folder, contents, dtype).to(device)
    except MezzotintError:
        raise
    except Exception as error:
        # from_pretrained raises whatever the damage leads to: KeyError, ValueError, RuntimeError, OSError ...
        if is_out_of_memory(error):
            raise
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise ModelDamagedError(
            f"The model {folder.name} can't be loaded: {first_line}",
            detail=f"{type(error).__name__}: {error}",
        ) from error
    base.set_progress_bar_config(disable=True)
    nbytes = sum(_size_of(part) for part in base.components.values())
    return LoadedModel(folder, family, device, dtype, nbytes, base, base.scheduler)


def _from_folder(folder: Path, contents: ModelContents, dtype: str) -> Any:
    cls = getattr(diffusers, contents.pipeline_class)
    return cls.from_pretrained(
        folder,
        dtype=DTYPES[dtype],
        local_files_only=True,
        use_safetensors=None if contents.pickles else True,
        trust_remote_code=False,
    )


def _check_pickle(file: Path) -> None:
    """Refuse a pickle unless torch's restricted unpickler, which runs no code, can read all of it."""
    try:
        with warnings.catch_warnings():
            # about old protocols: what they lead to is raised below
            warnings.simplefilter("ignore", UserWarning)
            torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelUnsafeError(
            f"The weight file {file.parent.name}/{file.name} is a pickle that could run code; "
            "it was not loaded. Convert the model to safetensors.",
            detail=str(error)[:4000],
        ) from None
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        if is_out_of_memory(error):
            raise
        raise ModelDamagedError(
            f"The weight file {file.parent.name}/{file.name} is damaged; copy or download it again.",
            detail=str(error)[:4000],
        ) from error


def _size_of(part: Any) -> int:
    """Bytes that a component's weights take in memory."""
    if not isinstance(part, torch.nn.Module):
        return 0
    tensors = [*part.parameters(), *part.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
