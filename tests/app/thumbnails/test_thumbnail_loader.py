"""Decoding beside the GUI thread: scaled, in the order wanted, and never what is no longer wanted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QImage

from mezzotint_app.thumbnails.picture_decoding import decode_picture
from mezzotint_app.thumbnails.thumbnail_loader import ThumbnailLoader
from tests.app.app_records import write_png


@pytest.fixture
def loader(qtbot: Any) -> Iterator[ThumbnailLoader]:
    loader = ThumbnailLoader()
    yield loader
    loader.close()


def test_large_pictures_are_scaled_and_small_ones_are_not_enlarged(tmp_path: Path) -> None:
    image, problem = decode_picture(str(write_png(tmp_path / "wide.png", 400, 100)), 64)
    assert (image.width(), image.height(), problem) == (64, 16, "")
    image, _ = decode_picture(str(write_png(tmp_path / "small.png", 16, 16)), 64)
    assert image.width() == 16
    image, _ = decode_picture(str(tmp_path / "wide.png"))
    assert image.width() == 400


def test_missing_and_damaged_files_are_told_apart(tmp_path: Path) -> None:
    image, problem = decode_picture(str(tmp_path / "gone.png"), 64)
    assert image.isNull()
    assert problem == "The file gone.png is missing: it was moved or deleted outside of Mezzotint."
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    image, problem = decode_picture(str(tmp_path / "bad.png"), 64)
    assert image.isNull()
    assert problem.startswith("The file bad.png can't be read as a picture")


def test_all_that_is_wanted_comes(qtbot: Any, loader: ThumbnailLoader, tmp_path: Path) -> None:
    paths = [str(write_png(tmp_path / f"{number}.png")) for number in range(5)]
    got: dict[Any, QImage] = {}
    loader.loaded.connect(lambda key, image, problem: got.__setitem__(key, image))
    loader.want([(number, path, 8) for number, path in enumerate(paths)])
    qtbot.waitUntil(lambda: len(got) == 5)
    assert {image.width() for image in got.values()} == {8}
    assert loader.is_idle


def test_what_is_no_longer_wanted_is_not_decoded(qtbot: Any, loader: ThumbnailLoader, tmp_path: Path) -> None:
    path = str(write_png(tmp_path / "one.png"))
    got: list[Any] = []
    loader.loaded.connect(lambda key, image, problem: got.append(key))
    for first in range(0, 10_000, 100):  # scrolling fast: each screen replaces the one before
        loader.want([(first + place, path, 8) for place in range(100)])
    qtbot.waitUntil(lambda: loader.is_idle, timeout=20_000)
    assert set(got) >= set(range(9_900, 10_000))
    assert loader.decoded_count <= 110, "the last screen, and the few that had begun"
