"""The canvas: the picture as it forms, the finished ones, and how far the run is."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize
from PySide6.QtGui import QHideEvent, QImage, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.panels.canvas_toolbar import CanvasToolbar
from mezzotint_app.panels.canvas_view import CanvasView
from mezzotint_app.panels.picture_loader import PictureLoader
from mezzotint_app.panels.picture_strip import PictureStrip
from mezzotint_app.panels.run_progress import RunProgress
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.canvas_state import LIVE

__all__ = ["CanvasPanel"]

EMPTY_TITLE = "No picture yet"
EMPTY_HINT = (
    "Write a prompt on the left and press Generate (Ctrl+Enter).\nThe picture forms here, step by step."
)
IDLE_TITLE = "No picture in view"
IDLE_HINT = "Press Generate (Ctrl+Enter), or choose a run in the queue\nor a picture in the gallery."


class CanvasPanel(QWidget):
    """Follows `CanvasState`: a preview while the run in view is live, else the picture that was chosen."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._wanted = ""  # path of the picture that is to be shown once it is read
        self._loader = PictureLoader(self)
        self._loader.loaded.connect(self._on_loaded)
        self.view = CanvasView(self)
        self.empty = EmptyState("image", EMPTY_TITLE, EMPTY_HINT, parent=self)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.view)
        self.toolbar = CanvasToolbar(state, self.view, self)
        self.strip = PictureStrip(state, self._loader, self)
        self.progress = RunProgress(state, self)

        bottom = QHBoxLayout()
        bottom.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        bottom.addWidget(self.progress)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.toolbar)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self.strip)
        layout.addLayout(bottom)
        # as they stand: the view was made first, because the toolbar shows its zoom
        QWidget.setTabOrder(self.toolbar.save, self.view)
        QWidget.setTabOrder(self.view, self.strip)

        self.view.stepped.connect(state.canvas.step)
        canvas = state.canvas
        canvas.runChanged.connect(self._on_run_changed)
        canvas.picturesChanged.connect(self._show_picture)
        canvas.positionChanged.connect(self._on_position_changed)
        state.previews.frameArrived.connect(self._on_frame)
        self._shown_run = ""
        self._on_run_changed()

    def _on_run_changed(self) -> None:
        canvas = self._state.canvas
        if canvas.run_id != self._shown_run:
            self._shown_run = canvas.run_id
            self._wanted = ""
            if canvas.picture is None:
                self.view.clear()  # not the preview of another run
        if not canvas.is_active:
            self._show_picture()  # not the preview of a picture that will never be finished
        self._refresh_empty()

    def _on_position_changed(self) -> None:
        self._show_picture()

    def _show_picture(self) -> None:
        picture = self._state.canvas.picture
        if picture is None:
            self._wanted = ""
            if self.view.file or not self._state.canvas.is_active:
                self.view.clear()
        elif picture.path != self.view.file:
            self._wanted = picture.path
            self._loader.load(picture.path)
        self._refresh_empty()

    def _on_loaded(self, path: str, side: int, image: QImage) -> None:
        if side or path != self._wanted:
            return
        self._wanted = ""
        if image.isNull():
            self._state.notices.show(
                "warning", f"The picture {Path(path).name} can't be read; it may have been moved.", path
            )
        else:
            self.view.show_image(image, path)
            picture = self._state.canvas.picture
            if picture is not None:
                self.view.setAccessibleDescription(
                    f"{image.width()} by {image.height()} pixels, {picture.prompt[:200]}"
                )
        self._refresh_empty()

    def _on_frame(self, run_id: str) -> None:
        frame = self._state.previews.frame
        canvas = self._state.canvas
        if frame is None or run_id != canvas.run_id or canvas.position != LIVE or not canvas.is_active:
            return
        # a late preview of a picture that is already saved must not replace it
        if canvas.pictures and canvas.pictures[-1].index >= frame.image_index:
            return
        self._wanted = ""
        run = canvas.run
        size = QSize(run.spec.width, run.spec.height) if run is not None else None
        self.view.show_pixels(frame.pixels, size)
        self._refresh_empty()

    def _refresh_empty(self) -> None:
        canvas = self._state.canvas
        run = canvas.run
        has_image = not self.view.image.isNull()
        if not has_image:
            if run is None and self._state.runs.runs():
                self.empty.set_text(IDLE_TITLE, IDLE_HINT)
            elif run is None:
                self.empty.set_text(EMPTY_TITLE, EMPTY_HINT)
            elif run.state == "failed":
                message = run.error.message if run.error is not None else ""
                self.empty.set_text("The run failed", message)
            elif canvas.is_active and self._state.settings.values.preview_hz == 0:
                self.empty.set_text("Previews are off", "The picture shows here when it is finished.")
            elif canvas.is_active:
                self.empty.set_text(
                    "The picture is on its way", "The first preview comes with the first step."
                )
            elif run.state == "queued":
                self.empty.set_text("Waiting in the queue", "The run starts when those before it have ended.")
            elif run.state == "cancelled":
                self.empty.set_text("Cancelled", "The run ended before a picture was finished.")
            else:
                self.empty.set_text("No picture", "This run ended before a picture was finished.")
        self._stack.setCurrentWidget(self.view if has_image else self.empty)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._state.previews.set_looked_at(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._state.previews.set_looked_at(False)
