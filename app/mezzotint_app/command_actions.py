"""Commands as QActions: one for each, in the menus and by its shortcut, enabled when the command says so."""

from __future__ import annotations

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow, QMenu

from mezzotint_app.commands import Command, CommandTable, key_sequences
from mezzotint_app.look.icons import icon
from mezzotint_app.panels.command_button import run_command
from mezzotint_app.state.app_state import AppState

__all__ = ["MENUS", "CommandActions"]

MENUS = ("File", "Edit", "Run", "Debug", "View", "Help")
LAST = ("file.settings", "file.quit")  # at the end of their menu, where people look for them


class CommandActions:
    """Menus say what is enabled when they open. A shortcut is always live and asks the command itself, so
    that nothing has to be kept up to date while no menu is open."""

    def __init__(self, window: QMainWindow, commands: CommandTable, state: AppState) -> None:
        self._state = state
        self._commands = commands
        self.actions: dict[str, QAction] = {}
        self.menus: dict[str, QMenu] = {}
        for command in commands:
            self.actions[command.id] = self._action(window, command)
        for title in MENUS:
            menu = window.menuBar().addMenu(f"&{title}")
            menu.setToolTipsVisible(True)
            group: str | None = None
            for command in sorted(commands.in_menu(title), key=lambda command: command.id in LAST):
                room = "" if command.id in LAST else command.id.split(".")[0]
                if group not in (None, room):
                    menu.addSeparator()
                group = room
                menu.addAction(self.actions[command.id])
            menu.aboutToShow.connect(lambda menu=menu: self._before(menu))
            menu.aboutToHide.connect(self._after)
            self.menus[title] = menu

    def _action(self, window: QMainWindow, command: Command) -> QAction:
        action = QAction(command.title, window)
        action.setObjectName(command.id)
        if command.icon:
            action.setIcon(icon(command.icon))
        if command.shortcut:
            action.setShortcuts(key_sequences(command.shortcut))
        if command.help:
            action.setStatusTip(command.help)
        action.triggered.connect(lambda: run_command(command, self._state))
        window.addAction(action)
        return action

    def _before(self, menu: QMenu) -> None:
        for command in self._commands:
            action = self.actions[command.id]
            if action in menu.actions():
                action.setEnabled(command.enabled(self._state))

    def _after(self) -> None:
        for action in self.actions.values():
            action.setEnabled(True)
