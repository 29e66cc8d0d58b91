"""The frame around a plot: title, legend, what the crosshair says, and a menu with everything one can do."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QSizePolicy, QVBoxLayout, QWidget

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING, Theme, theme_manager
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.plots.legend_row import LegendEntry, LegendRow
from mezzotint_app.plots.measures import format_value
from mezzotint_app.plots.plot_export import picture_of

__all__ = ["MIN_HEIGHT_PX", "PlotCard"]

MIN_HEIGHT_PX = 196  # lower, and a curve under its title and legend says nothing
LEGEND_SHARE, LEGEND_ROW_PX = 0.2, 18
READING_INSET_PX = 6
BUTTON_PX = 24
KEYS = "Arrow keys read values, + and - zoom, Shift with arrows pans, Home shows everything"


class PlotCard(QFrame):
    """Base of the cards. A subclass puts its drawing into `set_canvas` and draws in `refresh`."""

    expandAsked = Signal()
    exportAsked = Signal()
    copied = Signal()

    def __init__(self, title: str, unit: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self.unit = unit
        self.is_stale = False
        self._canvas: QWidget | None = None
        self.setProperty("role", "card")
        self.setAccessibleName(f"Plot: {title}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(MIN_HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setToolTipDuration(4000)

        self.expand = tool_button("fit", f"Only {title.lower()}, or all plots", "Return", parent=self)
        self.expand.setCheckable(True)
        self.expand.clicked.connect(self.expandAsked)
        self.menu_button = tool_button(
            "menu", f"{title}: copy, export, reset", "Menu", help=KEYS, parent=self
        )
        self.menu_button.clicked.connect(
            lambda: self.open_menu(self.menu_button.mapToGlobal(self.menu_button.rect().bottomLeft()))
        )
        for button in (self.expand, self.menu_button):
            button.setFixedSize(BUTTON_PX, BUTTON_PX)  # the title needs the room
        self.legend = LegendRow(self)
        self.legend.toggled.connect(self.on_toggled)
        self._reading = ""
        self._reading_label = QLabel(self)
        self._reading_label.setTextFormat(Qt.TextFormat.PlainText)
        self._reading_label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._reading_label.hide()
        self._hint_label = text_label("", "muted", self, wraps=True)
        self._hint_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint_label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._hint_label.hide()

        head = QHBoxLayout()
        head.setSpacing(0)
        head.addWidget(ElidedLabel(title, "heading", self), 1)
        head.addWidget(self.expand)
        head.addWidget(self.menu_button)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        self._layout.setSpacing(2)
        self._layout.addLayout(head)
        self._layout.addWidget(self.legend)
        theme_manager().changed.connect(self.apply_theme)

    # --- for subclasses ---------------------------------------------------------------------------------

    def set_canvas(self, canvas: QWidget) -> None:
        self._canvas = canvas
        self._layout.addWidget(canvas, 1)
        for label in (self._reading_label, self._hint_label):
            label.setParent(canvas)
            label.hide()

    def refresh(self) -> None:
        """Draw what the state holds now."""
        raise NotImplementedError

    def series_names(self) -> list[str]:
        """The series that it draws, for an export of its numbers."""
        raise NotImplementedError

    def refresh_news(self) -> None:
        """Draw what has come since; nothing where nothing has."""
        self.refresh()

    def follow(self) -> None:
        """From the next refresh on everything is in view again, and new points too."""

    def reset_view(self) -> None:
        """Everything in view again, following new points."""
        self.follow()
        self.refresh()

    def on_toggled(self, key: str, shown: bool) -> None:
        self.refresh()

    def apply_theme(self, theme: Theme) -> None:
        self._reading_label.setStyleSheet(
            f"background: {theme.raised}; color: {theme.text}; border: 1px solid {theme.border};"
            "border-radius: 4px; padding: 2px 6px;"
        )

    def on_key(self, key: Qt.Key, shift: bool) -> bool:
        """Whether the key was for this plot."""
        return False

    def set_entries(self, entries: list[LegendEntry]) -> None:
        self.legend.set_entries(entries)
        if self.accessibleDescription() != self.legend.text:
            self.setAccessibleDescription(self.legend.text)

    # --- reading ----------------------------------------------------------------------------------------

    def show_reading(self, text: str) -> None:
        """The crosshair's values in the corner of the plot; "" takes them away."""
        if text == self._reading:
            return
        self._reading = text
        self._reading_label.setVisible(bool(text))
        self._place_reading()

    def _place_reading(self) -> None:
        """Below, and on the side that the crosshair is not on: what one reads must not be covered."""
        if not self._reading or self._canvas is None:
            return
        label = self._reading_label
        label.setText(self._reading)
        label.adjustSize()
        if label.width() > self._canvas.width():
            label.setText(self._reading.replace(":  ", "\n").replace("  ·  ", "\n"))
            label.adjustSize()
        free = self.room_for_reading()
        left, right = free.left(), free.right() - label.width()
        label.move(max(0, right if self.reads_left() else left), max(0, free.bottom() - label.height()))
        label.raise_()

    def room_for_reading(self) -> QRect:
        """Where in the canvas the reading may stand."""
        rect = self._canvas.rect() if self._canvas is not None else self.rect()
        return rect.adjusted(READING_INSET_PX, READING_INSET_PX, -READING_INSET_PX, -READING_INSET_PX)

    def reads_left(self) -> bool:
        """Whether what is read lies in the left half."""
        return True

    def show_hint(self, text: str) -> None:
        """Why there is nothing to see, in the middle of the plot; "" takes it away."""
        if text != self._hint_label.text():
            self._hint_label.setText(text)
            self._hint_label.setVisible(bool(text))
            self._place_hint()

    def _place_hint(self) -> None:
        if self._canvas is not None and self._hint_label.text():
            self._hint_label.setGeometry(self._canvas.rect().adjusted(SPACING, 0, -SPACING, 0))

    @property
    def figures(self) -> str:
        """What the crosshair says, or else the legend with its figures."""
        return self._reading or self.accessibleDescription()

    def value_text(self, value: float) -> str:
        return format_value(value, self.unit)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.is_stale:
            self.is_stale = False
            self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.legend.set_most_rows(max(1, int(self.height() * LEGEND_SHARE) // LEGEND_ROW_PX))
        self._place_reading()
        self._place_hint()

    # --- menu, keys -------------------------------------------------------------------------------------

    def menu_entries(self) -> list[tuple[str, str, str, Callable[[], None]]]:
        """(title, icon, key, what it does)."""
        return [
            ("Show everything", "fit", "Home", self.reset_view),
            ("Copy as picture", "copy", "Ctrl+C", self.copy_picture),
            ("Export…", "export", "", self.exportAsked.emit),
        ]

    def open_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for title, icon_name, key, run in self.menu_entries():
            action = menu.addAction(icon(icon_name), title, run)
            if key:
                action.setShortcut(QKeySequence(key))
                action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)  # the card itself has the key
        menu.popup(where)

    def copy_picture(self) -> None:
        QGuiApplication.clipboard().setPixmap(picture_of(self))
        self.copied.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.open_menu(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_picture()
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_0):
            self.reset_view()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.expand.click()
        elif key == Qt.Key.Key_Menu:
            self.open_menu(self.mapToGlobal(self.rect().center()))
        elif key == Qt.Key.Key_Escape and self._reading:
            self.point_at(math.nan)
        elif not self.on_key(key, shift):
            super().keyPressEvent(event)

    def point_at(self, x: float) -> None:
        """Show the values at `x`; NaN takes the crosshair away."""
        raise NotImplementedError

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.point_at(math.nan)

    def focusInEvent(self, event: object) -> None:
        super().focusInEvent(event)  # type: ignore[arg-type]
        self._show_focus(True)

    def focusOutEvent(self, event: object) -> None:
        super().focusOutEvent(event)  # type: ignore[arg-type]
        self._show_focus(False)

    def _show_focus(self, has_focus: bool) -> None:
        color = theme_manager().theme.focus
        self.setStyleSheet(f"PlotCard {{ border: 1px solid {color}; }}" if has_focus else "")
