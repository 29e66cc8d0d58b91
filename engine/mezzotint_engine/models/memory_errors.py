"""Telling "out of memory" from other failures: torch says it in several ways, by device and allocator."""

from __future__ import annotations

import torch

__all__ = ["is_out_of_memory"]

_WORDS = (
    "not enough memory",
    "defaultcpuallocator",
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "bad_alloc",
    "unable to mmap",
)


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it was raised from, says that host or device memory ran out."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, MemoryError | torch.OutOfMemoryError):
            return True
        if isinstance(error, RuntimeError | OSError) and any(word in str(error).lower() for word in _WORDS):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False
