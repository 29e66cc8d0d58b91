"""Pictures that a user gives to a run: read, turned upright, and kept as PNG by their content."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

from mezzotint_engine.server.run_folder import write_atomically
from mezzotint_sdk.errors import BadInputError, NotFoundError, StorageError
from mezzotint_sdk.messages import ImageImported

__all__ = ["import_image"]

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 64_000_000


def import_image(path: str, inputs: Path) -> ImageImported:
    """Copy a picture into the home's inputs. The same pixels give the same name.

    Raises NotFoundError, BadInputError for what is no such picture, StorageError.
    """
    # imported here: Pillow takes 40 ms that only this needs
    from PIL import Image, ImageOps

    source = Path(path).expanduser()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged EXIF and large sizes: both are dealt with below
            with Image.open(source, formats=FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise BadInputError(
                        f"{source.name} has {opened.width}x{opened.height} pixels; "
                        f"at most {MAX_PIXELS} can be used."
                    )
                upright = ImageOps.exif_transpose(opened)
                has_alpha = "A" in upright.getbands() or "transparency" in upright.info
                grey = upright.mode in ("1", "L") and not has_alpha
                picture = upright.convert("L" if grey else "RGBA" if has_alpha else "RGB")
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {source}.") from None
    except BadInputError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInputError(
            f"{source.name} can't be read as a PNG, JPEG or WebP picture: {error}."
        ) from error
    picture.info.clear()  # whatever text it carried is nobody's business
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=3)
    data = stream.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    target = inputs / f"{digest}.png"
    try:
        if not target.exists():
            write_atomically(target, data)
    except OSError as error:
        raise StorageError(f"The picture can't be copied to {inputs}: {error.strerror or error}.") from error
    return ImageImported(sha256=digest, width=picture.width, height=picture.height)
