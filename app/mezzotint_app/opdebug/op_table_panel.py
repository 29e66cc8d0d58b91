"""All ops of the run or of an opened trace: filter, table, totals by module and by line, jumps to both."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QMenu,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.look.widgets.segmented_choice import SegmentedChoice
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.opdebug.filter_words import module_filter
from mezzotint_app.opdebug.line_totals_view import LineTotalsView
from mezzotint_app.opdebug.module_entries import module_entries
from mezzotint_app.opdebug.module_tree_view import ModuleTreeView
from mezzotint_app.opdebug.op_columns import count_text, time_text
from mezzotint_app.opdebug.op_filter_field import OpFilterField
from mezzotint_app.opdebug.op_table_view import OpTableView
from mezzotint_app.opdebug.open_trace import choose_trace
from mezzotint_app.opdebug.place_menus import line_menu, module_menu, op_menu
from mezzotint_app.plots.measures import format_value
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.debug_cursor import Cursor

__all__ = ["OpTablePanel"]

NARROW_PX = 600  # tabs and colours have no room beside each other
TREE_COLUMNS = ("name", "class_name", "ops", "time_us", "self_time_us", "flops", "nbytes", "memory_delta")
HEATS = [
    ("", "Plain", "", "No colours"),
    ("time", "Time", "", "Colour ops by their time"),
    ("memory", "Memory", "", "Colour ops by the change of allocated memory"),
]


class OpTablePanel(QWidget):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._debug, self._trace, self._totals = state.debug, state.trace, state.totals
        self.filter = OpFilterField(self)
        self._told = ""  # the filter that this field told the trace
        self.filter.filterChanged.connect(self._on_filter)
        self.heat = SegmentedChoice("Colour", HEATS, self)
        self.heat.set_chosen("")
        self.heat.chosen.connect(self._on_heat)
        self.table = OpTableView(self._trace, self)
        self.modules = ModuleTreeView(TREE_COLUMNS, sorts=True, parent=self)
        self.modules.setAccessibleName("Totals by module")
        self.lines = LineTotalsView(self)
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.table, "Ops")
        self.tabs.addTab(self.modules, "By module")
        self.tabs.addTab(self.lines, "Hot lines")
        self._is_narrow = False
        self._colours = QWidget(self)  # in the corner beside the tabs, or where that is too narrow, below
        inside = QHBoxLayout(self._colours)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACING // 2)
        inside.addWidget(text_label("Colour", "small", self._colours))
        inside.addWidget(self.heat)
        self.tabs.setCornerWidget(self._build_corner(), Qt.Corner.TopRightCorner)
        self.empty = EmptyState(
            "list",
            "No ops recorded",
            "Press Debug beside Generate to watch a run op by op, or open a trace file.",
            "Open trace…",
            lambda: choose_trace(state),
            parent=self,
        )
        self.nothing_found = EmptyState(
            "search", "No op matches", "Esc in the filter shows all ops.", parent=self
        )
        self.summary = ElidedLabel("", "small", self)
        self._pages = QStackedWidget(self)
        for page in (self.empty, self.tabs, self.nothing_found):
            self._pages.addWidget(page)
        self._lay_out()
        self._connect()
        self._on_opened()

    def _lay_out(self) -> None:
        tools = QHBoxLayout()
        tools.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        tools.setSpacing(SPACING)
        tools.addWidget(self.filter, 1)
        self._foot = foot = QHBoxLayout()
        foot.setContentsMargins(SPACING, SPACING // 4, SPACING, SPACING // 4)
        foot.addWidget(self.summary, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(tools)
        layout.addWidget(self._pages, 1)
        layout.addLayout(foot)

    def _build_corner(self) -> QWidget:
        """The colours beside the tabs: the filter needs the whole width above."""
        corner = QWidget(self)
        inside = QHBoxLayout(corner)
        inside.setContentsMargins(0, 0, SPACING, SPACING // 4)
        inside.addWidget(self._colours)
        self._corner = inside
        return corner

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_narrow = self.width() < NARROW_PX
        if is_narrow != self._is_narrow:
            self._is_narrow = is_narrow
            self.tabs.cornerWidget(Qt.Corner.TopRightCorner).setVisible(not is_narrow)
            (self._foot if is_narrow else self._corner).addWidget(self._colours)

    def _connect(self) -> None:
        trace, debug = self._trace, self._debug
        trace.opened.connect(self._on_opened)
        trace.shown_changed.connect(self._refresh)
        trace.shown_grew.connect(self._on_grew)
        trace.status_changed.connect(self._refresh)
        trace.op_wanted.connect(self.show_op)
        debug.stop_changed.connect(self._on_stop)
        debug.selection_changed.connect(self._on_selection)
        self._totals.changed.connect(self._show_totals)
        self._totals.outdated.connect(self._want_totals)
        self.tabs.currentChanged.connect(lambda _tab: self._want_totals())
        self.table.chosen.connect(self._on_chosen)
        self.table.opened.connect(self.show_source_of)
        self.modules.opened.connect(lambda path: self.show_only(module_filter(path)))
        self.lines.opened.connect(trace.source_wanted.emit)
        for view, opens in (
            (self.table, self._open_op_menu),
            (self.modules, self._open_module_menu),
            (self.lines, self._open_line_menu),
        ):
            view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            view.customContextMenuRequested.connect(opens)
        find = QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self)
        find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.activated.connect(self.focus_filter)

    # --- what can be done --------------------------------------------------------------------------------

    def focus_filter(self) -> None:
        self.filter.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.field.selectAll()

    def show_only(self, text: str) -> None:
        """Show the ops of a filter."""
        self.filter.set_text(text)
        self.tabs.setCurrentWidget(self.table)

    def show_op(self, op_number: int) -> None:
        """Lead to an op; a filter that hides it goes."""
        if op_number < 0:
            return
        self.tabs.setCurrentWidget(self.table)
        if self._trace.row_of(op_number) < 0 and self._trace.filter_text:
            self.filter.set_text("")
        self.table.select_op(op_number)
        self._debug.select_op(op_number)

    def show_source_of(self, op_number: int) -> None:
        site = self._trace.site_of(op_number)
        if site is not None and site.file:
            self._trace.source_wanted.emit(site.file, site.line)

    def _on_chosen(self, op_number: int) -> None:
        self._debug.select_op(op_number)
        site = self._trace.site_of(op_number)
        if site is not None and not self._trace.is_file:
            self._debug.set_cursor(Cursor(op_number=op_number, op=site.op, module=site.module))

    # --- what shows --------------------------------------------------------------------------------------

    def _on_opened(self) -> None:
        self.table.hide_empty_columns()
        self._on_stop()
        self._refresh()

    def _on_grew(self, _first: int, _last: int) -> None:
        stop = self._debug.stop
        if stop is not None and not self.table.selected_rows():
            self._on_stop()  # the op at which the run stands has only now come into the trace
        self._refresh()

    def _on_stop(self) -> None:
        stop = self._debug.stop if not self._trace.is_file else None
        self.table.set_stop(stop.place.op_number if stop is not None else -1)
        self.modules.tree.set_current(stop.place.module if stop is not None else "")
        if stop is not None and self._debug.selected_op < 0:
            self.table.select_op(stop.place.op_number)
        self._refresh()

    def _on_selection(self) -> None:
        chosen = self._debug.selected_op
        stop = self._debug.stop
        if chosen < 0 and stop is not None and not self._trace.is_file:
            chosen = stop.place.op_number
        if chosen >= 0:
            self.table.select_op(chosen)

    def _on_filter(self, text: str) -> None:
        self._told = text.strip()
        self._trace.set_filter(text)

    def _on_heat(self, key: str) -> None:
        self.table.set_heat(key)

    def _refresh(self) -> None:
        trace = self._trace
        if trace.filter_text != self._told:  # somebody else's: a menu of a tree or of the source
            self._told = trace.filter_text
            self.filter.set_text(trace.filter_text)
            self.tabs.setCurrentWidget(self.table)
        self.filter.show_problem(trace.filter_problem)
        found = bool(trace.shown_count) or trace.is_busy
        page = self.empty if not len(trace.rows) else self.tabs if found else self.nothing_found
        if not trace.path:
            self.empty.set_text(
                "No ops recorded",
                "Press Debug beside Generate to watch a run op by op, or open a trace file.",
            )
        elif page is self.empty:
            self.empty.set_text("Reading the trace…" if trace.is_busy else "No ops recorded yet", "")
        self._pages.setCurrentWidget(page)
        self.summary.setText(self._summary())

    def _summary(self) -> str:
        trace, sums = self._trace, self._trace.sums
        total = len(trace.rows)
        if not total:
            return ""
        shown = trace.shown_count
        parts = [
            _counted(total) if shown == total else f"{shown:,} of {_counted(total)}",
            time_text(sums.time_us),
            f"{count_text(sums.flops)}FLOP" if sums.flops else "",
            f"{format_value(sums.nbytes, 'bytes')} in and out" if sums.nbytes else "",
            "filtering…" if trace.is_busy else "",
            self._census(),
        ]
        return "  ·  ".join(part for part in parts if part)

    def _census(self) -> str:
        """How complete the table is: ops that ran under the debugger against those that it recorded."""
        stop = self._debug.stop
        if stop is None or self._trace.is_file or not stop.ran:
            return ""
        if stop.shown >= stop.ran:
            return "census: all that ran are shown"
        return f"census: {stop.shown:,} of {_counted(stop.ran)} that ran are shown"

    def _want_totals(self) -> None:
        if self.isVisible() and self.tabs.currentWidget() is not self.table:
            self._totals.want()
            self._show_totals()

    def _show_totals(self) -> None:
        if self.tabs.currentWidget() is self.modules:
            self.modules.show_entries(module_entries((), self._trace.sites, self._totals.modules))
        elif self.tabs.currentWidget() is self.lines:
            self.lines.lines.set_lines(list(self._totals.lines.values()))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._want_totals()

    # --- menus -------------------------------------------------------------------------------------------

    def _open_op_menu(self, place: QPoint) -> None:
        index = self.table.indexAt(place)
        if index.isValid():
            self._open(op_menu(self, self._state, self._trace.op_at(index.row())), self.table, place)

    def _open_module_menu(self, place: QPoint) -> None:
        made = self.modules.selected()
        if made is not None:
            self._open(module_menu(self, self._state, made), self.modules, place)

    def _open_line_menu(self, place: QPoint) -> None:
        line = self.lines.selected()
        if line is not None and line.file:
            self._open(line_menu(self, self._state, line.file, line.line), self.lines, place)

    def _open(self, menu: QMenu | None, view: QAbstractItemView, place: QPoint) -> None:
        if menu is not None:
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(view.viewport().mapToGlobal(place))


def _counted(ops: int) -> str:
    return "1 op" if ops == 1 else f"{ops:,} ops"
