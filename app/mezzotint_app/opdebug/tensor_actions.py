"""What can be done with the tensor that is looked at: change it, skip the op, save it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QPushButton, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.opdebug.tensor_edit_form import TensorEditForm
from mezzotint_app.state.tensor_edits import EDITS, SKIPS, skip_ask
from mezzotint_app.state.tensor_view_state import TensorViewState

__all__ = ["TensorActions"]

SAVE_FILTERS = {
    "NumPy array (*.npy)": ".npy",
    "Safetensors (*.safetensors)": ".safetensors",
    "PNG picture (*.png)": ".png",
}


class TensorActions(QWidget):
    """Buttons with menus; while nothing can be changed they are off, and their tooltips say why."""

    def __init__(self, view: TensorViewState, form: TensorEditForm, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._form = form
        self._folder = ""
        self.change = QPushButton("Change", self)
        self.change.setMenu(self._change_menu())
        self.skip = QPushButton("Skip op", self)
        self.skip.setMenu(self._skip_menu())
        self.save = tool_button("save", "Save the tensor", "", "As .npy, .safetensors or .png", self)
        self.save.clicked.connect(self.ask_where)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING // 2)
        for button in (self.change, self.skip, self.save):
            layout.addWidget(button)
        view.tensorsChanged.connect(self.refresh)
        self.refresh()

    def _change_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for form in EDITS:
            if form.kind in ("load", "restore"):
                menu.addSeparator()
            action = QAction(form.title if form.kind == "restore" else f"{form.title}…", menu)
            action.setToolTip(form.help)
            action.triggered.connect(lambda _checked=False, form=form: self.begin_edit(form.kind))
            menu.addAction(action)
        return menu

    def _skip_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for skip in SKIPS:
            action = QAction(skip.title, menu)
            action.setToolTip(skip.help)
            action.triggered.connect(lambda _checked=False, skip=skip: self.begin_skip(skip.kind))
            menu.addAction(action)
        return menu

    def begin_edit(self, kind: str) -> None:
        """Open the form of an edit; one that asks for nothing is done at once."""
        form = next(form for form in EDITS if form.kind == kind)
        if form.value_title:
            self._form.open_edit(form)
            return
        self._form.close_form()
        self._form.apply_now(form)

    def begin_skip(self, kind: str) -> None:
        if kind == "value":
            self._form.open_skip()
        else:
            self._form.close_form()
            self._view.changes.skip(skip_ask(kind, ""))

    def ask_where(self) -> None:
        """Ask for a file, and save the tensor there."""
        name = "".join(letter if letter.isalnum() else "_" for letter in self._view.name).strip("_")
        start = str(Path(self._folder or Path.home()) / f"{name or 'tensor'}.npy")
        path, chosen = QFileDialog.getSaveFileName(self, "Save the tensor", start, ";;".join(SAVE_FILTERS))
        if path:
            self.save_to(path, SAVE_FILTERS.get(chosen, ".npy"))

    def save_to(self, path: str, ending: str = ".npy") -> None:
        """Save as `path`; without an ending that is known it gets one."""
        if not path.lower().endswith(tuple(SAVE_FILTERS.values())):
            path += ending
        self._folder = str(Path(path).parent)
        self._view.changes.save(path)

    def refresh(self) -> None:
        view = self._view
        locked = view.place.edit_locked
        self.change.setEnabled(not locked)
        self.change.setToolTip(locked or "Put something else into this tensor, and go on with it")
        self.change.setAccessibleDescription(locked)
        self.skip.setEnabled(not view.place.skip_locked)
        self.skip.setToolTip(view.place.skip_locked or "Put something else in the place of what the op gave")
        self.skip.setAccessibleDescription(view.place.skip_locked)
        self.save.setEnabled(view.debug.stop is not None and bool(view.name))
