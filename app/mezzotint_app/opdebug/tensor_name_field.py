"""The name of the tensor that is looked at: picked from those of the op, or written as an expression."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QLineEdit, QSizePolicy, QWidget
from shiboken6 import isValid

from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.opdebug.tensor_list_view import shape_text
from mezzotint_app.state.tensor_view_state import TensorViewState

__all__ = ["TensorNameField"]

HELP = "A tensor of the op, or any expression on its tensors: out - a, out.softmax(-1)"


class TensorNameField(QComboBox):
    """`edit` is the field that one writes into."""

    def __init__(self, view: TensorViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._offered: list[tuple[str, str]] = []
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(1)
        self.setMinimumWidth(64)
        self.setAccessibleName("Tensor or expression that is looked at")
        self.setToolTip(HELP)
        self.setCompleter(None)  # type: ignore[arg-type] # it would write names over expressions
        calm_wheel(self)
        edit = self.lineEdit()
        assert edit is not None
        self.edit: QLineEdit = edit
        edit.setPlaceholderText("Tensor or expression")
        edit.setAccessibleName("Tensor or expression that is looked at")
        edit.setToolTip(HELP)
        edit.editingFinished.connect(self._on_written)
        self.activated.connect(self._on_picked)
        view.tensorsChanged.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Offer the tensors of the op, and show which is looked at, unless somebody writes just now."""
        offered = [
            (facts.name, f"{facts.name}   {shape_text(facts.shape)} {facts.dtype}")
            for facts in self._view.tensors
        ]
        is_writing = self.edit.hasFocus() and self.edit.isModified()
        with QSignalBlocker(self):
            if offered != self._offered:
                written = self.edit.text()
                self._offered = offered
                self.clear()
                for name, text in offered:
                    self.addItem(text, name)
                self.setEditText(written)
            names = [name for name, _ in offered]
            if not is_writing:
                self.setCurrentIndex(names.index(self._view.name) if self._view.name in names else -1)
                self.setEditText(self._view.name)

    def _on_picked(self, row: int) -> None:
        self.edit.setModified(False)
        self._view.place.select(self.itemData(row))
        self.refresh()

    def _on_written(self) -> None:
        # a field that loses the focus by being taken apart says so, too
        if not isValid(self.edit) or not self.edit.isModified():
            return
        self.edit.setModified(False)
        self._view.place.select(self.edit.text())
        self.refresh()
