"""Libraries print, draw progress bars and warn.

Here all of it becomes log lines, and standard output stays silent.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, MutableMapping
from typing import Literal

from mezzotint_sdk.records import LogRecord

__all__ = ["WireLogHandler", "prepare_environment", "route_logs", "silence_standard_output"]

MAX_CHARS = 2000
Level = Literal["debug", "info", "warning", "error"]


def prepare_environment(environment: MutableMapping[str, str]) -> None:
    """To be set before diffusers and transformers are imported: never the network, no bars, no telemetry."""
    environment.update(
        HF_HUB_OFFLINE="1",
        TRANSFORMERS_OFFLINE="1",
        HF_DATASETS_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        DISABLE_TELEMETRY="YES",
        DO_NOT_TRACK="1",
        TQDM_DISABLE="1",
        TOKENIZERS_PARALLELISM="false",
        # what is imported complains of packages that are not there; nobody can do anything about that
        TRANSFORMERS_VERBOSITY="error",
        DIFFUSERS_VERBOSITY="error",
        # cuBLAS is repeatable only with a fixed workspace
        CUBLAS_WORKSPACE_CONFIG=environment.get("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),
    )


def silence_standard_output() -> None:
    """What a library (or its C code) prints goes to standard error, which the server keeps in a file."""
    sys.stdout.flush()
    os.dup2(2, 1)


class WireLogHandler(logging.Handler):
    """Log records become `LogRecord`s for `send`. A message that repeats is sent once until another comes."""

    def __init__(self, send: Callable[[LogRecord], None]) -> None:
        super().__init__(logging.INFO)
        self._send_line = send
        self._last = ""
        self.run_id = ""

    def emit(self, record: logging.LogRecord) -> None:
        # libraries' INFO is for their authors
        if record.levelno < logging.WARNING and not record.name.startswith("mezzotint"):
            return
        try:
            message = record.getMessage()
            detail = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        except Exception:  # a library's broken format string must not break the run
            message, detail = str(record.msg), ""
        message = message.strip()[:MAX_CHARS]
        if message == self._last:
            return
        self._last = message
        self._send_line(
            LogRecord(
                time=time.time(),
                level=_level(record.levelno),
                topic="worker" if record.name.startswith("mezzotint") else record.name.partition(".")[0],
                message=message,
                run_id=self.run_id,
                detail=detail,
            )
        )


def _level(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    return "warning" if number >= logging.WARNING else "info" if number >= logging.INFO else "debug"


def route_logs(handler: logging.Handler) -> None:
    """All logging and warnings to one handler, those of libraries that have handlers of their own as well."""
    import diffusers
    import transformers

    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for library in (diffusers.utils.logging, transformers.utils.logging):
        library.disable_progress_bar()
        library.disable_default_handler()
        library.enable_propagation()
        library.set_verbosity_warning()
    warnings.simplefilter("default")
    for for_authors in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning):
        warnings.simplefilter("ignore", for_authors)
    logging.captureWarnings(True)
