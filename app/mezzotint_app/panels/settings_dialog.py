"""The settings: each takes effect at once, so there is nothing to apply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.panels.canvas_toolbar import RATES
from mezzotint_app.state.settings_state import SettingsState

__all__ = ["SettingsDialog"]

THEMES = (("system", "As the system"), ("light", "Light"), ("dark", "Dark"))
ON_CLOSE = (
    ("ask", "Ask"),
    ("keep", "They go on in the background"),
    ("stop", "They are cancelled and the engine stops"),
)

FIELD_PX = 160


class SettingsDialog(QDialog):
    def __init__(self, settings: SettingsState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.setWindowTitle("Settings")
        values = settings.values
        self.theme = self._choice("theme", "Theme", list(THEMES))
        self.preview = self._choice("preview_hz", "Preview rate", list(RATES))
        self.smooth = QCheckBox("Smooth pixels when zoomed in", self)
        self.smooth.setChecked(values.smooth_preview)
        self.smooth.toggled.connect(lambda on: settings.set(smooth_preview=on))
        self.repaint_rate = QSpinBox(self)
        self.repaint_rate.setRange(1, 60)
        self.repaint_rate.setSuffix(" Hz")
        self.repaint_rate.setAccessibleName("Most repaints a second")
        self.repaint_rate.setToolTip("Repainting takes processor time that a run on the CPU needs as well")
        self.repaint_rate.setValue(round(values.repaint_hz))
        self.repaint_rate.valueChanged.connect(lambda hz: settings.set(repaint_hz=float(hz)))
        self.follow = QCheckBox("Show a new run as it starts", self)
        self.follow.setChecked(values.follow_live)
        self.follow.toggled.connect(lambda on: settings.set(follow_live=on))
        self.on_close = self._choice("on_close", "Runs when the window closes", list(ON_CLOSE))
        self.folder = QLineEdit(values.model_folder, self)
        self.folder.setAccessibleName("Folder for models")
        self.folder.setPlaceholderText(str(Path.home()))
        self.folder.editingFinished.connect(lambda: settings.set(model_folder=self.folder.text().strip()))
        browse = tool_button("folder", "Choose the folder for models", parent=self)
        browse.clicked.connect(self._browse)
        folder_row = QHBoxLayout()
        folder_row.setSpacing(SPACING // 2)
        folder_row.addWidget(self.folder, 1)
        folder_row.addWidget(browse)

        for field in (self.theme, self.preview, self.repaint_rate):
            field.setMinimumWidth(FIELD_PX)  # one edge, whatever their longest choice
        form = QFormLayout()
        form.setHorizontalSpacing(SPACING * 2)
        form.setVerticalSpacing(SPACING)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow(text_label("Appearance", "heading", self))
        form.addRow(text_label("Theme", "", self, buddy=self.theme), self.theme)
        form.addRow(text_label("Canvas and plots", "heading", self))
        form.addRow(text_label("Previews", "", self, buddy=self.preview), self.preview)
        form.addRow(text_label("Repaint at most", "", self, buddy=self.repaint_rate), self.repaint_rate)
        form.addRow("", self.smooth)
        form.addRow("", self.follow)
        form.addRow(text_label("Engine", "heading", self))
        on_close = text_label("When the window closes,\nruns that are going", "", self, buddy=self.on_close)
        form.addRow(on_close, self.on_close)
        form.addRow(text_label("Model chooser opens in", "", self, buddy=self.folder), folder_row)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, parent=self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACING * 3, SPACING * 2, SPACING * 3, SPACING * 2)
        layout.setSpacing(SPACING * 2)
        layout.addLayout(form)
        layout.addStretch(1)
        layout.addWidget(buttons)
        self.setMinimumWidth(480)

    def _choice(self, field: str, name: str, choices: list[tuple[Any, str]]) -> QComboBox:
        box = QComboBox(self)
        box.setAccessibleName(name)
        for value, title in choices:
            box.addItem(title, value)
        now = getattr(self._settings.values, field)
        places = [place for place, (value, _) in enumerate(choices) if value == now]
        box.setCurrentIndex(places[0] if places else 0)
        box.activated.connect(lambda row: self._settings.set(**{field: choices[row][0]}))
        return box

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, "Folder for models", self.folder.text() or str(Path.home())
        )
        if folder:
            self.folder.setText(folder)
            self._settings.set(model_folder=folder)
