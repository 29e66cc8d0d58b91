"""The view on a tree of modules: which one the user chose, and where the run stands."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTreeView, QWidget

from mezzotint_app.opdebug.module_entries import ModuleEntry, sorted_entries
from mezzotint_app.opdebug.module_tree_model import ENTRY_ROLE, MODULE_COLUMNS, ModuleTreeModel
from mezzotint_app.opdebug.share_delegate import ShareDelegate

__all__ = ["ModuleTreeView"]

INDENT_PX = 14
LEAST_NAME_PX = 140
UNFOLDED = 2  # levels that are open at first


class ModuleTreeView(QTreeView):
    """`sorts`: a click on the header orders the children of each module; else they stay as they were made."""

    chosen = Signal(str)  # path, by mouse or keyboard
    opened = Signal(str)  # … by a double click or Return

    def __init__(self, columns: tuple[str, ...], *, sorts: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tree = ModuleTreeModel(columns)
        self.tree.setParent(self)
        self._sorts = sorts
        self._is_leading = False
        self.setModel(self.tree)
        self.setItemDelegate(ShareDelegate(self))
        self.setUniformRowHeights(True)
        self.setIndentation(INDENT_PX)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setExpandsOnDoubleClick(False)
        self.setAllColumnsShowFocus(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for place, key in enumerate(columns):
            header.resizeSection(place, MODULE_COLUMNS[key][1])
        self._is_fitting = False
        self._was_dragged = False
        header.sectionResized.connect(self._on_resized)
        if sorts:
            self.tree.sorted_by = ("time_us", True)
            header.setSectionsClickable(True)
            header.sectionClicked.connect(self._on_sort)
        # Qt repaints from the first to the last root alone, not what is unfolded between
        self.tree.dataChanged.connect(lambda *_: self.viewport().update())
        self.doubleClicked.connect(self._on_opened)
        self.selectionModel().currentRowChanged.connect(self._on_current)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_names()

    def _on_resized(self, _section: int, _old: int, _new: int) -> None:
        self._was_dragged = self._was_dragged or not self._is_fitting

    def _fit_names(self) -> None:
        """The names get what whole columns beside them leave, until the user drags one: none is cut in
        half."""
        if self._was_dragged:
            return
        header, room = self.header(), self.viewport().width()
        others = 0
        for place in range(1, header.count()):
            if others + header.sectionSize(place) + LEAST_NAME_PX > room:
                break
            others += header.sectionSize(place)
        self._is_fitting = True
        header.resizeSection(0, max(LEAST_NAME_PX, room - others))
        self._is_fitting = False

    def show_entries(self, roots: list[ModuleEntry]) -> None:
        """Show this tree; what is unfolded and selected stays so."""
        if self._sorts:
            roots = sorted_entries(roots, *self.tree.sorted_by)
        unfolded = self.unfolded()
        selected = self.selected()
        was_empty = not len(self.tree)
        if not self.tree.set_entries(roots):
            return
        if was_empty:
            self.expandToDepth(UNFOLDED - 1)
        for path in unfolded:
            self.expand(self.tree.index_of(path))
        if selected is not None and self.tree.entry(selected.path) is not None:
            self.lead_to(selected.path, scroll=False)

    def _on_sort(self, section: int) -> None:
        key = self.tree.columns[section]
        was, falling = self.tree.sorted_by
        self.tree.sorted_by = (key, not falling if key == was else key not in ("name", "class_name"))
        self.show_entries(self.tree.roots)
        self.tree.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.tree.columns) - 1)

    def unfolded(self) -> list[str]:
        found = []
        rest = list(self.tree.roots)
        while rest:
            made = rest.pop()
            if made.children and self.isExpanded(self.tree.index_of(made.path)):
                found.append(made.path)
                rest.extend(made.children)
        return found

    def selected(self) -> ModuleEntry | None:
        index = self.currentIndex()
        entry: ModuleEntry | None = index.siblingAtColumn(0).data(ENTRY_ROLE) if index.isValid() else None
        return entry

    def lead_to(self, path: str, *, scroll: bool = True) -> bool:
        """Select a module, unfolding what is above it; False where neither it nor one above it is known."""
        index = self.tree.index_of(path)
        if not index.isValid():
            return False
        above = index.parent()
        while above.isValid():
            self.expand(above)
            above = above.parent()
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self._is_leading = True
        self.selectionModel().setCurrentIndex(index, flags)
        self._is_leading = False
        if scroll:
            left = self.horizontalScrollBar().value()
            self.scrollTo(index)
            self.horizontalScrollBar().setValue(left)
        return True

    def _on_current(self, current: QModelIndex, _previous: QModelIndex) -> None:
        made = current.siblingAtColumn(0).data(ENTRY_ROLE) if current.isValid() else None
        if made is not None and not self._is_leading:
            self.chosen.emit(made.path)

    def _on_opened(self, index: QModelIndex) -> None:
        made = index.siblingAtColumn(0).data(ENTRY_ROLE)
        if made is not None:
            self.opened.emit(made.path)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        made = self.selected()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and made is not None:
            self.opened.emit(made.path)
            event.accept()
        else:
            super().keyPressEvent(event)
