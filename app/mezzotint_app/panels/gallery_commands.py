"""Commands of the gallery. They act on the pictures that are selected in it."""

from __future__ import annotations

from mezzotint_app.commands import Command
from mezzotint_app.panels.picture_actions import copy_prompt, copy_seed, open_picture_folder, use_settings
from mezzotint_app.state.app_state import AppState

__all__ = ["COMMANDS", "COPY_PROMPT", "COPY_SEED", "OPEN_FOLDER", "USE_SETTINGS"]


def _has_one(state: AppState) -> bool:
    return bool(state.gallery.selected)


USE_SETTINGS = Command(
    "gallery.use_settings",
    "Use these settings",
    "Ctrl+Shift+U",
    "sliders",
    lambda state: use_settings(state, state.gallery.selected[0]),
    _has_one,
    "Edit",
    "Put all settings of the selected picture into the form, its seed included",
)
COPY_PROMPT = Command(
    "gallery.copy_prompt",
    "Copy prompt of the picture",
    "",
    "prompt",
    lambda state: copy_prompt(state, state.gallery.selected[0]),
    _has_one,
    "Edit",
    "Copy the whole prompt of the selected picture",
)
COPY_SEED = Command(
    "gallery.copy_seed",
    "Copy seed of the picture",
    "",
    "dice",
    lambda state: copy_seed(state.gallery.selected[0]),
    _has_one,
    "Edit",
)
OPEN_FOLDER = Command(
    "gallery.open_folder",
    "Open folder of the picture",
    "",
    "folder",
    lambda state: open_picture_folder(state, state.gallery.selected[0]),
    _has_one,
    "File",
)
COMMANDS: tuple[Command, ...] = (USE_SETTINGS, COPY_PROMPT, COPY_SEED, OPEN_FOLDER)
