"""The picture that image-to-image and inpainting start from, its mask, and how much may change."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage, QPixmap
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.field_error import FieldError
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.panels.mask_dialog import MaskDialog
from mezzotint_app.panels.picture_loader import PictureLoader
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk.job_spec import ImageValue

__all__ = ["ImageSourceField", "PICTURE_FILTER"]

PICTURE_FILTER = "Pictures (*.png *.jpg *.jpeg *.webp)"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
THUMB_PX = 72


def _dropped_picture(event: QDragEnterEvent | QDropEvent) -> str:
    urls = event.mimeData().urls()
    path = urls[0].toLocalFile() if urls else ""
    return path if path.lower().endswith(SUFFIXES) else ""


class _Thumb(QLabel):
    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedSize(THUMB_PX, THUMB_PX)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setProperty("role", "thumb")
        self.setAccessibleName(name)

    def show_image(self, image: QImage | None, empty_icon: str) -> None:
        if image is None or image.isNull():
            self.setPixmap(icon(empty_icon, "muted").pixmap(24, 24))
            return
        small = image.size().width() < THUMB_PX
        mode = (
            Qt.TransformationMode.FastTransformation if small else Qt.TransformationMode.SmoothTransformation
        )
        side = THUMB_PX - 4
        self.setPixmap(QPixmap.fromImage(image.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio, mode)))


class ImageSourceField(QWidget):
    """Thumbnails of picture and mask with what can be done to them. A picture can be dropped here."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._images: dict[str, QImage] = {}
        self._loader = PictureLoader(self)
        self._loader.loaded.connect(self._on_loaded)
        self.setAcceptDrops(True)
        self.picture_thumb = _Thumb("Picture to start from", self)
        self.mask_thumb = _Thumb("Mask", self)
        self.browse_button = QPushButton("Choose picture…", self)
        self.browse_button.setToolTip("A PNG, JPEG or WebP file; it can also be dropped here")
        self.browse_button.clicked.connect(self.browse)
        self.canvas_button = QPushButton("Use canvas picture", self)
        self.canvas_button.setToolTip("Start from the picture that the canvas shows")
        self.canvas_button.clicked.connect(self._use_canvas)
        self.mask_button = QPushButton("Paint mask…", self)
        self.mask_button.setToolTip("Paint over the part that is to be drawn anew")
        self.mask_button.clicked.connect(self.edit_mask)
        self.setFocusProxy(self.browse_button)
        self.error = FieldError(parent=self)

        buttons = QVBoxLayout()
        buttons.setSpacing(SPACING // 2)
        for button in (self.browse_button, self.canvas_button, self.mask_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(SPACING)
        thumbs = QVBoxLayout()
        thumbs.setSpacing(SPACING // 2)
        thumbs.addWidget(self.picture_thumb)
        thumbs.addStretch(1)
        row.addLayout(thumbs)
        row.addWidget(self.mask_thumb, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(buttons, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING // 2)
        layout.addLayout(row)
        layout.addWidget(self.error)
        self._hint = text_label("", "small", self, wraps=True)
        layout.addWidget(self._hint)
        state.generate.draftChanged.connect(self._on_draft_changed)
        state.canvas.picturesChanged.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        draft = self._state.generate.draft
        is_inpaint = draft.mode == "inpaint"
        self.mask_thumb.setVisible(is_inpaint)
        self.mask_button.setVisible(is_inpaint)
        self.mask_button.setEnabled(draft.image is not None)
        self.mask_button.setText("Paint mask…" if draft.mask is None else "Edit mask…")
        self.canvas_button.setEnabled(self._state.canvas.picture is not None)
        self._show(self.picture_thumb, draft.image, "image")
        self._show(self.mask_thumb, draft.mask, "mask")
        problems = self._state.generate.problems()
        self._hint.setText(problems.get("image", "") or problems.get("mask", ""))
        self._hint.setVisible(bool(self._hint.text()))

    def browse(self) -> None:
        start = self._state.settings.values.picture_folder or str(Path.home())
        path, _ = QFileDialog.getOpenFileName(self, "Choose a picture to start from", start, PICTURE_FILTER)
        if path:
            self._state.settings.set(picture_folder=str(Path(path).parent))
            self.take(path)

    def take(self, path: str) -> None:
        """Start from a picture file; a mask that was painted for another picture goes."""
        self._state.generate.set(mask=None)
        self._state.generate.import_image(path, "image")

    def edit_mask(self) -> None:
        draft = self._state.generate.draft
        if draft.image is None:
            return
        picture = QImage(str(self._file(draft.image)))
        if picture.isNull():
            self._state.notices.show("warning", "The picture can't be read any more; choose it again.")
            return
        mask = QImage(str(self._file(draft.mask))) if draft.mask is not None else None
        dialog = MaskDialog(picture, mask, self._state.settings, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._keep_mask(dialog))
        dialog.open()

    def _keep_mask(self, dialog: MaskDialog) -> None:
        if dialog.canvas.is_empty():
            self._state.generate.set(mask=None)
            return
        folder = tempfile.TemporaryDirectory(prefix="mezzotint-mask-")
        path = Path(folder.name) / "mask.png"
        if not dialog.canvas.mask_image().save(str(path)):
            folder.cleanup()
            self._state.notices.show(
                "error", f"The mask could not be written to {path.parent}; is the disk full?"
            )
            return
        self._state.generate.import_image(str(path), "mask", done=folder.cleanup)

    def _use_canvas(self) -> None:
        picture = self._state.canvas.picture
        if picture is not None:
            self.take(picture.path)

    def _file(self, value: ImageValue) -> Path:
        return self._state.home / "inputs" / f"{value.sha256}.png"

    def _show(self, thumb: _Thumb, value: ImageValue | None, empty_icon: str) -> None:
        if value is None:
            thumb.show_image(None, empty_icon)
            return
        path = str(self._file(value))
        if path in self._images:
            thumb.show_image(self._images[path], empty_icon)
        else:
            thumb.show_image(None, empty_icon)
            self._loader.load(path, THUMB_PX * 2)

    def _on_loaded(self, path: str, _side: int, image: QImage) -> None:
        if len(self._images) > 16:
            self._images.clear()
        self._images[path] = image
        draft = self._state.generate.draft
        if draft.image is not None and path == str(self._file(draft.image)):
            self.picture_thumb.show_image(image, "image")
        if draft.mask is not None and path == str(self._file(draft.mask)):
            self.mask_thumb.show_image(image, "mask")

    def _on_draft_changed(self, field: str) -> None:
        if field in ("image", "mask", "mode"):
            self.refresh()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _dropped_picture(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _dropped_picture(event)
        if path:
            event.acceptProposedAction()
            self.take(path)
