"""What both trainings share: averaged weights, the learning rate's course, checkpoints."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class AveragedWeights:
    """An exponential moving average of parameters; its decay warms up, so early averages are not stale."""

    def __init__(self, modules: Iterable[nn.Module], decay: float) -> None:
        self.live = [parameter for module in modules for parameter in module.parameters()]
        self.average = [parameter.detach().clone() for parameter in self.live]
        self.decay = decay

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the averages towards the live weights after optimizer step `step` (from 1)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.average, self.live, 1.0 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange live and averaged weights; a second call restores both."""
        for live, average in zip(self.live, self.average, strict=True):
            kept = live.clone()
            live.copy_(average)
            average.copy_(kept)

    @torch.no_grad()
    def load(self, average: list[Tensor]) -> None:
        """Take over averages from a checkpoint."""
        for mine, saved in zip(self.average, average, strict=True):
            mine.copy_(saved)

    @torch.no_grad()
    def load_into_live(self, average: list[Tensor]) -> None:
        """Put a checkpoint's averages into the modules themselves."""
        for live, saved in zip(self.live, average, strict=True):
            live.copy_(saved)


def learning_rate_at(step: int, steps: int, peak: float, warmup_steps: int, decay_part: float) -> float:
    """Linear warm-up, a plateau, then a linear fall to zero over the last `decay_part` of all steps."""
    warm = min(1.0, (step + 1) / max(warmup_steps, 1))
    decay_steps = max(1.0, decay_part * steps)
    return peak * warm * max(0.0, min(1.0, (steps - step) / decay_steps))


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set one learning rate for all parameter groups."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint beside its place and move it there, so that a kill leaves the old or the new one."""
    fresh = path.with_suffix(".tmp")
    torch.save(state, fresh)
    os.replace(fresh, path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The checkpoint, or None when training starts afresh."""
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
