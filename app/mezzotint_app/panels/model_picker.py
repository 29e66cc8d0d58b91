"""Chooses the model, bundled ones first, says what is wrong with it, and adds folders of the user."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QSizePolicy, QWidget

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk.records import ModelRecord

__all__ = ["ModelPicker", "model_summary"]


def model_summary(model: ModelRecord) -> str:
    """What a tooltip says of a model: kind, size, numbers, place."""
    lines = [model.name]
    if model.pipeline_class:
        lines.append(model.pipeline_class)
    facts = []
    if model.parameters:
        facts.append(f"{model.parameters / 1e6:,.1f} M parameters")
    if model.nbytes:
        facts.append(f"{model.nbytes / 2**20:,.0f} MiB")
    if model.dtype:
        facts.append(model.dtype)
    if facts:
        lines.append(", ".join(facts))
    lines.append(model.folder)
    return "\n".join(lines)


class ModelPicker(QWidget):
    """A combo box of models and a button that adds a folder."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.combo = QComboBox(self)
        self.combo.setAccessibleName("Model")
        self.combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.combo.setMinimumContentsLength(12)
        self.combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.combo.activated.connect(self._on_activated)
        calm_wheel(self.combo)
        self.add_button = tool_button("folder", "Add model folder…", help="A folder in the diffusers layout")
        self.add_button.clicked.connect(self.browse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING // 2)
        layout.addWidget(self.combo, 1)
        layout.addWidget(self.add_button)
        self.setFocusProxy(self.combo)
        state.generate.modelsChanged.connect(self.refresh)
        state.generate.draftChanged.connect(self._on_draft_changed)
        self.refresh()

    def refresh(self) -> None:
        """Rebuild the list from the state."""
        generate = self._state.generate
        with QSignalBlocker(self.combo):
            self.combo.clear()
            for model in generate.models:
                self.combo.addItem(model.name, model.path)
                row = self.combo.count() - 1
                summary = model_summary(model)
                if model.problem is not None:
                    self.combo.setItemIcon(row, icon("warning", "warning"))
                    summary += f"\n{model.problem.message}"
                self.combo.setItemData(row, summary, Qt.ItemDataRole.ToolTipRole)
            if not generate.models:
                self.combo.setPlaceholderText(
                    "No models yet" if generate.has_models else "Looking for models…"
                )
            elif generate.model is None and generate.draft.model.path:
                self.combo.addItem(
                    f"{Path(generate.draft.model.path).name} (not found)", generate.draft.model.path
                )
            self.combo.setCurrentIndex(self.combo.findData(generate.draft.model.path))
        self._describe()

    def browse(self) -> None:
        """Ask for a folder with a model in it."""
        start = self._state.settings.values.model_folder or str(Path.home())
        folder = QFileDialog.getExistingDirectory(self, "Add a model folder", start)
        if folder:
            self._state.generate.add_model_folder(folder)

    def _on_activated(self, row: int) -> None:
        self._state.generate.choose_model(str(self.combo.itemData(row)))

    def _on_draft_changed(self, field: str) -> None:
        if field == "model":
            row = self.combo.findData(self._state.generate.draft.model.path)
            if row < 0:
                self.refresh()
            else:
                with QSignalBlocker(self.combo):
                    self.combo.setCurrentIndex(row)
                self._describe()

    def _describe(self) -> None:
        model = self._state.generate.model
        self.combo.setToolTip(model_summary(model) if model else "The model that draws")
