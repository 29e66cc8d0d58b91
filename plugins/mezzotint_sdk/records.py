"""What the engine says about runs, pictures, workers and models: frozen facts, for app and command line."""

from __future__ import annotations

from typing import Literal

import msgspec

from mezzotint_sdk.errors import ErrorInfo
from mezzotint_sdk.job_spec import JobSpec, ParamField

__all__ = [
    "ACTIVE_STATES",
    "FINAL_STATES",
    "ArrayRef",
    "ArtifactRecord",
    "DeviceInfo",
    "LogRecord",
    "ModelRecord",
    "PhaseTime",
    "RunRecord",
    "RunState",
    "SeriesInfo",
    "ServerInfo",
    "WorkerRecord",
    "WorkerState",
]

RunState = Literal[
    "queued", "running", "paused", "stopping", "finished", "failed", "cancelled", "interrupted"
]
ACTIVE_STATES: frozenset[str] = frozenset({"running", "paused", "stopping"})
FINAL_STATES: frozenset[str] = frozenset({"finished", "failed", "cancelled", "interrupted"})

WorkerState = Literal["starting", "ready", "busy", "spare", "not_answering", "stopping", "gone"]


class ArrayRef(msgspec.Struct, frozen=True):
    """An array in a mapped slot: valid until the lease on `(slot, generation)` is released."""

    slot: str  # file name below the run-time folder's `slots/`
    generation: int
    nbytes: int
    dtype: str  # numpy's name, e.g. "uint8"
    shape: tuple[int, ...]


class PhaseTime(msgspec.Struct, frozen=True):
    """Time spent in one phase of a run, summed over its pictures."""

    name: str  # load, encode, denoise, decode, save
    seconds: float


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One run as the store knows it. Times are seconds since the epoch (UTC)."""

    run_id: str
    state: RunState
    spec: JobSpec
    created: float
    started: float | None = None
    finished: float | None = None
    position: float = 0.0  # order in the queue: lower runs first
    seconds: float = 0.0  # from start to end, pauses left out
    error: ErrorInfo | None = None
    phases: tuple[PhaseTime, ...] = ()
    artifact_count: int = 0
    device: str = ""
    retry_of: str = ""  # run id that this one repeats
    deleted: bool = False
    debugged: bool = False  # it was submitted under the op debugger, or that was attached to it
    touched: bool = False  # a tensor was edited, or an op skipped, in the op debugger
    abridged: bool = False  # very long prompts are cut in lists and events; `GetRun` gives the whole spec


class ArtifactRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One file that a run made. `path` is absolute on the engine's machine."""

    artifact_id: int  # rises with time, over all runs: a stable key for paging
    run_id: str
    index: int
    path: str
    kind: Literal["image"] = "image"
    width: int = 0
    height: int = 0
    nbytes: int = 0
    seed: int = 0
    prompt: str = ""  # first 500 characters, for captions and search results
    created: float = 0.0


class DeviceInfo(msgspec.Struct, frozen=True, kw_only=True):
    name: str  # torch's name: "cpu", "cuda:0", "xpu:0", "mps"
    title: str  # what a person calls it: "NVIDIA H100", "AMD MI300X (ROCm)", "CPU, 8 cores"
    kind: Literal["cpu", "cuda", "rocm", "xpu", "mps"]
    total_bytes: int = 0
    free_bytes: int = 0
    dtypes: tuple[str, ...] = ("float32",)


class WorkerRecord(msgspec.Struct, frozen=True, kw_only=True):
    worker_id: str
    pid: int
    device: str
    state: WorkerState
    memory_bytes: int = 0  # resident memory of the process
    device_bytes: int = 0  # memory taken on its device (0 on CPU)
    run_id: str = ""
    torch_version: str = ""


class ServerInfo(msgspec.Struct, frozen=True, kw_only=True):
    pid: int
    engine_version: str
    home: str
    started: float
    uptime_seconds: float
    warnings: tuple[str, ...] = ()  # e.g. "The data folder is on a network file system ..."
    home_writable: bool = True


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A model folder as read from its files' names and headers, without torch."""

    path: str  # what goes into ModelRef.path, e.g. "bundled:emoji-64" or a folder
    name: str
    folder: str  # absolute
    pipeline_class: str = ""
    fingerprint: str = ""
    nbytes: int = 0
    parameters: int = 0
    dtype: str = ""
    default_width: int = 0
    default_height: int = 0
    size_multiple: int = 8
    default_steps: int = 20
    default_guidance: float = 5.0
    scheduler: str = ""  # class name of the model's own
    schedulers: tuple[str, ...] = ()  # class names that this pipeline takes
    modes: tuple[str, ...] = ()
    example_prompts: tuple[str, ...] = ()
    fields: tuple[ParamField, ...] = ()
    problem: ErrorInfo | None = None  # why it can't be used


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    time: float
    level: Literal["debug", "info", "warning", "error"]
    topic: str  # server, worker, queue, model, run, wire, app ...
    message: str
    run_id: str = ""
    detail: str = ""


class SeriesInfo(msgspec.Struct, frozen=True):
    """A metric series of a run: how long it is and what its values are measured in."""

    name: str  # e.g. "latency/step"
    unit: str  # "ms", "bytes", ""
    count: int
