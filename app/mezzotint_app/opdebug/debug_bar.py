"""The strip above the docks while the debugger is open: buttons, what it says, the ladder, the latent."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING, theme_manager
from mezzotint_app.look.widgets.text_label import ElidedLabel
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.opdebug.debug_sentence import debug_sentence
from mezzotint_app.opdebug.debug_toolbar import DebugToolbar
from mezzotint_app.opdebug.ladder_bar import LadderBar
from mezzotint_app.opdebug.latent_picture import LatentPicture
from mezzotint_app.state.app_state import AppState

__all__ = ["DebugBar"]

LATENT_PX = 60
ICON_PX = 16


class DebugBar(QFrame):
    def __init__(self, state: AppState, on_close: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._look = ("", "")
        self.setProperty("role", "debug_bar")
        self.setAccessibleName("Debugger")
        self.toolbar = DebugToolbar(state, self)
        self.ladder = LadderBar(state.debug, self)
        self.latent = LatentPicture(LATENT_PX, self)
        self.mark = QLabel(self)
        self.sentence = ElidedLabel("", "", self)
        self.close_button = tool_button(
            "close",
            "Close the debugger",
            help="Back to the window as it was; the run is left as it is",
            parent=self,
        )
        self.close_button.clicked.connect(on_close)
        first = QHBoxLayout()
        first.setSpacing(SPACING)
        first.addWidget(self.toolbar)
        first.addWidget(self.mark)
        first.addWidget(self.sentence, 1)
        first.addWidget(self.close_button)
        words = QVBoxLayout()
        words.setContentsMargins(0, 0, 0, 0)
        words.setSpacing(2)
        words.addLayout(first)
        words.addWidget(self.ladder)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        layout.setSpacing(SPACING)
        layout.addLayout(words, 1)
        layout.addWidget(self.latent)
        debug = state.debug
        debug.stop_changed.connect(self.refresh)
        debug.armed_changed.connect(self.refresh)
        state.trace.opened.connect(self.refresh)
        state.runs.runChanged.connect(lambda _run: self.refresh())
        theme_manager().changed.connect(self._on_theme)
        self.refresh()

    def refresh(self) -> None:
        debug = self._state.debug
        sentence, icon_name, color = debug_sentence(self._state)
        self.sentence.setText(sentence)
        if (icon_name, color) != self._look:
            self._look = (icon_name, color)
            self.mark.setPixmap(icon(icon_name, color).pixmap(ICON_PX, ICON_PX))
        # the last stop isn't of the trace that is shown
        self.ladder.setVisible(debug.stop is not None or debug.armed or not self._state.trace.is_file)
        if debug.stop is not None or not debug.armed:
            self.latent.show_pixels(debug.latent)

    def _on_theme(self, _theme: object) -> None:
        self._look = ("", "")
        self.refresh()
