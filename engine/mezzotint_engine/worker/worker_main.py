"""The worker put together: control thread, preview thread, and jobs on the main thread, until told to end."""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys

import torch

from mezzotint_engine.worker.control_thread import ControlThread, CurveKeys, WorkerState
from mezzotint_engine.worker.devices import list_devices
from mezzotint_engine.worker.job_control import JobControl
from mezzotint_engine.worker.job_runner import JobRunner
from mezzotint_engine.worker.preview_thread import PreviewThread
from mezzotint_engine.worker.process_end import SERVER_LOST, end_process_tree
from mezzotint_engine.worker.slot_wishes import SlotWishes
from mezzotint_engine.worker.stray_output import WireLogHandler, route_logs
from mezzotint_sdk.messages import (
    PROTOCOL_VERSION,
    CancelJob,
    DebugAsked,
    PauseJob,
    ResumeJob,
    SetPreviews,
    Shutdown,
    SlotGranted,
    StartJob,
    ToWorker,
    WorkerHello,
    WorkerLogged,
    WorkerWelcome,
)
from mezzotint_sdk.version import __version__

__all__ = ["Worker"]

_log = logging.getLogger(__name__)


class Worker:
    """One worker. `run` returns when the server told it to end; when the server is lost, the process ends."""

    def __init__(self, endpoint: str, worker_id: str, keys: CurveKeys | None) -> None:
        self._worker_id = worker_id
        self._state = WorkerState()
        self._jobs: queue.SimpleQueue[tuple[StartJob, JobControl] | None] = queue.SimpleQueue()
        # of all jobs that were handed over and are not over, by run id
        self._controls: dict[str, JobControl] = {}
        self._thread = ControlThread(endpoint, worker_id, keys, self._state, self._on_message, self._on_lost)
        self._logs = WireLogHandler(lambda line: self._thread.send(WorkerLogged(line=line)))
        self._previews = PreviewThread(self._thread.send, _log.warning)
        self._slots = SlotWishes(self._thread.send)
        self._runner = JobRunner(self._thread.send, self._previews, self._state, slots=self._slots)

    def run(self) -> None:
        """On the main thread: torch's own state is per thread, and the main one is what libraries expect."""
        # Ctrl-C in a terminal reaches all of its processes; the server decides what it means for us
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        warm_up()
        route_logs(self._logs)
        self._thread.start(
            WorkerHello(
                protocol=PROTOCOL_VERSION,
                worker_id=self._worker_id,
                pid=os.getpid(),
                engine_version=__version__,
                torch_version=str(torch.__version__),
                devices=list_devices(),
            )
        )
        while (work := self._jobs.get()) is not None:
            job, control = work
            self._logs.run_id = job.run_id
            try:
                self._runner.run(job, control)
            finally:
                self._logs.run_id = ""
                self._controls.pop(job.run_id, None)
        logging.getLogger().removeHandler(self._logs)
        self._previews.close()
        self._slots.close()
        self._thread.close()

    def _on_message(self, message: ToWorker) -> None:
        """On the control thread."""
        match message:
            case WorkerWelcome():
                self._slots.start(message.slots_folder)
                self._previews.start(message.slots_folder, message.preview_hz)
            case StartJob():
                control = self._controls[message.run_id] = JobControl(message.run_id)
                self._jobs.put((message, control))
            case CancelJob():
                if (known := self._controls.get(message.run_id)) is not None:
                    known.cancel()
            case PauseJob():
                if (known := self._controls.get(message.run_id)) is not None:
                    known.pause()
            case ResumeJob():
                if (known := self._controls.get(message.run_id)) is not None:
                    known.resume()
            case SetPreviews():
                self._previews.set_rate(message.hz)
            case SlotGranted() if message.purpose:
                self._slots.grant(message)
            case SlotGranted():
                self._previews.slot_granted(message)
            case DebugAsked():
                self._runner.debugger_asked(message)
            case Shutdown():
                for control in list(self._controls.values()):
                    control.cancel()
                self._jobs.put(None)

    def _on_lost(self) -> None:
        print("The server has not been heard for too long; this worker ends.", file=sys.stderr)
        end_process_tree(SERVER_LOST)


def warm_up() -> None:
    """Import what the first job would otherwise wait for.

    A spare worker has paid for it before it is needed.
    """
    from diffusers import (
        AutoencoderKL,
        DDIMScheduler,
        StableDiffusionImg2ImgPipeline,
        StableDiffusionInpaintPipeline,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextModel, CLIPTokenizer

    loaded = (
        AutoencoderKL,
        CLIPTextModel,
        CLIPTokenizer,
        DDIMScheduler,
        StableDiffusionImg2ImgPipeline,
        StableDiffusionInpaintPipeline,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    _log.debug("%d classes are loaded.", len(loaded))
