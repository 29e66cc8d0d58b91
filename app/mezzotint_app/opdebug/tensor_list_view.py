"""Inputs and outputs of the op at the stop: name, shape, type, device, and what one should know of them."""

from __future__ import annotations

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSignalBlocker, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from mezzotint_app.look.theme import theme_manager
from mezzotint_app.state.tensor_view_state import TensorViewState
from mezzotint_sdk.debug_records import TensorFacts

__all__ = ["TensorListModel", "TensorListView", "shape_text"]

COLUMNS = ("Tensor", "Shape", "Type", "Device", "Notes")
NAME, SHAPE, TYPE, DEVICE, NOTES = range(len(COLUMNS))
ROLES = {"input": "an input", "output": "an output", "argument": "an argument"}
MOST_ROWS_SHOWN = 7
LEAST_ROWS_SHOWN = 3

Index = QModelIndex | QPersistentModelIndex


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as it is shown: 2 × 64 × 8; a tensor without dimensions is a scalar."""
    return " × ".join(str(size) for size in shape) if shape else "scalar"


class TensorListModel(QAbstractTableModel):
    """Follows `TensorViewState.tensors`."""

    def __init__(self, view: TensorViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._tensors: tuple[TensorFacts, ...] = ()
        view.tensorsChanged.connect(self.refresh)
        theme_manager().changed.connect(self._recolor)
        self.refresh()

    @property
    def names(self) -> list[str]:
        return [facts.name for facts in self._tensors]

    def refresh(self) -> None:
        tensors = self._view.tensors
        if tensors == self._tensors:
            return
        same_rows = [facts.name for facts in tensors] == self.names
        if same_rows:
            self._tensors = tensors
            self._recolor()
        else:
            self.beginResetModel()
            self._tensors = tensors
            self.endResetModel()

    def _recolor(self) -> None:
        if self._tensors:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._tensors) - 1, NOTES))

    def notes(self, facts: TensorFacts) -> str:
        """What one should know: edited, memory shared with others, values not kept."""
        parts = []
        if facts.edited:
            parts.append("edited")
        if shared := self._view.place.sharing(facts):
            parts.append(f"memory of {', '.join(shared)}")
        if facts.kind and facts.kind not in ("Tensor", "Parameter"):
            parts.append(facts.kind)
        if not facts.held:
            parts.append("values not kept")
        return "; ".join(parts)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._tensors)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._tensors):
            return None
        facts = self._tensors[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return (
                facts.name,
                shape_text(facts.shape),
                facts.dtype,
                facts.device,
                self.notes(facts),
            )[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            notes = self.notes(facts)
            what = f"{ROLES[facts.role]} of {shape_text(facts.shape)}, {facts.dtype}, {facts.device}"
            text = f"{facts.name}: {what}"
            return f"{text}\n{notes}" if notes else text
        if role == Qt.ItemDataRole.ForegroundRole:
            theme = theme_manager().theme
            if index.column() == NOTES:
                return QColor(theme.warning if facts.edited else theme.muted)
            return QColor(theme.text if index.column() in (NAME, SHAPE) else theme.muted)
        return None


class TensorListView(QTableView):
    """The list; selecting a row selects the tensor for all that look at one."""

    def __init__(self, view: TensorViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self.list_model = TensorListModel(view, self)
        self.setModel(self.list_model)
        self.setAccessibleName("Tensors of the op")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(NOTES, QHeaderView.ResizeMode.Stretch)
        view.tensorsChanged.connect(self._follow)
        self.list_model.modelReset.connect(self._fit_height)
        self.horizontalScrollBar().rangeChanged.connect(self._fit_height)
        self.selectionModel().currentRowChanged.connect(self._on_row)
        self._follow()
        self._fit_height()

    def _fit_height(self) -> None:
        rows = min(MOST_ROWS_SHOWN, max(LEAST_ROWS_SHOWN, self.list_model.rowCount()))
        bar = self.horizontalScrollBar()
        room = bar.sizeHint().height() if bar.maximum() > 0 else 0  # it must not hide the last row
        self.setFixedHeight(
            room
            + self.horizontalHeader().sizeHint().height()
            + rows * self.verticalHeader().defaultSectionSize()
            + 4
        )

    def _follow(self) -> None:
        names, name = self.list_model.names, self._view.name
        with QSignalBlocker(self.selectionModel()):
            if name in names:
                self.selectRow(names.index(name))
            else:
                self.clearSelection()
        self.viewport().update()

    def _on_row(self, current: QModelIndex) -> None:
        names = self.list_model.names
        if 0 <= current.row() < len(names):
            self._view.place.select(names[current.row()])
