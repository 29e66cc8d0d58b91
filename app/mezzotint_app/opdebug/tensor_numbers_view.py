"""The numbers of a slice in a table, which copies what is selected as tab-separated text."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.opdebug.numbers_model import NumbersModel
from mezzotint_app.state.tensor_view_state import TensorViewState

__all__ = ["TensorNumbersView"]

WIDEST_FLOAT = "-1.23457e-05"
MOST_COPIED = 1_000_000  # cells


class NumbersTable(QTableView):
    """Rows and columns of one size: nothing is measured, however many there are."""

    def __init__(self, model: NumbersModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._numbers = model
        self.setModel(model)
        self.setAccessibleName("Numbers of the tensor")
        self.setToolTip("Ctrl+C copies what is selected")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        for header in (self.verticalHeader(), self.horizontalHeader()):
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            header.setHighlightSections(False)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 4)
        self.horizontalHeader().setMinimumSectionSize(24)
        self._column_px = 0
        self.fit_columns(WIDEST_FLOAT)
        model.modelReset.connect(self._fit_row_names)
        model.dataChanged.connect(self._fit_row_names)

    def fit_columns(self, widest: str) -> None:
        width = self.fontMetrics().horizontalAdvance(widest) + 14
        if width != self._column_px:
            self._column_px = width
            self.horizontalHeader().setDefaultSectionSize(width)

    def _fit_row_names(self) -> None:
        last = self._numbers.rowCount() - 1
        text = self._numbers.row_name(last) if last >= 0 else ""
        self.verticalHeader().setFixedWidth(self.fontMetrics().horizontalAdvance(text) + 18)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
            event.accept()
        else:
            super().keyPressEvent(event)

    def copy(self) -> str:
        """Put the selected numbers onto the clipboard; one line for each row."""
        lines = []
        for block in self.selectionModel().selection().toList():
            if block.width() * block.height() > MOST_COPIED:
                continue
            lines += [
                "\t".join(
                    str(self._numbers.index(row, column).data(Qt.ItemDataRole.DisplayRole))
                    for column in range(block.left(), block.right() + 1)
                )
                for row in range(block.top(), block.bottom() + 1)
            ]
        text = "\n".join(lines)
        if text:
            QGuiApplication.clipboard().setText(text)
        return text


class TensorNumbersView(QWidget):
    def __init__(self, view: TensorViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self.numbers = NumbersModel(view, self)
        self.table = NumbersTable(self.numbers, self)
        self.cut = text_label("", "small", self, wraps=True)
        self.cut.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.cut)

    def lead_to(self, row: int, column: int) -> None:
        """Select a number and bring it into view."""
        index = self.numbers.index(row, column)
        self.table.setCurrentIndex(index)
        self.table.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    def refresh(self) -> None:
        """Show what has come."""
        view = self._view
        if view.array is not None and view.array.dtype.kind in "iu" and view.look is not None:
            ends = (view.look.statistics.minimum or 0, view.look.statistics.maximum or 0)
            self.table.fit_columns(max((f"{end:.0f}" for end in ends), key=len).rjust(6, "0"))
        else:
            self.table.fit_columns(WIDEST_FLOAT)
        cut = self.numbers.cut
        self.cut.setText(cut)
        self.cut.setVisible(bool(cut))
