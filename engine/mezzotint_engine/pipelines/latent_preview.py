"""A latent as a small RGB picture by a linear map: a thousandth of what decoding it costs.

Numpy on purpose: torch would wake its OpenMP threads, which on few cores get in the way of the step that
runs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mezzotint_engine.pipelines.latent_factors import FACTORS

__all__ = ["LatentPreview", "PREVIEW_FILE"]

PREVIEW_FILE = "latent_preview.json"
MAX_SIDE = 512
MIN_SIDE = 256


@dataclass(frozen=True)
class LatentPreview:
    """matrix (channels, 3) and bias (3) take a latent of the denoising loop to RGB in 0..1."""

    matrix: NDArray[np.float32]
    bias: NDArray[np.float32]

    @classmethod
    def of_model(cls, folder: Path, family: str, channels: int) -> LatentPreview | None:
        """The model's own map where its folder brings one, else its family's; None where neither is known."""
        try:
            own = json.loads((folder / PREVIEW_FILE).read_text(encoding="utf-8"))
            return cls._checked(own["matrix"], own["bias"], channels)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            pass  # no map of its own, or one that can't be used: previews are a nicety
        if family not in FACTORS:
            return None
        factors, offset = FACTORS[family]
        # the published factors give -1..1
        return cls._checked(np.asarray(factors) / 2, np.asarray(offset) / 2 + 0.5, channels)

    @classmethod
    def _checked(cls, matrix: Any, bias: Any, channels: int) -> LatentPreview | None:
        matrix, bias = np.asarray(matrix, np.float32), np.asarray(bias, np.float32)
        if matrix.shape != (channels, 3) or bias.shape != (3,):
            return None
        return cls(matrix, bias)

    def rgb(self, latent_CHW: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Shape (height, width, 3) at the latent's size; what is not a number becomes black."""
        colour = np.einsum("chw,cr->hwr", latent_CHW, self.matrix) + self.bias
        return (np.nan_to_num(colour).clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)

    def picture(self, latent_CHW: NDArray[np.float32], width: int, height: int) -> NDArray[np.uint8]:
        """The preview of a picture of `width` by `height`, scaled so that its longer side is 256 to 512."""
        longer = max(width, height)
        factor = min(MAX_SIDE, max(MIN_SIDE, longer)) / longer
        size = max(1, round(width * factor)), max(1, round(height * factor))
        return np.asarray(Image.fromarray(self.rgb(latent_CHW)).resize(size, Image.Resampling.BICUBIC))
