"""What the op debugger needs of whoever runs the models."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import torch

from mezzotint_sdk.debug_messages import DebugReport
from mezzotint_sdk.records import ArrayRef

__all__ = ["DebugHost"]


class DebugHost(Protocol):
    """Called on the thread that stands, or on the job's. No method may raise for want of something to
    show."""

    def report(self, report: DebugReport) -> None: ...

    def paused(self) -> AbstractContextManager[None]:
        """The time inside counts for no phase."""

    def measured(self, name: str, unit: str, step: float, value: float) -> None: ...

    def write_array(self, array: np.ndarray[Any, Any]) -> ArrayRef | None:
        """Into a slot; None when there is none to be had."""

    def latent_picture(self, latent: torch.Tensor) -> np.ndarray[Any, Any] | None:
        """uint8 (height, width, 3), quick and rough."""

    def decode(self, latent: torch.Tensor) -> np.ndarray[Any, Any] | None:
        """The same by the model's own VAE."""

    def prompt_tokens(self) -> tuple[str, ...]:
        """Of the text encoder, as labels; empty where they are not known."""
