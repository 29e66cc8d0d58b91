"""The two themes as plain colours and sizes, and who decides which of them is on.

Everything is measured on one grid (`SPACING`) and one type scale. Text colours reach a contrast of 4.5 : 1 on
each ground that they are drawn on; a test computes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette

__all__ = [
    "DARK",
    "FONT_BODY",
    "FONT_SMALL",
    "FONT_TITLE",
    "LIGHT",
    "RADIUS",
    "SPACING",
    "Theme",
    "ThemeChoice",
    "ThemeManager",
    "contrast_ratio",
    "theme_manager",
]

SPACING = 8  # px: the grid; half steps (4) inside of controls only
RADIUS = 4  # px: corners of controls

FONT_SMALL = 8.5  # pt: captions, status bar, axis ticks
FONT_BODY = 9.5  # pt: everything else
FONT_TITLE = 13.0  # pt: titles of empty states and dialogs

ThemeChoice = Literal["system", "light", "dark"]


@dataclass(frozen=True)
class Theme:
    """Colours as #rrggbb. `surface` carries panels, `raised` what lies on them (fields, cards, menus)."""

    name: str
    is_dark: bool
    background: str
    surface: str
    raised: str
    hover: str
    border: str
    border_strong: str  # edges that must be seen: fields, focusable controls (3 : 1)
    text: str
    muted: str
    accent: str
    accent_text: str  # text on accent
    accent_soft: str  # ground of selections; carries `text`
    danger: str
    danger_soft: str
    warning: str
    warning_soft: str
    success: str
    focus: str
    plot_colors: tuple[str, ...]  # told apart also by people with the common colour blindnesses

    def color(self, name: str, alpha: float = 1.0) -> QColor:
        """A colour of the theme by its field name, with an alpha from 0 to 1."""
        color = QColor(getattr(self, name))
        color.setAlphaF(alpha)
        return color


LIGHT = Theme(
    name="light",
    is_dark=False,
    background="#eceef1",
    surface="#f7f8f9",
    raised="#ffffff",
    hover="#e8ebef",
    border="#d8dce2",
    border_strong="#868e9a",
    text="#1b1f25",
    muted="#59626e",
    accent="#2b5cc4",
    accent_text="#ffffff",
    accent_soft="#d9e4fb",
    danger="#b3261e",
    danger_soft="#fbe6e4",
    warning="#805400",
    warning_soft="#fbf0d8",
    success="#19703b",
    focus="#2b5cc4",
    plot_colors=("#2b5cc4", "#c4501b", "#0f7f6c", "#9a4c9c", "#806000", "#55708c", "#b0305c", "#4d7a1f"),
)

DARK = Theme(
    name="dark",
    is_dark=True,
    background="#121418",
    surface="#1a1d22",
    raised="#23272e",
    hover="#2c313a",
    border="#30353e",
    border_strong="#6d7582",
    text="#e5e8ec",
    muted="#a0a8b4",
    accent="#8ab0ff",
    accent_text="#0d1a33",
    accent_soft="#2a3c61",
    danger="#ff9089",
    danger_soft="#43221f",
    warning="#f2c063",
    warning_soft="#3d3117",
    success="#7dd39a",
    focus="#8ab0ff",
    plot_colors=("#8ab0ff", "#f2a35e", "#55cdb3", "#d795da", "#e0cd5d", "#a3b6cb", "#f58ba8", "#a6d16f"),
)


def contrast_ratio(first: str, second: str) -> float:
    """Contrast of two colours as WCAG 2 defines it, from 1 (equal) to 21 (black on white)."""

    def luminance(name: str) -> float:
        color = QColor(name)
        channels = (color.redF(), color.greenF(), color.blueF())
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def palette_of(theme: Theme) -> QPalette:
    """The theme as Qt's palette, for what a style sheet doesn't reach (item views, native dialogs)."""
    roles = {
        QPalette.ColorRole.Window: theme.surface,
        QPalette.ColorRole.WindowText: theme.text,
        QPalette.ColorRole.Base: theme.raised,
        QPalette.ColorRole.AlternateBase: theme.surface,
        QPalette.ColorRole.Text: theme.text,
        QPalette.ColorRole.PlaceholderText: theme.muted,
        QPalette.ColorRole.Button: theme.raised,
        QPalette.ColorRole.ButtonText: theme.text,
        QPalette.ColorRole.BrightText: theme.danger,
        QPalette.ColorRole.Highlight: theme.accent_soft,
        QPalette.ColorRole.HighlightedText: theme.text,
        QPalette.ColorRole.ToolTipBase: theme.raised,
        QPalette.ColorRole.ToolTipText: theme.text,
        QPalette.ColorRole.Link: theme.accent,
        QPalette.ColorRole.LinkVisited: theme.accent,
        QPalette.ColorRole.Light: theme.hover,
        QPalette.ColorRole.Midlight: theme.hover,
        QPalette.ColorRole.Mid: theme.border,
        QPalette.ColorRole.Dark: theme.border_strong,
        QPalette.ColorRole.Shadow: theme.background,
        QPalette.ColorRole.Accent: theme.accent,
    }
    palette = QPalette()
    for role, name in roles.items():
        palette.setColor(role, QColor(name))
    faded = QColor(theme.muted)
    faded.setAlphaF(0.6)
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, faded)
    return palette


class ThemeManager(QObject):
    """Which theme is on: the system's, unless the user chose one."""

    changed = Signal(object)  # Theme

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._choice: ThemeChoice = "system"
        self._theme = self._wanted()
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._refresh)

    @property
    def theme(self) -> Theme:
        return self._theme

    @property
    def choice(self) -> ThemeChoice:
        return self._choice

    def choose(self, choice: ThemeChoice) -> None:
        """Follow the system, or stay light or dark."""
        self._choice = choice
        self._refresh()

    def _wanted(self) -> Theme:
        if self._choice != "system":
            return DARK if self._choice == "dark" else LIGHT
        return DARK if QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark else LIGHT

    def _refresh(self) -> None:
        theme = self._wanted()
        if theme is not self._theme:
            self._theme = theme
            self.changed.emit(theme)


_manager: ThemeManager | None = None


def theme_manager() -> ThemeManager:
    """The application's one theme manager, made at the first call; it needs a QGuiApplication."""
    global _manager
    if _manager is None:
        _manager = ThemeManager()
    return _manager
