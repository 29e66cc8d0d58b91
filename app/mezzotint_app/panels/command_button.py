"""A button for a command: icon, tooltip with shortcut and accessible name all come from the command."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QPushButton, QToolButton, QWidget

from mezzotint_app.commands import Command, tooltip
from mezzotint_app.look.icons import icon
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.state.app_state import AppState

__all__ = ["command_button", "command_push_button", "run_command"]


def run_command(command: Command, state: AppState) -> None:
    """Run a command if it is enabled now. A number that is being typed counts, though its field still has the
    keyboard: a shortcut doesn't take that away."""
    focus = QApplication.focusWidget()
    if isinstance(focus, QAbstractSpinBox):
        focus.interpretText()
    if command.enabled(state):
        command.run(state)


def command_button(command: Command, state: AppState, parent: QWidget | None = None) -> QToolButton:
    """A flat button with the command's icon."""
    button = tool_button(command.icon, command.title, command.shortcut, command.help, parent)
    button.clicked.connect(lambda: run_command(command, state))
    return button


def command_push_button(
    command: Command, state: AppState, role: str = "", parent: QWidget | None = None
) -> QPushButton:
    """A button with the command's title, and its icon in the colour that goes with the role."""
    # Qt leaves no gap after an icon
    button = QPushButton(f" {command.title}" if command.icon else command.title, parent)
    if role:
        button.setProperty("role", role)
    if command.icon:
        button.setIcon(icon(command.icon, "accent_text" if role == "primary" else "text"))
        button.setIconSize(QSize(18, 18))
    button.setToolTip(tooltip(command.title, command.shortcut, command.help))
    button.setAccessibleName(command.title)
    button.clicked.connect(lambda: run_command(command, state))
    return button
