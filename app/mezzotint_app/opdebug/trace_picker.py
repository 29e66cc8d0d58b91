"""Picks a trace: of one of the runs that have one, or a file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.opdebug.open_trace import ask_for_trace
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk.run_traces import TRACE_IN_RUN

__all__ = ["TracePicker", "traces_of_runs"]

MOST_RUNS = 200


def traces_of_runs(folder: Path) -> list[Path]:
    """The traces in a folder of runs, of the newest runs first: ids begin with the time."""
    try:
        runs = sorted((path for path in folder.iterdir() if path.is_dir()), reverse=True)
    except OSError:
        return []
    found: list[Path] = []
    for run in runs:
        if (run / TRACE_IN_RUN).is_file():
            found.append(run / TRACE_IN_RUN)
            if len(found) == MOST_RUNS:
                break
    return found


class TracePicker(QWidget):
    changed = Signal()

    def __init__(self, title: str, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.choice = QComboBox(self)
        self.choice.setAccessibleName(f"{title} trace")
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(20)
        self.choice.currentIndexChanged.connect(lambda _place: self.changed.emit())
        calm_wheel(self.choice)
        self.browse = tool_button("open", f"{title} trace from a file…", parent=self)
        self.browse.clicked.connect(self._browse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING // 2)
        label = text_label(title, "small", self, buddy=self.choice)
        label.setMinimumWidth(label.fontMetrics().horizontalAdvance("Second "))
        layout.addWidget(label)
        layout.addWidget(self.choice, 1)
        layout.addWidget(self.browse)

    def path(self) -> str:
        return str(self.choice.currentData() or "")

    def set_path(self, path: str) -> None:
        """Choose a trace, adding it where it isn't in the list."""
        place = self.choice.findData(path)
        if place < 0:
            place = 0
            self.choice.insertItem(0, self._title(Path(path)), path)
        self.choice.setCurrentIndex(place)

    def offer(self, paths: list[Path]) -> None:
        """These are there to choose from; what is chosen stays."""
        chosen = self.path()
        known = {self.choice.itemData(place) for place in range(self.choice.count())}
        self.choice.blockSignals(True)
        for path in paths:
            if str(path) not in known:
                self.choice.addItem(self._title(path), str(path))
        if not chosen:
            self.choice.setCurrentIndex(-1)
        self.choice.blockSignals(False)

    def _title(self, path: Path) -> str:
        if path.parts[-2:] != TRACE_IN_RUN.parts:
            return f"{path.name}  ({path.parent})"
        run_id = path.parent.parent.name
        run = self._state.runs.run(run_id)
        prompt = " ".join(run.spec.prompt[:60].split()) if run is not None else ""
        return f"{prompt}  ({run_id})" if prompt else run_id

    def _browse(self) -> None:
        path = ask_for_trace(self._state, "Choose a trace to compare")
        if path:
            self.set_path(path)
