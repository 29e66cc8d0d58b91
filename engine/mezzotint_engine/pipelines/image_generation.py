"""Pictures of one run, each drawn alone with a generator of its own, so that any of them can be drawn again.

What is fixed so that the same spec on the same machine gives the same bits: the seed of each picture and a
generator on the CPU (devices disagree about random numbers), the number of threads, dtype, device, a fresh
scheduler per picture, and one picture a batch (another batch size may choose another kernel).
"""

from __future__ import annotations

import copy
import inspect
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image

# What is computed here only to be shown is no op of the model: whoever watches its ops doesn't see it.
from torch.utils._python_dispatch import _disable_current_modes

from mezzotint_engine.models.loading import LoadedModel
from mezzotint_engine.phases import PhaseClock
from mezzotint_engine.pipelines.input_images import load_image, load_mask
from mezzotint_engine.pipelines.picture_file import png_text, save_picture
from mezzotint_engine.pipelines.prompt_shortening import clean_prompt, shorten_prompt
from mezzotint_engine.pipelines.run_listener import RunListener
from mezzotint_engine.pipelines.scheduler_choice import check_steps, make_scheduler
from mezzotint_sdk import phases
from mezzotint_sdk.errors import BadInputError, MezzotintError
from mezzotint_sdk.job_spec import GenerateSpec, picture_spec

__all__ = ["ImageGeneration"]

RATE_STEPS = 20  # steps per second are an average over the last so many


class ImageGeneration:
    """Draws the pictures of one spec with a loaded model. `spec` has device, dtype and threads resolved.

    `apart`: while another generation with the same model stands still in the middle of a picture.
    """

    def __init__(
        self,
        spec: GenerateSpec,
        model: LoadedModel,
        listener: RunListener,
        clock: PhaseClock,
        inputs_folder: Path,
        *,
        apart: bool = False,
    ) -> None:
        self._spec = spec
        self._model = model
        self._listener = listener
        self._clock = clock
        self._pipeline = model.pipeline(spec.mode)
        if apart:
            # what a call writes into its pipeline must not reach one that is in the middle of a call
            self._pipeline = copy.copy(self._pipeline)
        self._arguments = self._fixed_arguments(inputs_folder)
        check_steps(make_scheduler(model.scheduler, spec.scheduler), spec.steps)
        self._index = 0
        self._global_step = 0
        self._steps = spec.steps
        self._step_started = 0.0
        self._durations: deque[float] = deque(maxlen=RATE_STEPS)

    def draw(self, index: int) -> Image.Image:
        """Picture `index` of the run. Raises CancelledRunError, or an error with a sentence."""
        self._index = index
        self._clock.enter(phases.ENCODE)
        self._listener.progressed(phases.ENCODE, 0, 1, index, 0.0, self._eta(0))
        pipeline = self._pipeline
        pipeline.scheduler = make_scheduler(self._model.scheduler, self._spec.scheduler)
        seed = picture_spec(self._spec, index).seed
        if hasattr(pipeline.scheduler, "noise_sampler_seed"):
            # DPMSolverSDE draws its noise from a seed of its own, which is a random one unless it is given
            pipeline.scheduler.noise_sampler_seed = seed
        with self._watched_steps(), torch.inference_mode():
            try:
                generator = torch.Generator("cpu").manual_seed(seed)
                drawn: Image.Image = pipeline(**self._arguments, generator=generator).images[0]
            finally:
                # an interrupted pipeline leaves its parts where offloading put them
                pipeline.maybe_free_model_hooks()
        if self._spec.mode == "inpaint":
            # the autoencoder changes all pixels a little; what is to be kept is kept to the bit
            return Image.composite(drawn, self._arguments["image"], self._arguments["mask_image"])
        return drawn

    def save(
        self,
        index: int,
        picture: Image.Image,
        file: Path,
        model_name: str,
        facts: dict[str, object],
        asked: GenerateSpec,
    ) -> None:
        """Write a picture with the spec that was `asked` for, narrowed to this one. Raises StorageError."""
        self._clock.enter(phases.SAVE)
        own = picture_spec(asked, index)
        text = png_text(own, model_name, type(self._model.scheduler).__name__, facts)
        nbytes = save_picture(file, picture, text)
        self._listener.saved(index, file, picture.width, picture.height, nbytes, own.seed)

    # --- what the pipeline is called with

    def _fixed_arguments(self, inputs_folder: Path) -> dict[str, Any]:
        spec, pipeline = self._spec, self._pipeline
        takes = inspect.signature(pipeline.__call__).parameters
        tokenizers = [
            part
            for name, part in pipeline.components.items()
            if name.startswith("tokenizer") and part is not None
        ]
        arguments: dict[str, Any] = {
            "prompt": shorten_prompt(clean_prompt(spec.prompt), tokenizers),
            "num_inference_steps": spec.steps,
            "guidance_scale": spec.guidance_scale,
            "output_type": "pil",
            "callback_on_step_end": self._step_ended,
            "callback_on_step_end_tensor_inputs": ["latents"],
        }
        if "negative_prompt" in takes:
            arguments["negative_prompt"] = shorten_prompt(clean_prompt(spec.negative_prompt), tokenizers)
        multiple = 8 * max(1, pipeline.vae_scale_factor // 8)
        if spec.width % multiple or spec.height % multiple:
            raise BadInputError(
                f"{spec.width}x{spec.height} is not possible: both sides must be multiples of {multiple}."
            )
        if "width" in takes:
            arguments |= {"width": spec.width, "height": spec.height}
        if spec.mode in ("image_to_image", "inpaint"):
            if int(spec.steps * spec.strength) < 1:
                raise BadInputError(
                    f"{spec.steps} steps at a strength of {spec.strength:g} leave none to draw; raise either."
                )
            arguments |= {"image": load_image(spec, inputs_folder), "strength": spec.strength}
        if spec.mode == "inpaint":
            arguments["mask_image"] = load_mask(spec, inputs_folder)
        return arguments

    # --- while it draws

    @contextmanager
    def _watched_steps(self) -> Iterator[None]:
        """Pipelines open their progress bar where the denoising loop begins: that is how we learn of it."""
        pipeline = self._pipeline

        @contextmanager
        def progress_bar(iterable: object = None, total: int | None = None) -> Iterator[_SilentBar]:
            self._steps = int(getattr(pipeline, "_num_timesteps", None) or total or self._spec.steps)
            self._listener.boundary()
            self._clock.enter(phases.DENOISE)
            self._listener.progressed(phases.DENOISE, 0, self._steps, self._index, 0.0, self._eta(0))
            self._tell_step(0, None)
            self._step_started = time.perf_counter()
            yield _SilentBar()

        pipeline.progress_bar = progress_bar
        try:
            yield
        finally:
            del pipeline.progress_bar

    def _step_ended(
        self, pipeline: Any, step: int, _timestep: Any, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        listener, latents = self._listener, tensors["latents"]
        done, last = step + 1, step + 1 >= self._steps
        if latents.device.type != "cpu":
            # A step is over when the device is done, not when its work was handed over. What this costs is
            # the time to launch one kernel; without it latencies, progress and Cancel would run ahead of the
            # truth.
            torch.accelerator.synchronize(latents.device)
        seconds = time.perf_counter() - self._step_started
        self._durations.append(seconds)
        rate = len(self._durations) / max(1e-9, sum(self._durations))
        listener.measured("latency/step", "ms", self._global_step, seconds * 1000.0)
        listener.measured("speed/steps_per_second", "1/s", self._global_step, rate)
        if listener.wants_preview():
            # Nor is handing it over (a copy to numpy) an op of the run: whether there is one depends on time.
            with _disable_current_modes():
                latent = self._latent_map(pipeline, latents)
                if latent is not None:
                    listener.previewed(latent, self._index, done, self._global_step)
        self._global_step += 1
        listener.progressed(phases.DENOISE, done, self._steps, self._index, rate, self._eta(done))
        self._check_numbers(latents, done)
        listener.boundary()
        if not last:
            self._tell_step(done, latents)
        if last:
            self._clock.enter(phases.DECODE)
            listener.progressed(phases.DECODE, 0, 1, self._index, rate, self._eta(done))
        self._step_started = time.perf_counter()
        return {}

    def _tell_step(self, step: int, latents: torch.Tensor | None) -> None:
        """Say which step is the next, with its timestep and, where the scheduler has them, sigma."""
        if not self._listener.wants_steps():
            return
        scheduler = self._pipeline.scheduler
        timesteps = getattr(scheduler, "timesteps", None)
        sigmas = getattr(scheduler, "sigmas", None)
        # image to image begins in the middle of the schedule: steps are counted from its end
        at = -1 if timesteps is None else len(timesteps) - self._steps + step
        known = timesteps is not None and 0 <= at < len(timesteps)
        with _disable_current_modes():
            timestep = float(timesteps[at]) if timesteps is not None and known else None
            sigma = float(sigmas[at]) if sigmas is not None and known and at < len(sigmas) else None
        self._listener.step_begins(step, self._steps, self._index, timestep, sigma, latents)

    def _eta(self, done: int) -> float:
        """Seconds until the last picture is denoised; below 0 while no step was measured."""
        if not self._durations:
            return -1.0
        left = self._steps - done + self._steps * (self._spec.count - 1 - self._index)
        return left * sum(self._durations) / len(self._durations)

    def _latent_map(self, pipeline: Any, latents: torch.Tensor) -> torch.Tensor | None:
        """A copy as (channels, height, width), scaled as the model sees it, whatever the scheduler."""
        if latents.ndim == 3:  # Flux packs two by two positions into one
            latents = pipeline._unpack_latents(
                latents, self._spec.height, self._spec.width, pipeline.vae_scale_factor
            )
        if latents.ndim != 4:
            return None
        return latents[0].detach().float() * _variance_scale(pipeline.scheduler)

    def _check_numbers(self, latents: torch.Tensor, step: int) -> None:
        with _disable_current_modes():
            if bool(torch.isfinite(latents).all()):
                return
        other = "the dtype float32 or bfloat16" if self._spec.dtype == "float16" else "another scheduler"
        raise BadNumbersError(
            f"The picture fell apart at step {step}: its latents are no longer numbers. "
            f"Try {other}, a lower guidance, or more steps."
        )


class BadNumbersError(MezzotintError):
    """NaN or infinity in the latents."""

    code = "bad_numbers"


class _SilentBar:
    """What a pipeline asks of its progress bar, without one."""

    def update(self, *_: object) -> None:
        pass


def _variance_scale(scheduler: Any) -> float:
    """Some schedulers (Euler, Heun ...) add noise to a fixed signal, so that latents have size `sigma`.

    Undo it.
    """
    sigmas, index = getattr(scheduler, "sigmas", None), getattr(scheduler, "step_index", None)
    if sigmas is None or index is None or float(scheduler.init_noise_sigma) <= 1.5:
        return 1.0
    sigma = float(sigmas[min(index, len(sigmas) - 1)])
    return float((sigma**2 + 1.0) ** -0.5)
