"""What this is, its version, where its data lies, and what it stands on."""

from __future__ import annotations

from PySide6 import __version__ as pyside_version
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.panels.picture_export import open_folder
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk.version import __version__

__all__ = ["AboutDialog"]


class AboutDialog(QDialog):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About Mezzotint")
        engine = state.engine.server
        torch = next((w.torch_version for w in state.engine.workers.values() if w.torch_version), "")
        lines = [f"Version {__version__}, Apache License 2.0"]
        if engine is not None:
            lines.append(f"Engine {engine.engine_version}, process {engine.pid}")
        if torch:
            lines.append(f"PyTorch {torch}")
        lines.append(f"PySide {pyside_version}")
        facts = text_label("\n".join(lines), "muted", self)
        facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        where = text_label(f"Data: {state.home}", "small", self, wraps=True)
        where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        picture = QLabel(self)
        picture.setPixmap(icon("generate", "accent").pixmap(48, 48))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, parent=self)
        folder = QPushButton("Open data folder", self)
        folder.clicked.connect(lambda: open_folder(state.home))
        buttons.addButton(folder, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACING * 3, SPACING * 3, SPACING * 3, SPACING * 2)
        layout.setSpacing(SPACING)
        layout.addWidget(picture)
        layout.addWidget(text_label("Mezzotint", "title", self))
        layout.addWidget(text_label("A workbench for research on generative models with PyTorch.", "", self))
        layout.addWidget(facts)
        layout.addWidget(where)
        layout.addSpacing(SPACING)
        layout.addWidget(buttons)
        self.setMinimumWidth(420)
