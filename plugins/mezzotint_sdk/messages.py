"""Every message between client, server and worker, as tagged unions that are validated at decode.

Requests are imperatives, events are past tense. Three directions of envelope:

* client → server: `Call(request_id, body)`
* server → client: `Answer(request_id, body)` for each call, `Notice(seq, ...)` for events.
  `seq` rises by one with each durable event of the server; a client that sees a gap asks for `GetSnapshot`.
  Volatile events (progress, previews, live metrics, beats) carry seq 0: coalesced, and may be dropped.
* server ↔ worker: `ToWorker` and `FromWorker` bodies, no envelope; jobs are correlated by run id.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from mezzotint_sdk.errors import ErrorInfo
from mezzotint_sdk.job_spec import JobSpec
from mezzotint_sdk.records import (
    ArrayRef,
    ArtifactRecord,
    DeviceInfo,
    LogRecord,
    ModelRecord,
    PhaseTime,
    RunRecord,
    RunState,
    SeriesInfo,
    ServerInfo,
    WorkerRecord,
)

PROTOCOL_VERSION = 1


class Body(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all message bodies: the class name is the tag."""


# --- client → server -------------------------------------------------------------------------------------


class Hello(Body, frozen=True, kw_only=True):
    """First message of a client. A wrong `protocol` is answered with an error of code "protocol"."""

    protocol: int
    client: str  # "app", "cli", "test"
    version: str
    pid: int
    wants_events: bool = True
    wants_previews: bool = False


class Ping(Body, frozen=True, kw_only=True):
    pass


class Goodbye(Body, frozen=True, kw_only=True):
    """The client closes its connection in good order: what it held is freed at once. Not answered."""


class GetSnapshot(Body, frozen=True, kw_only=True):
    pass


class GetStatus(Body, frozen=True, kw_only=True):
    pass


class SubmitJobs(Body, frozen=True, kw_only=True):
    """Put jobs at the end of the queue, all or none, in one transaction."""

    specs: tuple[JobSpec, ...]


class CancelRun(Body, frozen=True, kw_only=True):
    """Queued: taken off at once. Running: ends at the next step; after the deadline the worker is killed."""

    run_id: str
    force: bool = False  # kill the worker now


class CancelAll(Body, frozen=True, kw_only=True):
    pass


class PauseRun(Body, frozen=True, kw_only=True):
    run_id: str


class ResumeRun(Body, frozen=True, kw_only=True):
    run_id: str


class RetryRun(Body, frozen=True, kw_only=True):
    """Queue the same spec again as a new run (also for "duplicate")."""

    run_id: str


class MoveRun(Body, frozen=True, kw_only=True):
    run_id: str
    before: str = ""  # run id of a queued run; "" moves it to the end


class PauseQueue(Body, frozen=True, kw_only=True):
    pass


class ResumeQueue(Body, frozen=True, kw_only=True):
    pass


class ListRuns(Body, frozen=True, kw_only=True):
    states: tuple[RunState, ...] = ()  # empty: all
    search: str = ""
    offset: int = 0
    limit: int = 100


class GetRun(Body, frozen=True, kw_only=True):
    run_id: str  # a unique prefix or suffix of 4 or more characters is enough


class ListArtifacts(Body, frozen=True, kw_only=True):
    """A page of the gallery, newest first."""

    search: str = ""  # words that must all occur in the prompt
    before_id: int = 0  # artifact_id to go on from; 0 starts at the newest
    offset: int = 0  # skipped from there (random access into a long gallery)
    limit: int = 200
    run_id: str = ""


class DeleteArtifacts(Body, frozen=True, kw_only=True):
    artifact_ids: tuple[int, ...]


class RestoreArtifacts(Body, frozen=True, kw_only=True):
    artifact_ids: tuple[int, ...]


class DeleteRuns(Body, frozen=True, kw_only=True):
    run_ids: tuple[str, ...]


class RestoreRuns(Body, frozen=True, kw_only=True):
    run_ids: tuple[str, ...]


class ListSeries(Body, frozen=True, kw_only=True):
    run_id: str


class ReadSeries(Body, frozen=True, kw_only=True):
    """Points of one series between two steps, thinned to at most `max_points` by min and max."""

    run_id: str
    name: str
    first_step: float = float("-inf")
    last_step: float = float("inf")
    max_points: int = 2000


class ReadLog(Body, frozen=True, kw_only=True):
    run_id: str = ""
    limit: int = 500


class ListModels(Body, frozen=True, kw_only=True):
    pass


class DescribeModel(Body, frozen=True, kw_only=True):
    path: str


class AddModelFolder(Body, frozen=True, kw_only=True):
    path: str


class ImportImage(Body, frozen=True, kw_only=True):
    """Copy a picture (PNG, JPEG, WebP) on the engine's machine into the home's inputs, as PNG by content."""

    path: str


class SetPreviewRate(Body, frozen=True, kw_only=True):
    """How often previews are made, in Hz; 0 turns them off. Holds for the engine until changed."""

    hz: float


class ReleaseSlots(Body, frozen=True, kw_only=True):
    refs: tuple[ArrayRef, ...]


class KillWorker(Body, frozen=True, kw_only=True):
    worker_id: str


class StopEngine(Body, frozen=True, kw_only=True):
    """End the engine. `if_unused`: only when no other client is there and nothing runs or is queued."""

    if_unused: bool = False


class SetLinger(Body, frozen=True, kw_only=True):
    """What the engine does without clients and work: ends after `seconds`; negative: goes on for good."""

    seconds: float


Request = (
    Hello
    | Ping
    | Goodbye
    | GetSnapshot
    | GetStatus
    | SubmitJobs
    | CancelRun
    | CancelAll
    | PauseRun
    | ResumeRun
    | RetryRun
    | MoveRun
    | PauseQueue
    | ResumeQueue
    | ListRuns
    | GetRun
    | ListArtifacts
    | DeleteArtifacts
    | RestoreArtifacts
    | DeleteRuns
    | RestoreRuns
    | ListSeries
    | ReadSeries
    | ReadLog
    | ListModels
    | DescribeModel
    | AddModelFolder
    | ImportImage
    | SetPreviewRate
    | ReleaseSlots
    | KillWorker
    | StopEngine
    | SetLinger
)


# --- server → client, answers ----------------------------------------------------------------------------


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
)


# --- server → client, events -----------------------------------------------------------------------------


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


class RunProgressed(Body, frozen=True, kw_only=True):
    """Volatile. `step` of `steps` in the phase; pictures count from 0; `eta_seconds` < 0: not known yet."""

    run_id: str
    phase: str
    step: int
    steps: int
    image_index: int
    image_count: int
    steps_per_second: float = 0.0
    eta_seconds: float = -1.0


class PreviewMade(Body, frozen=True, kw_only=True):
    """Volatile, latest wins. RGB uint8, shape (height, width, 3); the receiver releases the slot."""

    run_id: str
    image_index: int
    step: int
    array: ArrayRef
    cost_ms: float


class MetricsAdded(Body, frozen=True, kw_only=True):
    """Volatile, coalesced to 10 Hz or so: the newest points of a series, as they were written to its file."""

    run_id: str
    name: str
    unit: str
    steps: tuple[float, ...]
    values: tuple[float, ...]
    times: tuple[float, ...]


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
)


class Call(msgspec.Struct, frozen=True, tag="call"):
    request_id: int
    body: Request


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    request_id: int
    body: Reply


class Notice(msgspec.Struct, frozen=True, tag="notice"):
    seq: int  # 0 for volatile events
    body: Event
    run_id: str = ""
    request_id: int = 0  # the call of the receiver that caused it, where there is one


FromServer = Answer | Notice


# --- worker → server -------------------------------------------------------------------------------------


class WorkerHello(Body, frozen=True, kw_only=True):
    protocol: int
    worker_id: str
    pid: int
    engine_version: str
    torch_version: str
    devices: tuple[DeviceInfo, ...]


class Beat(Body, frozen=True, kw_only=True):
    """Every second from the worker's control thread; `progress_age_seconds`: since the job last reported."""

    memory_bytes: int
    device_bytes: int
    run_id: str = ""
    progress_age_seconds: float = 0.0


class JobStarted(Body, frozen=True, kw_only=True):
    run_id: str
    device: str
    spec: JobSpec  # with "auto" device, dtype and threads replaced by what was chosen


class JobProgressed(Body, frozen=True, kw_only=True):
    run_id: str
    phase: str
    step: int
    steps: int
    image_index: int
    image_count: int
    steps_per_second: float = 0.0
    eta_seconds: float = -1.0


class JobPreviewed(Body, frozen=True, kw_only=True):
    run_id: str
    image_index: int
    step: int
    array: ArrayRef
    cost_ms: float


class JobMeasured(Body, frozen=True, kw_only=True):
    """Points already written to the series' file, for live plots."""

    run_id: str
    name: str
    unit: str
    steps: tuple[float, ...]
    values: tuple[float, ...]
    times: tuple[float, ...]


class JobSaved(Body, frozen=True, kw_only=True):
    """A picture was written below the run's folder (fsynced, renamed) before this was sent."""

    run_id: str
    index: int
    file: str  # relative to the run's folder
    width: int
    height: int
    nbytes: int
    seed: int


class JobPaused(Body, frozen=True, kw_only=True):
    run_id: str


class JobResumed(Body, frozen=True, kw_only=True):
    run_id: str


class JobFinished(Body, frozen=True, kw_only=True):
    run_id: str
    seconds: float
    phases: tuple[PhaseTime, ...]


class JobCancelled(Body, frozen=True, kw_only=True):
    run_id: str
    seconds: float
    phases: tuple[PhaseTime, ...] = ()


class JobFailed(Body, frozen=True, kw_only=True):
    run_id: str
    seconds: float
    error: ErrorInfo
    phases: tuple[PhaseTime, ...] = ()


class SlotWanted(Body, frozen=True, kw_only=True):
    nbytes: int


class WorkerLogged(Body, frozen=True, kw_only=True):
    line: LogRecord


FromWorker = (
    WorkerHello
    | Beat
    | JobStarted
    | JobProgressed
    | JobPreviewed
    | JobMeasured
    | JobSaved
    | JobPaused
    | JobResumed
    | JobFinished
    | JobCancelled
    | JobFailed
    | SlotWanted
    | WorkerLogged
)


# --- server → worker -------------------------------------------------------------------------------------


class WorkerWelcome(Body, frozen=True, kw_only=True):
    slots_folder: str
    preview_hz: float


class StartJob(Body, frozen=True, kw_only=True):
    run_id: str
    spec: JobSpec
    folder: str  # the run's folder, made by the server: metrics/ and artifacts/ go below it
    inputs_folder: str


class CancelJob(Body, frozen=True, kw_only=True):
    run_id: str


class PauseJob(Body, frozen=True, kw_only=True):
    run_id: str


class ResumeJob(Body, frozen=True, kw_only=True):
    run_id: str


class SetPreviews(Body, frozen=True, kw_only=True):
    hz: float


class SlotGranted(Body, frozen=True, kw_only=True):
    """Write up to `nbytes` into `slot` (below the slots folder), at this generation; 0: none to be had."""

    slot: str
    generation: int
    nbytes: int


class BeatSeen(Body, frozen=True, kw_only=True):
    """The server is alive. A worker that hears nothing for 10 s, or whose stdin closes, ends itself."""


class Shutdown(Body, frozen=True, kw_only=True):
    reason: Literal["idle", "stop", "replaced"] = "stop"


ToWorker = (
    WorkerWelcome
    | StartJob
    | CancelJob
    | PauseJob
    | ResumeJob
    | SetPreviews
    | SlotGranted
    | BeatSeen
    | Shutdown
)
