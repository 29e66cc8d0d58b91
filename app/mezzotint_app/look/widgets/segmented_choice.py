"""A few exclusive choices side by side, as one control: arrow keys move between them."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from mezzotint_app.look.icons import icon

__all__ = ["SegmentedChoice"]


class SegmentedChoice(QWidget):
    """`chosen` is emitted with the key that the user picked."""

    chosen = Signal(str)

    def __init__(
        self, name: str, choices: list[tuple[str, str, str, str]], parent: QWidget | None = None
    ) -> None:
        """`choices`: (key, title, icon name, tooltip)."""
        super().__init__(parent)
        self.setAccessibleName(name)
        self._buttons: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for place, (key, title, icon_name, help) in enumerate(choices):
            button = QToolButton(self)
            button.setText(f" {title}" if icon_name else title)  # Qt leaves no gap after an icon
            button.setCheckable(True)
            button.setToolTip(help)
            button.setAccessibleName(f"{name}: {title}")
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.setProperty("role", "segment")
            edge = "first" if place == 0 else "last" if place == len(choices) - 1 else "middle"
            button.setProperty("edge", edge)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            if icon_name:
                button.setIcon(icon(icon_name))
                button.setIconSize(QSize(16, 16))
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.clicked.connect(lambda _checked=False, key=key: self.chosen.emit(key))
            self._group.addButton(button)
            self._buttons[key] = button
            layout.addWidget(button)

    def set_chosen(self, key: str) -> None:
        if key in self._buttons:
            self._buttons[key].setChecked(True)

    def button(self, key: str) -> QToolButton:
        return self._buttons[key]

    def set_available(self, keys: set[str], why_not: str) -> None:
        """Enable these choices; the others say `why_not` in their tooltip."""
        for key, button in self._buttons.items():
            if button.isEnabled() != (key in keys):
                button.setEnabled(key in keys)
                button.setStatusTip("" if key in keys else why_not)
