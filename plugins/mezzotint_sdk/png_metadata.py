"""Settings from a picture: the text chunks of a PNG, and what they say; safe for any bytes.

Whatever the bytes are, `read_text` and `read_settings` give an answer or raise BadMetadataError. Chunks are
bounded in size and number, compressed ones in what they may unpack to.
"""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from mezzotint_sdk.a1111_text import A1111_KEY, from_a1111
from mezzotint_sdk.errors import BadMetadataError
from mezzotint_sdk.job_spec import GenerateSpec, spec_from_json

__all__ = ["FORMAT", "METADATA_KEY", "PictureSettings", "read_settings", "read_text"]

METADATA_KEY = "mezzotint"
FORMAT = 1

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT_BYTES = 64 * 1024 * 1024  # of all text together, unpacked
MAX_CHUNKS = 1_000_000  # a picture may come in many small IDAT chunks
MAX_KEYWORDS = 1000
MAX_KEYWORD_BYTES = 79
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")

# Keys of other programs, so that "not understood" can say where a picture comes from.
OTHER_PROGRAMS = {
    "workflow": "ComfyUI",
    "prompt": "ComfyUI",
    "invokeai_metadata": "InvokeAI",
    "sd-metadata": "InvokeAI",
}


@dataclass(frozen=True)
class PictureSettings:
    """What a picture says of how it was made.

    `raw` are its text chunks (ours also taken apart, under "mezzotint").
    """

    spec: GenerateSpec | None
    source: Literal["mezzotint", "a1111", "none"]
    not_understood: tuple[str, ...] = ()
    raw: dict[str, Any] = field(default_factory=dict)
    model_name: str = ""


def read_settings(picture: str | os.PathLike[str] | bytes) -> PictureSettings:
    """How a picture was made, by our own text if it has that, else by A1111's.

    Raises BadMetadataError where it is no PNG, or its text is damaged; OSError never.
    """
    texts = read_text(picture)
    raw: dict[str, Any] = dict(texts)
    if METADATA_KEY in texts:
        return _from_own(texts[METADATA_KEY], raw)
    others = tuple(
        f"{key} ({OTHER_PROGRAMS[key]}): {len(text)} characters"
        for key, text in texts.items()
        if key in OTHER_PROGRAMS
    )
    if A1111_KEY in texts and (found := from_a1111(texts[A1111_KEY])):
        return PictureSettings(found.spec, "a1111", found.not_understood + others, raw, found.model_name)
    if A1111_KEY in texts:
        others += (f"{A1111_KEY}: {texts[A1111_KEY][:200]}",)
    return PictureSettings(None, "none", others, raw)


def _from_own(text: str, raw: dict[str, Any]) -> PictureSettings:
    try:
        own = json.loads(text)
        if not isinstance(own, dict) or not isinstance(own.get("format"), int):
            raise BadMetadataError("The picture's settings are damaged.")
        if own["format"] > FORMAT:
            raise BadMetadataError(
                "The picture was made by a newer Mezzotint; update to restore its settings."
            )
        spec = spec_from_json(msgspec.json.encode(own.get("spec")))
    except (ValueError, TypeError, RecursionError, OverflowError, msgspec.MsgspecError) as error:
        raise BadMetadataError(f"The picture's settings are damaged ({str(error)[:200]}).") from error
    raw[METADATA_KEY] = own
    name = own.get("model_name")
    return PictureSettings(spec, "mezzotint", (), raw, name if isinstance(name, str) else "")


def read_text(picture: str | os.PathLike[str] | bytes) -> dict[str, str]:
    """The text chunks of a PNG by keyword; of a keyword that comes twice the first.

    Reads chunk by chunk; pixels are skipped, not read. Raises BadMetadataError.
    """
    try:
        if isinstance(picture, bytes):
            return _read_chunks(io.BytesIO(picture), len(picture))
        with open(Path(picture), "rb") as file:
            return _read_chunks(file, os.fstat(file.fileno()).st_size)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadMetadataError(f"The picture can't be read ({reason}).") from error


def _read_chunks(file: BinaryIO, size: int) -> dict[str, str]:
    if file.read(8) != SIGNATURE:
        raise BadMetadataError("This is not a PNG picture, so it carries no settings.")
    found: dict[str, str] = {}
    budget = MAX_TEXT_BYTES
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            raise BadMetadataError("The picture is cut off; copy it again.")
        length, kind = struct.unpack(">I4s", head)
        if length > 0x7FFFFFFF or not kind.isalpha():
            raise BadMetadataError("The picture is damaged: it has a chunk that can't be.")
        if kind == b"IEND":
            return found
        if file.tell() + length + 4 > size:
            raise BadMetadataError("The picture is cut off; copy it again.")
        if kind not in TEXT_CHUNKS:
            file.seek(length + 4, os.SEEK_CUR)
            continue
        if length > budget:
            raise BadMetadataError("The picture's text is too long to be settings.")
        data = file.read(length)
        (crc,) = struct.unpack(">I", file.read(4))
        if zlib.crc32(data, zlib.crc32(kind)) != crc:
            raise BadMetadataError("The picture's text is damaged; copy it again.")
        keyword, text = _text(kind, data, budget)
        budget -= len(data) + len(text)
        if budget < 0 or len(found) >= MAX_KEYWORDS:
            raise BadMetadataError("The picture's text is too long to be settings.")
        found.setdefault(keyword, text)
    raise BadMetadataError("The picture is damaged: it has too many chunks.")


def _text(kind: bytes, data: bytes, limit: int) -> tuple[str, str]:
    """Keyword and text of one chunk."""
    keyword, separator, rest = data.partition(b"\0")
    if not separator or not 0 < len(keyword) <= MAX_KEYWORD_BYTES:
        raise BadMetadataError("The picture's text is damaged: a chunk has no keyword.")
    name = keyword.decode("latin-1")
    if kind == b"tEXt":
        return name, rest.decode("latin-1")
    if kind == b"zTXt":
        if rest[:1] != b"\0":
            raise BadMetadataError("The picture's text is packed in an unknown way.")
        return name, _unpacked(rest[1:], limit).decode("latin-1")
    flags, rest = rest[:2], rest[2:]
    _language, first, rest = rest.partition(b"\0")
    _translated, second, rest = rest.partition(b"\0")
    if len(flags) < 2 or not first or not second or flags[0] > 1 or (flags[0] and flags[1]):
        raise BadMetadataError("The picture's text is damaged: a chunk's head is not whole.")
    if flags[0]:
        rest = _unpacked(rest, limit)
    try:
        return name, rest.decode("utf-8")
    except UnicodeDecodeError:
        raise BadMetadataError("The picture's text is damaged: it is not UTF-8.") from None


def _unpacked(data: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, limit)
        if unpacker.unconsumed_tail:
            raise BadMetadataError("The picture's text is too long to be settings.")
        if not unpacker.eof:
            raise BadMetadataError("The picture's text is damaged: it ends early.")
    except zlib.error:
        raise BadMetadataError("The picture's text is damaged: it can't be unpacked.") from None
    return text
