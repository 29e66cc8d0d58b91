"""Where two runs begin to differ: the first op whose inputs agree and whose output does not, and the rest."""

from __future__ import annotations

import math
from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QGridLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.look.widgets.field_error import mark_invalid
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.opdebug.divergence_rows import COLUMNS, DivergenceModel
from mezzotint_app.opdebug.growth_plot import GrowthPlot
from mezzotint_app.opdebug.op_table_delegate import ROW_PX
from mezzotint_app.opdebug.trace_comparison import Comparison, compare_files
from mezzotint_app.opdebug.trace_picker import TracePicker, traces_of_runs
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_sdk.errors import MezzotintError

__all__ = ["DivergencePanel"]

TOLERANCE_PX = 84
GROWTH_PX = 140  # least height of the plot
WORDS = (
    "Compare two traces",
    "Record one run twice with one setting changed, choose both above, and press Compare.",
)


class DivergencePanel(QWidget):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._turn = 0
        self.comparison: Comparison | None = None
        self.first = TracePicker("First", state, self)
        self.second = TracePicker("Second", state, self)
        self.swap = tool_button("swap", "Swap the two", parent=self)
        self.swap.clicked.connect(self.swap_traces)
        self.button = QPushButton("Compare", self)
        self.button.setToolTip("Find the first op whose inputs agree and whose output doesn't")
        self.button.clicked.connect(self.compare)
        self.tolerance = QLineEdit(self)
        self.tolerance.setPlaceholderText("by dtype")
        self.tolerance.setAccessibleName("Tolerance")
        self.tolerance.setToolTip(
            "How far outputs may differ, relative to their largest number: 1e-4 for example.\n"
            "Empty: some roundings of the coarser dtype of the two"
        )
        self.tolerance.setFixedWidth(TOLERANCE_PX)
        self.tolerance.textChanged.connect(lambda _text: self._on_picked())
        self.tolerance.returnPressed.connect(self.compare)
        self.verdict = text_label("", "heading", self, wraps=True)
        self.details = text_label("", "muted", self, wraps=True)
        self.rows = DivergenceModel()
        self.rows.setParent(self)
        self.table = self._build_table()
        self.growth = GrowthPlot(self)
        self.growth.opAsked.connect(self.show_op)
        self.empty = EmptyState("compare", *WORDS, parent=self)
        self._lay_out()
        for picker in (self.first, self.second):
            picker.changed.connect(self._on_picked)
        self._on_picked()

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
        table.setToolTip("A double click shows the op in its trace")
        return table

    def _lay_out(self) -> None:
        head = QGridLayout()
        head.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        head.setSpacing(SPACING // 2)
        head.addWidget(self.first, 0, 0)
        head.addWidget(self.second, 1, 0)
        head.addWidget(self.swap, 0, 1, 2, 1)
        head.addWidget(text_label("Tolerance", "small", self, buddy=self.tolerance), 0, 2)
        head.addWidget(self.tolerance, 0, 3)
        head.addWidget(self.button, 1, 2, 1, 2)
        head.setColumnStretch(0, 1)
        self.found = QSplitter(Qt.Orientation.Vertical, self)
        self.found.addWidget(self.table)
        self.found.addWidget(self.growth)
        self.found.setStretchFactor(0, 3)
        self.found.setStretchFactor(1, 2)
        self.found.setChildrenCollapsible(False)
        self.growth.setMinimumHeight(GROWTH_PX)
        answer = QWidget(self)
        inside = QVBoxLayout(answer)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACING // 2)
        words = QVBoxLayout()
        words.setContentsMargins(SPACING, 0, SPACING, 0)
        words.setSpacing(2)
        words.addWidget(self.verdict)
        words.addWidget(self.details)
        inside.addLayout(words)
        inside.addWidget(self.found, 1)
        self._answer = answer
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(answer)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._pages, 1)

    # --- choosing ----------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.offer_runs()

    def offer_runs(self) -> None:
        """Look up which runs have a trace."""
        folder = self._state.home / "runs"
        BackgroundTask(lambda: traces_of_runs(folder), self._on_runs, owner=self)

    def _on_runs(self, paths: list[Path]) -> None:
        for picker in (self.first, self.second):
            picker.offer(paths)

    def set_traces(self, first: str, second: str) -> None:
        self.first.set_path(first)
        self.second.set_path(second)

    def swap_traces(self) -> None:
        first, second = self.first.path(), self.second.path()
        if first and second:
            self.set_traces(second, first)

    def _on_picked(self) -> None:
        first, second = self.first.path(), self.second.path()
        wrong = self._tolerance() == 0
        mark_invalid(self.tolerance, wrong)
        self.button.setEnabled(bool(first and second and first != second and not wrong))
        self.swap.setEnabled(bool(first and second))

    def _tolerance(self) -> float | None:
        """None is that of each dtype, 0 what can't be understood."""
        text = self.tolerance.text().strip()
        if not text:
            return None
        try:
            given = float(text)
        except ValueError:
            return 0.0
        return given if 0 < given < math.inf else 0.0

    # --- comparing ---------------------------------------------------------------------------------------

    def compare(self) -> None:
        """Compare what is chosen, on another thread; the answer is `comparison`."""
        first, second = self.first.path(), self.second.path()
        tolerance = self._tolerance()
        if not self.button.isEnabled():
            return
        self._turn += 1
        turn = self._turn
        self._say("Comparing…", "")
        self.button.setEnabled(False)

        def done(found: Comparison) -> None:
            if turn == self._turn:
                self._on_picked()
                self._show(found)

        def failed(error: Exception) -> None:
            if turn == self._turn:
                self._on_picked()
                told = error.message if isinstance(error, MezzotintError) else f"{error}"
                self._say("These can't be compared", told)

        BackgroundTask(lambda: compare_files(first, second, tolerance), done, failed, owner=self)

    def _say(self, title: str, hint: str) -> None:
        self.comparison = None
        self.empty.set_text(title, hint)
        self._pages.setCurrentWidget(self.empty)

    def _show(self, found: Comparison) -> None:
        self.comparison = found
        self.verdict.setText(found.verdict)
        self.details.setText(found.details)
        self.details.setVisible(bool(found.details))
        self.rows.set_rows(list(found.rows))
        self.growth.show_growth(found.ops, found.errors, found.first_op)
        self._pages.setCurrentWidget(self._answer)
        worst = self.rows.first_bad()
        if worst >= 0:
            self.table.selectRow(worst)
            self.table.scrollTo(self.rows.index(worst, 0), QAbstractItemView.ScrollHint.PositionAtCenter)

    # --- leading on --------------------------------------------------------------------------------------

    def _on_opened(self, index: QModelIndex) -> None:
        row = self.rows.row_at(index.row())
        if row is None:
            return
        in_second = row.first < 0 or index.column() in (1, 5)
        if in_second and row.second >= 0:
            self.show_op(row.second, in_second=True)
        else:
            self.show_op(row.first)

    def show_op(self, op_number: int, *, in_second: bool = False) -> None:
        """Open the trace and lead to an op of it."""
        if self.comparison is None:
            return
        path = self.comparison.second if in_second else self.comparison.first
        self._state.trace.lead_to_op_in(path, op_number)
