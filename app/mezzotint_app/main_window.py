"""The window: lays out docks and menus, and knows nothing of what is in them."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QCloseEvent, QGuiApplication, QShowEvent
from PySide6.QtWidgets import QMainWindow, QMenu, QVBoxLayout, QWidget

from mezzotint_app.command_actions import CommandActions
from mezzotint_app.commands import Command, CommandTable
from mezzotint_app.dock_area import DockArea, Panel
from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import theme_manager
from mezzotint_app.opdebug import debug_commands, open_trace
from mezzotint_app.opdebug.debug_layout import DebugLayout
from mezzotint_app.panels import gallery_commands, generate_commands, open_files, queue_commands
from mezzotint_app.panels.about_dialog import AboutDialog
from mezzotint_app.panels.canvas_panel import CanvasPanel
from mezzotint_app.panels.close_dialog import ask_on_close
from mezzotint_app.panels.command_palette import CommandPalette
from mezzotint_app.panels.drop_target import DropTarget
from mezzotint_app.panels.gallery_panel import GalleryPanel
from mezzotint_app.panels.generate_panel import GeneratePanel
from mezzotint_app.panels.log_panel import LogPanel
from mezzotint_app.panels.notice_bar import NoticeBar
from mezzotint_app.panels.plots_panel import PlotsPanel
from mezzotint_app.panels.queue_panel import QueuePanel
from mezzotint_app.panels.settings_dialog import SettingsDialog
from mezzotint_app.panels.status_bar import EngineStatusBar
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.canvas_state import LIVE
from mezzotint_app.window_commands import window_commands
from mezzotint_app.window_layout import restore_layout, save_layout

__all__ = ["MainWindow"]

START_SIZE = (1320, 840)
SMALLEST = (960, 600)
LAYOUT_FILE = "window.json"


class MainWindow(QMainWindow):
    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        self.setWindowTitle("Mezzotint")
        self.setMinimumSize(*SMALLEST)
        size = QSize(*START_SIZE)
        if QGuiApplication.platformName() != "offscreen":  # a screen that nobody looks at, of 800 × 800
            # docks are laid out for this width, so it must be the one that the window gets
            size = size.boundedTo(self.screen().availableSize()).expandedTo(QSize(*SMALLEST))
        self.resize(size)
        self.generate = GeneratePanel(state)
        self.canvas = CanvasPanel(state)
        self.notices = NoticeBar(state.notices)
        self.docks = DockArea(
            self,
            [
                Panel("canvas", "Canvas", "image", "centre", self.canvas),
                Panel("generate", "Generate", "generate", "left", self.generate),
                Panel("plots", "Plots", "plots", "below", PlotsPanel(state)),
                Panel("log", "Log", "log", "below", LogPanel(state)),
                Panel("queue", "Queue", "queue", "right", QueuePanel(state)),
                Panel("gallery", "Gallery", "gallery", "right", GalleryPanel(state)),
            ],
        )
        middle = QWidget(self)
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.notices)
        above = QVBoxLayout()
        layout.addLayout(above)
        layout.addWidget(self.docks.manager, 1)
        self.setCentralWidget(middle)
        self.setStatusBar(EngineStatusBar(state, self))
        self.debug = DebugLayout(state, self.docks, above, self)

        self.commands = CommandTable()
        for commands in (
            generate_commands.COMMANDS,
            open_files.COMMANDS,
            window_commands(self),
            queue_commands.COMMANDS,
            gallery_commands.COMMANDS,
            debug_commands.COMMANDS,
            open_trace.COMMANDS,
            self._panel_commands(),
        ):
            self.commands.add(*commands)
        self.actions_of = CommandActions(self, self.commands, state)
        self._add_panel_menu(self.actions_of.menus["View"])
        self._palette = CommandPalette(self.commands, state, self)
        self._layout_path = state.home / LAYOUT_FILE
        self._is_shown = False
        self.drop_target = DropTarget(self, state, [panel.widget for panel in self.docks.panels])
        restore_layout(self._layout_path, self, self.docks.manager)
        state.settings.changed.connect(self._on_setting)
        self._on_setting("theme")

    # --- what commands do ------------------------------------------------------------------------------

    def focus_prompt(self) -> None:
        self.docks.go_to("generate")
        self.generate.focus_prompt()

    def open_palette(self) -> None:
        self._palette.open_over(self)

    def open_settings(self) -> None:
        SettingsDialog(self.state.settings, self).open()

    def open_about(self) -> None:
        AboutDialog(self.state, self).open()

    def toggle_full_screen(self) -> None:
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()

    def go_to_next_panel(self, by: int) -> None:
        self.docks.go_to_next(by)

    def reset_layout(self) -> None:
        if self.debug.is_open:
            self.debug.reset()
        else:
            self.docks.reset()

    def dismiss(self) -> None:
        if self.notices.current is not None:
            self.notices.dismiss()
        else:
            self.state.canvas.show(LIVE)

    def quit(self) -> None:
        self.close()

    # --- building and closing --------------------------------------------------------------------------

    def _panel_commands(self) -> tuple[Command, ...]:
        return tuple(
            Command(
                f"panel.{panel.key}",
                f"Go to {panel.title}",
                f"Alt+{place}",
                panel.icon,
                lambda _state, key=panel.key: self.docks.go_to(key),  # type: ignore[misc]
                menu="View",
            )
            for place, panel in enumerate(self.docks.panels, start=1)
        )

    def _add_panel_menu(self, view: QMenu) -> None:
        view.addSeparator()
        panels = view.addMenu(icon("window"), "Panels")

        def refresh() -> None:
            panels.clear()
            for key in self.debug.keys if self.debug.is_open else [panel.key for panel in self.docks.panels]:
                panels.addAction(self.docks.docks[key].toggleViewAction())

        panels.aboutToShow.connect(refresh)
        refresh()

    def _on_setting(self, name: str) -> None:
        if name == "theme":
            theme_manager().choose(self.state.settings.values.theme)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._is_shown:
            self._is_shown = True
            self.generate.focus_prompt()

    def closeEvent(self, event: QCloseEvent) -> None:
        active, queued = self.state.runs.active(), self.state.runs.queued()
        answer = self.state.settings.values.on_close
        if answer == "ask" and (active or queued) and self.state.engine.is_connected:
            chosen, remember = ask_on_close(len(active), len(queued), self)
            if chosen == "stay":
                event.ignore()
                return
            answer = chosen
            if remember:
                self.state.settings.set(on_close=chosen)
        if answer == "stop" and self.state.engine.is_connected:
            self.state.runs.cancel_all()
            self.state.engine.stop_engine()
        self.debug.save()
        save_layout(self._layout_path, self, self.docks.manager)
        self.state.close()
        event.accept()
