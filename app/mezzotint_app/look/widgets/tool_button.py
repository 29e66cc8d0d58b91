"""A flat button with an icon, its name for screen readers, and a tooltip that shows its shortcut."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QToolButton, QWidget

from mezzotint_app.commands import tooltip
from mezzotint_app.look.icons import icon

__all__ = ["tool_button"]

ICON_PX = 18


def tool_button(
    icon_name: str,
    title: str,
    shortcut: str = "",
    help: str = "",
    parent: QWidget | None = None,
    *,
    checkable: bool = False,
) -> QToolButton:
    """The button; `title` is its accessible name and the first line of its tooltip."""
    button = QToolButton(parent)
    button.setIcon(icon(icon_name))
    button.setIconSize(QSize(ICON_PX, ICON_PX))
    button.setAccessibleName(title)
    button.setToolTip(tooltip(title, shortcut, help))
    button.setCheckable(checkable)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button
