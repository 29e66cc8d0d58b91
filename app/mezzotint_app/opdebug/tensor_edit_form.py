"""A small form under the tensor's name: what to put into it, checked before it is asked for."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.field_error import FieldError
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.state.tensor_edits import EditForm, edit_ask, skip_ask
from mezzotint_app.state.tensor_view_state import TensorViewState
from mezzotint_sdk.errors import BadInputError

__all__ = ["TensorEditForm"]

FILES = "Tensors (*.npy *.safetensors *.png)"


class TensorEditForm(QFrame):
    """`open_edit` or `open_skip` shows it; Return applies, Escape closes."""

    closed = Signal()

    def __init__(self, view: TensorViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._form: EditForm | None = None
        self.setProperty("role", "card")
        self.setAccessibleName("Change the tensor")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.title = text_label("", "heading", self, wraps=True)
        self.close_button = tool_button("close", "Close the form", "Esc", parent=self)
        self.close_button.clicked.connect(self.close_form)
        self.value_title = text_label("", "small", self)
        self.value = QLineEdit(self)
        self.browse = tool_button("open", "Choose a file", parent=self)
        self.browse.clicked.connect(self._browse)
        self.other_title = text_label("", "small", self)
        self.other = QLineEdit(self)
        self.index_title = text_label("Only at", "small", self)
        self.index = QLineEdit(self)
        self.index.setAccessibleName("Index of the part that is changed")
        self.index.setPlaceholderText("all of it")
        self.index.setToolTip("Change only this part, in numpy's words: 0, :, 3")
        self.take_slice = QPushButton("Slice in view", self)
        self.take_slice.setToolTip("Change only the slice that is shown now")
        self.take_slice.clicked.connect(lambda: self.index.setText(view.slice_picks.index))
        self.error = FieldError(self.value, parent=self)
        self.apply_button = QPushButton("Apply", self)
        self.apply_button.setProperty("role", "primary")
        self.apply_button.clicked.connect(self.apply)
        for label, field in (
            (self.value_title, self.value),
            (self.other_title, self.other),
            (self.index_title, self.index),
        ):
            label.setBuddy(field)
            field.setMinimumWidth(64)
            field.returnPressed.connect(self.apply)
        self._lay_out()
        view.tensorsChanged.connect(self._follow)
        self.hide()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.close_button)
        fields = QGridLayout()
        fields.setHorizontalSpacing(SPACING)
        fields.setVerticalSpacing(SPACING // 2)
        fields.addWidget(self.value_title, 0, 0)
        fields.addWidget(self.value, 0, 1)
        fields.addWidget(self.browse, 0, 2)
        fields.addWidget(self.other_title, 1, 0)
        fields.addWidget(self.other, 1, 1)
        fields.addWidget(self.index_title, 2, 0)
        fields.addWidget(self.index, 2, 1)
        fields.addWidget(self.take_slice, 2, 2)
        fields.setColumnStretch(1, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.error, 1)
        buttons.addWidget(self.apply_button, 0, Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING)
        layout.setSpacing(SPACING // 2)
        layout.addLayout(head)
        layout.addLayout(fields)
        layout.addLayout(buttons)

    def showEvent(self, event: QShowEvent) -> None:
        # a sentence that takes two lines must push the fields, not lie over them
        for field in (self.value, self.other, self.index, self.take_slice, self.apply_button):
            field.ensurePolished()
            field.setMinimumHeight(field.sizeHint().height())
        super().showEvent(event)

    # --- opening ----------------------------------------------------------------------------------------

    def open_edit(self, form: EditForm) -> None:
        self._form = form
        self._show(form.value_title, form.start, form.other_title, form.other_start)
        for widget in (self.index_title, self.index, self.take_slice):
            widget.setVisible(form.takes_index)
        self.browse.setVisible(form.value_is == "path")
        self.value.setToolTip(form.help)
        self.other.setPlaceholderText("" if form.other_start else "the usual one")
        self._follow()

    def open_skip(self) -> None:
        """Ask for the value that takes the place of the op's result."""
        self._form = None
        self._show("Value", "0", "", "")
        for widget in (self.index_title, self.index, self.take_slice, self.browse):
            widget.hide()
        self.value.setToolTip("A number, or an expression on the stop's tensors: a * 2")
        self._follow()

    def _show(self, value_title: str, value: str, other_title: str, other: str) -> None:
        self.error.show_problem("")
        self.value_title.setText(value_title)
        self.value.setAccessibleName(value_title)
        self.value.setText(value)
        self.other_title.setText(other_title)
        self.other.setAccessibleName(other_title)
        self.other.setText(other)
        self.index.clear()
        for widget in (self.value_title, self.value):
            widget.setVisible(bool(value_title))
        for widget in (self.other_title, self.other):
            widget.setVisible(bool(other_title))
        self.show()
        self.value.setFocus()
        self.value.selectAll()

    def close_form(self) -> None:
        self.hide()
        self.closed.emit()

    def _follow(self) -> None:
        if self.isHidden():
            return
        form, view = self._form, self._view
        locked = view.place.locked if form is None else view.place.edit_locked
        name = view.name
        self.title.setText(f"{form.title}: {name}" if form is not None else "Skip the op: give a value")
        self.apply_button.setEnabled(not locked)
        self.apply_button.setToolTip(locked)

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a tensor", self.value.text(), FILES)
        if path:
            self.value.setText(path)

    # --- applying ---------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Ask for the change, or say which field is wrong."""
        if not self.apply_button.isEnabled():
            return
        view, form = self._view, self._form
        try:
            if form is None:
                skip = skip_ask("value", self.value.text())
                self.error.show_problem("")
                view.changes.skip(skip)
            else:
                index = self.index.text() if form.takes_index else ""
                edit = edit_ask(
                    form, view.name, self.value.text(), self.other.text(), index, view.shape or ()
                )
                self.error.show_problem("")
                view.changes.edit(edit)
        except BadInputError as error:
            self.show_problem(error.message)

    def show_problem(self, sentence: str) -> None:
        """What is wrong with what was asked for."""
        self.error.show_problem(sentence)

    def apply_now(self, form: EditForm) -> None:
        """Ask for an edit that needs no word from the user."""
        self._view.changes.edit(edit_ask(form, self._view.name, "", "", "", self._view.shape or ()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_form()
        else:
            super().keyPressEvent(event)
