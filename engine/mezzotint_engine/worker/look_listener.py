"""The listener of a picture that is drawn again only to be looked at: it tells the debugger's ladder, no one
else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mezzotint_engine.opdebug.ladder import Ladder

__all__ = ["LookListener"]


class LookListener:
    """A `RunListener`. `check` raises where the run was cancelled meanwhile."""

    def __init__(self, ladder: Ladder, check: Callable[[], None]) -> None:
        self._ladder = ladder
        self._check = check

    def boundary(self) -> None:
        self._check()

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
        self._ladder.enter_step(step, steps, timestep, sigma, latents)

    def wants_preview(self) -> bool:
        return False

    def progressed(
        self, phase: str, step: int, steps: int, image_index: int, steps_per_second: float, eta_seconds: float
    ) -> None:
        pass

    def previewed(self, latent: Any, image_index: int, step: int, global_step: int) -> None:
        pass

    def measured(self, name: str, unit: str, step: float, value: float) -> None:
        pass

    def saved(self, index: int, file: Path, width: int, height: int, nbytes: int, seed: int) -> None:
        pass
