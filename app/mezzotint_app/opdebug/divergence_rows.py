"""The ops of two traces beside each other: where they agree, where not, what only one of them has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from mezzotint_app.look.theme import theme_manager

__all__ = ["AlignedRow", "DivergenceModel"]

AnyIndex = QModelIndex | QPersistentModelIndex
COLUMNS = (
    ("First", 58, "Number of the op in the first trace"),
    ("Second", 58, "Number of the op in the second trace"),
    ("Error", 64, "Relative error of the second output against the first"),
    ("Op", 190, "The op as the dispatcher calls it"),
    ("Module", 220, "The module that called it"),
    ("Output in first", 250, "Statistics of its output"),
    ("Output in second", 250, "Statistics of its output"),
    ("", 130, "How they compare"),
)
NUMBERS = (0, 1, 2)
OF_SECOND = (1, 6)  # columns that are about the second trace alone


@dataclass(frozen=True)
class AlignedRow:
    """One op of both traces, or of one (the other's number is -1). `state`: same, begins, differs, first,
    only, gap (ops that aren't shown)."""

    first: int
    second: int
    op: str
    module: str
    left: str = ""
    right: str = ""
    error: str = ""
    note: str = ""
    state: str = "same"


class DivergenceModel(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self._rows: list[AlignedRow] = []

    def set_rows(self, rows: list[AlignedRow]) -> None:
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def row_at(self, row: int) -> AlignedRow | None:
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def first_bad(self) -> int:
        """The row of the first op over the tolerance, else of the first that differs at all; -1 is none."""
        for state in ("first", "begins"):
            for place, row in enumerate(self._rows):
                if row.state == state:
                    return place
        return -1

    def row_of(self, op: int) -> int:
        """The row of an op of the first trace; -1 where it isn't shown."""
        return next((place for place, row in enumerate(self._rows) if op >= 0 and row.first == op), -1)

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return COLUMNS[section][0]
            case Qt.ItemDataRole.ToolTipRole:
                return COLUMNS[section][2]
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(section)
        return None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row_at(index.row())
        if row is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _texts(row)[index.column()]
            case Qt.ItemDataRole.ToolTipRole:
                return "\n".join(text for text in (f"{row.op}  {row.module}", row.note) if text)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(index.column())
            case Qt.ItemDataRole.BackgroundRole:
                ground = {
                    "first": "danger_soft",
                    "differs": "warning_soft",
                    "only": "accent_soft",
                    "begins": "hover",
                }
                return theme_manager().theme.color(ground[row.state]) if row.state in ground else None
            case Qt.ItemDataRole.ForegroundRole if row.state in ("same", "gap"):
                return theme_manager().theme.color("muted")
        return None


def _side(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in NUMBERS else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def _texts(row: AlignedRow) -> tuple[str, ...]:
    if row.state == "gap":
        return ("⋯", "⋯", "⋯", "", "", "", "", "")
    first = f"{row.first:,}" if row.first >= 0 else "–"
    second = f"{row.second:,}" if row.second >= 0 else "–"
    return (first, second, row.error, row.op, row.module, row.left, row.right, row.note)
