"""Snapshots of CUDA's caching allocator, as PyTorch's memory viewer reads them (pytorch.org/memory_viz).

The allocator's history is recorded by PyTorch itself (`torch.cuda.memory._record_memory_history`, its
documented way, underscore or not). Never run on hardware by us; the logic is tested with those functions
replaced.
"""

from __future__ import annotations

from pathlib import Path

import torch

from mezzotint_sdk.errors import BadInputError, StorageError

__all__ = ["MemorySnapshots"]

MAX_ENTRIES = 200_000  # allocations and frees, the newest; some 100 MB with their stacks


class MemorySnapshots:
    """Of one run. Without `record` a snapshot holds what is allocated, not how it came to that."""

    def __init__(self) -> None:
        self._recording = False

    def record(self) -> None:
        """From here on, who allocated what and when. Each allocation takes some microseconds more. Raises
        BadInputError where there is no CUDA."""
        _need_cuda()
        torch.cuda.memory._record_memory_history(max_entries=MAX_ENTRIES)
        self._recording = True

    def save(self, file: str) -> Path:
        """Raises BadInputError, StorageError."""
        _need_cuda()
        path = Path(file).expanduser()
        if path.suffix != ".pickle":
            raise BadInputError(
                f"A memory snapshot is written as a .pickle, for PyTorch's memory viewer; not {path.name!r}."
            )
        try:
            torch.cuda.memory._dump_snapshot(str(path))
        except OSError as error:
            raise StorageError(f"{path} can't be written: {error.strerror or error}.") from None
        return path.resolve()

    def stop(self) -> None:
        """The debugger is taken off."""
        if self._recording:
            self._recording = False
            torch.cuda.memory._record_memory_history(enabled=None)


def _need_cuda() -> None:
    if not torch.cuda.is_available() or not torch.cuda.is_initialized():
        raise BadInputError(
            "This run uses no CUDA device, and only CUDA's allocator can be asked what it did."
        )
