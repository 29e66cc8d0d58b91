"""The life of runs: from the queue to a worker, through what the worker reports, to a final state.

queued → running ⇄ paused → finished | failed | cancelled | interrupted
              └─ stopping ┘
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import msgspec

from mezzotint_engine.server.artifact_store import ArtifactStore
from mezzotint_engine.server.client_hub import Client, ClientHub
from mezzotint_engine.server.debug_relay import DebugRelay, touches
from mezzotint_engine.server.engine_log import EngineLog
from mezzotint_engine.server.job_queue import JobQueue
from mezzotint_engine.server.poll_loop import PollLoop, Timer
from mezzotint_engine.server.pool_worker import Worker
from mezzotint_engine.server.run_folder import RunFolder
from mezzotint_engine.server.run_store import RunStore, abridged
from mezzotint_engine.server.server_options import ServerOptions
from mezzotint_engine.server.slot_ledger import SlotLedger
from mezzotint_engine.server.storage_watch import StorageWatch
from mezzotint_engine.server.worker_pool import WorkerPool
from mezzotint_sdk.errors import BadInputError, ErrorInfo, NotFoundError, StorageError, WorkerLostError
from mezzotint_sdk.messages import (
    Armed,
    ArtifactAdded,
    AskDebugger,
    CancelJob,
    CaptureFailed,
    DebugAnswered,
    FromWorker,
    JobCancelled,
    JobDebugged,
    JobFailed,
    JobFinished,
    JobMeasured,
    JobPaused,
    JobPreviewed,
    JobProgressed,
    JobResumed,
    JobSaved,
    JobStarted,
    MetricsAdded,
    PauseJob,
    PreviewMade,
    QueueChanged,
    ResumeJob,
    RunChanged,
    RunProgressed,
    StartJob,
    WorkerLogged,
)
from mezzotint_sdk.records import ArtifactRecord, LogRecord, PhaseTime, RunRecord, RunState

__all__ = ["RunControl"]


@dataclass
class _Active:
    """A run that a worker has."""

    run: RunRecord
    worker: Worker
    folder: RunFolder
    cancelled: bool = False  # the user wants its end
    deadline: Timer | None = None


class RunControl:
    def __init__(
        self,
        options: ServerOptions,
        loop: PollLoop,
        hub: ClientHub,
        pool: WorkerPool,
        ledger: SlotLedger,
        runs: RunStore,
        queue: JobQueue,
        artifacts: ArtifactStore,
        storage: StorageWatch,
        log: EngineLog,
    ) -> None:
        self._options = options
        self._loop = loop
        self._hub = hub
        self._pool = pool
        self._ledger = ledger
        self._runs = runs
        self._queue = queue
        self._artifacts = artifacts
        self._storage = storage
        self._log = log
        self._active: dict[str, _Active] = {}
        self._debugger = DebugRelay(hub, pool, ledger, log)
        pool.on_message = self._on_worker_message
        pool.on_gone = self._on_worker_gone
        pool.on_start_failed = self._on_start_failed

    # --- facts --------------------------------------------------------------------------------------------

    def active(self) -> list[RunRecord]:
        return [active.run for active in self._active.values()]

    def current(self, run: RunRecord) -> RunRecord:
        """The record as it is now, where the database is behind."""
        active = self._active.get(run.run_id)
        return active.run if active else run

    def queue_changed(self) -> None:
        self._hub.publish(QueueChanged(paused=self._queue.paused, order=self._queue.order()))

    def announce(self, run: RunRecord) -> None:
        self._hub.publish(RunChanged(run=abridged(run)), run.run_id)

    # --- starting -----------------------------------------------------------------------------------------

    def dispatch(self) -> None:
        """Start the next run if a worker is free for it; called whenever something may have changed."""
        if self._active or self._pool.closing or not self._storage.writable or self._pool.is_killing:
            return
        run = self._queue.next()
        if run is None:
            return
        worker = self._pool.idle_worker(len(self._active))
        if worker is None:
            self._pool.ensure_worker()
            return
        self._start(run, worker)

    def _start(self, run: RunRecord, worker: Worker) -> None:
        run = msgspec.structs.replace(run, state="running", started=time.time(), device=worker.device)
        folder = RunFolder(self._options.home.run_folder(run.run_id))
        try:
            debug = self._runs.debug_plan(run.run_id)
            folder.create(run.spec)
            self._runs.save(run)
        except StorageError as error:
            if not self._storage.check():
                return  # it stays queued until there is room again
            self._end_queued(run, "failed", error.info())
            return
        self._active[run.run_id] = _Active(run, worker, folder)
        self._log.info("run", f"started on {worker.worker_id}", run.run_id)
        self._pool.set_run(worker, run.run_id)
        self._pool.send(
            worker,
            StartJob(
                run_id=run.run_id,
                spec=run.spec,
                folder=str(folder.path),
                inputs_folder=str(self._options.home.inputs),
                debug=debug,
            ),
        )
        self.announce(run)
        self.queue_changed()

    def _on_start_failed(self, sentence: str, detail: str) -> None:
        """Workers don't start at all: the next run says so, rather than wait for ever."""
        if self._active or (run := self._queue.next()) is None:
            return
        self._end_queued(
            run, "failed", WorkerLostError(f"No worker can be started. {sentence}", detail).info()
        )

    def _end_queued(self, run: RunRecord, state: RunState, error: ErrorInfo | None) -> None:
        run = msgspec.structs.replace(run, state=state, finished=time.time(), error=error)
        self._save(run)
        self.announce(run)
        self.queue_changed()

    def _save(self, run: RunRecord) -> None:
        if not self._runs.save_or_keep(run):
            self._storage.check()

    # --- what users ask for -------------------------------------------------------------------------------

    def cancel(self, run_id: str, force: bool = False) -> None:
        """Raises NotFoundError, BadInputError."""
        run = self._runs.find(run_id)
        active = self._active.get(run.run_id)
        if active is None:
            if run.state != "queued":
                raise BadInputError(
                    f"Run {run.run_id} is over already ({run.state}); there is nothing to cancel."
                )
            run = msgspec.structs.replace(run, state="cancelled", finished=time.time())
            self._runs.save(run)
            self.announce(run)
            self.queue_changed()
            return
        active.cancelled = True
        if force:
            self._kill_for_cancel(active, force=True)
            return
        if active.run.state != "stopping":
            self._change(active, "stopping")
            self._pool.send(active.worker, CancelJob(run_id=run.run_id))
            active.deadline = self._loop.call_later(
                self._options.cancel_deadline_s, lambda: self._kill_for_cancel(active, force=False)
            )

    def _kill_for_cancel(self, active: _Active, *, force: bool) -> None:
        if active.run.run_id not in self._active:
            return
        self._log.info("run", "the worker did not stop in time and is killed", active.run.run_id)
        if active.run.state != "stopping":
            self._change(active, "stopping")
        self._pool.kill(active.worker, "The run was cancelled, and its worker was killed.", force=force)

    def cancel_all(self) -> None:
        cancelled = [
            msgspec.structs.replace(run, state="cancelled", finished=time.time())
            for run in self._runs.queued()
        ]
        self._runs.save_all(cancelled)
        for run in cancelled:
            self.announce(run)
        self.queue_changed()
        for run_id in list(self._active):
            self.cancel(run_id)

    def pause(self, run_id: str) -> None:
        """Asks the worker; the run is paused when it says so. Raises NotFoundError, BadInputError."""
        active = self._find_active(run_id, "paused")
        self._pool.send(active.worker, PauseJob(run_id=active.run.run_id))

    def resume(self, run_id: str) -> None:
        active = self._find_active(run_id, "resumed")
        self._pool.send(active.worker, ResumeJob(run_id=active.run.run_id))

    def _find_active(self, run_id: str, verb: str) -> _Active:
        run = self._runs.find(run_id)
        active = self._active.get(run.run_id)
        if active is None or active.run.state == "stopping":
            raise BadInputError(
                f"Run {run.run_id} is {self.current(run).state}; only a running one can be {verb}."
            )
        return active

    def ask_debugger(self, client: Client, request_id: int, body: AskDebugger) -> None:
        """Answered later, through the hub. Raises NotFoundError, BadInputError, EngineError."""
        active = self._active.get(body.run_id)
        if active is None:
            run = self._runs.find(body.run_id)
            active = self._active.get(run.run_id)
            if active is None:
                raise BadInputError(
                    f"Run {run.run_id} is {run.state}; only one that is going on can be debugged."
                )
        self._debugger.ask(client, request_id, active.worker, active.run.run_id, body.ask)

    def kill_worker(self, worker_id: str) -> None:
        worker = self._pool.by_id(worker_id)
        self._pool.kill(
            worker, "The worker process was killed by request in the middle of this run.", force=True
        )

    # --- what workers report ------------------------------------------------------------------------------

    def _on_worker_message(self, worker: Worker, message: FromWorker) -> None:
        run_id = message.line.run_id if isinstance(message, WorkerLogged) else getattr(message, "run_id", "")
        active = self._active.get(run_id)
        if isinstance(message, JobPreviewed):
            self._preview(worker, active, message)
            return
        if isinstance(message, DebugAnswered | JobDebugged):
            self._debugged(worker, active, message)
            return
        if active is None or active.worker is not worker:
            self.dispatch()  # a WorkerHello, or a late word about a run that is over
            return
        match message:
            case JobProgressed():
                self._hub.publish_volatile(RunProgressed(**msgspec.structs.asdict(message)))
            case JobMeasured():
                self._hub.publish_volatile(MetricsAdded(**msgspec.structs.asdict(message)))
            case JobSaved():
                self._saved(active, message)
            case JobStarted():
                active.run = msgspec.structs.replace(active.run, device=message.device)
                active.folder.write_resolved_spec(message.spec)
                self._save(active.run)
                self.announce(active.run)
            case JobPaused() if active.run.state == "running":
                self._change(active, "paused")
            case JobResumed() if active.run.state == "paused":
                self._change(active, "running")
            case JobFinished():
                self._end(active, "finished", message.seconds, message.phases)
            case JobCancelled():
                if active.cancelled or message.asked:
                    self._end(active, "cancelled", message.seconds, message.phases)
                else:
                    self._end(active, "interrupted", message.seconds, message.phases, stopped_by_engine())
            case JobFailed():
                self._end(active, "failed", message.seconds, message.phases, message.error)
            case WorkerLogged():
                self.log_for_run(message.line)
            case _:
                return

    def log_for_run(self, line: LogRecord) -> None:
        """Keep a line in the log of the run that it is about."""
        if (active := self._active.get(line.run_id)) is not None:
            active.folder.log(line)
        self._log.add(line)

    def _preview(self, worker: Worker, active: _Active | None, message: JobPreviewed) -> None:
        if not self._ledger.publish(worker.worker_id, message.array):
            self._log.warning("wire", f"{worker.worker_id} sent a preview in a slot that is not its own")
            return
        if active is None or active.worker is not worker:
            return  # of a run that is over: nobody leases it, so the slot is free
        self._hub.publish_volatile(
            PreviewMade(
                run_id=message.run_id,
                image_index=message.image_index,
                step=message.step,
                array=message.array,
                cost_ms=message.cost_ms,
            )
        )

    def _debugged(self, worker: Worker, active: _Active | None, message: DebugAnswered | JobDebugged) -> None:
        """Also about a run that is over: arrays that come with it are freed."""
        if active is not None and active.worker is not worker:
            active = None
        if isinstance(message, DebugAnswered):
            touched = self._debugger.answered(worker, message)
            attached = False
        else:
            self._debugger.reported(worker, message, is_over=active is None)
            touched, attached = touches(message.report), isinstance(message.report, Armed)
        if active is None:
            return
        run = active.run
        changed = msgspec.structs.replace(
            run, touched=run.touched or touched, debugged=run.debugged or attached
        )
        if changed != run:
            active.run = changed
            self._save(changed)
            self.announce(changed)
        if isinstance(message, JobDebugged) and isinstance(message.report, CaptureFailed):
            error = message.report.error
            self.log_for_run(
                LogRecord(
                    time=time.time(),
                    level="warning",
                    topic="debugger",
                    message=error.message,
                    run_id=run.run_id,
                    detail=error.detail,
                )
            )

    def _saved(self, active: _Active, message: JobSaved) -> None:
        run = active.run
        active.run = msgspec.structs.replace(run, artifact_count=run.artifact_count + 1)
        artifact = self._artifacts.add(
            run.run_id,
            index=message.index,
            file=message.file,
            width=message.width,
            height=message.height,
            nbytes=message.nbytes,
            seed=message.seed,
            prompt=run.spec.prompt,
        )
        if artifact is None:
            self._storage.check()
        else:
            self.announce_artifact(artifact)

    def announce_artifact(self, artifact: ArtifactRecord) -> None:
        self._hub.publish(ArtifactAdded(artifact=artifact), artifact.run_id)

    def _change(self, active: _Active, state: RunState) -> None:
        active.run = msgspec.structs.replace(active.run, state=state)
        self._save(active.run)
        self.announce(active.run)

    def _end(
        self,
        active: _Active,
        state: RunState,
        seconds: float,
        phases: tuple[PhaseTime, ...],
        error: ErrorInfo | None = None,
        *,
        worker_lost: bool = False,
    ) -> None:
        run = active.run = msgspec.structs.replace(
            active.run, state=state, finished=time.time(), seconds=seconds, phases=phases, error=error
        )
        if active.deadline is not None:
            active.deadline.cancel()
        del self._active[run.run_id]
        self._debugger.run_ended(run.run_id, state, worker_lost=worker_lost)
        self._save(run)
        active.folder.write_record(run)
        if error is not None:
            self._log.log("warning", "run", error.message, run.run_id, error.detail)
        else:
            self._log.info("run", f"{state} after {seconds:.1f} s", run.run_id)
        active.folder.close()
        self.announce(run)
        self._pool.set_run(active.worker, "")
        self.dispatch()

    def _on_worker_gone(self, worker: Worker, sentence: str) -> None:
        active = self._active.get(worker.run_id)
        if active is not None:
            seconds = time.time() - (active.run.started or time.time())
            if active.cancelled:
                self._end(active, "cancelled", seconds, (), worker_lost=True)
            elif self._pool.closing:
                self._end(active, "interrupted", seconds, (), stopped_by_engine(), worker_lost=True)
            else:
                lost = WorkerLostError(sentence, worker.process.last_lines())
                self._end(active, "failed", seconds, (), lost.info(), worker_lost=True)
        self.dispatch()

    def require(self, run_id: str) -> RunRecord:
        """The run of an id or a unique part of it, as it is now. Raises NotFoundError, BadInputError."""
        run = self.current(self._runs.find(run_id))
        if run.deleted:
            raise NotFoundError(f"Run {run.run_id} was deleted; restore it first.")
        return run


def stopped_by_engine() -> ErrorInfo:
    return ErrorInfo(
        "interrupted", "The engine was stopped while this run was going on; retry it to run it again."
    )
