"""The folder of one run: `spec.json`, `run.log`, `metrics/`, `artifacts/`, and `record.json` at its end."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from mezzotint_sdk.errors import StorageError
from mezzotint_sdk.job_spec import JobSpec, canonical_json
from mezzotint_sdk.records import LogRecord, RunRecord

__all__ = ["RunFolder", "SavedPicture", "complete_pictures", "read_log"]

ARTIFACTS, METRICS = "artifacts", "metrics"
LOG_TAIL_BYTES = 4 * 1024**2
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"


def write_atomically(path: Path, data: bytes) -> None:
    beside = path.with_name(path.name + ".tmp")
    with open(beside, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(beside, path)


@dataclass(frozen=True)
class SavedPicture:
    """A whole PNG below a run's folder."""

    index: int
    file: str
    width: int
    height: int
    nbytes: int


class RunFolder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._log: IO[bytes] | None = None

    def create(self, spec: JobSpec) -> None:
        """Raises StorageError."""
        try:
            for folder in (self.path / ARTIFACTS, self.path / METRICS):
                folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / "spec.json", canonical_json(spec).encode())
        except OSError as error:
            raise StorageError(
                f"The folder of the run can't be written: {error.strerror} ({self.path})."
            ) from error

    def write_resolved_spec(self, spec: JobSpec) -> None:
        """What "auto" in the spec became on this machine."""
        self._write_quietly("spec_resolved.json", canonical_json(spec).encode())

    def write_record(self, run: RunRecord) -> None:
        """For people and scripts that look into the folder; the database is what counts."""
        self._write_quietly("record.json", msgspec.json.format(msgspec.json.encode(run), indent=2))

    def _write_quietly(self, name: str, data: bytes) -> None:
        try:
            write_atomically(self.path / name, data)
        except OSError:
            return  # the disk is full, which others have said already

    def log(self, line: LogRecord) -> None:
        try:
            if self._log is None:
                self._log = open(self.path / "run.log", "ab", buffering=0)  # noqa: SIM115  (closed by close)
            self._log.write(msgspec.json.encode(line) + b"\n")
        except OSError:
            return

    def close(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None


def read_log(folder: Path, limit: int) -> list[LogRecord]:
    """The last lines of a run's log; lines that are not whole are left out."""
    try:
        with open(folder / "run.log", "rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - LOG_TAIL_BYTES))
            data = stream.read()
    except OSError:
        return []
    lines = []
    for text in data.splitlines()[-limit:] if limit > 0 else ():
        try:
            lines.append(msgspec.json.decode(text, type=LogRecord))
        except msgspec.MsgspecError:
            continue
    return lines


def complete_pictures(folder: Path) -> Iterator[SavedPicture]:
    """PNG files below a run's folder that were written to their end, in order of their names."""
    for path in sorted((folder / ARTIFACTS).glob("*.png")):
        try:
            with open(path, "rb") as stream:
                head = stream.read(24)
                nbytes = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, nbytes - len(_PNG_END)))
                end = stream.read()
        except OSError:
            continue
        numbers = re.findall(r"\d+", path.stem)
        if len(head) < 24 or not head.startswith(_PNG_START) or end != _PNG_END or not numbers:
            continue
        width, height = struct.unpack(">II", head[16:24])
        yield SavedPicture(int(numbers[0]), f"{ARTIFACTS}/{path.name}", width, height, nbytes)
