"""What the op debugger needs of the worker: messages, slots, the run's clock and series, pictures of
latents."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mezzotint_engine.metrics.series_recorder import SeriesRecorder
from mezzotint_engine.phases import PhaseClock
from mezzotint_engine.pipelines.latent_preview import LatentPreview
from mezzotint_engine.worker.control_thread import WorkerState
from mezzotint_engine.worker.slot_wishes import SlotWishes
from mezzotint_sdk.debug_messages import DebugReport, JobDebugged
from mezzotint_sdk.job_spec import GenerateSpec
from mezzotint_sdk.messages import FromWorker
from mezzotint_sdk.records import ArrayRef

__all__ = ["WorkerDebugHost"]


class WorkerDebugHost:
    """The `DebugHost` of one picture run."""

    def __init__(
        self,
        run_id: str,
        send: Callable[[FromWorker], None],
        slots: SlotWishes,
        clock: PhaseClock,
        recorder: SeriesRecorder,
        state: WorkerState,
    ) -> None:
        self._run_id = run_id
        self._send = send
        self._slots = slots
        self._clock = clock
        self._recorder = recorder
        self._state = state
        self._preview: LatentPreview | None = None
        self._size = (0, 0)
        self._vae: Any = None
        self._tokenizer: Any = None
        self._prompt = ""

    def use_model(self, folder: Path, family: str, pipeline: Any, spec: GenerateSpec) -> None:
        width, height = spec.width, spec.height
        self._tokenizer, self._prompt = getattr(pipeline, "tokenizer", None), spec.prompt
        vae = getattr(pipeline, "vae", None)
        self._vae, self._size = vae, (width, height)
        channels = getattr(getattr(vae, "config", None), "latent_channels", 0)
        self._preview = LatentPreview.of_model(folder, family, channels) if channels else None

    def report(self, report: DebugReport) -> None:
        self._state.progressed()
        self._send(JobDebugged(run_id=self._run_id, report=report))

    def paused(self) -> AbstractContextManager[None]:
        return self._clock.paused()

    def measured(self, name: str, unit: str, step: float, value: float) -> None:
        self._recorder.add(name, unit, step, value)

    def write_array(self, array: np.ndarray[Any, Any]) -> ArrayRef | None:
        return self._slots.write(array)

    def latent_picture(self, latent: torch.Tensor) -> np.ndarray[Any, Any] | None:
        if self._preview is None or latent.ndim not in (3, 4):
            return None
        first = latent[0] if latent.ndim == 4 else latent
        return self._preview.picture(first.detach().float().cpu().numpy(), *self._size)

    def prompt_tokens(self) -> tuple[str, ...]:
        if self._tokenizer is None:
            return ()
        found = self._tokenizer(
            self._prompt,
            padding="max_length",
            max_length=self._tokenizer.model_max_length,
            truncation=True,
        )
        words = self._tokenizer.convert_ids_to_tokens(found.input_ids)
        return tuple(str(word) for word in words)

    def decode(self, latent: torch.Tensor) -> np.ndarray[Any, Any] | None:
        """By the model's own autoencoder; float latents of shape (channels, height, width) or with a
        batch."""
        vae = self._vae
        if vae is None:
            return None
        batch = latent.detach()[:1] if latent.ndim == 4 else latent.detach()[None]
        config = vae.config
        shift = getattr(config, "shift_factor", None) or 0.0
        with torch.no_grad():
            scaled = batch.to(vae.device, vae.dtype) / config.scaling_factor + shift
            picture = vae.decode(scaled, return_dict=False)[0][0]
        pixels = (picture.float() / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
        return pixels.permute(1, 2, 0).cpu().numpy()
