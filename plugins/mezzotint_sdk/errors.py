"""Errors that cross rooms: each has a code a script can match and one sentence a person can act on.

::

    MezzotintError                 something Mezzotint can explain
    ├── BadInputError              bad_input: the request itself is wrong (an unknown scheduler, a size of 0)
    │   ├── BadMessageError        bad_message: bytes on the wire are not a message of ours
    │   ├── BadMetadataError       bad_metadata: a PNG's text cannot be read as settings
    │   ├── ModelChangedError      model_changed: the model's files are not those that a job was made with
    │   └── NotFoundError          not_found: a run, a model or a file that is not there
    ├── ModelError                 model_error: a model folder cannot be used
    │   ├── ModelIncompleteError   model_incomplete: a part is missing
    │   ├── ModelDamagedError      model_damaged: a weight file is truncated, or its header is nonsense
    │   └── ModelUnsafeError       model_unsafe: loading it would execute code
    ├── OutOfMemoryError           out_of_memory: device or host memory is not enough
    ├── StorageError               storage: the data folder is full, read-only, or of another version
    ├── SlotExpiredError           slot_expired: a mapped array was taken back before it was read
    ├── EngineError                engine: the engine process cannot be reached or started
    │   ├── ProtocolError          protocol: the other side speaks another version
    │   ├── EngineLostError        engine_lost: the connection went away with a request under way
    │   └── WorkerLostError        worker_lost: the worker process died or was killed
    ├── CancelledRunError          cancelled: the user stopped the run
    └── InternalError              internal: a bug of ours, with the traceback as its detail
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

__all__ = [
    "BadInputError",
    "BadMessageError",
    "BadMetadataError",
    "CancelledRunError",
    "EngineError",
    "EngineLostError",
    "ErrorInfo",
    "InternalError",
    "MezzotintError",
    "ModelChangedError",
    "ModelDamagedError",
    "ModelError",
    "ModelIncompleteError",
    "ModelUnsafeError",
    "NotFoundError",
    "OutOfMemoryError",
    "ProtocolError",
    "SlotExpiredError",
    "StorageError",
    "WorkerLostError",
    "error_from_info",
]


class ErrorInfo(msgspec.Struct, frozen=True):
    """An error as it travels: a code to match, a sentence to show, and the long text behind "Details"."""

    code: str
    message: str
    detail: str = ""


class MezzotintError(Exception):
    """Base of all errors that Mezzotint can explain in one sentence.

    `message` says what is wrong and what to do; `detail` may hold a traceback and is shown on request only.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail

    def info(self) -> ErrorInfo:
        return ErrorInfo(self.code, self.message, self.detail)


class BadInputError(MezzotintError):
    code = "bad_input"


class BadMessageError(BadInputError):
    code = "bad_message"


class BadMetadataError(BadInputError):
    code = "bad_metadata"


class ModelChangedError(BadInputError):
    code = "model_changed"


class NotFoundError(BadInputError):
    code = "not_found"


class ModelError(MezzotintError):
    code = "model_error"


class ModelIncompleteError(ModelError):
    code = "model_incomplete"


class ModelDamagedError(ModelError):
    code = "model_damaged"


class ModelUnsafeError(ModelError):
    code = "model_unsafe"


class OutOfMemoryError(MezzotintError):
    code = "out_of_memory"


class StorageError(MezzotintError):
    code = "storage"


class SlotExpiredError(MezzotintError):
    code = "slot_expired"


class EngineError(MezzotintError):
    code = "engine"


class ProtocolError(EngineError):
    code = "protocol"


class EngineLostError(EngineError):
    code = "engine_lost"


class WorkerLostError(EngineError):
    code = "worker_lost"


class CancelledRunError(MezzotintError):
    code = "cancelled"


class InternalError(MezzotintError):
    code = "internal"


def _tree(root: type[MezzotintError]) -> dict[str, type[MezzotintError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found.update(_tree(child))
    return found


_BY_CODE = _tree(MezzotintError)


def error_from_info(info: ErrorInfo) -> MezzotintError:
    """The exception for an error that came over the wire; an unknown code gives the base class."""
    return _BY_CODE.get(info.code, MezzotintError)(info.message, info.detail)
