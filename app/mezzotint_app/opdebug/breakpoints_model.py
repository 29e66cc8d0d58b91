"""The breakpoints as a table: where, how, and how often they were hit; the check box enables."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from mezzotint_app.look.icons import icon
from mezzotint_app.state.breakpoint_conditions import condition_text, manner_text
from mezzotint_app.state.debug_state import DebugState
from mezzotint_sdk.debug_records import Breakpoint

__all__ = ["BreakpointsModel"]

HEADINGS = ("Stops at", "And", "Hits")
WHERE, HOW, HITS = range(3)

AnyIndex = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole


class BreakpointsModel(QAbstractTableModel):
    def __init__(self, debug: DebugState) -> None:
        super().__init__()
        self._debug = debug
        self._shown: tuple[Breakpoint, ...] = debug.breakpoints
        self._stop_id = 0  # of the breakpoint that the run stands at
        debug.breakpoints_changed.connect(self._on_changed)
        debug.stop_changed.connect(self._on_stop)
        self._on_stop()

    def at(self, row: int) -> Breakpoint | None:
        return self._shown[row] if 0 <= row < len(self._shown) else None

    @property
    def has_manners(self) -> bool:
        """One of them says more than where it stops."""
        return any(manner_text(one) for one in self._shown)

    def _on_changed(self) -> None:
        new = self._debug.breakpoints
        same = [one.breakpoint_id for one in new] == [one.breakpoint_id for one in self._shown]
        if same:  # hits, mostly: selection and scroll stay
            self._shown = new
            self._tell()
        else:
            self.beginResetModel()
            self._shown = new
            self.endResetModel()

    def _on_stop(self) -> None:
        stop = self._debug.stop
        here = stop.breakpoint_id if stop is not None else 0
        if here != self._stop_id:
            self._stop_id = here
            self._tell()

    def _tell(self) -> None:
        if self._shown:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._shown) - 1, len(HEADINGS) - 1))

    # --- Qt's model ------------------------------------------------------------------------------------

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(HEADINGS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Role.DisplayRole:
            return HEADINGS[section]
        return None

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() == WHERE else flags

    def data(self, index: AnyIndex, role: int = Role.DisplayRole) -> Any:
        one = self.at(index.row())
        if one is None:
            return None
        column = index.column()
        match role:
            case Role.DisplayRole:
                return (condition_text(one), manner_text(one), f"{one.hits:,}" if one.hits else "")[column]
            case Role.CheckStateRole if column == WHERE:
                return Qt.CheckState.Checked if one.enabled else Qt.CheckState.Unchecked
            case Role.DecorationRole if column == WHERE and one.breakpoint_id == self._stop_id:
                return icon("hand", "warning")
            case Role.TextAlignmentRole if column == HITS:
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            case Role.ToolTipRole:
                here = "\nThe run stands here." if one.breakpoint_id == self._stop_id else ""
                return "\n".join(filter(None, (condition_text(one), manner_text(one)))) + here
            case Role.AccessibleTextRole if column == WHERE:
                return f"{condition_text(one)}, {'enabled' if one.enabled else 'disabled'}"
        return None

    def setData(self, index: AnyIndex, value: Any, role: int = Role.EditRole) -> bool:
        one = self.at(index.row())
        if one is None or role != Role.CheckStateRole:
            return False
        enabled = Qt.CheckState(value) == Qt.CheckState.Checked
        self._debug.breakpoint_list.enable([one.breakpoint_id], enabled)
        return True
