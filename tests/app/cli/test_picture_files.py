"""Where `--out` puts pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mezzotint_app.cli.picture_files import PictureFiles
from mezzotint_sdk.errors import BadInputError, StorageError


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    made = []
    for number in range(2):
        picture = tmp_path / f"{number:04}.png"
        picture.write_bytes(b"picture %d" % number)
        made.append(picture)
    return made


def test_one_picture_into_one_file_over_an_older_one(tmp_path: Path, pictures: list[Path]) -> None:
    target = tmp_path / "apple.png"
    target.write_bytes(b"older")
    assert PictureFiles(str(target), 1).copy(pictures[:1], "r") == [target]
    assert target.read_bytes() == b"picture 0"


def test_several_pictures_are_numbered(tmp_path: Path, pictures: list[Path]) -> None:
    made = PictureFiles(str(tmp_path / "apple.png"), 2).copy(pictures, "r")
    assert [path.name for path in made] == ["apple-1.png", "apple-2.png"]


@pytest.mark.parametrize("out", ["folder", "folder/", "new/folder/"])
def test_into_a_folder(tmp_path: Path, pictures: list[Path], out: str) -> None:
    made = PictureFiles(f"{tmp_path}/{out}", 2).copy(pictures, "run")
    assert [path.name for path in made] == ["run-1.png", "run-2.png"]
    assert all(path.parent == Path(f"{tmp_path}/{out}") for path in made)


@pytest.mark.parametrize("out", ["picture.jpg", "missing/picture.png"])
def test_what_can_never_be_written_is_refused_before_the_run(tmp_path: Path, out: str) -> None:
    with pytest.raises(BadInputError):
        PictureFiles(str(tmp_path / out), 1)


def test_a_copy_that_fails_leaves_nothing_half(tmp_path: Path, pictures: list[Path]) -> None:
    target = tmp_path / "out" / "apple.png"
    target.parent.mkdir()
    files = PictureFiles(str(target), 1)
    with pytest.raises(StorageError):
        files.copy([tmp_path / "gone.png"], "r")
    assert os.listdir(target.parent) == []
