"""What a panel shows while it has nothing to show: what it is for, and what to do."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING, theme_manager
from mezzotint_app.look.widgets.text_label import text_label

__all__ = ["EmptyState"]

ICON_PX = 40


class EmptyState(QWidget):
    """An icon, a title, a hint, and perhaps a button, in the middle of the panel."""

    def __init__(
        self,
        icon_name: str,
        title: str,
        hint: str,
        action_title: str = "",
        action: Callable[[], None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icon_name = icon_name
        self._picture = QLabel(self)
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = text_label(title, "heading", self, wraps=True)
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint = text_label(hint, "muted", self, wraps=True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACING * 2, SPACING * 2, SPACING * 2, SPACING * 2)
        layout.setSpacing(SPACING)
        layout.addStretch(1)
        layout.addWidget(self._picture)
        layout.addWidget(self._title)
        layout.addWidget(self._hint)
        self.button: QPushButton | None = None
        if action is not None:
            self.button = QPushButton(action_title, self)
            self.button.clicked.connect(lambda: action())
            layout.addSpacing(SPACING)
            layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)
        theme_manager().changed.connect(self._draw_icon)
        self._draw_icon()

    def set_text(self, title: str, hint: str) -> None:
        self._title.setText(title)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))

    def _draw_icon(self) -> None:
        picture = icon(self._icon_name, "muted").pixmap(ICON_PX, ICON_PX)
        self._picture.setPixmap(picture)
