"""The tree of modules: where the run stands in it, what each costs, and the way to its ops and its source."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.opdebug.module_entries import ModuleEntry, module_entries
from mezzotint_app.opdebug.module_tree_view import ModuleTreeView
from mezzotint_app.opdebug.place_menus import module_menu
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.debug_cursor import Cursor
from mezzotint_app.state.pacer import Pacer
from mezzotint_sdk.debug_messages import ListModules, Modules
from mezzotint_sdk.debug_records import ModuleNode

__all__ = ["ModuleTreePanel"]

COLUMNS = ("name", "time_us", "ops", "class_name", "parameters")
REFRESH_HZ = 4.0


class ModuleTreePanel(QWidget):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._debug, self._trace, self._totals = state.debug, state.trace, state.totals
        self._nodes: tuple[ModuleNode, ...] = ()
        self._nodes_of = ""  # run whose modules were asked for
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Find a module")
        self.search.setAccessibleName("Find a module by a part of its path or class")
        self.search.setToolTip("Return goes to the next one")
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.search.textEdited.connect(lambda text: self.find_module(text, onward=False))
        self.search.returnPressed.connect(lambda: self.find_module(self.search.text(), onward=True))
        self.count = text_label("", "small", self)
        self.view = ModuleTreeView(COLUMNS, sorts=False, parent=self)
        self.view.setAccessibleName("Modules of the running models")
        self.empty = EmptyState(
            "model",
            "No modules yet",
            "They appear when a debugged run stops, or a trace is open.",
            parent=self,
        )
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.view)
        tools = QHBoxLayout()
        tools.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        tools.setSpacing(SPACING)
        tools.addWidget(self.search, 1)
        tools.addWidget(self.count)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(tools)
        layout.addWidget(self._pages, 1)

        self._pacer = Pacer(REFRESH_HZ, self)
        self._pacer.due.connect(self._want)
        self._debug.stop_changed.connect(self._on_stop)
        self._debug.selection_changed.connect(self._on_selection)
        self._debug.modules_changed.connect(self._ask_modules)
        self._trace.opened.connect(self._on_opened)
        self._trace.module_wanted.connect(self.lead_to)
        self._totals.outdated.connect(self._pacer.request)
        self._totals.changed.connect(self._show)
        self.view.chosen.connect(self._on_chosen)
        self.view.opened.connect(self.show_ops)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._open_menu)
        self._on_stop()

    # --- what shows --------------------------------------------------------------------------------------

    def _on_opened(self) -> None:
        if self._trace.is_file:
            self._nodes, self._nodes_of = (), ""
        self._pacer.request()
        self._show()

    def _on_stop(self) -> None:
        stop = self._debug.stop if not self._trace.is_file else None
        self.view.tree.set_current(stop.place.module if stop is not None else "")
        if stop is not None and self._nodes_of != self._debug.run_id:
            self._ask_modules()
        self._show()
        if stop is not None:
            self.view.lead_to(stop.place.module)

    def _ask_modules(self) -> None:
        run_id = self._nodes_of = self._debug.run_id
        self._debug.ask(ListModules(), lambda reply: self._on_modules(run_id, reply))

    def _on_modules(self, run_id: str, reply: object) -> None:
        if isinstance(reply, Modules) and run_id == self._debug.run_id and not self._trace.is_file:
            self._nodes = reply.modules
            self._show()
            if self._debug.stop is not None:
                self.view.lead_to(self._debug.stop.place.module)

    def _on_selection(self) -> None:
        site = self._trace.site_of(self._debug.selected_op)
        selected = self.view.selected()
        if site is not None and (selected is None or selected.path != site.module):
            self.view.lead_to(site.module)

    def _want(self) -> None:
        if self.isVisible():
            self._totals.want()

    def _show(self) -> None:
        if not self.isVisible():
            return
        self.view.show_entries(module_entries(self._nodes, self._trace.sites, self._totals.modules))
        count = len(self.view.tree)
        self.count.setText(f"{count:,}" if count else "")
        self.count.setAccessibleName(f"{count:,} modules")
        self._pages.setCurrentWidget(self.view if count else self.empty)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._totals.want()
        self._show()

    # --- what can be done --------------------------------------------------------------------------------

    def lead_to(self, path: str) -> None:
        """Select a module."""
        self._show()
        self.view.lead_to(path)

    def find_module(self, text: str, *, onward: bool) -> None:
        """Select the next module whose path or class has this text."""
        text = text.strip().lower()
        if not text:
            return
        rest = list(reversed(self.view.tree.roots))
        paths: list[ModuleEntry] = []
        while rest:
            made = rest.pop()
            paths.append(made)
            rest.extend(reversed(made.children))
        selected = self.view.selected()
        start = next((i for i, made in enumerate(paths) if made is selected), -1) + (1 if onward else 0)
        start = max(0, start)
        for made in paths[start:] + paths[:start]:
            if text in made.path.lower() or text in made.class_name.lower():
                self.view.lead_to(made.path)
                return

    def show_ops(self, path: str) -> None:
        """Lead to the next op of a module in the table."""
        self._trace.want_op_of_module(path, self._debug.selected_op)

    def _on_chosen(self, path: str) -> None:
        if path and not self._trace.is_file:
            self._debug.set_cursor(Cursor(module=path))

    def _open_menu(self, place: QPoint) -> None:
        made = self.view.selected()
        if made is not None:
            menu = module_menu(self, self._state, made)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.view.viewport().mapToGlobal(place))
