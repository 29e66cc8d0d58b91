"""Loaded models stay in memory between runs, as many as fit.

The next run of the same model starts at once.
"""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from mezzotint_engine.models.loading import DTYPES, LoadedModel, load_model
from mezzotint_engine.models.model_check import check_model
from mezzotint_engine.models.model_fingerprint import folder_stamp

__all__ = ["ModelResidency"]

# Of a device's whole memory; the rest is for activations, and on the CPU for everybody else.
CPU_SHARE = 0.5
DEVICE_SHARE = 0.7

Key = tuple[str, str, str, str, tuple[tuple[str, int, int], ...]]


class ModelResidency:
    """The least recently used model goes first when another needs its place.

    Used by the job's thread alone.
    """

    def __init__(
        self,
        load: Callable[[Path, str, str], LoadedModel] = load_model,
        budget_bytes: Callable[[str], int] | None = None,
    ) -> None:
        self._load = load
        self._budget = budget_bytes or device_budget
        self._models: OrderedDict[Key, LoadedModel] = OrderedDict()

    def get(self, folder: Path, fingerprint: str, dtype: str, device: str) -> LoadedModel:
        """The model, loaded now or before. Raises what loading raises."""
        # The files' times guard what the fingerprint, which takes samples, could miss.
        key = (str(folder), fingerprint, dtype, device, folder_stamp(folder))
        if key in self._models:
            self._models.move_to_end(key)
            return self._models[key]
        for stale in [other for other in self._models if (other[0], *other[2:4]) == (key[0], *key[2:4])]:
            del self._models[stale]  # the folder was written since
        self._make_room(device, _loaded_bytes(folder, dtype))
        loaded = self._load(folder, dtype, device)
        self._models[key] = loaded
        return loaded

    def _make_room(self, device: str, needed_bytes: int) -> None:
        budget = self._budget(device)
        freed = False
        while self._models and self.nbytes(device) + needed_bytes > budget:
            oldest = next((key for key in self._models if key[3] == device), None)
            if oldest is None:
                break
            del self._models[oldest]
            freed = True
        if freed:
            release_memory()

    def nbytes(self, device: str) -> int:
        return sum(model.nbytes for key, model in self._models.items() if key[3] == device)

    def __len__(self) -> int:
        return len(self._models)

    def clear(self) -> None:
        """Let go of everything, as after running out of memory."""
        self._models.clear()
        release_memory()


def _loaded_bytes(folder: Path, dtype: str) -> int:
    """What a model will take once loaded, from its headers."""
    contents = check_model(folder)
    return max(contents.parameters * DTYPES[dtype].itemsize, contents.nbytes if contents.pickles else 0)


def device_budget(device: str) -> int:
    """Bytes that kept models may take on a device."""
    if device.startswith("cuda"):
        return int(torch.cuda.get_device_properties(device).total_memory * DEVICE_SHARE)
    if device.startswith("xpu"):
        return int(torch.xpu.get_device_properties(device).total_memory * DEVICE_SHARE)
    return int(psutil.virtual_memory().total * CPU_SHARE)


def release_memory() -> None:
    """Give memory that nobody uses back to device and system, as far as torch can."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif hasattr(torch, "xpu") and torch.xpu.is_available():
        torch.xpu.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
