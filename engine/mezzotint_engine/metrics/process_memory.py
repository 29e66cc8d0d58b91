"""What a worker takes: resident memory of its process, and of its device what torch holds."""

from __future__ import annotations

import psutil
import torch

__all__ = ["device_bytes", "process_bytes"]

_PROCESS = psutil.Process()


def process_bytes() -> int:
    return int(_PROCESS.memory_info().rss)


def device_bytes() -> int:
    """Bytes of device memory that this process reserved; 0 without a device other than the CPU."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return sum(torch.cuda.memory_reserved(index) for index in range(torch.cuda.device_count()))
    if hasattr(torch, "xpu") and torch.xpu.is_available() and torch.xpu.is_initialized():
        return sum(torch.xpu.memory_reserved(index) for index in range(torch.xpu.device_count()))
    if torch.backends.mps.is_available():
        return int(torch.mps.driver_allocated_memory())
    return 0
