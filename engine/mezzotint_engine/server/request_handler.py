"""What the server does for each request: short work at once, slow work on a background thread."""

from __future__ import annotations

import math
from concurrent.futures import Future
from typing import TypeVar

from mezzotint_engine.server import background_requests as slow
from mezzotint_engine.server.client_hub import Client
from mezzotint_engine.server.engine_context import EngineContext
from mezzotint_engine.server.job_validation import validated, with_present_model
from mezzotint_engine.server.snapshots import make_snapshot, make_status, make_welcome
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import DebugPlan
from mezzotint_sdk.errors import BadInputError, InternalError, MezzotintError
from mezzotint_sdk.job_spec import JobSpec
from mezzotint_sdk.records import FINAL_STATES

__all__ = ["RequestHandler"]

MAX_PREVIEW_HZ = 60.0
T = TypeVar("T")


class RequestHandler:
    """`handle` is the hub's `on_call`; what it raises as MezzotintError becomes the answer."""

    def __init__(self, context: EngineContext) -> None:
        self._c = context

    def handle(self, client: Client, request_id: int, body: object) -> None:
        if isinstance(body, m.SubmitJobs):
            self._submit(client, request_id, body)
            return
        if isinstance(body, m.RetryRun):
            self._retry(client, request_id, body)
            return
        if isinstance(body, m.AskDebugger):
            self._c.control.ask_debugger(client, request_id, body)
            return
        if isinstance(body, m.ListModels | m.DescribeModel | m.AddModelFolder):
            work = slow.model_work(self._c, body)
            self._c.background.run_in_order(work, lambda done: self._answer_later(client, request_id, done))
            return
        later = slow.reading_work(self._c, body)
        if later is not None:
            self._c.background.read(later, lambda done: self._answer_later(client, request_id, done))
            return
        self._c.hub.answer(client, request_id, self._answer(client, body))

    def _answer_later(self, client: Client, request_id: int, done: Future[m.Reply]) -> None:
        if not done.cancelled():
            self._c.hub.caused_by(
                client, request_id, lambda: self._c.hub.answer(client, request_id, self._result(done))
            )

    def _result(self, done: Future[T]) -> T:
        error = done.exception()
        if error is None:
            return done.result()
        if isinstance(error, MezzotintError):
            raise error
        self._c.log.exception("server", "a request failed", error)
        raise InternalError(f"The engine failed: {type(error).__name__}: {error}.")

    # --- jobs ---------------------------------------------------------------------------------------------

    def _submit(self, client: Client, request_id: int, body: m.SubmitJobs) -> None:
        self._c.storage.require()
        self._c.pool.ensure_worker()
        devices = self._c.pool.devices

        def finish(done: Future[list[JobSpec]]) -> None:
            if not done.cancelled():
                self._c.hub.caused_by(
                    client, request_id, lambda: self._add(client, request_id, self._result(done), body.debug)
                )

        self._c.background.run_in_order(lambda: validated(body.specs, self._c.home, devices), finish)

    def _add(
        self,
        client: Client,
        request_id: int,
        specs: list[JobSpec],
        debug: DebugPlan | None,
        retry_of: str = "",
    ) -> None:
        runs = self._c.runs.add([(spec, retry_of) for spec in specs], debug)
        # answered before the events: the client then knows that these runs are its own
        run_ids = tuple(run.run_id for run in runs)
        self._c.hub.answer(client, request_id, m.JobsSubmitted(run_ids=run_ids))
        for run in runs:
            self._c.control.announce(run)
        self._c.control.queue_changed()
        self._c.control.dispatch()

    def _retry(self, client: Client, request_id: int, body: m.RetryRun) -> None:
        self._c.storage.require()
        self._c.pool.ensure_worker()
        old = self._c.runs.find(body.run_id)
        spec = with_present_model(old.spec) if body.present_model else old.spec
        devices = self._c.pool.devices

        def finish(done: Future[list[JobSpec]]) -> None:
            if not done.cancelled():
                self._c.hub.caused_by(
                    client,
                    request_id,
                    lambda: self._add(client, request_id, self._result(done), None, old.run_id),
                )

        self._c.background.run_in_order(lambda: validated((spec,), self._c.home, devices), finish)

    # --- everything else ----------------------------------------------------------------------------------

    def _answer(self, client: Client, body: object) -> m.Reply:
        c = self._c
        match body:
            case m.Hello():
                return make_welcome(c)
            case m.Ping():
                pass
            case m.GetSnapshot():
                return make_snapshot(c)
            case m.GetStatus():
                return make_status(c)
            case m.CancelRun():
                c.control.cancel(body.run_id, body.force)
            case m.CancelAll():
                c.control.cancel_all()
            case m.PauseRun():
                c.control.pause(body.run_id)
            case m.ResumeRun():
                c.control.resume(body.run_id)
            case m.MoveRun():
                before = c.runs.find(body.before).run_id if body.before else ""
                c.queue.move(c.runs.find(body.run_id).run_id, before)
                c.control.queue_changed()
            case m.PauseQueue() | m.ResumeQueue():
                c.queue.set_paused(isinstance(body, m.PauseQueue))
                c.control.queue_changed()
                c.control.dispatch()
            case m.DeleteArtifacts():
                changed = c.artifacts.set_deleted(body.artifact_ids, True)
                c.hub.publish(m.ArtifactsDeleted(artifact_ids=tuple(changed)))
            case m.RestoreArtifacts():
                changed = c.artifacts.set_deleted(body.artifact_ids, False)
                c.hub.publish(m.ArtifactsRestored(artifact_ids=tuple(changed)))
            case m.DeleteRuns():
                self._delete_runs(body.run_ids)
            case m.RestoreRuns():
                ids = c.runs.set_deleted([c.runs.find(part).run_id for part in body.run_ids], False)
                c.artifacts.forget_total()
                c.hub.publish(m.RunsRestored(run_ids=tuple(ids)))
            case m.SetPreviewRate():
                if not math.isfinite(body.hz) or not 0 <= body.hz <= MAX_PREVIEW_HZ:
                    raise BadInputError(
                        f"The preview rate goes from 0 to {MAX_PREVIEW_HZ:g} Hz, not {body.hz:g}."
                    )
                c.pool.set_preview_hz(body.hz)
            case m.ReleaseSlots():
                for ref in body.refs:
                    c.hub.release(client, ref)
            case m.KillWorker():
                c.control.kill_worker(body.worker_id)
            case m.SetLinger():
                if math.isnan(body.seconds):
                    raise BadInputError("How long the engine stays must be a number of seconds.")
                c.set_linger(body.seconds)
            case m.StopEngine():
                if not body.if_unused or self._is_unused(client):
                    c.stop("a client asked for it")
            case _:
                raise BadInputError(f"This engine doesn't know the request {type(body).__name__}.")
        return m.Done()

    def _is_unused(self, asking: Client) -> bool:
        others = [client for client in self._c.hub.clients if client is not asking]
        return not others and not self._c.control.active() and not self._c.queue.length()

    def _delete_runs(self, parts: tuple[str, ...]) -> None:
        found = [self._c.control.current(self._c.runs.find(part)) for part in parts]
        open_runs = [run for run in found if run.state not in FINAL_STATES]
        if open_runs:
            run = open_runs[0]
            raise BadInputError(f"Run {run.run_id} is {run.state}; cancel it before deleting it.")
        ids = self._c.runs.set_deleted([run.run_id for run in found], True)
        self._c.artifacts.forget_total()
        self._c.hub.publish(m.RunsDeleted(run_ids=tuple(ids)))
