"""Spin boxes bound to one field of the draft."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QDoubleSpinBox, QSpinBox, QWidget

from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.state.generate_state import GenerateState

__all__ = ["draft_float_box", "draft_int_box"]


def _bind(box: QSpinBox | QDoubleSpinBox, field: str, name: str, help: str, generate: GenerateState) -> None:
    box.setAccessibleName(name)
    box.setToolTip(help)
    box.setMinimumWidth(56)
    box.setKeyboardTracking(False)
    calm_wheel(box)
    box.setValue(getattr(generate.draft, field))
    box.valueChanged.connect(lambda value: generate.set(**{field: value}))

    def follow(changed: str) -> None:
        if changed == field and box.value() != getattr(generate.draft, field):
            with QSignalBlocker(box):
                box.setValue(getattr(generate.draft, field))

    generate.draftChanged.connect(follow)


def draft_int_box(
    generate: GenerateState, field: str, name: str, low: int, high: int, help: str, parent: QWidget
) -> QSpinBox:
    """A box for a whole number of the draft, from `low` to `high`."""
    box = QSpinBox(parent)
    box.setRange(low, high)
    _bind(box, field, name, help, generate)
    return box


def draft_float_box(
    generate: GenerateState,
    field: str,
    name: str,
    low: float,
    high: float,
    step: float,
    help: str,
    parent: QWidget,
) -> QDoubleSpinBox:
    """A box for a number of the draft, from `low` to `high`, with two decimals."""
    box = QDoubleSpinBox(parent)
    box.setRange(low, high)
    box.setDecimals(2)
    box.setSingleStep(step)
    _bind(box, field, name, help, generate)
    return box
