"""Commands of the window itself: panels, layout, theme, dialogs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mezzotint_app.commands import Command
from mezzotint_app.look.theme import ThemeChoice
from mezzotint_app.panels.picture_export import copy_picture, open_folder, save_picture
from mezzotint_app.state.app_state import AppState

if TYPE_CHECKING:
    from mezzotint_app.main_window import MainWindow

__all__ = ["window_commands"]


def window_commands(window: MainWindow) -> tuple[Command, ...]:
    """They act on this window; like all commands they take the state and check it."""

    def theme(choice: ThemeChoice) -> Callable[[AppState], None]:
        return lambda state: state.settings.set(theme=choice)

    def has_picture(state: AppState) -> bool:
        return state.canvas.picture is not None

    def has_image(_state: AppState) -> bool:
        return not window.canvas.view.image.isNull()

    view = window.canvas.view
    return (
        Command(
            "file.add_model",
            "Add model folder…",
            "",
            "model",
            lambda _s: window.generate.model.browse(),
            menu="File",
        ),
        Command(
            "file.save_picture",
            "Save picture as…",
            "Ctrl+S",
            "save",
            lambda state: save_picture(state, window),
            has_picture,
            "File",
        ),
        Command(
            "file.open_data",
            "Open data folder",
            "",
            "folder",
            lambda state: open_folder(state.home),
            menu="File",
        ),
        Command(
            "file.settings", "Settings…", "Ctrl+,", "settings", lambda _s: window.open_settings(), menu="File"
        ),
        Command("file.quit", "Quit", "Ctrl+Q", "close", lambda _s: window.quit(), menu="File"),
        Command(
            "edit.undo",
            "Undo delete",
            "Ctrl+Z",
            "undo",
            lambda state: state.notices.undo(),
            lambda state: state.notices.can_undo,
            "Edit",
            "Bring back the pictures or runs that were deleted last",
        ),
        Command(
            "edit.copy_picture",
            "Copy picture",
            "Ctrl+Shift+C",
            "copy",
            lambda _s: copy_picture(view),
            has_image,
            "Edit",
        ),
        Command(
            "edit.prompt", "Go to prompt", "Ctrl+L", "prompt", lambda _s: window.focus_prompt(), menu="Edit"
        ),
        Command("view.fit", "Fit picture", "Ctrl+0", "fit", lambda _s: view.fit(), has_image, "View"),
        Command(
            "view.actual", "Actual size", "Ctrl+1", "actual", lambda _s: view.set_zoom(1.0), has_image, "View"
        ),
        Command(
            "view.zoom_in",
            "Zoom in",
            "Ctrl+=; Ctrl++",
            "zoom-in",
            lambda _s: view.set_zoom(view.zoom * 1.25),
            has_image,
            "View",
        ),
        Command(
            "view.zoom_out",
            "Zoom out",
            "Ctrl+-",
            "zoom-out",
            lambda _s: view.set_zoom(view.zoom / 1.25),
            has_image,
            "View",
        ),
        Command("view.theme_system", "Theme: as the system", "", "theme", theme("system"), menu="View"),
        Command("view.theme_light", "Theme: light", "", "theme", theme("light"), menu="View"),
        Command("view.theme_dark", "Theme: dark", "", "theme", theme("dark"), menu="View"),
        Command(
            "view.full_screen",
            "Full screen",
            "Ctrl+F11",
            "fit",
            lambda _s: window.toggle_full_screen(),
            menu="View",
        ),
        Command(
            "view.next_panel", "Go to next panel", "F6", "arrow-right", lambda _s: window.go_to_next_panel(1)
        ),
        Command(
            "view.previous_panel",
            "Go to previous panel",
            "Shift+F6",
            "arrow-left",
            lambda _s: window.go_to_next_panel(-1),
        ),
        Command(
            "view.reset_layout", "Reset layout", "", "restore", lambda _s: window.reset_layout(), menu="View"
        ),
        Command(
            "window.dismiss", "Dismiss notice, or follow the live run", "Esc", "", lambda _s: window.dismiss()
        ),
        Command(
            "help.palette",
            "Command palette",
            "Ctrl+K; Ctrl+Shift+P",
            "command",
            lambda _s: window.open_palette(),
            menu="Help",
        ),
        Command(
            "help.shortcuts",
            "Keyboard shortcuts",
            "F1",
            "keyboard",
            lambda _s: window.open_palette(),
            menu="Help",
            help="All commands with their keys",
        ),
        Command(
            "debug_view.toggle",
            "Open or close the debugger",
            "Ctrl+Shift+D",
            "bug",
            lambda _s: window.debug.toggle(),
            menu="Debug",
            help="The run is left as it is",
        ),
        Command("help.about", "About Mezzotint", "", "about", lambda _s: window.open_about(), menu="Help"),
    )
