"""Where two runs begin to differ: the first op whose inputs agree and whose output does not, and the rest."""

from __future__ import annotations

import math
from pathlib import Path

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.look.widgets.field_error import mark_invalid
from mezzotint_app.look.widgets.segmented_choice import SegmentedChoice
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.opdebug.divergence_answer import DivergenceAnswer
from mezzotint_app.opdebug.divergence_setup import ComparisonSetup
from mezzotint_app.opdebug.trace_comparison import Comparison, compare_files
from mezzotint_app.opdebug.trace_picker import TracePicker, traces_of_runs
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_app.state.comparison_state import ComparisonState
from mezzotint_sdk.errors import MezzotintError

__all__ = ["DivergencePanel"]

TOLERANCE_PX = 84
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
        self.answer = DivergenceAnswer(self)
        self.answer.opAsked.connect(state.trace.lead_to_op_in)
        self.empty = EmptyState("compare", *WORDS["run"], parent=self)
        self._lay_out()
        self.set_mode("run")
        self.setup.values.toggled.connect(lambda _on: self._show_tolerance())
        self.maker.made.connect(self._on_made)
        self.maker.failed.connect(self._on_not_made)
        self.setup.failed.connect(self._on_not_made)
        for picker in (self.first, self.second):
            picker.changed.connect(self._on_picked)
        self._on_picked()

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
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.answer)
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
        self.setup.set_problem("The tolerance is no number from 0 on." if wrong else "")
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
        if sentence:
            self._say("There is nothing to compare", sentence)

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
        self.answer.show_comparison(found)
        self._pages.setCurrentWidget(self.answer)
