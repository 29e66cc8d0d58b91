"""What a job says, turned into messages for the server; and what the user wants, obeyed between its steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mezzotint_engine.metrics.series_recorder import SeriesRecorder
from mezzotint_engine.opdebug.debug_session import DebugSession
from mezzotint_engine.phases import PhaseClock
from mezzotint_engine.worker.control_thread import WorkerState
from mezzotint_engine.worker.job_control import JobControl
from mezzotint_engine.worker.preview_thread import PreviewTarget, PreviewThread
from mezzotint_sdk.messages import FromWorker, JobPaused, JobProgressed, JobResumed, JobSaved

__all__ = ["JobEvents"]

# A progress bar needs no more, and each message wakes a thread in three processes: see docs/DECISIONS.md.
PROGRESS_SECONDS = 0.1


class JobEvents:
    """The listener (see `pipelines.run_listener`) of one run. Used by the job's thread alone."""

    def __init__(
        self,
        control: JobControl,
        send: Callable[[FromWorker], None],
        clock: PhaseClock,
        recorder: SeriesRecorder,
        state: WorkerState,
        folder: Path,
        image_count: int,
        debugger: DebugSession,
    ) -> None:
        self._debugger = debugger
        self._saved: set[int] = set()
        self._beginnings = 1
        self._control, self._send, self._clock = control, send, clock
        self._recorder, self._state = recorder, state
        self._folder, self._image_count = folder, image_count
        self._progress_sent = float("-inf")
        self._phase_sent = ""
        self._previews: PreviewThread | None = None
        self._target: PreviewTarget | None = None

    def use_previews(self, previews: PreviewThread, target: PreviewTarget) -> None:
        self._previews, self._target = previews, target

    def boundary(self) -> None:
        self._recorder.check()
        self._control.check()
        if self._control.wants_pause:
            run_id = self._control.run_id
            with self._clock.paused():
                self._control.wait_while_paused(lambda: self._send(JobPaused(run_id=run_id)))
            self._state.progressed()
            self._control.check()
            self._send(JobResumed(run_id=run_id))
        self._debugger.boundary()

    def progressed(
        self, phase: str, step: int, steps: int, image_index: int, steps_per_second: float, eta_seconds: float
    ) -> None:
        self._state.progressed()
        now = time.monotonic()
        same = phase == self._phase_sent and step < steps
        if same and now - self._progress_sent < PROGRESS_SECONDS:
            return
        self._progress_sent, self._phase_sent = now, phase
        self._send(
            JobProgressed(
                run_id=self._control.run_id,
                phase=phase,
                step=step,
                steps=steps,
                image_index=image_index,
                image_count=self._image_count,
                steps_per_second=steps_per_second,
                eta_seconds=eta_seconds,
            )
        )

    def wants_steps(self) -> bool:
        return True

    def step_begins(
        self,
        step: int,
        steps: int,
        image_index: int,
        timestep: float | None,
        sigma: float | None,
        latents: Any,
    ) -> None:
        self._debugger.ladder.enter_step(step, steps, timestep, sigma, latents)

    def wants_preview(self) -> bool:
        return self._previews is not None and self._previews.due()

    def previewed(self, latent: Any, image_index: int, step: int, global_step: int) -> None:
        if self._previews is not None and self._target is not None:
            self._previews.offer(self._target, latent, image_index, step, global_step)

    def measured(self, name: str, unit: str, step: float, value: float) -> None:
        if self._beginnings > 1:
            name = f"begun again {self._beginnings - 1}/{name}"  # steps of one series never go back
        if self._debugger.armed:
            name = f"debugged/{name}"  # what was stepped through or recorded is no measurement
        self._recorder.add(name, unit, step, value)

    def begin_again(self) -> None:
        """The run was left in its middle, by the debugger, and begins anew."""
        self._beginnings += 1

    def saved(self, index: int, file: Path, width: int, height: int, nbytes: int, seed: int) -> None:
        if index in self._saved:
            return  # the run was begun anew in the debugger; the server has this picture's row
        self._saved.add(index)
        self._send(
            JobSaved(
                run_id=self._control.run_id,
                index=index,
                file=file.relative_to(self._folder).as_posix(),
                width=width,
                height=height,
                nbytes=nbytes,
                seed=seed,
            )
        )
