"""One picture large, in a window of its own; left and right go through the gallery."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.panels.canvas_view import CanvasView
from mezzotint_app.panels.picture_actions import use_settings
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_app.thumbnails.picture_decoding import decode_picture
from mezzotint_sdk.records import ArtifactRecord

__all__ = ["PictureWindow"]


class PictureWindow(QWidget):
    """Follows its picture, not its row: new pictures on top don't change what is shown."""

    def __init__(self, state: AppState, row: int, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Picture")
        self.resize(760, 720)
        self._state = state
        self._record: ArtifactRecord | None = None
        self._wanted_row = -1
        self.view = CanvasView(self)
        self.view.stepped.connect(self.step)
        self.caption = ElidedLabel("", "", self)
        self.facts = ElidedLabel("", "small", self)
        self.problem = text_label("", "error", self, wraps=True)
        self.problem.hide()
        self.previous_button = tool_button("arrow-left", "Newer picture", "Left", parent=self)
        self.previous_button.clicked.connect(lambda: self.step(-1))
        self.next_button = tool_button("arrow-right", "Older picture", "Right", parent=self)
        self.next_button.clicked.connect(lambda: self.step(1))
        self.use_button = tool_button("sliders", "Use these settings", parent=self)
        self.use_button.clicked.connect(self.use_settings)
        self.fit_button = tool_button("fit", "Fit picture", parent=self)
        self.fit_button.clicked.connect(self.view.fit)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self.caption)
        words.addWidget(self.facts)
        bar = QHBoxLayout()
        bar.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        bar.setSpacing(SPACING // 2)
        bar.addLayout(words, 1)
        for button in (self.use_button, self.fit_button, self.previous_button, self.next_button):
            bar.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.problem)
        layout.addLayout(bar)
        state.gallery.rowsLoaded.connect(self._on_rows)
        self.show_row(row)
        self.view.setFocus()

    @property
    def record(self) -> ArtifactRecord | None:
        return self._record

    def step(self, by: int) -> None:
        """Go on to an older (1) or newer (-1) picture."""
        gallery = self._state.gallery
        row = gallery.row_of(self._record.artifact_id) if self._record is not None else -1
        self.show_row(min(gallery.total - 1, max(0, row + by)))

    def show_row(self, row: int) -> None:
        record = self._state.gallery.record(row)
        if record is None:  # not in memory yet: shown as soon as it comes
            self._wanted_row = row
            self._state.gallery.ensure(row, row)
            return
        self._wanted_row = -1
        self._record = record
        prompt = " ".join(record.prompt.split()) or "No prompt"
        self.setWindowTitle(f"{prompt[:80]} - Mezzotint")
        self.caption.setText(prompt)
        place = f"{row + 1:,} of {self._state.gallery.total:,}"
        self.facts.setText(f"{record.width} × {record.height} · seed {record.seed} · {place}")
        self.view.setAccessibleName(f"Picture: {prompt[:200]}")
        BackgroundTask(
            lambda: decode_picture(record.path), lambda loaded: self._on_loaded(record, *loaded), owner=self
        )

    def use_settings(self) -> None:
        if self._record is not None:
            use_settings(self._state, self._record)

    def _on_rows(self, first: int, last: int) -> None:
        if first <= self._wanted_row <= last:
            self.show_row(self._wanted_row)

    def _on_loaded(self, record: ArtifactRecord, image: QImage, problem: str) -> None:
        if record is self._record:
            self.view.show_image(image, record.path if not image.isNull() else "")
            self.problem.setText(problem)
            self.problem.setVisible(bool(problem))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)
