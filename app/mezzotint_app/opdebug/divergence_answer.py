"""What a comparison has found: in a few lines, as a list of ops, as a plot; each leads into both traces."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.flow_layout import FlowLayout
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.opdebug.divergence_rows import COLUMNS, OF_SECOND, AlignedRow, DivergenceModel
from mezzotint_app.opdebug.growth_plot import GrowthPlot
from mezzotint_app.opdebug.op_table_delegate import ROW_PX
from mezzotint_app.opdebug.trace_comparison import Comparison

__all__ = ["DivergenceAnswer"]

LEAST_PX = 84  # height of table and of plot
MOST_FINDINGS = 3
WIDE = 1.6  # so much wider than high, and table and plot lie side by side


class DivergenceAnswer(QWidget):
    opAsked = Signal(str, int)  # trace file, op

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._comparison: Comparison | None = None
        self.verdict = ElidedLabel("", "heading", self)
        self.place = ElidedLabel("", "muted", self, Qt.TextElideMode.ElideMiddle)
        self.explanation = ElidedLabel("", "", self)
        self.details = ElidedLabel("", "small", self)
        self.rows = DivergenceModel()
        self.rows.setParent(self)
        self.table = self._build_table()
        self.growth = GrowthPlot(self)
        self.growth.opAsked.connect(lambda op: self._ask(op, in_second=False))
        self.findings = [self._finding(place) for place in range(MOST_FINDINGS)]
        self.in_first = self._jump("First", "Show the op that is picked in the first trace", in_second=False)
        self.in_second = self._jump(
            "Second", "Show the op that is picked in the second trace", in_second=True
        )
        self._lay_out()

    def _build_table(self) -> QTableView:
        table = QTableView(self)
        table.setModel(self.rows)
        table.setAccessibleName("Ops of both traces around the first difference")
        table.setFrameShape(QFrame.Shape.NoFrame)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # of a module's path both ends matter
        table.setTabKeyNavigation(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        lines, columns = table.verticalHeader(), table.horizontalHeader()
        lines.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        lines.setDefaultSectionSize(ROW_PX)
        lines.hide()
        columns.setHighlightSections(False)
        columns.setStretchLastSection(True)
        for place, column in enumerate(COLUMNS):
            columns.resizeSection(place, column[1])
        table.doubleClicked.connect(self._on_opened)
        table.selectionModel().currentRowChanged.connect(lambda now, _before: self._on_row(now))
        table.setToolTip("A double click shows the op in its trace")
        return table

    def _lay_out(self) -> None:
        self.found = QSplitter(Qt.Orientation.Vertical, self)
        self.found.addWidget(self.table)
        self.found.addWidget(self.growth)
        self.found.setStretchFactor(0, 3)
        self.found.setStretchFactor(1, 2)
        self.found.setChildrenCollapsible(False)
        for part in (self.table, self.growth):
            part.setMinimumHeight(LEAST_PX)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACING // 2)
        words = QVBoxLayout()
        words.setContentsMargins(SPACING, 0, SPACING, 0)
        words.setSpacing(2)
        words.addWidget(self.verdict)
        words.addWidget(self.place)
        words.addWidget(self.explanation)
        chips = FlowLayout()
        for chip in self.findings:
            chips.addWidget(chip)
        words.addLayout(chips)
        leading = QHBoxLayout()
        leading.setSpacing(SPACING // 2)
        leading.addWidget(self.details, 1)
        leading.addWidget(text_label("Show in:", "small", self))
        leading.addWidget(self.in_first)
        leading.addWidget(self.in_second)
        words.addLayout(leading)
        inside.addLayout(words)
        inside.addWidget(self.found, 1)

    def _finding(self, place: int) -> QPushButton:
        chip = QPushButton(self)
        chip.setProperty("role", "link")
        chip.clicked.connect(lambda: self._on_finding(place))
        return chip

    def _jump(self, title: str, help: str, *, in_second: bool) -> QPushButton:
        button = QPushButton(title, self)
        button.setToolTip(help)
        button.setAccessibleName(help)
        button.clicked.connect(lambda: self._show_picked(in_second=in_second))
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_wide = self.width() > WIDE * self.height()
        way = Qt.Orientation.Horizontal if is_wide else Qt.Orientation.Vertical
        if way != self.found.orientation():
            self.found.setOrientation(way)
            self.found.setSizes([3000, 2000])  # in proportion to the room that there is

    # --- showing -----------------------------------------------------------------------------------------

    def show_comparison(self, found: Comparison) -> None:
        self._comparison = found
        self.verdict.setText(found.verdict)
        self.verdict.setToolTip(found.sentence)
        for label, text in ((self.place, found.place), (self.explanation, found.explanation)):
            label.setText(text)
            label.setVisible(bool(text))
        self.details.setText(found.details)
        for place, chip in enumerate(self.findings):
            chip.setVisible(place < len(found.findings))
            if place < len(found.findings):
                chip.setText(found.findings[place].title)
                chip.setToolTip(found.findings[place].help)
        self.rows.set_rows(list(found.rows))
        self.growth.show_growth(found.ops, found.errors, found.first_op, found.tolerance)
        self._on_row(QModelIndex())
        self._pick(self.rows.first_bad())

    def _pick(self, row: int) -> None:
        if row >= 0:
            self.table.selectRow(row)
            self.table.scrollTo(self.rows.index(row, 0), QAbstractItemView.ScrollHint.PositionAtCenter)

    def _on_finding(self, place: int) -> None:
        if self._comparison is not None and place < len(self._comparison.findings):
            self._pick(self.rows.row_of(self._comparison.findings[place].op))
            self.table.setFocus()

    # --- leading on --------------------------------------------------------------------------------------

    def _on_opened(self, index: QModelIndex) -> None:
        row = self.rows.row_at(index.row())
        if row is not None:
            self._ask_row(row, in_second=row.first < 0 or (index.column() in OF_SECOND and row.second >= 0))

    def _on_row(self, index: QModelIndex) -> None:
        row = self.rows.row_at(index.row())
        self.in_first.setEnabled(row is not None and row.first >= 0)
        self.in_second.setEnabled(row is not None and row.second >= 0)

    def _show_picked(self, *, in_second: bool) -> None:
        row = self.rows.row_at(self.table.currentIndex().row())
        if row is not None:
            self._ask_row(row, in_second=in_second)

    def _ask_row(self, row: AlignedRow, *, in_second: bool) -> None:
        self._ask(row.second if in_second else row.first, in_second=in_second)

    def _ask(self, op: int, *, in_second: bool) -> None:
        if self._comparison is not None and op >= 0:
            self.opAsked.emit(self._comparison.second if in_second else self._comparison.first, op)
