"""Comparing pixels: the verdict, the numbers, the amplified picture."""

from __future__ import annotations

import numpy as np
import pytest

from mezzotint_app.state.picture_difference import compare_pixels


def picture(value: int, height: int = 4, width: int = 5) -> np.ndarray:
    pixels = np.full((height, width, 4), value, np.uint8)
    pixels[..., 3] = 255
    return pixels


def test_equal_pictures_are_identical() -> None:
    found = compare_pixels(picture(7), picture(7))
    assert found.is_identical
    assert found.sentence() == "Identical: every pixel is the same."


def test_one_pixel_is_enough_to_differ() -> None:
    second = picture(100)
    second[1, 2, 0] = 90
    found = compare_pixels(picture(100), second)
    assert (found.largest, found.changed_part) == (10, 1 / 20)
    assert found.mean == pytest.approx(10 / 60), "over pixels and colours, not over the alpha that is equal"
    assert "largest 10 of 255; 5 % of the pixels" in found.sentence()
    shown = found.amplified(8)
    assert shown.shape == (4, 5, 3)
    assert shown[1, 2].tolist() == [80, 0, 0]
    assert found.amplified(64)[1, 2, 0] == 255, "cut off, not wrapped around"


def test_differences_do_not_wrap_around() -> None:
    found = compare_pixels(picture(0), picture(255))
    assert (found.largest, found.mean) == (255, 255.0)


def test_a_difference_in_alpha_shows() -> None:
    second = picture(50)
    second[..., 3] = 200
    found = compare_pixels(picture(50), second)
    assert not found.is_identical
    assert found.amplified(1).max() == 55


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        compare_pixels(picture(1), picture(1, height=8))
