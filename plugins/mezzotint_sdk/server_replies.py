"""What the server answers; `Refused` to anything that it does not do."""

from __future__ import annotations

from mezzotint_sdk.debug_messages import DebuggerSaid
from mezzotint_sdk.errors import ErrorInfo
from mezzotint_sdk.message_body import Body
from mezzotint_sdk.records import (
    ArtifactRecord,
    DeviceInfo,
    LogRecord,
    ModelRecord,
    RunRecord,
    SeriesInfo,
    ServerInfo,
    WorkerRecord,
)


class Welcome(Body, frozen=True, kw_only=True):
    protocol: int
    server: ServerInfo
    devices: tuple[DeviceInfo, ...]
    capabilities: tuple[str, ...]
    seq: int
    slots_folder: str = ""


class Done(Body, frozen=True, kw_only=True):
    """Answer where there is nothing to tell but success."""


class Refused(Body, frozen=True, kw_only=True):
    error: ErrorInfo


class Snapshot(Body, frozen=True, kw_only=True):
    """All that a client must know to show the engine: `seq` is the last durable event it includes."""

    seq: int
    server: ServerInfo
    runs: tuple[RunRecord, ...]  # queued and active, in the queue's order, then the newest 100 final ones
    workers: tuple[WorkerRecord, ...]
    devices: tuple[DeviceInfo, ...]
    queue_paused: bool
    artifact_total: int
    preview_hz: float


class Status(Body, frozen=True, kw_only=True):
    server: ServerInfo
    workers: tuple[WorkerRecord, ...]
    queue: tuple[RunRecord, ...]  # queued and active
    queue_paused: bool


class JobsSubmitted(Body, frozen=True, kw_only=True):
    run_ids: tuple[str, ...]


class RunPage(Body, frozen=True, kw_only=True):
    runs: tuple[RunRecord, ...]
    total: int


class RunFound(Body, frozen=True, kw_only=True):
    run: RunRecord
    artifacts: tuple[ArtifactRecord, ...]
    folder: str


class ArtifactPage(Body, frozen=True, kw_only=True):
    artifacts: tuple[ArtifactRecord, ...]
    total: int


class SeriesList(Body, frozen=True, kw_only=True):
    series: tuple[SeriesInfo, ...]


class SeriesData(Body, frozen=True, kw_only=True):
    """Thinned points, little-endian float64, all of one length; unthinned, `lows` equals `highs`."""

    name: str
    unit: str
    total: int  # points in the asked range before thinning
    steps: bytes
    lows: bytes
    highs: bytes
    times: bytes  # seconds since the run's start


class LogLines(Body, frozen=True, kw_only=True):
    lines: tuple[LogRecord, ...]


class ModelList(Body, frozen=True, kw_only=True):
    models: tuple[ModelRecord, ...]


class ModelDescribed(Body, frozen=True, kw_only=True):
    model: ModelRecord


class ImageImported(Body, frozen=True, kw_only=True):
    sha256: str
    width: int
    height: int


Reply = (
    Welcome
    | Done
    | Refused
    | Snapshot
    | Status
    | JobsSubmitted
    | RunPage
    | RunFound
    | ArtifactPage
    | SeriesList
    | SeriesData
    | LogLines
    | ModelList
    | ModelDescribed
    | ImageImported
    | DebuggerSaid
)
