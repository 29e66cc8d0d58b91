"""The engine's log: a rotating file, the newest lines in memory, and events for those who watch.

Any thread may log. What comes through Python's `logging` (libraries) lands here as well.
"""

from __future__ import annotations

import logging
import logging.handlers
import time
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from mezzotint_sdk.prompt_text import well_formed
from mezzotint_sdk.records import LogRecord

__all__ = ["EngineLog"]

Level = Literal["debug", "info", "warning", "error"]
KEPT_LINES = 2000
FILE_BYTES = 2_000_000
FILE_COUNT = 3

_NUMBERS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class _QuietFileHandler(logging.handlers.RotatingFileHandler):
    """A full disk must not end the engine, and there is nobody to tell on stderr."""

    def handleError(self, record: logging.LogRecord) -> None:
        return


class EngineLog:
    def __init__(self, folder: Path | None) -> None:
        self._lines: deque[LogRecord] = deque(maxlen=KEPT_LINES)
        self._handler: logging.Handler | None = None
        self.on_line: Callable[[LogRecord], None] = lambda line: None
        if folder is not None:
            try:
                self._handler = _QuietFileHandler(
                    folder / "engine.log",
                    maxBytes=FILE_BYTES,
                    backupCount=FILE_COUNT,
                    encoding="utf-8",
                    delay=True,
                )
                self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
            except OSError:
                self._handler = None

    def add(self, line: LogRecord) -> None:
        message = well_formed(line.message)
        if message != line.message:  # names of files in another encoding, for one
            line = msgspec.structs.replace(line, message=message, detail=well_formed(line.detail))
        self._lines.append(line)
        if self._handler is not None:
            text = f"[{line.topic}] {line.message}" + (f" (run {line.run_id})" if line.run_id else "")
            if line.detail:
                text += "\n" + line.detail
            record = logging.LogRecord("mezzotint", _NUMBERS[line.level], "", 0, text, None, None)
            self._handler.handle(record)
        self.on_line(line)

    def log(self, level: Level, topic: str, message: str, run_id: str = "", detail: str = "") -> None:
        self.add(
            LogRecord(
                time=time.time(), level=level, topic=topic, message=message, run_id=run_id, detail=detail
            )
        )

    def debug(self, topic: str, message: str, run_id: str = "") -> None:
        self.log("debug", topic, message, run_id)

    def info(self, topic: str, message: str, run_id: str = "") -> None:
        self.log("info", topic, message, run_id)

    def warning(self, topic: str, message: str, run_id: str = "") -> None:
        self.log("warning", topic, message, run_id)

    def error(self, topic: str, message: str, run_id: str = "", detail: str = "") -> None:
        self.log("error", topic, message, run_id, detail)

    def exception(self, topic: str, message: str, error: BaseException, run_id: str = "") -> None:
        """A bug of ours: the sentence, with the traceback as its detail."""
        detail = "".join(traceback.format_exception(error))
        self.log("error", topic, f"{message}: {type(error).__name__}: {error}", run_id, detail)

    def lines(self, limit: int) -> list[LogRecord]:
        return list(self._lines)[-limit:] if limit > 0 else []

    def close(self) -> None:
        if self._handler is not None:
            self._handler.close()
