"""One setting of a run changed, so that the run can be made both ways and compared."""

from __future__ import annotations

import msgspec

from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.job_spec import GenerateSpec

__all__ = ["DTYPES", "MAX_THREADS", "SETTINGS", "changed_spec", "setting_text"]

SETTINGS = ("dtype", "threads", "device", "scheduler")  # what the engine obeys and a comparison is about
DTYPES = ("float32", "bfloat16", "float16")
MAX_THREADS = 4096


def changed_spec(spec: GenerateSpec, setting: str, value: str) -> GenerateSpec:
    """The same with another value. Raises BadInputError, with a sentence, where there is no such setting or
    value, or nothing would change."""
    value = value.strip()
    if setting not in SETTINGS:
        raise BadInputError(f"'{setting}' can't be compared; what can: {', '.join(SETTINGS)}.")
    if setting == "dtype" and value not in DTYPES:
        raise BadInputError(f"'{value}' is no dtype to compare with; give one of: {', '.join(DTYPES)}.")
    if setting == "threads" and not (value.isdecimal() and 1 <= int(value) <= MAX_THREADS):
        raise BadInputError(f"'{value}' is no number of threads; give one from 1 to {MAX_THREADS}.")
    if not value:
        raise BadInputError(f"Say which {setting} to compare with.")
    if setting_text(spec, setting) == value:
        raise BadInputError(f"The run has {setting}={value} already: there is nothing to compare.")
    given: str | int = int(value) if setting == "threads" else value
    return msgspec.structs.replace(spec, **{setting: given})


def setting_text(spec: GenerateSpec, setting: str) -> str:
    """As `changed_spec` takes it; what the engine or the model chooses is "auto"."""
    return str(getattr(spec, setting) or "auto")
