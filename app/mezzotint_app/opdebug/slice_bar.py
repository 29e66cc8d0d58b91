"""Which slice is shown: one field a leading dimension, an index in numpy's words, a difference."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.field_error import FieldError
from mezzotint_app.look.widgets.flow_layout import FlowLayout
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.state.slice_index import ALL
from mezzotint_app.state.tensor_view_state import TensorViewState

__all__ = ["SliceBar"]

INDEX_HELP = "As in numpy: 0, :, 3 or 2:5 or ..., 0. Empty is all of the tensor"
FIELD_PX = 92  # both fit beside each other into a narrow panel
AGAINST_HELP = (
    "Show the tensor minus another one, or minus any expression: a, out * 2,\n"
    "run('a1b2') (what this op gave in another run that kept its values), load('/data/x.npy')"
)


def labelled(title: str, field: QWidget, parent: QWidget) -> QWidget:
    """A field with its name before it, as one item of a flow."""
    pair = QWidget(parent)
    layout = QHBoxLayout(pair)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACING // 2)
    layout.addWidget(text_label(title, "small", pair, buddy=field))
    layout.addWidget(field)
    return pair


class SliceBar(QWidget):
    def __init__(self, view: TensorViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self.dimensions: list[QSpinBox] = []
        self._pairs: list[QWidget] = []
        self.index = QLineEdit(self)
        self.index.setPlaceholderText("all")
        self.index.setFixedWidth(FIELD_PX)
        self.index.setAccessibleName("Index of the slice")
        self.index.setToolTip(INDEX_HELP)
        self.index.editingFinished.connect(lambda: view.write_index(self.index.text()))
        self.against = QLineEdit(self)
        self.against.setPlaceholderText("nothing")
        self.against.setFixedWidth(FIELD_PX)
        self.against.setClearButtonEnabled(True)
        self.against.setAccessibleName("Difference against")
        self.against.setToolTip(AGAINST_HELP)
        self.against.editingFinished.connect(lambda: view.set_against(self.against.text()))
        self.error = FieldError(self.index, parent=self)
        self._flow = FlowLayout(spacing=SPACING)
        self._flow.addWidget(labelled("Index", self.index, self))
        self._flow.addWidget(labelled("Minus", self.against, self))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(self._flow)
        layout.addWidget(self.error)
        view.settingsChanged.connect(self.refresh)
        view.tensorsChanged.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the settings of the tensor that is looked at."""
        view, slices = self._view, self._view.slice_picks
        shape, picks = view.shape or (), slices.picks
        # a histogram of all of a tensor needs no field; its index can be written
        wanted = min(len(picks), len(shape)) if view.settings.kind != "histogram" else 0
        while len(self.dimensions) < wanted:
            self._add_dimension()
        for place, (box, pair) in enumerate(zip(self.dimensions, self._pairs, strict=True)):
            pair.setVisible(place < wanted)
            if place < wanted:
                with QSignalBlocker(box):
                    box.setRange(ALL, max(ALL, shape[place] - 1))
                    box.setValue(picks[place])
                box.setToolTip(f"Dimension {place} has {shape[place]:,} entries")
        if not self.index.hasFocus() or not self.index.isModified():
            self.index.setText(slices.index)
        if not self.against.hasFocus() or not self.against.isModified():
            self.against.setText(view.settings.against)
        self.error.show_problem(view.slice_problem)

    def _add_dimension(self) -> None:
        place = len(self.dimensions)
        box = QSpinBox(self)
        box.setSpecialValueText("all")
        box.setRange(ALL, 0)
        box.setKeyboardTracking(False)
        box.setAccessibleName(f"Entry of dimension {place}")
        calm_wheel(box)
        box.valueChanged.connect(lambda value: self._view.set_pick(place, value))
        pair = labelled(f"Dim {place}", box, self)
        self._flow.insert_widget(place, pair)
        self.dimensions.append(box)
        self._pairs.append(pair)
