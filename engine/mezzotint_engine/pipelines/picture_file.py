"""A picture on disk: whole or not there, with its whole spec in its text."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, PngImagePlugin

from mezzotint_sdk.a1111_text import A1111_KEY, to_a1111
from mezzotint_sdk.errors import StorageError
from mezzotint_sdk.job_spec import GenerateSpec, canonical_json
from mezzotint_sdk.png_metadata import FORMAT, METADATA_KEY
from mezzotint_sdk.prompt_text import well_formed

__all__ = ["png_text", "save_picture"]


def png_text(
    spec: GenerateSpec, model_name: str, own_scheduler: str, facts: Mapping[str, object]
) -> PngImagePlugin.PngInfo:
    """The text chunks of a picture that `spec` draws alone: our own key, and the text that A1111 reads.
    `own_scheduler` is the class of the model's own.

    Not compressed: Pillow refuses to decompress text of a megabyte, which a long prompt may have.
    """
    info = PngImagePlugin.PngInfo()
    own = {"format": FORMAT, "spec": json.loads(canonical_json(spec)), "model_name": model_name, **facts}
    info.add_itxt(METADATA_KEY, json.dumps(own, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
    # as A1111 does: tEXt where Latin-1 is enough, else iTXt
    info.add_text(A1111_KEY, well_formed(to_a1111(spec, model_name, own_scheduler)).replace("\0", " "))
    return info


def save_picture(path: Path, picture: Image.Image, info: PngImagePlugin.PngInfo) -> int:
    """Write a PNG beside, force it to disk, then rename it into its place. Returns its size in bytes.

    Raises StorageError where there is no room or no permission; nothing is left behind then.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb") as file:
            # level 4 is nearly as small as the default 6 in half of the time
            picture.save(file, "PNG", pnginfo=info, compress_level=4)
            file.flush()
            os.fsync(file.fileno())
            nbytes = file.tell()
        os.replace(beside, path)
        _sync_folder(path.parent)
        return nbytes
    except OSError as error:
        _remove(beside)
        reason = error.strerror or str(error)
        raise StorageError(
            f"The picture can't be saved in {path.parent} ({reason}); free some space or check the folder."
        ) from error
    except BaseException:
        _remove(beside)
        raise


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        pass  # a place that can't be written has nothing of ours either


def _sync_folder(folder: Path) -> None:
    """Force the new name to disk as well, where folders can be opened for that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
