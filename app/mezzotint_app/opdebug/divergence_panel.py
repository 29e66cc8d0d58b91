"""Where two runs begin to differ: the first op whose inputs agree and whose output does not, and the rest."""

from __future__ import annotations

import math
from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QGridLayout,
    QHBoxLayout,
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
from mezzotint_app.look.widgets.flow_layout import FlowLayout
from mezzotint_app.look.widgets.segmented_choice import SegmentedChoice
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.opdebug.divergence_rows import COLUMNS, OF_SECOND, DivergenceModel
from mezzotint_app.opdebug.divergence_setup import ComparisonSetup
from mezzotint_app.opdebug.growth_plot import GrowthPlot
from mezzotint_app.opdebug.op_table_delegate import ROW_PX
from mezzotint_app.opdebug.trace_comparison import Comparison, compare_files
from mezzotint_app.opdebug.trace_picker import TracePicker, traces_of_runs
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_app.state.comparison_state import ComparisonState
from mezzotint_sdk.errors import MezzotintError

__all__ = ["DivergencePanel"]

TOLERANCE_PX = 84
LEAST_PX = 84  # height of table and of plot
MOST_FINDINGS = 3
MODES = [
    ("run", "New runs", "", "Make a run as it is and with one setting changed, and compare the two"),
    ("traces", "Traces", "", "Compare what was recorded before"),
]
WORDS = {
    "run": (
        "Which op differs first?",
        "Choose a setting to change and press Run both: the run is made both ways with statistics recorded, "
        "and the two traces are compared.",
    ),
    "traces": ("Compare two traces", "Choose two above, and press Compare."),
}
WIDE = 2.2  # so much wider than half of the panel is high, and table and plot lie side by side


class DivergencePanel(QWidget):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._turn = 0
        self.comparison: Comparison | None = None
        self.maker = ComparisonState(state.client, state.runs, state.home / "runs", self)
        self.mode = SegmentedChoice("What to compare", MODES, self)
        self.mode.chosen.connect(self.set_mode)
        self.setup = ComparisonSetup(state, self.maker, self)
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
            "How far outputs may differ, relative to their largest number: 1e-4 for example; 0 finds the\n"
            "first difference at all. Empty: two roundings of the coarser dtype, 1e-4 for float32"
        )
        self.tolerance.setFixedWidth(TOLERANCE_PX)
        self.tolerance.textChanged.connect(lambda _text: self._on_picked())
        self.tolerance.returnPressed.connect(self.compare)
        self.verdict = ElidedLabel("", "heading", self)
        self.place = ElidedLabel("", "muted", self, Qt.TextElideMode.ElideMiddle)
        self.explanation = ElidedLabel("", "", self)
        self.details = ElidedLabel("", "small", self)
        self.rows = DivergenceModel()
        self.rows.setParent(self)
        self.table = self._build_table()
        self.growth = GrowthPlot(self)
        self.growth.opAsked.connect(self.show_op)
        self.empty = EmptyState("compare", *WORDS["run"], parent=self)
        self.findings = [self._finding(place) for place in range(MOST_FINDINGS)]
        self.in_first = self._jump("First", "Show the op that is picked in the first trace", in_second=False)
        self.in_second = self._jump(
            "Second", "Show the op that is picked in the second trace", in_second=True
        )
        self._lay_out()
        self.set_mode("run")
        self.setup.values.toggled.connect(lambda _on: self._show_tolerance())
        self.maker.made.connect(self._on_made)
        self.maker.failed.connect(self._on_not_made)
        self.setup.failed.connect(self._on_not_made)
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
        table.selectionModel().currentRowChanged.connect(lambda now, _before: self._on_row(now))
        table.setToolTip("A double click shows the op in its trace")
        return table

    def _lay_out(self) -> None:
        self._traces = QWidget(self)
        chosen = QGridLayout(self._traces)
        chosen.setContentsMargins(0, 0, 0, 0)
        chosen.setSpacing(SPACING // 2)
        chosen.addWidget(self.first, 0, 0)
        chosen.addWidget(self.second, 1, 0)
        chosen.addWidget(self.swap, 0, 1)
        chosen.addWidget(self.button, 1, 1)
        chosen.setColumnStretch(0, 1)
        line = QHBoxLayout()
        line.setSpacing(SPACING)
        line.addWidget(self.mode)
        line.addWidget(self.setup.told, 1)
        line.addStretch(0)
        line.addWidget(self.setup.values)
        line.addWidget(text_label("Tolerance", "small", self, buddy=self.tolerance))
        line.addWidget(self.tolerance)
        head = QVBoxLayout()
        head.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        head.setSpacing(SPACING // 2)
        head.addLayout(line)
        head.addWidget(self.setup)
        head.addWidget(self._traces)
        self.found = QSplitter(Qt.Orientation.Vertical, self)
        self.found.addWidget(self.table)
        self.found.addWidget(self.growth)
        self.found.setStretchFactor(0, 3)
        self.found.setStretchFactor(1, 2)
        self.found.setChildrenCollapsible(False)
        for part in (self.table, self.growth):
            part.setMinimumHeight(LEAST_PX)
        answer = QWidget(self)
        inside = QVBoxLayout(answer)
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
        self._answer = answer
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(answer)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._pages, 1)

    def _finding(self, place: int) -> QPushButton:
        chip = QPushButton(self)
        chip.setProperty("role", "link")
        chip.clicked.connect(lambda: self._on_finding(place))
        return chip

    def _on_finding(self, place: int) -> None:
        if self.comparison is not None and place < len(self.comparison.findings):
            self._pick(self.rows.row_of(self.comparison.findings[place].op))
            self.table.setFocus()

    def _jump(self, title: str, help: str, *, in_second: bool) -> QPushButton:
        button = QPushButton(title, self)
        button.setToolTip(help)
        button.setAccessibleName(help)
        button.clicked.connect(lambda: self._show_picked(in_second=in_second))
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_wide = self.width() > WIDE * self.height() / 2
        way = Qt.Orientation.Horizontal if is_wide else Qt.Orientation.Vertical
        if way != self.found.orientation():
            self.found.setOrientation(way)
            self.found.setSizes([3000, 2000])  # in proportion to the room that there is

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

    def set_mode(self, mode: str) -> None:
        """ "run" makes the traces, "traces" takes those that are there."""
        self.mode.set_chosen(mode)
        for part in (self.setup, self.setup.told, self.setup.values):
            part.setVisible(mode == "run")
        self._traces.setVisible(mode == "traces")
        self._show_tolerance()
        if self.comparison is None:
            self._say(*WORDS[mode])

    def set_traces(self, first: str, second: str) -> None:
        self.first.set_path(first)
        self.second.set_path(second)

    def swap_traces(self) -> None:
        first, second = self.first.path(), self.second.path()
        if first and second:
            self.set_traces(second, first)

    def _on_picked(self) -> None:
        first, second = self.first.path(), self.second.path()
        tolerance = self._tolerance()
        wrong = tolerance is not None and math.isnan(tolerance)
        mark_invalid(self.tolerance, wrong)
        self.button.setEnabled(bool(first and second and first != second and not wrong))
        self.swap.setEnabled(bool(first and second))

    def _tolerance(self) -> float | None:
        """None is that of each dtype, NaN what can't be understood."""
        text = self.tolerance.text().strip()
        if not text:
            return 0.0 if self._is_to_the_bit() else None
        try:
            given = float(text)
        except ValueError:
            return math.nan
        return given if 0 <= given < math.inf else math.nan

    def _is_to_the_bit(self) -> bool:
        return self.setup.values.isChecked() and not self.setup.isHidden()

    def _show_tolerance(self) -> None:
        """What an empty field means."""
        self.tolerance.setPlaceholderText("0" if self._is_to_the_bit() else "by dtype")

    # --- making both -------------------------------------------------------------------------------------

    def _on_made(self, first: str, second: str) -> None:
        self.set_traces(first, second)
        self.compare()

    def _on_not_made(self, sentence: str) -> None:
        self._say("There is nothing to compare", sentence or "It was cancelled.")

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
        self._pages.setCurrentWidget(self._answer)
        self._on_row(QModelIndex())
        self._pick(self.rows.first_bad())

    def _pick(self, row: int) -> None:
        if row >= 0:
            self.table.selectRow(row)
            self.table.scrollTo(self.rows.index(row, 0), QAbstractItemView.ScrollHint.PositionAtCenter)

    # --- leading on --------------------------------------------------------------------------------------

    def _on_opened(self, index: QModelIndex) -> None:
        row = self.rows.row_at(index.row())
        if row is None:
            return
        in_second = row.first < 0 or index.column() in OF_SECOND
        if in_second and row.second >= 0:
            self.show_op(row.second, in_second=True)
        else:
            self.show_op(row.first)

    def _on_row(self, index: QModelIndex) -> None:
        row = self.rows.row_at(index.row())
        self.in_first.setEnabled(row is not None and row.first >= 0)
        self.in_second.setEnabled(row is not None and row.second >= 0)

    def _show_picked(self, *, in_second: bool) -> None:
        row = self.rows.row_at(self.table.currentIndex().row())
        if row is not None:
            self.show_op(row.second if in_second else row.first, in_second=in_second)

    def show_op(self, op_number: int, *, in_second: bool = False) -> None:
        """Open the trace and lead to an op of it."""
        if self.comparison is None:
            return
        path = self.comparison.second if in_second else self.comparison.first
        self._state.trace.lead_to_op_in(path, op_number)
