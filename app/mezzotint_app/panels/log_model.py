"""The log as a table for Qt's view, filtered by level, topic and text; only what matches is indexed."""

from __future__ import annotations

import time
from bisect import bisect_left

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from mezzotint_app.look.theme import theme_manager
from mezzotint_app.state.log_state import LogState
from mezzotint_app.state.pacer import Pacer
from mezzotint_sdk.records import LogRecord

__all__ = ["LEVELS", "LogModel", "line_text"]

LEVELS = ("debug", "info", "warning", "error")
COLUMNS = ("Time", "Level", "Topic", "Message")
REFRESH_HZ = 10
MESSAGE_CHARS = 500
TIP_CHARS = 4000
LEVEL_COLORS = {"debug": "muted", "info": "text", "warning": "warning", "error": "danger"}

Index = QModelIndex | QPersistentModelIndex


def _clock(seconds: float) -> str:
    return f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{int(seconds * 1000) % 1000:03d}"


def line_text(line: LogRecord) -> str:
    """A line as it is copied."""
    run = f" (run {line.run_id})" if line.run_id else ""
    text = f"{_clock(line.time)} {line.level:<7} {line.topic}: {line.message}{run}"
    return f"{text}\n{line.detail}" if line.detail else text


def _short_text(line: LogRecord) -> str:
    """One row's worth, and how much more there is."""
    first, *rest = line.message.split("\n")
    more = len(rest) + len(line.detail.splitlines())
    return f"{first[:MESSAGE_CHARS]}{f'  (+{more} lines)' if more else ''}"


def _topic_text(line: LogRecord) -> str:
    """With the end of the run's id, as the choosers of runs show it."""
    return f"{line.topic} {line.run_id[-6:]}" if line.run_id else line.topic


class LogModel(QAbstractTableModel):
    """Rows are numbers of lines that stay valid while older lines are dropped (`LogState.base`)."""

    def __init__(self, log: LogState) -> None:
        super().__init__()
        self._log = log
        self._rows: list[int] = []
        self._seen = 0  # number of the first line that was not looked at yet
        self.is_compact = False
        self.level = "info"
        self.topic = ""
        self.text = ""
        self._pacer = Pacer(REFRESH_HZ, self)
        self._pacer.due.connect(self._take_new)
        log.appended.connect(lambda _count: self._pacer.request())
        log.trimmed.connect(lambda _count: self._drop_old())
        theme_manager().changed.connect(self._recolor)
        self.refilter()

    def set_filter(self, level: str, topic: str, text: str) -> None:
        """Show lines of `level` and above, of `topic` ("" for all), that contain `text` in any case.

        The text may be in the message, in its details, or in the run's id.
        """
        self.level, self.topic, self.text = level, topic, text.casefold()
        self.refilter()

    def refilter(self) -> None:
        self.beginResetModel()
        self._rows = self._matching(self._log.base)
        self._seen = self._log.base + len(self._log.lines)
        self.endResetModel()

    def line(self, row: int) -> LogRecord:
        return self._log.lines[self._rows[row] - self._log.base]

    def _take_new(self) -> None:
        new = self._matching(self._seen)
        self._seen = self._log.base + len(self._log.lines)
        if new:
            self.beginInsertRows(QModelIndex(), len(self._rows), len(self._rows) + len(new) - 1)
            self._rows.extend(new)
            self.endInsertRows()

    def _drop_old(self) -> None:
        """Take away the rows of lines that the log has dropped; those in view stay where they are."""
        count = bisect_left(self._rows, self._log.base)
        self._seen = max(self._seen, self._log.base)
        if count:
            self.beginRemoveRows(QModelIndex(), 0, count - 1)
            del self._rows[:count]
            self.endRemoveRows()

    def _matching(self, first: int) -> list[int]:
        base = self._log.base
        levels = set(LEVELS[LEVELS.index(self.level) :])
        lines = self._log.lines
        found = []
        for place in range(max(0, first - base), len(lines)):
            line = lines[place]
            if line.level not in levels or (self.topic and line.topic != self.topic):
                continue
            if self.text and not self._has_text(line):
                continue
            found.append(base + place)
        return found

    def set_compact(self, compact: bool) -> None:
        """For a narrow panel: times to the second, and levels as part of the message instead of a column."""
        if compact != self.is_compact:
            self.is_compact = compact
            self._recolor()

    def _texts(self, line: LogRecord) -> tuple[str, str, str, str]:
        clock, message = _clock(line.time), _short_text(line)
        if self.is_compact:
            clock = clock.split(".")[0]
            message = f"{line.level}: {message}" if line.level in ("warning", "error") else message
        return clock, line.level, _topic_text(line), message

    def _has_text(self, line: LogRecord) -> bool:
        return any(self.text in part.casefold() for part in (line.message, line.detail, line.run_id) if part)

    def _recolor(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(COLUMNS) - 1))

    # --- as Qt asks --------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        line = self.line(index.row())
        if role == Qt.ItemDataRole.DisplayRole:
            return self._texts(line)[index.column()]
        if role == Qt.ItemDataRole.ForegroundRole:
            name = LEVEL_COLORS[line.level] if index.column() in (1, 3) else "muted"
            return QColor(getattr(theme_manager().theme, name))
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == len(COLUMNS) - 1:
            return f"{line.message}\n\n{line.detail}".strip()[:TIP_CHARS]
        return None
