"""Icons by name, drawn from the Phosphor font that comes with qtawesome, in the theme's colours.

qtawesome itself is not imported: it reads all of its fonts, which takes longer than the whole window. An icon
asks for the theme when it is painted, so it follows a change of theme by itself and is sharp at any scale.
"""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

import msgspec
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontDatabase, QIcon, QIconEngine, QPainter, QPixmap, QPixmapCache

from mezzotint_app.look.theme import Theme, theme_manager

__all__ = ["icon", "icon_names", "paint_icon"]

# What the window calls them, and Phosphor's name: one place to change the set.
_GLYPHS = {
    "actual": "number-square-one",
    "add": "plus",
    "about": "info",
    "arrow-down": "arrow-down",
    "arrow-left": "arrow-left",
    "arrow-right": "arrow-right",
    "arrow-up": "arrow-up",
    "breakpoint": "record",
    "bug": "bug",
    "cancel": "x-circle",
    "check": "check",
    "chevron-down": "caret-down",
    "chevron-right": "caret-right",
    "clear": "eraser",
    "close": "x",
    "command": "command",
    "compare": "square-half",
    "console": "terminal",
    "copy": "copy",
    "debug-back": "rewind",
    "debug-continue": "play",
    "debug-cursor": "arrow-line-right",
    "debug-into": "arrow-line-down",
    "debug-out": "arrow-line-up",
    "debug-over": "arrow-bend-right-down",
    "delete": "trash",
    "detach": "eject",
    "device": "cpu",
    "dice": "dice-five",
    "document": "file-text",
    "download": "download-simple",
    "duplicate": "copy-simple",
    "engine": "gear",
    "error": "warning-octagon",
    "export": "export",
    "eye": "eye",
    "eye-off": "eye-slash",
    "fit": "corners-out",
    "folder": "folder-open",
    "gallery": "squares-four",
    "generate": "sparkle",
    "grip": "dots-six-vertical",
    "hand": "hand-palm",
    "image": "image",
    "info": "info",
    "invert": "circle-half",
    "keyboard": "keyboard",
    "kill": "x-circle",
    "lightning": "lightning",
    "list": "list-bullets",
    "lock": "lock-simple",
    "log": "terminal-window",
    "mask": "paint-brush",
    "memory": "hard-drives",
    "menu": "dots-three-vertical",
    "model": "cube",
    "open": "folder-open",
    "pause": "pause",
    "play": "play",
    "plots": "chart-line",
    "prompt": "text-aa",
    "queue": "queue",
    "redo": "arrow-u-up-right",
    "remove": "minus",
    "restore": "arrow-counter-clockwise",
    "retry": "arrow-clockwise",
    "save": "floppy-disk",
    "search": "magnifying-glass",
    "settings": "gear-six",
    "sliders": "sliders-horizontal",
    "smooth": "drop-half",
    "spinner": "spinner-gap",
    "stop": "stop",
    "success": "check-circle",
    "swap": "swap",
    "tensors": "grid-four",
    "theme": "moon",
    "time": "timer",
    "undo": "arrow-u-up-left",
    "warning": "warning",
    "window": "app-window",
    "zoom-in": "magnifying-glass-plus",
    "zoom-out": "magnifying-glass-minus",
}


@cache
def _font_files() -> tuple[Path, Path]:
    """The font and its table of names, newest version first; their names carry a version number."""
    spec = importlib.util.find_spec("qtawesome")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("The icon font is missing: install the package qtawesome.")
    folder = Path(spec.submodule_search_locations[0]) / "fonts"
    fonts = sorted(folder.glob("phosphor-[0-9]*.ttf"))
    tables = sorted(folder.glob("phosphor-charmap-*.json"))
    if not fonts or not tables:
        raise RuntimeError(
            "The icon font Phosphor is missing: install a qtawesome that has it (1.2 or newer)."
        )
    return fonts[-1], tables[-1]


@cache
def _family() -> str:
    number = QFontDatabase.addApplicationFont(str(_font_files()[0]))
    return QFontDatabase.applicationFontFamilies(number)[0]


@cache
def _characters() -> dict[str, str]:
    table = msgspec.json.decode(_font_files()[1].read_bytes(), type=dict[str, str])
    return {name: chr(int(re.sub("^0x", "", code), 16)) for name, code in table.items()}


def icon_names() -> tuple[str, ...]:
    """All names that `icon` takes."""
    return tuple(_GLYPHS)


@cache
def _glyph(name: str) -> str:
    if name not in _GLYPHS:
        raise KeyError(f"there is no icon {name!r}; look/icons.py lists them")
    return _characters()[_GLYPHS[name]]


def paint_icon(painter: QPainter, rect: QRect, name: str, color: str) -> None:
    """Draw an icon centred into `rect` (logical pixels) in a colour of the theme (its field name)."""
    painter.save()
    font = QFont(_family())
    font.setPixelSize(max(1, min(rect.width(), rect.height())))
    painter.setFont(font)
    painter.setPen(theme_manager().theme.color(color))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, _glyph(name))
    painter.restore()


class _GlyphEngine(QIconEngine):
    def __init__(self, name: str, color: str) -> None:
        super().__init__()
        self._name = name
        self._color = color
        _glyph(name)  # a wrong name fails here, not while painting

    def _color_for(self, mode: QIcon.Mode, theme: Theme) -> tuple[str, float]:
        if mode == QIcon.Mode.Disabled:
            return theme.muted, 0.45
        return getattr(theme, self._color), 1.0

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        name, opacity = self._color_for(mode, theme_manager().theme)
        painter.save()
        painter.setOpacity(painter.opacity() * opacity)
        font = QFont(_family())
        font.setPixelSize(max(1, min(rect.width(), rect.height())))
        painter.setFont(font)
        painter.setPen(name)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, _glyph(self._name))
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        # `size` is in logical pixels (since Qt 6.8), the pixmap's own in device pixels
        color, _ = self._color_for(mode, theme_manager().theme)
        device = QSize(round(size.width() * scale), round(size.height() * scale))
        key = f"mezzotint-icon/{self._name}/{color}/{mode.value}/{device.width()}x{device.height()}@{scale}"
        pixmap = QPixmap()
        if QPixmapCache.find(key, pixmap):
            return pixmap
        pixmap = QPixmap(device)
        pixmap.setDevicePixelRatio(scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        QPixmapCache.insert(key, pixmap)
        return pixmap

    def clone(self) -> QIconEngine:
        return _GlyphEngine(self._name, self._color)


@cache
def icon(name: str, color: str = "text") -> QIcon:
    """An icon by its name in this window, in a colour of the theme (a field name of `Theme`).

    Raises KeyError for an unknown name.
    """
    return QIcon(_GlyphEngine(name, color))
