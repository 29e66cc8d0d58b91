"""Where `--out` puts the pictures: checked before the run, so that no time is wasted, and copied after."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from mezzotint_sdk.errors import BadInputError, StorageError

__all__ = ["PictureFiles"]


class PictureFiles:
    """`out` is a file for one picture, FILE-1.png, FILE-2.png, … for more; or a folder, made if need be.

    Raises BadInputError where nothing can be written.
    """

    def __init__(self, out: str, count: int) -> None:
        self._path = Path(os.path.abspath(os.path.expanduser(out)))
        self._count = count
        self._is_folder = out.endswith(("/", os.sep)) or os.path.isdir(self._path) or not self._path.suffix
        if not self._is_folder and self._path.suffix.lower() != ".png":
            raise BadInputError(f"Pictures are PNG files; --out {out} should end in .png, or be a folder.")
        folder = self._path if self._is_folder else self._path.parent
        if self._is_folder:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise BadInputError(
                    f"The folder {folder} can't be made: {error.strerror or error}."
                ) from error
        if not os.path.isdir(folder):
            raise BadInputError(f"There is no folder {folder} to write the picture to.")
        if not os.access(folder, os.W_OK):
            raise BadInputError(f"The folder {folder} can't be written to.")

    def copy(self, pictures: Sequence[Path], run_id: str) -> list[Path]:
        """Copy them, in order; each file is there whole or not at all. Raises StorageError."""
        return [self._copy_one(picture, number, run_id) for number, picture in enumerate(pictures, 1)]

    def _copy_one(self, picture: Path, number: int, run_id: str) -> Path:
        if self._is_folder:
            target = self._path / f"{run_id}-{number}.png"
        elif self._count == 1:
            target = self._path
        else:
            target = self._path.with_name(f"{self._path.stem}-{number}{self._path.suffix}")
        part = target.with_name(f".{os.getpid()}-{number}.part")
        try:
            shutil.copyfile(picture, part)
            os.replace(part, target)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise StorageError(
                f"The picture can't be written to {target}: {error.strerror or error}."
            ) from error
        return target
