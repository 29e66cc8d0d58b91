"""Measures a model folder: asked for each trained caption, how often is the nearest emoji the right one?

Distance is the plain L2 distance between RGB pixels. The model is loaded as any program would load it, and
called with the pipeline's own defaults except for the number of steps and the seeds, which are fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import DiffusionPipeline

from .emoji_captions import CaptionedEmoji
from .emoji_recipe import EvaluationSettings


class Evaluation(NamedTuple):
    """Pictures (N, H, W, 3) uint8, and for each caption the index of the nearest training emoji."""

    pictures: np.ndarray
    nearest: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """For each caption, whether the nearest emoji is the one asked for."""
        found: np.ndarray = self.nearest == np.arange(len(self.nearest))
        return found


def nearest_emoji(pictures: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Index of the nearest reference (M, H, W, 3) for each picture (N, H, W, 3), by L2 distance of pixels."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float64)
    reference = references.reshape(len(references), -1).astype(np.float64)
    squared = (flat**2).sum(1)[:, None] - 2.0 * flat @ reference.T + (reference**2).sum(1)[None, :]
    nearest: np.ndarray = squared.argmin(axis=1)
    return nearest


def evaluate_model(
    folder: Path, captioned: Sequence[CaptionedEmoji], references: np.ndarray, settings: EvaluationSettings
) -> Evaluation:
    """Draw every caption once, picture number i with seed `settings.seed + i`, and find the nearest emoji."""
    pipeline = DiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    drawn = []
    for first in range(0, len(captioned), settings.batch):
        part = captioned[first : first + settings.batch]
        generators = [torch.Generator().manual_seed(settings.seed + first + i) for i in range(len(part))]
        output = pipeline(
            [emoji.caption for emoji in part],
            num_inference_steps=settings.steps,
            generator=generators,
            output_type="np",
        )
        drawn.append((output.images * 255).round().astype(np.uint8))
    pictures = np.concatenate(drawn)
    return Evaluation(pictures, nearest_emoji(pictures, references))


def contact_sheet(pictures: np.ndarray, columns: int = 30) -> np.ndarray:
    """All pictures side by side in rows, the last row filled with white."""
    count, height, width, _ = pictures.shape
    rows = -(-count // columns)
    sheet = np.full((rows * columns, height, width, 3), 255, dtype=np.uint8)
    sheet[:count] = pictures
    tiled = sheet.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    return tiled.reshape(rows * height, columns * width, 3)
