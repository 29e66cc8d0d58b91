"""All conditions of a breakpoint in one form; the engine says what is wrong, and the form says it there."""

from __future__ import annotations

import msgspec
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.field_error import FieldError
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.state.breakpoint_list import BreakpointList
from mezzotint_sdk.debug_records import Breakpoint
from mezzotint_sdk.errors import MezzotintError
from mezzotint_sdk.phases import GENERATE_PHASES

__all__ = ["BreakpointDialog"]

PHASES = (*GENERATE_PHASES, "forward", "loss", "backward", "clip", "optimizer", "ema")
# field, label, placeholder, help
TEXTS = (
    ("op", "Op", "aten.mm*, *softmax*", "Name of the op; * stands for anything"),
    ("module", "Module", "unet.down_blocks.*.attn1", "Path of the module; * stands for anything"),
    ("file", "Source file", "attention_processor.py", "The end of its path"),
    ("shape", "Shape", "2, 64, *", "Of any output: * is any size, ... any sizes"),
    ("dtype", "Data type", "float16", "Of any output"),
    ("device", "Device", "cuda*", "Of any output; * stands for anything"),
    (
        "expression",
        "Expression",
        "out.abs().max() > 1e3",
        "Python on out, outs, ins, a, b, …, step and phase",
    ),
    ("log", "Print", "max {out.max()}", "Print this with {expressions} filled in, and go on"),
)


class BreakpointDialog(QDialog):
    """Adds `given` (its id 0) or changes it. It closes when the breakpoint was taken."""

    def __init__(self, points: BreakpointList, given: Breakpoint, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points = points
        self._given = given
        is_new = given.breakpoint_id == 0
        self.setWindowTitle("Add breakpoint" if is_new else "Edit breakpoint")
        self.texts: dict[str, QLineEdit] = {}
        for name, label, placeholder, help in TEXTS:
            field = QLineEdit(getattr(given, name), self)
            field.setPlaceholderText(placeholder)
            field.setAccessibleName(label)
            field.setToolTip(help)
            self.texts[name] = field
        self.line = self._number("Source line", given.line, 0, 10_000_000, "any")
        self.step = self._number("Step or iteration, from 0", given.step, -1, 1_000_000_000, "any")
        self.ignore = self._number("Hits to let pass first", given.ignore, 0, 1_000_000_000, "none")
        self.phase = QComboBox(self)
        self.phase.setEditable(True)
        self.phase.addItems(["", *PHASES])
        self.phase.setCurrentText(given.phase)
        self.phase.setAccessibleName("Phase")
        edit = self.phase.lineEdit()
        assert edit is not None  # it is editable
        edit.setPlaceholderText("any")
        calm_wheel(self.phase)
        self.when = QComboBox(self)
        self.when.setAccessibleName("When")
        self.when.addItem("After it ran", "after")
        self.when.addItem("Before it runs", "before")
        self.when.setCurrentIndex(0 if given.when == "after" else 1)
        self.when.setToolTip("Expressions on outputs, NaN and Inf are always looked at after the op ran")
        calm_wheel(self.when)
        self.nan = self._check("NaN appears", given.nan, "In an output, and in no input")
        self.inf = self._check("Inf appears", given.inf, "In an output, and in no input")
        self.temporary = self._check("Only once", given.temporary, "It is gone after its first hit")
        self.enabled = self._check("Enabled", given.enabled, "")
        self.error = FieldError(parent=self)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setText("Add" if is_new else "Change")
        self.buttons.accepted.connect(self.take)
        self.buttons.rejected.connect(self.reject)
        self._lay_out()
        self.setMinimumWidth(460)

    def _number(self, name: str, value: int, least: int, most: int, at_least: str) -> QSpinBox:
        box = QSpinBox(self)
        box.setRange(least, most)
        box.setSpecialValueText(at_least)
        box.setValue(value)
        box.setAccessibleName(name)
        calm_wheel(box)
        return box

    def _check(self, title: str, value: bool, help: str) -> QCheckBox:
        box = QCheckBox(title, self)
        box.setChecked(value)
        box.setToolTip(help)
        return box

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setHorizontalSpacing(SPACING * 2)
        form.setVerticalSpacing(SPACING)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(text_label("All conditions that are given must hold.", "muted", self))
        labels = {name: label for name, label, _, _ in TEXTS}

        def row(label: str, *fields: QWidget) -> None:
            box = QHBoxLayout()
            box.setSpacing(SPACING)
            for place, field in enumerate(fields):
                box.addWidget(field, 1 if place == 0 else 0)
            form.addRow(text_label(label, "", self, buddy=fields[0]), box)

        row(labels["op"], self.texts["op"])
        row(labels["module"], self.texts["module"])
        row(labels["file"], self.texts["file"], text_label("line", "muted", self), self.line)
        row("Phase", self.phase, text_label("step", "muted", self), self.step)
        row(labels["shape"], self.texts["shape"])
        row(labels["dtype"], self.texts["dtype"], text_label("device", "muted", self), self.texts["device"])
        row("Values", self.nan, self.inf)
        row(labels["expression"], self.texts["expression"])
        row("Stops", self.when, text_label("after hits", "muted", self), self.ignore)
        row(labels["log"], self.texts["log"])
        row("", self.enabled, self.temporary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACING * 3, SPACING * 2, SPACING * 3, SPACING * 2)
        layout.setSpacing(SPACING)
        layout.addLayout(form)
        layout.addWidget(self.error)
        layout.addStretch(1)
        layout.addWidget(self.buttons)
        self.texts["op"].setFocus()

    def made(self) -> Breakpoint:
        """The breakpoint as the form has it now."""
        return msgspec.structs.replace(
            self._given,
            **{name: field.text().strip() for name, field in self.texts.items()},
            line=self.line.value(),
            step=self.step.value(),
            ignore=self.ignore.value(),
            phase=self.phase.currentText().strip(),
            when=self.when.currentData(),
            nan=self.nan.isChecked(),
            inf=self.inf.isChecked(),
            temporary=self.temporary.isChecked(),
            enabled=self.enabled.isChecked(),
        )

    def take(self) -> None:
        """Give it to the list; the dialog stays open with the sentence where it is refused."""
        made = self.made()
        problem = _problem(made)
        if problem:
            self._refuse(problem)
            return
        self.error.show_problem("")
        self.buttons.setEnabled(False)
        self._points.put(made, self.accept, self._on_refused)

    def _on_refused(self, error: MezzotintError) -> None:
        self.buttons.setEnabled(True)
        self._refuse(error.message)

    def _refuse(self, sentence: str) -> None:
        self.error.show_problem(sentence)
        self.error.setAccessibleName(sentence)


def _problem(made: Breakpoint) -> str:
    """What can be seen without an engine; the engine looks at all of it when a run is armed."""
    if made.expression:
        try:
            compile(made.expression, "expression", "eval")
        except (SyntaxError, ValueError) as error:
            return f"The expression is no Python: {getattr(error, 'msg', error)}."
    if made.line and not made.file:
        return "A source line needs its file, too."
    return ""
