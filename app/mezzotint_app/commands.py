"""Every action of the user as data: menus, the command palette, shortcuts and tooltips are built from it.

Each panel lists its own in `panels/<name>_commands.py` as `COMMANDS`; the main window adds its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtGui import QKeySequence

if TYPE_CHECKING:
    from mezzotint_app.state.app_state import AppState

__all__ = ["Command", "CommandTable", "key_sequences", "tooltip"]


def _always(_state: AppState) -> bool:
    return True


@dataclass(frozen=True)
class Command:
    """One action. `id` is `room.verb`; `shortcut` in Qt's portable text, more than one parted by `; `."""

    id: str
    title: str  # as in a menu, without an ampersand: "Cancel run"
    shortcut: str = ""
    icon: str = ""  # a name of look/icons.py
    run: Callable[[AppState], None] = lambda _state: None
    enabled: Callable[[AppState], bool] = _always
    menu: str = ""  # File, Edit, Run, View, Help; "" is in the palette only
    help: str = ""  # one sentence for the tooltip and the status bar


def key_sequences(shortcut: str) -> list[QKeySequence]:
    """The keys of a command's `shortcut` text; none for ""."""
    return [QKeySequence(text) for text in shortcut.split("; ") if text]


class CommandTable:
    """All commands by id. Two with one id, or with one shortcut, are an error of ours: ValueError."""

    def __init__(self, commands: Iterable[Command] = ()) -> None:
        self._commands: dict[str, Command] = {}
        self._shortcuts: dict[str, str] = {}
        self.add(*commands)

    def add(self, *commands: Command) -> None:
        for command in commands:
            if command.id in self._commands:
                raise ValueError(f"two commands are called {command.id!r}")
            for key in key_sequences(command.shortcut):
                text = key.toString()
                if text in self._shortcuts:
                    raise ValueError(f"{command.id} and {self._shortcuts[text]} both want {text}")
                self._shortcuts[text] = command.id
            self._commands[command.id] = command

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands.values())

    def __getitem__(self, command_id: str) -> Command:
        return self._commands[command_id]

    def in_menu(self, menu: str) -> list[Command]:
        return [command for command in self if command.menu == menu]


def tooltip(title: str, shortcut: str = "", help: str = "") -> str:
    """The text of a tooltip: what it does, and the keys for it as this platform writes them."""
    keys = [key.toString(QKeySequence.SequenceFormat.NativeText) for key in key_sequences(shortcut)]
    first = f"{title} ({' or '.join(keys)})" if keys else title
    return f"{first}\n{help}" if help else first
