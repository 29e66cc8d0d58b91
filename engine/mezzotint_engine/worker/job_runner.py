"""Runs one job at a time on the thread that calls it: load, draw each picture, save, and say how it went."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import torch

from mezzotint_engine.metrics.series_recorder import SeriesRecorder
from mezzotint_engine.models.catalog import fingerprint, resolve_model
from mezzotint_engine.models.memory_errors import is_out_of_memory
from mezzotint_engine.models.model_check import components_of
from mezzotint_engine.models.model_families import family_of
from mezzotint_engine.models.residency import ModelResidency, release_memory
from mezzotint_engine.opdebug.debug_session import DebugSession
from mezzotint_engine.opdebug.gate import RestartRunError
from mezzotint_engine.opdebug.ladder import Ladder
from mezzotint_engine.phases import PhaseClock
from mezzotint_engine.pipelines.image_generation import ImageGeneration
from mezzotint_engine.worker.control_thread import WorkerState
from mezzotint_engine.worker.debug_host import WorkerDebugHost
from mezzotint_engine.worker.devices import list_devices, resolved_spec
from mezzotint_engine.worker.failure_sentences import explain
from mezzotint_engine.worker.job_control import JobControl
from mezzotint_engine.worker.job_events import JobEvents
from mezzotint_engine.worker.look_listener import LookListener
from mezzotint_engine.worker.preview_thread import PreviewTarget, PreviewThread
from mezzotint_engine.worker.slot_wishes import SlotWishes
from mezzotint_sdk import phases
from mezzotint_sdk.errors import BadInputError, CancelledRunError, ModelError
from mezzotint_sdk.job_spec import GenerateSpec, canonical_json
from mezzotint_sdk.messages import (
    DebugAnswered,
    DebugAsked,
    FromWorker,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobMeasured,
    JobStarted,
    StartJob,
)
from mezzotint_sdk.version import __version__

__all__ = ["ARTIFACTS_FOLDER", "METRICS_FOLDER", "JobRunner"]

ARTIFACTS_FOLDER = "artifacts"
METRICS_FOLDER = "metrics"

_log = logging.getLogger(__name__)


class JobRunner:
    """Keeps models between jobs. `send` must not wait; nothing that a job does raises out of `run`."""

    def __init__(
        self,
        send: Callable[[FromWorker], None],
        previews: PreviewThread | None = None,
        state: WorkerState | None = None,
        models: ModelResidency | None = None,
        slots: SlotWishes | None = None,
    ) -> None:
        self._send = send
        self._slots = SlotWishes(send) if slots is None else slots
        self._debugger: DebugSession | None = None
        self._previews = previews
        self._state = state or WorkerState()
        self._models = ModelResidency() if models is None else models

    def run(self, job: StartJob, control: JobControl) -> None:
        """Do the job and send how it ended: JobFinished, JobCancelled or JobFailed, once."""
        run_id, folder = job.run_id, Path(job.folder)

        def tell(
            name: str,
            unit: str,
            steps: tuple[float, ...],
            values: tuple[float, ...],
            times: tuple[float, ...],
        ) -> None:
            self._send(
                JobMeasured(run_id=run_id, name=name, unit=unit, steps=steps, values=values, times=times)
            )

        recorder = SeriesRecorder(folder / METRICS_FOLDER, tell)
        lap = _PictureLap(recorder)
        clock = PhaseClock(lap.phase_ended)
        self._state.run_id = run_id
        self._state.progressed()
        host = WorkerDebugHost(run_id, self._send, self._slots, clock, recorder, self._state)
        debugger = DebugSession(run_id, folder, canonical_json(job.spec), host)
        control.on_cancel = debugger.gate.cancel
        clock.on_begin = debugger.ladder.enter_phase
        events = JobEvents(
            control, self._send, clock, recorder, self._state, folder, job.spec.count, debugger
        )
        self._debugger = debugger
        hook, sys.breakpointhook = sys.breakpointhook, debugger.breakpoint_hit
        recorder.start()
        failure: BaseException | None = None
        try:
            try:
                if job.debug is not None:
                    debugger.want(job.debug)  # a plan that can't be read fails the run, not the worker
                while True:
                    try:
                        self._draw_all(job, events, clock, lap, debugger, host)
                        break
                    except RestartRunError:
                        clock.leave()
                        debugger.begin_again()
                        events.begin_again()
                    except Exception as error:
                        debugger.run_failed(error)
                        raise
            finally:
                self._debugger = None
                sys.breakpointhook = hook
                debugger.close()
                clock.leave()
                if self._previews is not None:
                    self._previews.forget()
                recorder.close()
        except Exception as error:
            failure = error
        if debugger.weights_changed:  # by hand; the next run is to have the model as it is on disk
            self._models.clear()
        seconds, times = clock.elapsed(), clock.totals()
        self._state.run_id = ""
        if failure is None:
            self._send(JobFinished(run_id=run_id, seconds=seconds, phases=times))
        elif isinstance(failure, CancelledRunError):
            asked = debugger.stopped_by_user
            self._send(JobCancelled(run_id=run_id, seconds=seconds, phases=times, asked=asked))
        else:
            told = explain(failure, job.spec)
            self._send(JobFailed(run_id=run_id, seconds=seconds, error=told, phases=times))
            if is_out_of_memory(failure):
                self._models.clear()
        if failure is not None:
            # what the traceback's frames hold (latents, activations) must not outlive the run
            failure.__traceback__ = None
            failure = None
            release_memory()

    def debugger_asked(self, asked: DebugAsked) -> None:
        """On the control thread: pass it on to the debugger of the run that goes on."""
        debugger = self._debugger
        if debugger is not None and debugger.run_id == asked.run_id:
            debugger.ask(asked.call_id, asked.ask, self._send)
            return
        error = BadInputError(
            f"Run {asked.run_id} is not going on in this worker; there is nothing to debug."
        )
        self._send(DebugAnswered(call_id=asked.call_id, run_id=asked.run_id, error=error.info()))

    def _draw_all(
        self,
        job: StartJob,
        events: JobEvents,
        clock: PhaseClock,
        lap: _PictureLap,
        debugger: DebugSession,
        host: WorkerDebugHost,
    ) -> None:
        clock.enter(phases.LOAD)
        events.progressed(phases.LOAD, 0, 1, 0, 0.0, -1.0)
        model_folder = resolve_model(job.spec.model.path)
        pipeline_class, _ = components_of(model_folder)
        family = family_of(pipeline_class)
        if family is None:
            raise ModelError(
                f"{model_folder.name} is for {pipeline_class}, which Mezzotint can't draw with yet."
            )
        own_hash = fingerprint(model_folder)
        asked = job.spec.model.fingerprint
        if asked and asked != own_hash:
            _log.warning(
                "The model %s has changed since these settings were made; the picture may differ.",
                model_folder.name,
            )
        spec = resolved_spec(job.spec, list_devices(), family.name)
        spec = _with_fingerprint(spec, own_hash)
        self._send(JobStarted(run_id=job.run_id, device=spec.device, spec=spec))
        prepare_torch(spec.threads)
        events.boundary()
        model = self._models.get(model_folder, own_hash, spec.dtype, spec.device)
        if self._previews is not None:
            target = PreviewTarget(
                job.run_id,
                model_folder,
                family.name,
                spec.width,
                spec.height,
                lambda step, cost_ms: events.measured("preview/cost", "ms", step, cost_ms),
            )
            events.use_previews(self._previews, target)
        pipeline = model.pipeline(spec.mode)
        host.use_model(model_folder, family.name, pipeline, spec)
        parts = pipeline.components.items()
        inputs = Path(job.inputs_folder)
        pictures = ImageGeneration(spec, model, events, clock, inputs)

        def draw_again(ladder: Ladder) -> None:
            """For the debugger: the present picture once more, with nothing coming of it."""
            listener = LookListener(ladder, debugger.gate.check)
            again = PhaseClock()
            again.on_begin = ladder.enter_phase
            ImageGeneration(spec, model, listener, again, inputs, apart=True).draw(lap.index)

        debugger.use_rerun(draw_again)
        debugger.attach({name: part for name, part in parts if isinstance(part, torch.nn.Module)})
        # The picture carries what was asked for, so that it can be asked for again; what was chosen stands
        # beside.
        asked_spec = _with_fingerprint(job.spec, own_hash)
        for index in range(spec.count):
            lap.index = index
            debugger.ladder.enter_picture(index, spec.count)
            events.boundary()
            before = clock.elapsed()
            picture = pictures.draw(index)
            facts: dict[str, object] = {
                "run_id": job.run_id,
                "index": index,
                "engine_version": __version__,
                "torch_version": str(torch.__version__),
                "seconds": round(clock.elapsed() - before, 3),
                "made": round(time.time(), 3),
                "device": spec.device,
                "dtype": spec.dtype,
                "threads": spec.threads,
            }
            if debugger.touched or debugger.weights_changed:
                facts["touched"] = True  # edited by hand: these settings alone don't draw it again
            file = Path(job.folder) / ARTIFACTS_FOLDER / f"{index:04d}.png"
            pictures.save(index, picture, file, model_folder.name, facts, asked_spec)
            clock.leave()


class _PictureLap:
    """Records what each phase took for each picture. Loading counts for the first."""

    def __init__(self, recorder: SeriesRecorder) -> None:
        self._recorder = recorder
        self.index = 0

    def phase_ended(self, name: str, seconds: float) -> None:
        self._recorder.add(f"time/{name}", "ms", self.index, seconds * 1000.0)


def prepare_torch(threads: int) -> None:
    """Fix what the bits of a result depend on besides the spec's seed and dtype."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def _with_fingerprint(spec: GenerateSpec, own_hash: str) -> GenerateSpec:
    model = msgspec.structs.replace(spec.model, fingerprint=own_hash)
    return msgspec.structs.replace(spec, model=model)
