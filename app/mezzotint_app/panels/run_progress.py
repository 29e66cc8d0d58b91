"""How far the run in view is: a slim bar by phase and one line of text, painted a few times a second."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.phase_bar import PhaseBar
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.pacer import Pacer
from mezzotint_app.state.progress_text import progress_part, progress_text, run_summary

__all__ = ["RunProgress"]

TEXT_HZ = 8  # numbers that change faster can't be read
COST_HZ = 2


class RunProgress(QWidget):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.bar = PhaseBar(self)
        self.text = ElidedLabel("", "small", self)
        self.cost = text_label("", "small", self)
        self.cost.setToolTip("What previews cost the run: time per step, and its share of a step")
        self._cost_pacer = Pacer(COST_HZ, self)
        self._cost_pacer.due.connect(self.refresh_cost)
        line = QHBoxLayout()
        line.setSpacing(SPACING * 2)
        line.addWidget(self.text, 1)
        line.addWidget(self.cost)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING // 2)
        layout.addWidget(self.bar)
        layout.addLayout(line)
        self._pacer = Pacer(TEXT_HZ, self)
        self._pacer.due.connect(self.refresh)
        state.runs.progressChanged.connect(self._on_progress)
        state.canvas.runChanged.connect(self.refresh)
        state.canvas.picturesChanged.connect(self.refresh)
        state.previews.costChanged.connect(self._cost_pacer.request)
        state.settings.changed.connect(lambda _name: self.refresh_cost())
        self.refresh()

    def _on_progress(self, run_id: str) -> None:
        if run_id == self._state.canvas.run_id:
            self._pacer.request()

    def refresh_cost(self) -> None:
        previews = self._state.previews
        if self._state.settings.values.preview_hz == 0 or not previews.cost_ms_per_step:
            self.cost.setText("")
            return
        share = f", {previews.cost_share * 100:.1f} %" if previews.cost_share else ""
        self.cost.setText(f"preview {previews.cost_ms_per_step:.1f} ms/step{share}")

    def refresh(self) -> None:
        run = self._state.canvas.run
        if run is None:
            self.bar.show_progress("", 0.0)
            self.text.setText("Nothing runs")
            return
        progress = self._state.runs.progress(run.run_id)
        if progress is not None and run.state in ("running", "paused", "stopping"):
            color = "accent" if run.state == "running" else "warning"
            self.bar.show_progress(progress.phase, progress_part(progress), color)
            line = progress_text(progress)
            if run.state != "running":
                line = f"{run_summary(run)} · {line}"
            self.text.setText(line)
            return
        ended_well = run.state == "finished"
        self.bar.show_progress("done" if ended_well else "", 0.0, "border_strong")
        line = run_summary(run)
        if self._state.canvas.is_earlier:
            line += " · earlier picture shown"
        self.text.setText(line)
