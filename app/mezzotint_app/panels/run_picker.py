"""Which run the panels show: the live one, or one of those that were lately."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QPaintEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.state.runs_state import RunsState
from mezzotint_sdk.records import RunRecord

__all__ = ["RunPicker", "run_title"]

RECENT_RUNS = 50
PROMPT_CHARS = 60


def run_title(run: RunRecord) -> str:
    """A run as one finds it again: its prompt, its state, the end of its id."""
    prompt = " ".join(run.spec.prompt[: PROMPT_CHARS * 2].split())
    prompt = prompt if len(prompt) <= PROMPT_CHARS else f"{prompt[: PROMPT_CHARS - 1]}…"
    return f"{prompt or '(no prompt)'}  ·  {run.state}  ·  {run.run_id[-6:]}"


class RunPicker(QComboBox):
    """Filled only while it is seen: a queue of a thousand runs must not cost a thousand fillings."""

    def __init__(self, runs: RunsState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs = runs
        self._is_stale = True
        self._rows: list[tuple[str, str]] = []
        self.setAccessibleName("Run to show")
        self.setToolTip("The run that plots and canvas show")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(12)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        calm_wheel(self)
        self.activated.connect(lambda row: runs.select(self.itemData(row)))
        for signal in (runs.reset, runs.runAdded, runs.runChanged, runs.runsRemoved, runs.currentChanged):
            signal.connect(self._on_changed)

    def _on_changed(self, *_: object) -> None:
        self._is_stale = True
        if self.isVisible():
            self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._is_stale:
            self.refresh()

    def paintEvent(self, event: QPaintEvent) -> None:
        """As Qt does it, but a title that is too long ends in an ellipsis and not in half a letter."""
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        kind = QStyle.ComplexControl.CC_ComboBox
        painter.drawComplexControl(kind, option)
        part = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(kind, option, part, self).width()
        mode = Qt.TextElideMode.ElideRight
        option.currentText = self.fontMetrics().elidedText(self.currentText(), mode, room)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

    def refresh(self) -> None:
        self._is_stale = False
        current = self._runs.run(self._runs.current)
        live = "Live run" if current is None or self._runs.picked else f"Live:  {run_title(current)}"
        runs = self._runs.runs()[:RECENT_RUNS]
        picked = self._runs.run(self._runs.picked)
        if picked is not None and picked not in runs:
            runs.append(picked)
        rows = [("", live), *((run.run_id, run_title(run)) for run in runs if run.state != "queued")]
        with QSignalBlocker(self):
            if rows != self._rows:
                self._rows = rows
                self.clear()
                for run_id, title in rows:
                    self.addItem(title, run_id)
            self.setCurrentIndex(max(0, self.findData(self._runs.picked)))
