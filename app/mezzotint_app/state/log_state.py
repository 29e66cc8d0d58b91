"""The log of engine and app in one list, bounded, for the log panel."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import MezzotintError
from mezzotint_sdk.records import LogRecord

if TYPE_CHECKING:
    from mezzotint_app.client.qt_bridge import EngineClient

__all__ = ["AppLogHandler", "LogState", "MAX_LINES"]

MAX_LINES = 100_000
TRIM = 10_000  # dropped at once, oldest first, so that trimming is rare
FIRST_LINES = 500  # asked of the engine after connecting


class LogState(QObject):
    """Lines in the order of arrival. `base` counts lines dropped, so `base + index` names a line for good."""

    appended = Signal(int)  # how many lines joined at the end
    trimmed = Signal(int)  # how many left at the start
    topicsChanged = Signal()

    _handed_over = Signal(object)  # a line from any thread

    def __init__(self, client: EngineClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self.lines: list[LogRecord] = []
        self.topics: set[str] = set()
        self.base = 0
        # an engine may tell news before it was asked for what came before them
        self._waiting: list[LogRecord] | None = []
        client.eventArrived.connect(self._on_event)
        client.snapshotArrived.connect(self._on_snapshot)
        self._handed_over.connect(lambda line: self.add([line]))

    def add(self, lines: list[LogRecord]) -> None:
        """Append lines; the oldest are dropped above `MAX_LINES`."""
        if not lines:
            return
        self.lines.extend(lines)
        new_topics = {line.topic for line in lines} - self.topics
        self.topics |= new_topics
        self.appended.emit(len(lines))
        if len(self.lines) > MAX_LINES:
            count = len(self.lines) - MAX_LINES + TRIM
            del self.lines[:count]
            self.base += count
            self.trimmed.emit(count)
        if new_topics:
            self.topicsChanged.emit()

    def hand_over(self, line: LogRecord) -> None:
        """Append a line from any thread, a little later."""
        self._handed_over.emit(line)

    def clear(self) -> None:
        count = len(self.lines)
        self.lines.clear()
        self.base += count
        self.trimmed.emit(count)

    def _on_event(self, event: m.Event) -> None:
        if not isinstance(event, m.Logged):
            return
        if self._waiting is not None:
            self._waiting.append(event.line)
        else:
            self.add([event.line])

    def _on_snapshot(self, _snapshot: m.Snapshot) -> None:
        # Also after a reconnect: what was logged meanwhile is fetched, and what is known is not shown twice.
        # News that arrives before the answer waits, so that lines stay in order.
        if self._waiting is None:
            self._waiting = []
        self._client.call(m.ReadLog(limit=FIRST_LINES), self._on_lines, self._on_no_lines)

    def _on_lines(self, reply: m.LogLines) -> None:
        known = {(line.time, line.message) for line in self.lines[-4 * FIRST_LINES :]}
        lines: list[LogRecord] = []
        for line in (*reply.lines, *(self._waiting or [])):
            if (line.time, line.message) not in known:
                known.add((line.time, line.message))
                lines.append(line)
        self._waiting = None
        self.add(lines)

    def _on_no_lines(self, _error: MezzotintError) -> None:
        waiting, self._waiting = self._waiting or [], None
        self.add(waiting)


class AppLogHandler(logging.Handler):
    """Puts the app's own log records beside those of the engine, under the topic "app"."""

    def __init__(self, state: LogState) -> None:
        super().__init__(logging.INFO)
        self._state = state

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else record.levelname.lower()
        if level not in ("debug", "info", "warning", "error"):
            level = "info"
        detail = ""
        if record.exc_info:
            detail = logging.Formatter().formatException(record.exc_info)
        line = LogRecord(
            time=record.created or time.time(),
            level=level,  # type: ignore[arg-type]
            topic="app",
            message=record.getMessage(),
            detail=detail,
        )
        self._state.hand_over(line)
