"""What the window does with files dropped on it or opened: settings, a picture to start, prompts, a trace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from PySide6.QtWidgets import QApplication, QFileDialog

from mezzotint_app.commands import Command
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.prompt_list import offer_prompts
from mezzotint_app.state.restore_settings import offer_as_start, restore_settings

__all__ = ["COMMANDS", "FileKind", "file_kind", "open_files"]

FileKind = Literal["settings", "picture", "prompts", "trace", "folder", ""]

PICTURES = (".jpg", ".jpeg", ".webp")
TEXTS = (".txt", ".text", ".prompts", ".list", ".md")
TRACE = ".mzt"


def file_kind(path: str) -> FileKind:
    """What a file would be taken for, by its name alone; "" is nothing that we take."""
    suffix = Path(path).suffix.lower()
    if suffix == ".png":
        return "settings"
    if suffix in PICTURES:
        return "picture"
    if suffix in TEXTS:
        return "prompts"
    return "trace" if suffix == TRACE else ""


def open_files(state: AppState, paths: Sequence[str]) -> None:
    """Take the first file that we can; of more than one the others are named, not silently left out."""
    usable = [path for path in paths if file_kind(path)]
    if not usable:
        name = Path(paths[0]).name if paths else "The file"
        state.notices.show(
            "warning",
            f"{name} is no picture (PNG, JPEG, WebP), no text file (.txt) with prompts and no trace (.mzt).",
        )
        return
    path = usable[0]
    if len(paths) > 1:
        left = [Path(other).name for other in paths if other != path]
        state.notices.show(
            "warning",
            f"One file at a time: {Path(path).name} was taken, the others were not.",
            "\n".join(left),
        )
    match file_kind(path):
        case "settings":
            restore_settings(state, path)
        case "picture":
            sentence = f"{Path(path).name} is not a PNG picture, so it carries no settings."
            offer_as_start(state, path, sentence)
        case "trace":
            state.trace.open_file(path)
        case _:
            offer_prompts(state, path)


def _choose(state: AppState, title: str, names: str) -> None:
    start = state.settings.values.picture_folder or str(Path.home())
    path, _ = QFileDialog.getOpenFileName(QApplication.activeWindow(), title, start, names)
    if path:
        state.settings.set(picture_folder=str(Path(path).parent))
        open_files(state, (path,))


COMMANDS: tuple[Command, ...] = (
    Command(
        "file.restore_settings",
        "Settings from picture…",
        "Ctrl+O",
        "open",
        lambda state: _choose(state, "Take the settings of a picture", "Pictures (*.png)"),
        menu="File",
        help="Put the settings that a PNG carries into the form; dropping it on the window does the same",
    ),
    Command(
        "file.prompts",
        "Prompts from file…",
        "Ctrl+Shift+O",
        "document",
        lambda state: _choose(
            state, "Queue a job for each line", f"Text files ({' '.join(f'*{suffix}' for suffix in TEXTS)})"
        ),
        menu="File",
        help="Each line of a text file becomes a job; empty lines and lines that begin with # are skipped",
    ),
)
