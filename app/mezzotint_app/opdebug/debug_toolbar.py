"""The debugger's buttons, in the order of IDE debuggers, and the level at which they step."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu, QToolButton, QWidget

from mezzotint_app.commands import Command, tooltip
from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.opdebug.debug_commands import (
    BREAK,
    BREAKPOINT,
    DETACH,
    RESTART,
    STEPS,
    STOP,
    why_not,
)
from mezzotint_app.opdebug.level_names import LEVEL_TITLES
from mezzotint_app.panels.command_button import command_button
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.debug_state import LEVELS

__all__ = ["DebugToolbar"]

CALM_MS = 150  # a step that takes less doesn't make the buttons blink
RECORDS = (
    ("nothing", "Record nothing: stop at breakpoints only"),
    ("descriptors", "Record every op: shapes, times, memory"),
    ("statistics", "Record every op with statistics of its outputs"),
)
STARTS = (
    ("auto", "Stop at the first op if no breakpoint is set"),
    ("first_op", "Stop at the first op"),
    ("first_step", "Stop at the first step"),
    ("never", "Stop at breakpoints only"),
)


class DebugToolbar(QWidget):
    """Commands that can't be used say why in their tooltip."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.buttons: dict[str, QToolButton] = {}
        self._commands: dict[str, Command] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for group in (STEPS, (BREAK, RESTART, STOP), (BREAKPOINT, DETACH)):
            for command in group:
                button = command_button(command, state, self)
                self.buttons[command.id] = button
                self._commands[command.id] = command
                row.addWidget(button)
            row.addSpacing(SPACING)
        self.level = QComboBox(self)
        self.level.setAccessibleName("Level at which steps work")
        self.level.setToolTip(tooltip("Step by", "Ctrl+Alt+Up; Ctrl+Alt+Down", "Farther or nearer"))
        for level in LEVELS:
            self.level.addItem(f"By {LEVEL_TITLES[level].lower()}", level)
        calm_wheel(self.level)
        self.level.activated.connect(lambda row: state.debug.set_level(LEVELS[row]))
        row.addWidget(self.level)
        self.options = tool_button(
            "sliders", "Debugger options", help="What is recorded, and where runs stop", parent=self
        )
        self.options.clicked.connect(self._open_options)
        row.addWidget(self.options)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(CALM_MS)
        self._calm.timeout.connect(self.refresh)
        debug, runs = state.debug, state.runs
        for signal in (debug.stop_changed, debug.going_changed, debug.armed_changed):
            signal.connect(self._on_debug)
        for signal in (runs.runChanged, runs.runAdded, state.generate.blockerChanged, debug.cursor_changed):
            signal.connect(self._ask)
        runs.reset.connect(self._ask)
        debug.level_changed.connect(self._show_level)
        self._show_level()
        self.refresh()

    def _on_debug(self) -> None:
        if self._state.debug.is_stopped:
            self._calm.stop()
            self.refresh()
        else:
            self._ask()

    def _ask(self, *_arguments: object) -> None:
        if not self._calm.isActive():
            self._calm.start()

    def refresh(self) -> None:
        """Enable what can be used now."""
        for name, button in self.buttons.items():
            command = self._commands[name]
            reason = why_not(command, self._state)
            # a button that has the keyboard keeps it from one stop to the next
            can = not reason or button.hasFocus()
            if button.isEnabled() != can:
                button.setEnabled(can)
            text = tooltip(command.title, command.shortcut, reason or command.help)
            if button.toolTip() != text:
                button.setToolTip(text)
                button.setAccessibleDescription(reason)

    def _show_level(self) -> None:
        level = self._state.debug.level
        with QSignalBlocker(self.level):
            self.level.setCurrentIndex(LEVELS.index(level) if level in LEVELS else 0)

    # --- options ---------------------------------------------------------------------------------------

    def build_options(self) -> QMenu:
        """How runs are debugged from now on."""
        menu = QMenu(self)
        values = self._state.settings.values
        for field, choices in (("debug_stop_at", STARTS), ("debug_record", RECORDS)):
            group = QActionGroup(menu)
            for key, title in choices:
                action = menu.addAction(title)
                action.setCheckable(True)
                action.setChecked(getattr(values, field) == key)
                action.triggered.connect(
                    lambda _on=False, field=field, key=key: self._state.settings.set(**{field: key})
                )
                group.addAction(action)
            menu.addSeparator()
        action = menu.addAction("Stop where the run fails")
        action.setCheckable(True)
        action.setChecked(values.debug_on_exception)
        action.toggled.connect(lambda on: self._state.settings.set(debug_on_exception=on))
        return menu

    def _open_options(self) -> None:
        menu = self.build_options()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.options.mapToGlobal(self.options.rect().bottomLeft()))
