"""Failures of the debugger itself: logged and told, up to a number, and never the run's."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from mezzotint_sdk.debug_messages import CaptureFailed
from mezzotint_sdk.errors import InternalError

__all__ = ["MAX_FAILURES_TOLD", "OwnFailures"]

MAX_FAILURES_TOLD = 20  # in one run

_log = logging.getLogger(__name__)


class OwnFailures:
    """`report` tells clients; `note(op number, text)` marks the op in the trace."""

    def __init__(self, report: Callable[[CaptureFailed], None], note: Callable[[int, str], None]) -> None:
        self._report, self._note = report, note
        self._count = 0

    def tell(self, error: Exception, number: int) -> None:
        """At op `number`, or outside of any (-1)."""
        self._count += 1
        if self._count > MAX_FAILURES_TOLD:
            return  # the same at each op, most likely: a log of millions of lines helps nobody
        _log.warning("The op debugger failed at op %d; the run goes on.", number, exc_info=error)
        told = InternalError(
            f"The debugger failed at op {number} ({type(error).__name__}: {error}); the run goes on.",
            "".join(traceback.format_exception(error)),
        )
        self._note(max(number, 0), f"capture failed: {error}")
        self._report(CaptureFailed(error=told.info(), op_number=number))
