"""The trace that the debugger's panels show: of a run that is being debugged, or a file that somebody opened.

Live and replay are one path: the file is read, and while a run is armed it is read on as it grows. Panels see
snapshots only; reading, filtering and sorting of much happens on another thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_app.state.notice_state import NoticeState
from mezzotint_app.state.shown_ops import NOTHING, OpSums, Rows, ShownOps, Snapshot, choose_ops, joined
from mezzotint_sdk.errors import BadInputError, MezzotintError
from mezzotint_sdk.trace_records import OP_ROW, LadderMark, OpSite, TraceHeader

if TYPE_CHECKING:
    from mezzotint_app.state.debug_state import DebugState
    from mezzotint_sdk.op_filter import OpFilter
    from mezzotint_sdk.trace_reader import TraceReader

__all__ = ["TraceState"]

log = logging.getLogger(__name__)

FOLLOW_MS = 250
YOUNG_BYTES = 4096  # a run's trace that is no longer than this may still lack its header
AT_ONCE = 20_000  # so many rows are filtered without a detour over another thread

EMPTY = Snapshot(np.empty(0, OP_ROW), (), ())


class TraceState(QObject):
    """One trace, what of it is shown, and what the user asked to be led to."""

    opened = Signal()  # another trace, or none
    shown_changed = Signal()  # all rows anew
    shown_grew = Signal(int, int)  # first and last new row
    status_changed = Signal()  # filter, problem, busy, sums
    module_wanted = Signal(str)  # lead the user to this module
    source_wanted = Signal(str, int)  # … to this file and line
    op_wanted = Signal(int)  # … to this op in the table

    def __init__(self, debug: DebugState, notices: NoticeState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._debug = debug
        self._notices = notices
        self._reader: TraceReader | None = None
        self._file_lock = threading.Lock()
        self._generation = 0  # rises when another trace is opened
        self._turn = 0  # rises when filter or order change
        self._is_reading = False
        self._is_choosing = False
        self._read_again = False
        self._damage = ""  # the sentence that was shown
        self._seen_bytes = -1
        self._lead_to = -1  # op that the user is led to once the trace is read
        self._snapshot = EMPTY
        self._shown: ShownOps = NOTHING
        self._inverse: np.ndarray | None = None
        self._filter: OpFilter | None = None
        self.path = ""
        self.header: TraceHeader | None = None
        self.is_file = False  # opened by hand, no run behind it
        self.filter_text = ""
        self.filter_problem = ""  # one sentence
        self.sort_key = ""
        self.sort_descending = False
        self._timer = QTimer(self)
        self._timer.setInterval(FOLLOW_MS)
        self._timer.timeout.connect(self._look_for_more)
        debug.trace_changed.connect(self._on_debug_trace)
        debug.armed_changed.connect(self._on_armed)
        debug.stop_changed.connect(self.read_on)

    # --- what there is -----------------------------------------------------------------------------------

    @property
    def rows(self) -> Rows:
        """All ops that were read, as records of OP_ROW; the op's number is its place."""
        return self._snapshot.rows

    @property
    def sites(self) -> Sequence[OpSite]:
        return self._snapshot.sites

    @property
    def marks(self) -> Sequence[LadderMark]:
        return self._snapshot.marks

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    @property
    def shown(self) -> ShownOps:
        return self._shown

    @property
    def shown_count(self) -> int:
        return self._shown.count

    @property
    def sums(self) -> OpSums:
        """Of the ops that are shown."""
        return self._shown.sums

    @property
    def is_busy(self) -> bool:
        return self._is_choosing or (self._is_reading and not len(self._snapshot.rows))

    @property
    def is_following(self) -> bool:
        return self._timer.isActive()

    @property
    def notes(self) -> dict[int, str]:
        """What the trace notes of single ops: edits, skips, failures."""
        return self._reader.notes if self._reader is not None else {}

    def op_at(self, row: int) -> int:
        """Number of the op in a row of the table."""
        indices = self._shown.indices
        return row if indices is None else int(indices[row])

    def row_of(self, op_number: int) -> int:
        """The table's row of an op; -1 where it isn't shown."""
        shown = self._shown
        if not 0 <= op_number < shown.upto:
            return -1
        if shown.indices is None:
            return op_number
        if not self.sort_key:
            place = int(np.searchsorted(shown.indices, op_number))
            found = place < len(shown.indices) and int(shown.indices[place]) == op_number
            return place if found else -1
        if self._inverse is None:
            self._inverse = np.full(shown.upto, -1, np.int64)
            self._inverse[shown.indices] = np.arange(len(shown.indices))
        return int(self._inverse[op_number])

    def site_of(self, op_number: int) -> OpSite | None:
        if not 0 <= op_number < len(self.rows):
            return None
        return self.sites[int(self.rows["site"][op_number])]

    def tensor_reading(self, op_number: int, output: int) -> Callable[[], np.ndarray | None]:
        """Reads saved values of an op's output, None where there are none; for another thread."""
        reader, one_at_a_time = self._reader, self._file_lock

        def read() -> np.ndarray | None:
            with one_at_a_time:  # the reader has one place in its file
                return reader.tensor(op_number, output) if reader is not None else None

        return read

    def next_op(self, sites: Sequence[int], after: int) -> int:
        """The first op of these sites after op number `after`, else their first one at all; -1 is none."""
        if not len(self.rows) or not len(sites):
            return -1
        wanted = np.zeros(len(self.sites), np.bool_)
        wanted[list(sites)] = True
        found = np.flatnonzero(wanted[self.rows["site"]])
        if not len(found):
            return -1
        place = int(np.searchsorted(found, after, side="right"))
        return int(found[place if place < len(found) else 0])

    def want_op_of_module(self, path: str, after: int) -> None:
        """Lead the user to the next op of a module, or of one below it."""
        below = path + "."
        numbers = [
            number
            for number, site in enumerate(self.sites)
            if site.module == path or site.module.startswith(below)
        ]
        self._lead_to_next(numbers, after, f"No op of {path or 'this place'} is in the trace.")

    def want_op_of_line(self, file: str, line: int, after: int) -> None:
        """Lead the user to the next op that a line of Python called."""
        numbers = [n for n, site in enumerate(self.sites) if site.line == line and site.file == file]
        self._lead_to_next(numbers, after, f"No op of {Path(file).name}:{line} is in the trace.")

    def _lead_to_next(self, sites: Sequence[int], after: int, sentence: str) -> None:
        number = self.next_op(sites, after)
        if number >= 0:
            self.op_wanted.emit(number)
        else:
            self._notices.show("info", sentence)

    # --- opening -----------------------------------------------------------------------------------------

    def open_file(self, path: str) -> None:
        """Show a trace file, with or without a run or an engine behind it."""
        self._open(path, is_file=True)

    def lead_to_op_in(self, path: str, op_number: int) -> None:
        """Show a trace file, unless it is shown, and lead the user to one of its ops."""
        if path != self.path:
            self._lead_to = op_number
            self.open_file(path)
        else:
            self.op_wanted.emit(op_number)

    def close_trace(self) -> None:
        """Show nothing."""
        self._timer.stop()
        self._drop_reader()
        self._generation += 1
        self._turn += 1
        self.path, self.header, self.is_file = "", None, False
        self._snapshot, self._shown, self._inverse = EMPTY, NOTHING, None
        self._is_choosing = False
        self._seen_bytes = -1
        self._damage = ""
        self.opened.emit()
        self.shown_changed.emit()
        self.status_changed.emit()

    def close(self) -> None:
        """Nothing is read any more."""
        self._timer.stop()
        self._generation += 1
        self._drop_reader()

    def _drop_reader(self) -> None:
        # while another thread reads with it, that one's end closes it
        if self._reader is not None and not self._is_reading:
            self._reader.close()
        self._reader = None

    def _on_debug_trace(self) -> None:
        path = self._debug.trace_path
        if path and (path != self.path or self.is_file):
            self._open(path, is_file=False)
        else:
            self.read_on()

    def _on_armed(self) -> None:
        self.read_on()
        if not self._debug.armed:
            self._timer.stop()
        elif self.path and not self.is_file:
            self._timer.start()

    def _open(self, path: str, *, is_file: bool) -> None:
        self.close_trace()
        self.path, self.is_file = path, is_file
        self.opened.emit()
        if not is_file and self._debug.armed:
            self._timer.start()
        self._read()

    # --- reading on --------------------------------------------------------------------------------------

    def read_on(self) -> None:
        """Read what was appended since, now."""
        if self.path:
            self._read()

    def _look_for_more(self) -> None:
        try:
            size = Path(self.path).stat().st_size
        except OSError:
            return
        if size != self._seen_bytes:
            self._seen_bytes = size
            self._read()

    def _read(self) -> None:
        if self._is_reading:
            self._read_again = True
            return
        self._is_reading, self._read_again = True, False
        reader, path, generation = self._reader, self.path, self._generation
        one_at_a_time = self._file_lock

        def work() -> tuple[TraceReader, Snapshot]:
            from mezzotint_sdk.trace_reader import TraceReader  # not before somebody debugs

            used = reader if reader is not None else TraceReader(Path(path))
            with one_at_a_time:
                used.follow()
            return used, Snapshot(used.rows, used.sites, used.marks)

        def done(result: tuple[TraceReader, Snapshot]) -> None:
            self._is_reading = False
            used, snapshot = result
            if generation != self._generation:
                used.close()
                if self.path and self._read_again:
                    self._read()
                return
            self._reader, self.header = used, used.header
            if used.damage and used.damage != self._damage:
                self._notices.show("warning", used.damage)
            self._damage = used.damage
            self._take(snapshot)
            if self._read_again:
                self._read()

        def failed(error: Exception) -> None:
            self._is_reading = False
            if generation != self._generation:
                if self.path and self._read_again:
                    self._read()
                return
            self._on_read_error(error)

        BackgroundTask(work, done, failed, owner=self)
        self.status_changed.emit()

    def _on_read_error(self, error: Exception) -> None:
        if not self.is_file and (isinstance(error, FileNotFoundError) or self._is_young()):
            return  # the run has not written its header yet
        was_file, name = self.is_file, Path(self.path).name
        self.close_trace()
        if isinstance(error, MezzotintError):
            self._notices.show("error", error.message, error.detail)
        elif isinstance(error, OSError):
            self._notices.show("error", f"The trace {name} can't be read: {error.strerror or error}.")
        else:
            log.error("reading the trace %s failed", name, exc_info=error)
            self._notices.show("error", f"The trace {name} can't be read; the log says more.")
        if not was_file:
            self._timer.stop()

    def _is_young(self) -> bool:
        try:
            return Path(self.path).stat().st_size < YOUNG_BYTES
        except OSError:
            return True

    def _take(self, snapshot: Snapshot) -> None:
        grew = len(snapshot.rows) > len(self._snapshot.rows)
        is_first = not len(self._snapshot.rows)
        self._snapshot = snapshot
        if is_first:
            self.opened.emit()
            self._choose()
        elif grew:
            if self.sort_key:
                self._choose()
            elif not self._is_choosing:
                self._choose_more()
        self.status_changed.emit()

    # --- what is shown -----------------------------------------------------------------------------------

    def set_filter(self, text: str) -> None:
        """Show only ops that match; an error is in `filter_problem`, and what is shown stays."""
        text = text.strip()
        if text == self.filter_text:
            return
        self.filter_text = text
        from mezzotint_sdk.op_filter import OpFilter  # not before somebody debugs

        try:
            chosen = OpFilter(text) if text else None
        except BadInputError as error:
            self.filter_problem = error.message
            self.status_changed.emit()
            return
        self.filter_problem = ""
        self._filter = chosen
        self._choose()
        self.status_changed.emit()

    def sort_by(self, key: str, descending: bool = False) -> None:
        """Sort by a column's key; "" or "number" rising is the order in which the ops ran."""
        key = "" if key == "number" and not descending else key
        if (key, descending) != (self.sort_key, self.sort_descending):
            self.sort_key, self.sort_descending = key, descending
            self._choose()
            self.status_changed.emit()

    def _choose(self) -> None:
        """All anew."""
        self._turn += 1
        turn, snapshot, chosen = self._turn, self._snapshot, self._filter
        key, descending = self.sort_key, self.sort_descending

        def work() -> ShownOps:
            matches = chosen.matcher(snapshot.sites, snapshot.marks) if chosen is not None else None
            return choose_ops(snapshot, matches, key, descending)

        def done(shown: ShownOps) -> None:
            if turn != self._turn:
                return
            self._is_choosing = False
            self._shown, self._inverse = shown, None
            self.shown_changed.emit()
            if self._lead_to >= 0 and shown.upto > self._lead_to:
                wanted, self._lead_to = self._lead_to, -1
                self.op_wanted.emit(wanted)
            if len(self._snapshot.rows) > shown.upto:
                self._choose_more()
            self.status_changed.emit()

        self._is_choosing = True
        self._run(work, done, len(snapshot.rows), turn)

    def _choose_more(self) -> None:
        """Of the rows that came since."""
        turn, snapshot, chosen, before = self._turn, self._snapshot, self._filter, self._shown
        if self.sort_key:
            self._choose()
            return

        def work() -> ShownOps:
            matches = (
                chosen.matcher(snapshot.sites, snapshot.marks, before.upto) if chosen is not None else None
            )
            return joined(before, choose_ops(snapshot, matches, first=before.upto))

        def done(shown: ShownOps) -> None:
            if turn != self._turn:
                return
            self._is_choosing = False
            self._shown = shown
            if shown.count > before.count:
                self.shown_grew.emit(before.count, shown.count - 1)
            if len(self._snapshot.rows) > shown.upto:
                self._choose_more()
            self.status_changed.emit()

        self._is_choosing = True
        self._run(work, done, len(snapshot.rows) - before.upto, turn)

    def _run(self, work: object, done: object, count: int, turn: int) -> None:
        if count <= AT_ONCE:
            done(work())  # type: ignore[operator]
            return

        def failed(error: Exception) -> None:
            if turn == self._turn:
                self._is_choosing = False
                log.error("choosing ops of the trace failed", exc_info=error)
                self.status_changed.emit()

        BackgroundTask(work, done, failed, owner=self)  # type: ignore[arg-type]
