"""What to make twice: whose settings, which one to change, and to what; and how far the two runs are."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.flow_layout import FlowLayout
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.panels.choice_field import scheduler_title
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.comparison_state import ComparisonState
from mezzotint_app.state.generate_state import runnable_spec
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.job_spec import GenerateSpec
from mezzotint_sdk.records import RunRecord
from mezzotint_sdk.setting_change import DTYPES, MAX_THREADS, SETTINGS, setting_text

__all__ = ["ComparisonSetup"]

MOST_RUNS = 50
PROMPT_CHARS = 40
TITLES = {"dtype": "Precision", "threads": "Threads", "device": "Device", "scheduler": "Scheduler"}
HELP_VALUES = (
    "Keep what the first ops give, up to 256 MiB in each trace: they are compared to the last bit,\n"
    "where statistics may miss a difference in single numbers. It takes longer."
)


class ComparisonSetup(QWidget):
    """`told` (what will be run, or why it can't be) and `values` are for the panel to place."""

    failed = Signal(str)  # a sentence

    def __init__(self, state: AppState, maker: ComparisonState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._maker = maker
        self._problem = ""
        self.source = _combo("Settings of", 16)
        self.setting = _combo("Setting to change", 8)
        for name in SETTINGS:
            self.setting.addItem(TITLES[name], name)
        self.value = _combo("Its other value", 8)
        self.threads = QSpinBox(self)
        self.threads.setRange(1, MAX_THREADS)
        self.threads.setValue(2)
        self.threads.setAccessibleName("Its other value")
        calm_wheel(self.threads)
        self.values = QCheckBox("To the bit", self)
        self.values.setToolTip(HELP_VALUES)
        self.button = QPushButton("Run both", self)
        self.button.setProperty("role", "primary")
        self.button.clicked.connect(self.start)
        self.told = ElidedLabel("", "small", self)
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("How far both runs are")
        self.cancel = QPushButton("Cancel", self)
        self.cancel.clicked.connect(maker.cancel)
        self._lay_out()
        self.setting.currentIndexChanged.connect(lambda _row: self.offer_values())
        self.source.currentIndexChanged.connect(lambda _row: self.offer_values())
        self.value.currentIndexChanged.connect(lambda _row: self.refresh())
        self.threads.valueChanged.connect(lambda _value: self.refresh())
        maker.changed.connect(self.refresh)
        runs = state.runs
        for told in (runs.reset, runs.runAdded, runs.runChanged, runs.runsRemoved):
            told.connect(lambda *_which: self.offer_runs())
        state.generate.draftChanged.connect(lambda _field: self._on_draft())
        state.generate.blockerChanged.connect(self.refresh)
        state.engine.changed.connect(self.offer_values)
        self.offer_runs()
        self.offer_values()

    def _lay_out(self) -> None:
        choosing, making = QWidget(self), QWidget(self)
        flow = FlowLayout(choosing, spacing=SPACING)  # in a small window on several lines
        self._given = text_label("", "small", self)
        self._other = QStackedWidget(self)
        self._other.addWidget(self.value)
        self._other.addWidget(self.threads)
        self._other.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        flow.addWidget(_pair(text_label("Run", "small", self, buddy=self.source), self.source))
        flow.addWidget(_pair(text_label("with", "small", self, buddy=self.setting), self.setting))
        flow.addWidget(_pair(self._given, self._other))
        flow.addWidget(self.button)
        line = QHBoxLayout(making)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(SPACING)
        self.progress = ElidedLabel("", "small", making)
        line.addWidget(self.progress, 2)
        line.addWidget(self.bar, 3)
        line.addWidget(self.cancel)
        self._choosing, self._making = choosing, making
        self._pages = QStackedWidget(self)
        self._pages.addWidget(choosing)
        self._pages.addWidget(making)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)

    # --- what there is to choose -------------------------------------------------------------------------

    def offer_runs(self) -> None:
        """The form's settings and those of finished runs, the newest first. What is chosen stays."""
        finished = [run for run in self._state.runs.runs() if run.state == "finished"][:MOST_RUNS]
        wanted = [("", "The form"), *((run.run_id, _title(run)) for run in finished)]
        if wanted == [
            (self.source.itemData(row), self.source.itemText(row)) for row in range(self.source.count())
        ]:
            return
        chosen = self.source.currentData()
        with QSignalBlocker(self.source):
            self.source.clear()
            for run_id, title in wanted:
                self.source.addItem(title, run_id)
            self.source.setCurrentIndex(max(self.source.findData(chosen), 0))
        self.offer_values()

    def offer_values(self) -> None:
        """All values but the one that the run has. What is chosen stays, where it is offered."""
        setting, spec = self._setting(), self._spec()
        given = setting_text(spec, setting)
        self._given.setText(f"{_value_title(setting, given)} →")
        self._other.setCurrentWidget(self.threads if setting == "threads" else self.value)
        wanted = [value for value in self._values(setting, spec) if value != given]
        shown = [self.value.itemData(row) for row in range(self.value.count())]
        if setting != "threads" and wanted != shown:
            chosen = self.value.currentData()
            with QSignalBlocker(self.value):
                self.value.clear()
                for value in wanted:
                    self.value.addItem(_value_title(setting, value), value)
                self.value.setCurrentIndex(max(self.value.findData(chosen), 0))
        self.refresh()

    def _values(self, setting: str, spec: GenerateSpec) -> list[str]:
        devices = self._state.engine.devices
        match setting:
            case "dtype":
                offered = {
                    dtype for one in devices for dtype in one.dtypes if spec.device in ("auto", one.name)
                }
                # against "auto", which is float32 on most machines, bfloat16 is what somebody wants to see
                order = (*DTYPES[1:], DTYPES[0]) if spec.dtype == "auto" else DTYPES
                return [dtype for dtype in order if dtype in offered]
            case "device":
                return [one.name for one in devices]
            case "scheduler":
                models = self._state.generate.models
                return [name for one in models if one.path == spec.model.path for name in one.schedulers]
        return []

    def set_problem(self, sentence: str) -> None:
        """What else stands in the way; "" is nothing."""
        self._problem = sentence
        self.refresh()

    def _setting(self) -> str:
        return str(self.setting.currentData())

    def _spec(self) -> GenerateSpec:
        run = self._state.runs.run(str(self.source.currentData() or ""))
        return run.spec if run is not None else runnable_spec(self._state.generate.draft)

    def _on_draft(self) -> None:
        if not self.source.currentData():
            self.offer_values()

    # --- doing it ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make both runs, or the one that isn't there yet."""
        if not self.button.isEnabled():
            return
        run_id, values = str(self.source.currentData() or ""), self.values.isChecked()
        setting, value = self._setting(), self._wanted_value()
        if run_id:
            self._maker.start_from(run_id, setting, value, values=values)
            return
        try:
            self._maker.start(self._spec(), setting, value, values=values)
        except BadInputError as error:
            self.failed.emit(error.message)

    def _wanted_value(self) -> str:
        if self._setting() == "threads":
            return str(self.threads.value())
        return str(self.value.currentData() or "")

    def _blocker(self) -> str:
        """Why it can't be done now; "" when it can."""
        engine, setting = self._state.engine, self._setting()
        if not engine.is_connected:
            return engine.sentence
        if self._problem:
            return self._problem
        if not self._wanted_value():
            return f"There is no other {TITLES[setting].lower()} here."
        if self._wanted_value() == setting_text(self._spec(), setting):
            return f"The run has this {TITLES[setting].lower()} already."
        return "" if self.source.currentData() else self._state.generate.blocker()

    def refresh(self) -> None:
        """Say what can be done, or how far it is."""
        maker = self._maker
        self._pages.setCurrentWidget(self._making if maker.is_making else self._choosing)
        for one in (self.source, self.setting, self.value, self.threads):
            one.setEnabled(not maker.is_making)
        if maker.is_making:
            self.progress.setText(maker.progress_text)
            self.bar.setValue(round(1000 * maker.fraction))
            return
        blocker = self._blocker()
        self.button.setEnabled(not blocker)
        spec = self._spec()
        prompt = " ".join(spec.prompt[:PROMPT_CHARS].split())
        self.told.setText(blocker or f"{prompt or 'No prompt'} · {spec.steps} steps · seed {spec.seed}")


def _pair(label: QLabel, field: QWidget) -> QWidget:
    """A label and its field, which stay on one line."""
    pair = QWidget()
    line = QHBoxLayout(pair)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(SPACING // 2)
    line.addWidget(label)
    line.addWidget(field, 1)
    return pair


def _combo(name: str, chars: int) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(chars)
    calm_wheel(combo)
    return combo


def _title(run: RunRecord) -> str:
    prompt = " ".join(run.spec.prompt[:PROMPT_CHARS].split())
    facts = [prompt or "No prompt", f"seed {run.spec.seed}", f"{run.spec.steps} steps"]
    for name in SETTINGS:
        if (value := setting_text(run.spec, name)) != "auto":
            unit = "" if name != "threads" else " thread" if value == "1" else " threads"
            facts.append(f"{_value_title(name, value)}{unit}")
    return f"{' · '.join(facts)}  ({run.run_id})"


def _value_title(setting: str, value: str) -> str:
    if value == "auto":
        return "auto" if setting != "scheduler" else "own"
    return scheduler_title(value) if setting == "scheduler" else value
