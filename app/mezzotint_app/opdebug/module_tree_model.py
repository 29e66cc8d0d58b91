"""Modules as a tree with their totals, for the tree of modules and for the totals by module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import theme_manager
from mezzotint_app.opdebug.module_entries import ModuleEntry
from mezzotint_app.opdebug.op_columns import count_text, memory_text, time_text
from mezzotint_app.plots.measures import format_value

__all__ = ["ENTRY_ROLE", "MODULE_COLUMNS", "SHARE_ROLE", "ModuleTreeModel"]

ENTRY_ROLE = Qt.ItemDataRole.UserRole  # ModuleEntry
SHARE_ROLE = Qt.ItemDataRole.UserRole + 1  # of all time, 0 to 1
AnyIndex = QModelIndex | QPersistentModelIndex

# key → title, width, help
MODULE_COLUMNS: dict[str, tuple[str, int, str]] = {
    "name": ("Module", 220, "Modules as they lie in each other"),
    "class_name": ("Class", 150, "Python class"),
    "parameters": ("Parameters", 84, "Parameters of it and of all below it"),
    "ops": ("Ops", 64, "Ops shown that ran in it or below it"),
    "time_us": ("Time", 78, "Time of the ops shown that ran in it or below it"),
    "self_time_us": ("Own time", 78, "Time of the ops shown that it called itself"),
    "flops": ("FLOPs", 72, "Floating point operations in it and below it"),
    "nbytes": ("Bytes", 78, "Bytes of inputs and outputs of its ops"),
    "memory_delta": ("Memory", 78, "Memory newly allocated by its ops for what they give"),
}


class ModuleTreeModel(QAbstractItemModel):
    """`columns` are keys of MODULE_COLUMNS, the first being "name"."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        super().__init__()
        self.columns = columns
        self._roots: list[ModuleEntry] = []
        self._by_path: dict[str, ModuleEntry] = {}
        self._whole_us = 0.0
        self.current = ""  # path of the module in which the run stands
        self.sorted_by = ("", False)  # key and whether falling, as the header shows it

    # --- what it holds -----------------------------------------------------------------------------------

    def set_entries(self, roots: list[ModuleEntry]) -> bool:
        """True where the tree is a new one; where only figures changed, it is left as it was unfolded."""
        self._whole_us = sum(root.total.time_us for root in roots)
        new = list(_walk(roots))
        same = [made.path for made in new] == list(self._by_path)
        if same:
            for made in new:
                self._by_path[made.path].take_facts(made)
            self.update_figures()
            return False
        self.beginResetModel()
        self._roots = roots
        self._by_path = {made.path: made for made in new}
        self.endResetModel()
        return True

    def update_figures(self) -> None:
        """All that is in view is read again."""
        if self._roots:
            last = self.index(len(self._roots) - 1, len(self.columns) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def set_current(self, path: str) -> None:
        if path != self.current:
            self.current = path
            self.update_figures()

    @property
    def roots(self) -> list[ModuleEntry]:
        return self._roots

    def __len__(self) -> int:
        return len(self._by_path)

    def entry(self, path: str) -> ModuleEntry | None:
        return self._by_path.get(path)

    def index_of(self, path: str) -> QModelIndex:
        """The index of a module, or of the nearest one above it that is known."""
        while path not in self._by_path and "." in path:
            path = path.rpartition(".")[0]
        found = self._by_path.get(path)
        return self.createIndex(found.row, 0, found) if found is not None else QModelIndex()

    # --- what Qt asks ------------------------------------------------------------------------------------

    def _children(self, parent: AnyIndex) -> list[ModuleEntry]:
        if not parent.isValid():
            return self._roots
        children: list[ModuleEntry] = parent.internalPointer().children
        return children

    def index(self, row: int, column: int, parent: AnyIndex = QModelIndex()) -> QModelIndex:  # noqa: B008
        children = self._children(parent)
        if not 0 <= row < len(children) or not 0 <= column < len(self.columns):
            return QModelIndex()
        return self.createIndex(row, column, children[row])

    def parent(self, index: AnyIndex = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        above = index.internalPointer().parent if index.isValid() else None
        return self.createIndex(above.row, 0, above) if above is not None else QModelIndex()

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return len(self._children(parent)) if parent.column() <= 0 else 0

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        key = self.columns[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                arrow = (" ↓" if self.sorted_by[1] else " ↑") if key == self.sorted_by[0] else ""
                return MODULE_COLUMNS[key][0] + arrow
            case Qt.ItemDataRole.ToolTipRole:
                return MODULE_COLUMNS[key][2]
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(key)
        return None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        made: ModuleEntry = index.internalPointer()
        key = self.columns[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _text(made, key)
            case Qt.ItemDataRole.ToolTipRole:
                return _help(made)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(key)
            case Qt.ItemDataRole.DecorationRole if (
                key == "name" and made.path == self.current and self.current
            ):
                return icon("play", "warning")
            case Qt.ItemDataRole.FontRole if made.path == self.current and self.current:
                font = QFont()
                font.setBold(True)
                return font
            case Qt.ItemDataRole.ForegroundRole if key not in ("name", "time_us"):
                return theme_manager().theme.color("muted")
            case _ if role == ENTRY_ROLE:
                return made
            case _ if role == SHARE_ROLE:
                if key not in ("time_us", "self_time_us") or not self._whole_us:
                    return None
                return float(getattr(made.total, key)) / self._whole_us
        return None


def _walk(entries: list[ModuleEntry]) -> Iterator[ModuleEntry]:
    for made in entries:
        yield made
        yield from _walk(made.children)


def _side(key: str) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if key in ("name", "class_name") else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter


def _text(made: ModuleEntry, key: str) -> str:
    total = made.total
    match key:
        case "name":
            return made.name
        case "class_name":
            if not made.is_compiled:
                return made.class_name
            return (
                f"{made.class_name} (compiled, run eagerly)"
                if made.is_eager
                else f"{made.class_name} (compiled)"
            )
        case "parameters":
            return count_text(made.parameters) if made.parameters else ""
        case "ops":
            return f"{total.ops:,}" if total.ops else ""
        case "time_us" | "self_time_us":
            return time_text(getattr(total, key)) if getattr(total, key) else ""
        case "flops":
            return count_text(total.flops) if total.flops else ""
        case "nbytes":
            return format_value(total.nbytes, "bytes") if total.nbytes else ""
        case _:
            return memory_text(int(total.memory_delta))


def _help(made: ModuleEntry) -> str:
    facts = [f"{made.parameters:,} parameters" if made.parameters else "", made.dtype, made.device]
    lines = [
        f"{made.path or made.name}  {made.class_name}".strip(),
        "  ".join(fact for fact in facts if fact),
        f"{made.file}:{made.line}" if made.file else "",
    ]
    return "\n".join(line for line in lines if line)
