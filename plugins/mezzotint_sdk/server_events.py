"""What the server tells its clients, unasked. Past tense; durable unless it says "volatile"."""

from __future__ import annotations

from mezzotint_sdk.debug_messages import DebuggerReported
from mezzotint_sdk.message_body import Body, Measurements, Preview, Progress
from mezzotint_sdk.records import ArtifactRecord, DeviceInfo, LogRecord, RunRecord, ServerInfo, WorkerRecord


class RunChanged(Body, frozen=True, kw_only=True):
    """Durable. Also the first news of a new run."""

    run: RunRecord


class RunsDeleted(Body, frozen=True, kw_only=True):
    run_ids: tuple[str, ...]


class RunsRestored(Body, frozen=True, kw_only=True):
    run_ids: tuple[str, ...]


class ArtifactsDeleted(Body, frozen=True, kw_only=True):
    artifact_ids: tuple[int, ...]


class ArtifactsRestored(Body, frozen=True, kw_only=True):
    artifact_ids: tuple[int, ...]


class ArtifactAdded(Body, frozen=True, kw_only=True):
    artifact: ArtifactRecord


class QueueChanged(Body, frozen=True, kw_only=True):
    paused: bool
    order: tuple[str, ...]  # ids of queued runs, next first


class WorkerChanged(Body, frozen=True, kw_only=True):
    worker: WorkerRecord


class DevicesChanged(Body, frozen=True, kw_only=True):
    devices: tuple[DeviceInfo, ...]


class Logged(Body, frozen=True, kw_only=True):
    line: LogRecord


class ServerChanged(Body, frozen=True, kw_only=True):
    """Durable. The data folder became full, read-only or writable again, or a warning came or went."""

    server: ServerInfo


class EngineStopping(Body, frozen=True, kw_only=True):
    reason: str


class RunProgressed(Progress, frozen=True, kw_only=True):
    """Volatile."""


class PreviewMade(Preview, frozen=True, kw_only=True):
    """Volatile, latest wins."""


class MetricsAdded(Measurements, frozen=True, kw_only=True):
    """Volatile, coalesced to 10 Hz or so."""


class WorkerBeat(Body, frozen=True, kw_only=True):
    """Volatile."""

    worker_id: str
    memory_bytes: int
    device_bytes: int


Event = (
    RunChanged
    | RunsDeleted
    | RunsRestored
    | ArtifactsDeleted
    | ArtifactsRestored
    | ArtifactAdded
    | QueueChanged
    | WorkerChanged
    | DevicesChanged
    | Logged
    | ServerChanged
    | EngineStopping
    | RunProgressed
    | PreviewMade
    | MetricsAdded
    | WorkerBeat
    | DebuggerReported
)
