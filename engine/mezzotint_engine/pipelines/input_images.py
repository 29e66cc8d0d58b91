"""Pictures given to a run: found by content in the home's inputs, brought to the size that is drawn."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from mezzotint_sdk.errors import BadInputError, NotFoundError
from mezzotint_sdk.job_spec import GenerateSpec, ImageValue

__all__ = ["load_image", "load_mask"]


def load_image(spec: GenerateSpec, inputs_folder: Path) -> Image.Image:
    """The start picture as RGB at the spec's size; transparency lies on white.

    Raises BadInputError or NotFoundError.
    """
    if spec.image is None:
        raise BadInputError(f"{spec.mode} needs a picture to start from.")
    picture = _open(spec.image, inputs_folder, "start picture")
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    return picture.convert("RGB").resize((spec.width, spec.height), Image.Resampling.LANCZOS)


def load_mask(spec: GenerateSpec, inputs_folder: Path) -> Image.Image:
    """The mask as grey at the spec's size: white is drawn anew, black is kept.

    Raises BadInputError or NotFoundError.
    """
    if spec.mask is None:
        raise BadInputError("inpaint needs a mask; paint the part that is to be drawn anew.")
    return _open(spec.mask, inputs_folder, "mask").convert("L").resize((spec.width, spec.height))


def _open(value: ImageValue, inputs_folder: Path, what: str) -> Image.Image:
    path = inputs_folder / f"{value.sha256}.png"
    try:
        with Image.open(path) as file:
            file.load()
            return ImageOps.exif_transpose(file)
    except FileNotFoundError:
        raise NotFoundError(f"The {what} of this run is no longer there; choose it again.") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInputError(f"The {what} can't be read ({error}).") from error
