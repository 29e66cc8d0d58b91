"""What this machine can compute on, and what "auto" means on it."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

import msgspec
import psutil
import torch

from mezzotint_engine.worker.thread_choice import default_threads, usable_cores
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.job_spec import GenerateSpec
from mezzotint_sdk.records import DeviceInfo

__all__ = ["list_devices", "resolved_spec"]

CPU_DTYPES = ("float32", "bfloat16", "float16")


def list_devices() -> tuple[DeviceInfo, ...]:
    """All devices, best first; the CPU is always the last."""
    return (*_cuda_devices(), *_xpu_devices(), *_mps_devices(), _cpu())


def _cuda_devices() -> list[DeviceInfo]:
    if not torch.cuda.is_available():
        return []
    # torch calls AMD's devices "cuda" too; only its version tells
    rocm = torch.version.hip is not None
    found = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        free, total = torch.cuda.mem_get_info(index)
        bfloat16 = rocm or properties.major >= 8
        found.append(
            DeviceInfo(
                name=f"cuda:{index}",
                title=f"{properties.name} (ROCm)" if rocm else properties.name,
                kind="rocm" if rocm else "cuda",
                total_bytes=total,
                free_bytes=free,
                dtypes=("float32", "float16", "bfloat16") if bfloat16 else ("float32", "float16"),
            )
        )
    return found


def _xpu_devices() -> list[DeviceInfo]:
    if not (hasattr(torch, "xpu") and torch.xpu.is_available()):
        return []
    found = []
    for index in range(torch.xpu.device_count()):
        properties = torch.xpu.get_device_properties(index)
        total = int(properties.total_memory)
        found.append(
            DeviceInfo(
                name=f"xpu:{index}",
                title=str(properties.name),
                kind="xpu",
                total_bytes=total,
                free_bytes=total - int(torch.xpu.memory_reserved(index)),
                dtypes=("float32", "float16", "bfloat16"),
            )
        )
    return found


def _mps_devices() -> list[DeviceInfo]:
    if not torch.backends.mps.is_available():
        return []
    memory = psutil.virtual_memory()
    return [
        DeviceInfo(
            name="mps",
            title=f"Apple GPU ({platform.machine()})",
            kind="mps",
            total_bytes=memory.total,
            free_bytes=memory.available,
            dtypes=("float32", "float16", "bfloat16"),
        )
    ]


def _cpu() -> DeviceInfo:
    memory = psutil.virtual_memory()
    cores = usable_cores()
    return DeviceInfo(
        name="cpu",
        title=f"{_processor_name()}, {cores} {'core' if cores == 1 else 'cores'}",
        kind="cpu",
        total_bytes=memory.total,
        free_bytes=memory.available,
        dtypes=CPU_DTYPES,
    )


@functools.cache
def _processor_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip() or "CPU"
    except (OSError, UnicodeDecodeError):
        pass  # not Linux
    return platform.processor() or "CPU"


def resolved_spec(spec: GenerateSpec, devices: tuple[DeviceInfo, ...], family: str) -> GenerateSpec:
    """The spec with "auto" replaced by what is chosen here.

    Raises BadInputError for a device that we lack.
    """
    known = {device.name: device for device in devices}
    if spec.device == "auto":
        device = devices[0]
    else:
        # "cuda" alone means the first one
        name = spec.device if spec.device in known else f"{spec.device}:0"
        if name not in known:
            raise BadInputError(
                f"There is no device {spec.device[:40]!r} here; there is: {', '.join(known)}."
            )
        device = known[name]
    dtype = spec.dtype if spec.dtype != "auto" else _auto_dtype(device, family)
    if dtype not in device.dtypes:
        raise BadInputError(f"{device.title} can't compute in {dtype}; it takes {', '.join(device.dtypes)}.")
    threads = spec.threads or default_threads()
    return msgspec.structs.replace(spec, device=device.name, dtype=dtype, threads=threads)


def _auto_dtype(device: DeviceInfo, family: str) -> str:
    """float32 where half precision is slow or falls apart; else what a family was trained for."""
    if device.kind in ("cpu", "mps"):
        return "float32"
    if family in ("sd3", "flux") and "bfloat16" in device.dtypes:
        return "bfloat16"
    return "float16"
