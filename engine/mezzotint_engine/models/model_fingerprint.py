"""A hash that tells one model from another in milliseconds, whatever their size.

Small files count whole; of a large file its size, its beginning (where safetensors keep the header) and
samples spread over the rest. Training changes every weight, so that retrained weights of the same shape
differ; only a hash over all of the content could tell apart files that were edited at a single place. Times
of files don't count: a copy of a model is the same model.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from mezzotint_engine.models.model_check import INDEX_FILE, components_of
from mezzotint_sdk.errors import ModelError

__all__ = ["fingerprint", "folder_stamp"]

WHOLE_BYTES = 1024 * 1024
SAMPLES = 24
SAMPLE_BYTES = 4096


# Stamp and fingerprint of each folder that was read: a job asks twice, and reading takes 5 ms. A dict's get
# and set are atomic, so threads need no lock; the worst is that a folder is read twice.
_known: dict[Path, tuple[tuple[tuple[str, int, int], ...], str]] = {}


def fingerprint(folder: Path) -> str:
    """64 hexadecimal digits over names, sizes and contents of what the pipeline is made of (a README is not).

    Raises ModelError where a file can't be read.
    """
    try:
        stamp = folder_stamp(folder)
    except OSError as error:
        raise _unreadable(folder, error) from error
    known = _known.get(folder)
    if known is not None and known[0] == stamp:
        return known[1]
    digest = _read(folder)
    _known[folder] = (stamp, digest)
    return digest


def _unreadable(folder: Path, error: OSError) -> ModelError:
    return ModelError(f"The model {folder} can't be read ({error.strerror or error}).")


def _read(folder: Path) -> str:
    digest = hashlib.sha256(b"mezzotint model 1\n")
    try:
        for file in _files(folder):
            size = file.stat().st_size
            name = file.relative_to(folder).as_posix()
            digest.update(f"{name}\0{size}\n".encode(errors="surrogateescape"))
            with open(file, "rb") as stream:
                digest.update(stream.read(WHOLE_BYTES))
                if size > WHOLE_BYTES:
                    stride = (size - SAMPLE_BYTES - WHOLE_BYTES) / SAMPLES
                    for number in range(1, SAMPLES + 1):
                        stream.seek(max(WHOLE_BYTES, WHOLE_BYTES + int(stride * number)))
                        digest.update(stream.read(SAMPLE_BYTES))
    except OSError as error:
        raise _unreadable(folder, error) from error
    return digest.hexdigest()


def folder_stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of each file: changes whenever one was written, for what is kept in memory."""
    found = []
    for file in _files(folder):
        status = os.stat(file)
        found.append((file.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns))
    return tuple(found)


def _files(folder: Path) -> list[Path]:
    _, components = components_of(folder)
    files = [folder / INDEX_FILE]
    for name in sorted(components):
        files.extend(sorted(file for file in (folder / name).glob("*") if file.is_file()))
    return files
