"""Whatever goes wrong in a job becomes one sentence: what is wrong, and what to do."""

from __future__ import annotations

import traceback

from mezzotint_engine.models.memory_errors import is_out_of_memory
from mezzotint_sdk.errors import ErrorInfo, InternalError, MezzotintError, OutOfMemoryError, StorageError
from mezzotint_sdk.job_spec import GenerateSpec

__all__ = ["explain"]

MAX_DETAIL_CHARS = 20_000


def explain(error: BaseException, spec: GenerateSpec) -> ErrorInfo:
    """The error as it is told; the traceback of an unforeseen one is its detail."""
    if isinstance(error, MezzotintError):
        return error.info()
    detail = "".join(traceback.format_exception(error))[-MAX_DETAIL_CHARS:]
    if is_out_of_memory(error):
        where = "this computer" if spec.device in ("cpu", "auto") else spec.device
        half = "" if spec.dtype in ("float16", "bfloat16") else ", the dtype bfloat16 or float16"
        return OutOfMemoryError(
            f"The memory of {where} is not enough for {spec.width}x{spec.height} with this model; "
            f"try a smaller size{half}, or close other programs.",
            detail,
        ).info()
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return StorageError(f"A file of the run can't be read or written ({reason}).", detail).info()
    lines = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
    return InternalError(f"The run failed unexpectedly ({what}); its details tell more.", detail).info()
