"""The Python source that is running, with breakpoints in its gutter and the times of its lines."""

from __future__ import annotations

import tokenize
from pathlib import Path, PurePath

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.look.widgets.text_label import ElidedLabel
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.opdebug.breakpoint_mark import line_marks
from mezzotint_app.opdebug.op_columns import time_text
from mezzotint_app.opdebug.place_menus import line_menu
from mezzotint_app.opdebug.python_tokens import Token, tokens_of
from mezzotint_app.opdebug.source_view import SourceView
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_app.state.debug_cursor import Cursor
from mezzotint_app.state.pacer import Pacer
from mezzotint_sdk.debug_messages import ReadSource, Source
from mezzotint_sdk.errors import MezzotintError

__all__ = ["SourcePanel"]

REFRESH_HZ = 4.0
MOST_BYTES = 8 * 1024 * 1024
MOST_FILES = 60
WORDS = ("No source yet", "It appears when a debugged run stops, or when you choose an op of a trace.")


class SourcePanel(QWidget):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._debug, self._trace, self._totals = state.debug, state.trace, state.totals
        self._texts: dict[str, tuple[str, list[list[Token]]]] = {}
        self._wanted: tuple[str, int] = ("", 0)
        self.file = ""  # whose text is shown
        self.view = SourceView(self)
        self.files = QComboBox(self)
        self.files.setAccessibleName("Files that called ops")
        self.files.setToolTip("Files that called ops, those that took longest first")
        self.files.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.files.setMinimumContentsLength(22)
        self.files.activated.connect(self._on_file_picked)
        calm_wheel(self.files)
        self.path = ElidedLabel("", "small", self, Qt.TextElideMode.ElideLeft)
        self.here_button = tool_button(
            "play", "To the current line", help="Where the run stands, or the chosen op", parent=self
        )
        self.here_button.clicked.connect(self.show_current)
        self.op_button = tool_button("list", "To the ops of this line", "Return", parent=self)
        self.op_button.clicked.connect(lambda: self.show_ops(self.view.cursor_line()))
        self.empty = EmptyState("document", *WORDS, parent=self)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.view)
        self._lay_out()
        self._pacer = Pacer(REFRESH_HZ, self)
        self._pacer.due.connect(self._want_totals)
        self._connect()
        self.show_current()

    def _lay_out(self) -> None:
        tools = QHBoxLayout()
        tools.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        tools.setSpacing(SPACING // 2)
        tools.addWidget(self.files, 1)
        tools.addWidget(self.path, 1)
        tools.addWidget(self.op_button)
        tools.addWidget(self.here_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(tools)
        layout.addWidget(self._pages, 1)

    def _connect(self) -> None:
        debug, trace = self._debug, self._trace
        debug.stop_changed.connect(self._on_stop)
        debug.selection_changed.connect(self.show_current)
        debug.breakpoints_changed.connect(self._show_breakpoints)
        trace.opened.connect(self._on_opened)
        trace.source_wanted.connect(self.show_line)
        self._totals.changed.connect(self._show_totals)
        self._totals.outdated.connect(self._pacer.request)
        self.view.breakpointAsked.connect(self.toggle_breakpoint)
        self.view.lineChosen.connect(self._on_chosen)
        self.view.lineOpened.connect(self.show_ops)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._open_menu)

    # --- which place -------------------------------------------------------------------------------------

    def _on_opened(self) -> None:
        self._texts.clear()
        if not self._trace.path and self._debug.stop is None:
            self._wanted = ("", 0)
            self._say(*WORDS)
        self._pacer.request()

    def _on_stop(self) -> None:
        if self._debug.stop is None:
            self.view.set_current(0)
        else:
            self.show_current()

    def _place(self) -> tuple[str, int]:
        """File and line of the chosen op, or else of the stop."""
        stop = self._debug.stop if not self._trace.is_file else None
        chosen = self._debug.selected_op
        site = self._trace.site_of(chosen)
        if site is not None and (stop is None or chosen != stop.place.op_number):
            return site.file, site.line
        if stop is None:
            return "", 0
        if stop.place.file:
            return stop.place.file, stop.place.line
        return next(((frame.file, frame.line) for frame in stop.frames), ("", 0))

    def show_current(self) -> None:
        """Show the line of the chosen op, or where the run stands."""
        file, line = self._place()
        if file:
            self.show_line(file, line)

    def show_line(self, file: str, line: int) -> None:
        """Show a line of a file, once its text is there."""
        self._wanted = (file, line)
        if file in self._texts:
            self._put(file)
        elif self._debug.run_id and not self._trace.is_file and self._debug.stop is not None:
            self._debug.ask(
                ReadSource(file=file),
                lambda reply: self._on_source(file, reply),
                lambda _error: self._read_here(file),
            )
        else:
            self._read_here(file)

    def _on_source(self, file: str, reply: object) -> None:
        if isinstance(reply, Source):
            text = reply.text
            BackgroundTask(lambda: (text, tokens_of(text)), lambda found: self._take(file, found), owner=self)

    def _read_here(self, file: str) -> None:
        def work() -> tuple[str, list[list[Token]]]:
            text = _read(file)
            return text, tokens_of(text)

        def failed(error: Exception) -> None:
            if self._wanted[0] == file:
                told = error.message if isinstance(error, MezzotintError) else str(error)
                self._say("No source for this line", told)

        BackgroundTask(work, lambda found: self._take(file, found), failed, owner=self)

    def _take(self, file: str, found: tuple[str, list[list[Token]]]) -> None:
        self._texts[file] = found
        if self._wanted[0] == file:
            self._put(file)

    # --- what shows --------------------------------------------------------------------------------------

    def _say(self, title: str, hint: str) -> None:
        self.file = ""
        self.path.setText("")
        self.empty.set_text(title, hint)
        self._pages.setCurrentWidget(self.empty)

    def _put(self, file: str) -> None:
        _, line = self._wanted
        if file != self.file:
            self.view.set_source(*self._texts[file])
            self.file = file
            self.path.setText(str(PurePath(file).parent))
        self._pages.setCurrentWidget(self.view)
        stop = self._debug.stop if not self._trace.is_file else None
        stands_here = stop is not None and stop.place.file == file
        self.view.set_current(stop.place.line if stop is not None and stands_here else 0)
        self.view.go_to(line)
        self._show_breakpoints()
        self._show_totals()

    def _show_breakpoints(self) -> None:
        self.view.set_breakpoints(line_marks(self._debug.breakpoints, self.file) if self.file else {})

    def _want_totals(self) -> None:
        if self.isVisible():
            self._totals.want()

    def _show_totals(self) -> None:
        self.view.set_times(self._totals.times_of(self.file) if self.file else {})
        files = self._totals.files()[:MOST_FILES]
        if self.file and self.file not in [file for file, _ in files]:
            files.insert(0, (self.file, 0.0))
        shown = [self.files.itemData(place) for place in range(self.files.count())]
        if [file for file, _ in files] != shown:
            self.files.clear()
            for file, _time in files:
                self.files.addItem("", file)
        for place, (file, time_us) in enumerate(files):
            name = PurePath(file).name or "(no file known)"
            self.files.setItemText(place, f"{name}   {time_text(time_us)}" if time_us else name)
            self.files.setItemData(place, file, Qt.ItemDataRole.ToolTipRole)
        self.files.setCurrentIndex(self.files.findData(self.file))
        self.files.setEnabled(bool(files))

    def _on_file_picked(self, place: int) -> None:
        file = self.files.itemData(place)
        if file:
            times = self._totals.times_of(file)
            self.show_line(file, max(times, key=lambda line: times[line][0], default=1))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._totals.want()

    # --- what can be done --------------------------------------------------------------------------------

    def toggle_breakpoint(self, line: int) -> None:
        """Stop at this line from now on, or no more."""
        if self.file:
            self._debug.toggle_breakpoint(file=self.file, line=line)

    def show_ops(self, line: int) -> None:
        """Lead to the next op that a line called."""
        self._trace.want_op_of_line(self.file, line, self._debug.selected_op)

    def _on_chosen(self, line: int) -> None:
        if self.file and not self._trace.is_file:
            self._debug.set_cursor(Cursor(file=self.file, line=line))

    def _open_menu(self, place: QPoint) -> None:
        line = self.view.cursorForPosition(place).blockNumber() + 1
        menu = line_menu(self, self._state, self.file, line)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.view.viewport().mapToGlobal(place))


def _read(file: str) -> str:
    """The text of a Python file on this machine, in the encoding that it declares."""
    path = Path(file)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise MezzotintError(f"{path.name} is too large to be shown (over 8 MiB).")
        with tokenize.open(file) as opened:
            return opened.read()
    except (OSError, SyntaxError, ValueError) as error:
        raise MezzotintError(f"{file} can't be read on this machine.") from error
