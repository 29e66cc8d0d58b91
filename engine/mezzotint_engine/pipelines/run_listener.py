"""What a job tells and asks while it draws; the worker implements it, tests record it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

__all__ = ["RunListener"]


class RunListener(Protocol):
    """Called on the job's thread. No method may be slow: each call stands between two steps."""

    def boundary(self) -> None:
        """Between steps.

        Waits here while the run is paused; raises CancelledRunError once it is cancelled.
        """

    def progressed(
        self, phase: str, step: int, steps: int, image_index: int, steps_per_second: float, eta_seconds: float
    ) -> None: ...

    def wants_steps(self) -> bool:
        """Whether `step_begins` is to be called."""

    def step_begins(
        self,
        step: int,
        steps: int,
        image_index: int,
        timestep: float | None,
        sigma: float | None,
        latents: Any,
    ) -> None:
        """Sampler step `step`, from 0, is the next; `latents` are what it begins with (None: not known)."""

    def wants_preview(self) -> bool:
        """Whether a preview is due now."""

    def previewed(self, latent: Any, image_index: int, step: int, global_step: int) -> None:
        """A copy of the latent, a tensor of shape (channels, height, width), ours to keep."""

    def measured(self, name: str, unit: str, step: float, value: float) -> None: ...

    def saved(self, index: int, file: Path, width: int, height: int, nbytes: int, seed: int) -> None:
        """A picture lies at `file`, safely on disk."""
