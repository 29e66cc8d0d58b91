"""How two pictures differ, pixel by pixel. numpy alone; runs on any thread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["PictureDifference", "compare_pixels"]


@dataclass(frozen=True)
class PictureDifference:
    """`absolute`: |first - second|, uint8, shape (height, width, 4): red, green, blue, alpha."""

    absolute: np.ndarray
    largest: int  # of 255
    mean: float  # over all pixels and channels, of 255
    changed_part: float  # of pixels that differ in any channel, from 0 to 1

    @property
    def is_identical(self) -> bool:
        return self.largest == 0

    def amplified(self, gain: int) -> np.ndarray:
        """The difference times `gain`, cut off at 255: RGB uint8, shape (height, width, 3)."""
        table = np.minimum(np.arange(256) * gain, 255).astype(np.uint8)
        colors = np.maximum(
            self.absolute[..., :3], self.absolute[..., 3:]
        )  # a difference in alpha shows, too
        return table[colors]

    def sentence(self) -> str:
        if self.is_identical:
            return "Identical: every pixel is the same."
        part = self.changed_part * 100
        shown = f"{part:.0f} %" if part >= 1 else "less than 1 %"
        return (
            f"Mean difference {self.mean:.3g}, largest {self.largest} of 255; {shown} of the pixels differ."
        )


def compare_pixels(first: np.ndarray, second: np.ndarray) -> PictureDifference:
    """Compare two pictures of one size: uint8, shape (height, width, 4). ValueError for other sizes."""
    if first.shape != second.shape:
        raise ValueError(f"shapes differ: {first.shape} and {second.shape}")
    absolute = np.maximum(first, second) - np.minimum(first, second)
    counted = absolute if absolute[..., 3].any() else absolute[..., :3]
    changed = absolute.any(axis=-1)
    return PictureDifference(
        absolute, int(absolute.max(initial=0)), float(counted.mean()), float(changed.mean())
    )
