"""The mask editor: brush and eraser, size, undo and redo, clear, invert."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.commands import tooltip
from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.segmented_choice import SegmentedChoice
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.panels.mask_canvas import MaskCanvas
from mezzotint_app.state.settings_state import SettingsState

__all__ = ["MaskDialog"]


class MaskDialog(QDialog):
    """`canvas.mask_image()` is the result once the dialog is accepted."""

    def __init__(
        self, picture: QImage, mask: QImage | None, settings: SettingsState, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self.setWindowTitle("Paint the mask")
        self.canvas = MaskCanvas(picture, mask, self)
        side = max(picture.width(), picture.height())
        self.size_slider = QSlider(Qt.Orientation.Horizontal, self)
        self.size_slider.setRange(1, max(16, side // 2))
        self.size_slider.setAccessibleName("Brush size")
        self.size_slider.setToolTip(tooltip("Brush size in pixels of the picture", "[; ]"))
        self.size_slider.setMinimumWidth(120)
        self._size_label = text_label("", "muted", self)
        self._size_label.setMinimumWidth(48)
        self.tool = SegmentedChoice(
            "Tool",
            [
                ("paint", "Paint", "mask", tooltip("What is painted is drawn anew", "B")),
                ("erase", "Erase", "clear", tooltip("What is erased is kept", "E")),
            ],
            self,
        )
        self.tool.set_chosen("paint")
        self.undo = tool_button("undo", "Undo", "Ctrl+Z", parent=self)
        self.redo = tool_button("redo", "Redo", "Ctrl+Shift+Z", parent=self)
        self.clear = tool_button("delete", "Clear the mask", "Ctrl+Backspace", parent=self)
        self.invert = tool_button("invert", "Invert the mask", "Ctrl+I", parent=self)

        tools = QHBoxLayout()
        tools.setSpacing(SPACING)
        tools.addWidget(self.tool)
        tools.addSpacing(SPACING)
        tools.addWidget(text_label("Size", "", self, buddy=self.size_slider))
        tools.addWidget(self.size_slider, 1)
        tools.addWidget(self._size_label)
        for button in (self.undo, self.redo, self.clear, self.invert):
            tools.addWidget(button)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, parent=self)
        self.accept_button = QPushButton("Use mask", self)
        self.accept_button.setProperty("role", "primary")
        buttons.addButton(self.accept_button, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        bottom = QHBoxLayout()
        bottom.addWidget(text_label("Painted parts are drawn anew, the rest is kept.", "muted", self), 1)
        bottom.addWidget(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACING * 2, SPACING * 2, SPACING * 2, SPACING * 2)
        layout.setSpacing(SPACING)
        layout.addLayout(tools)
        layout.addWidget(self.canvas, 1)
        layout.addLayout(bottom)
        self.resize(640, 640)

        self.size_slider.valueChanged.connect(self._on_size)
        self.tool.chosen.connect(self._on_tool)
        self.undo.clicked.connect(self.canvas.undo)
        self.redo.clicked.connect(self.canvas.redo)
        self.clear.clicked.connect(self.canvas.clear)
        self.invert.clicked.connect(self.canvas.invert)
        self.canvas.changed.connect(self._refresh)
        for keys, action in (
            ("Ctrl+Z", self.canvas.undo),
            ("Ctrl+Shift+Z", self.canvas.redo),
            ("Ctrl+Backspace", self.canvas.clear),
            ("Ctrl+I", self.canvas.invert),
            ("[", lambda: self.size_slider.setValue(round(self.size_slider.value() / 1.25))),
            ("]", lambda: self.size_slider.setValue(round(self.size_slider.value() * 1.25 + 0.5))),
            ("B", lambda: self._choose("paint")),
            ("E", lambda: self._choose("erase")),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(action)
        self.size_slider.setValue(min(settings.values.brush_size, max(2, side // 4)))
        self._on_size(self.size_slider.value())
        self._refresh()
        self.canvas.setFocus()

    def _choose(self, key: str) -> None:
        self.tool.set_chosen(key)
        self._on_tool(key)

    def _on_tool(self, key: str) -> None:
        self.canvas.erasing = key == "erase"

    def _on_size(self, value: int) -> None:
        self.canvas.brush_size = value
        self._size_label.setText(f"{value} px")
        self._settings.set(brush_size=min(512, value))
        self.canvas.update()

    def _refresh(self) -> None:
        self.undo.setEnabled(self.canvas.can_undo)
        self.redo.setEnabled(self.canvas.can_redo)
