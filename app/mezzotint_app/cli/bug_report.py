"""A bug of ours as an error like any other: one sentence, with the traceback as its detail."""

from __future__ import annotations

import traceback

from mezzotint_sdk.errors import InternalError

__all__ = ["as_internal_error"]


def as_internal_error(bug: Exception) -> InternalError:
    """Call it while the exception is being handled."""
    return InternalError(
        f"Something in Mezzotint failed ({type(bug).__name__}: {bug}); --verbose shows where.",
        traceback.format_exc(),
    )
