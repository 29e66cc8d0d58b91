"""What a client asks of the server. Imperatives."""

from __future__ import annotations

from mezzotint_sdk.debug_messages import AskDebugger
from mezzotint_sdk.debug_records import DebugPlan
from mezzotint_sdk.job_spec import JobSpec
from mezzotint_sdk.message_body import Body
from mezzotint_sdk.records import ArrayRef, RunState


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
    """Put jobs at the end of the queue, all or none, in one transaction.

    With `debug`, each of them starts under the op debugger, with this plan. It is no part of the spec: the
    debugger changes no result.
    """

    specs: tuple[JobSpec, ...]
    debug: DebugPlan | None = None


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
    """Queue the same spec again as a new run (also for "duplicate"); plainly, where that one was debugged.

    Refused with ModelChangedError when the model's files have changed since, unless `present_model` says to
    run it with the model as it is now.
    """

    run_id: str
    present_model: bool = False


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
    | AskDebugger
)
