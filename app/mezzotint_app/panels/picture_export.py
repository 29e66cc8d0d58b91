"""Save, copy and open what the canvas shows."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from mezzotint_app.panels.canvas_view import CanvasView
from mezzotint_app.state.app_state import AppState

__all__ = ["copy_picture", "open_folder", "save_picture", "save_picture_to"]


def save_picture(state: AppState, parent: QWidget) -> None:
    """Ask where to, and save the picture in view there, with all its settings inside."""
    picture = state.canvas.picture
    if picture is None:
        return
    folder = state.settings.values.picture_folder or str(Path.home())
    start = str(Path(folder) / Path(picture.path).name)
    path, _ = QFileDialog.getSaveFileName(parent, "Save the picture", start, "PNG pictures (*.png)")
    if path:
        save_picture_to(state, path if path.lower().endswith(".png") else f"{path}.png")


def save_picture_to(state: AppState, path: str) -> None:
    """Copy the picture's file as it is: the settings in it stay bit for bit."""
    picture = state.canvas.picture
    if picture is None:
        return
    try:
        shutil.copyfile(picture.path, path)
    except OSError as error:
        state.notices.show("error", f"The picture could not be saved: {error.strerror or error}.", str(error))
    else:
        state.settings.set(picture_folder=str(Path(path).parent))
        state.notices.show("info", f"Saved as {Path(path).name}.")


def copy_picture(view: CanvasView) -> None:
    """Put what is in view onto the clipboard."""
    if not view.image.isNull():
        QGuiApplication.clipboard().setImage(view.image.copy())


def open_folder(path: Path) -> None:
    """Show a folder in the system's file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
