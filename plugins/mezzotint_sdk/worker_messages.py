"""What a worker tells the server, and what the server tells a worker."""

from __future__ import annotations

from typing import Literal

from mezzotint_sdk.debug_messages import DebugAnswered, DebugAsked, JobDebugged
from mezzotint_sdk.debug_records import DebugPlan
from mezzotint_sdk.errors import ErrorInfo
from mezzotint_sdk.job_spec import JobSpec
from mezzotint_sdk.message_body import Body, Measurements, Preview, Progress
from mezzotint_sdk.records import DeviceInfo, LogRecord, PhaseTime


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


class JobProgressed(Progress, frozen=True, kw_only=True):
    pass


class JobPreviewed(Preview, frozen=True, kw_only=True):
    pass


class JobMeasured(Measurements, frozen=True, kw_only=True):
    """For live plots; the file is what counts."""


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
    asked: bool = False  # stopped by the user in the debugger


class JobFailed(Body, frozen=True, kw_only=True):
    run_id: str
    seconds: float
    error: ErrorInfo
    phases: tuple[PhaseTime, ...] = ()


class SlotWanted(Body, frozen=True, kw_only=True):
    nbytes: int
    purpose: str = ""  # comes back in the grant: "" for a preview, the op debugger's wishes have names


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
    | DebugAnswered
    | JobDebugged
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
    debug: DebugPlan | None = None  # start under the op debugger


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
    purpose: str = ""  # of the `SlotWanted` that this answers


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
    | DebugAsked
)
