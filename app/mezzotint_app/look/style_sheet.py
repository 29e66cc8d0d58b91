"""The style sheet over Fusion: flat, one grid, visible focus. Properties on widgets pick the variants.

Variants are set with `widget.setProperty("role", ...)`: `primary`, `danger`, `quiet`, `link` on buttons;
`title`, `heading`, `muted`, `small`, `error`, `warning`, `success` on labels; `card`, `line` and `notice` on
frames. A property `invalid` marks a field with a wrong value.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from string import Template

from PySide6.QtGui import QFont, QIcon
from PySide6.QtWidgets import QApplication, QStyleFactory

from mezzotint_app.look.theme import (
    FONT_BODY,
    FONT_SMALL,
    FONT_TITLE,
    RADIUS,
    SPACING,
    Theme,
    palette_of,
    theme_manager,
)

__all__ = ["install_look", "style_sheet"]

_SHEET = Template("""
QWidget { font-size: ${body}pt; }
QMainWindow, QDialog, QMessageBox { background: $surface; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QToolTip { background: $raised; color: $text; border: 1px solid $border; padding: 4px; }

QLabel[role="title"] { font-size: ${title}pt; font-weight: 600; }
QLabel[role="heading"] { font-weight: 600; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="small"] { color: $muted; font-size: ${small}pt; }
QLabel[role="error"] { color: $danger; font-size: ${small}pt; }
QLabel[role="warning"] { color: $warning; font-size: ${small}pt; }
QLabel[role="success"] { color: $success; font-size: ${small}pt; }

QPushButton, QToolButton {
    background: $raised; color: $text; border: 1px solid $border_strong; border-radius: ${radius}px;
    padding: 4px 12px; min-height: 20px;
}
QToolButton { padding: 3px; min-width: 20px; border-color: transparent; background: transparent; }
QPushButton:hover, QToolButton:hover { background: $hover; }
QPushButton:pressed, QToolButton:pressed, QToolButton:checked { background: $accent_soft; }
QPushButton:focus, QToolButton:focus { border: 2px solid $focus; padding: 3px 11px; }
QToolButton:focus { padding: 2px; }
QPushButton:disabled, QToolButton:disabled { color: $faded; border-color: $border; background: transparent; }
QToolButton:disabled { border-color: transparent; }
QToolButton::menu-indicator { image: none; }
/* icon and clear button inside a field are tool buttons too: with our height they would hang below it */
QLineEdit > QToolButton { padding: 0; margin: 0; border: none; min-width: 0; min-height: 0; }
QLineEdit > QToolButton:hover { background: transparent; }
QToolButton[role="segment"] {
    background: $raised; border: 1px solid $border_strong; border-right: none; border-radius: 0;
    padding: 3px 6px; min-height: 20px;
}
QToolButton[role="segment"][edge="first"] {
    border-top-left-radius: ${radius}px; border-bottom-left-radius: ${radius}px;
}
QToolButton[role="segment"][edge="last"] {
    border-right: 1px solid $border_strong;
    border-top-right-radius: ${radius}px; border-bottom-right-radius: ${radius}px;
}
QToolButton[role="segment"]:hover { background: $hover; }
QToolButton[role="segment"]:checked { background: $accent_soft; color: $text; }
QToolButton[role="segment"]:focus { border: 2px solid $focus; padding: 2px 5px; }
QToolButton[role="segment"]:disabled { color: $faded; background: $surface; }
QPushButton[role="primary"] {
    background: $accent; color: $accent_text; border-color: $accent; font-weight: 600; min-height: 24px;
}
QPushButton[role="primary"]:hover { background: $accent_hover; }
QPushButton[role="primary"]:focus { border: 2px solid $text; }
QPushButton[role="primary"]:disabled { background: $hover; color: $faded; border-color: $border; }
QPushButton[role="danger"] { color: $danger; }
QPushButton[role="quiet"] { border-color: transparent; background: transparent; }
QPushButton[role="quiet"]:hover { background: $hover; }
QPushButton[role="quiet"]:focus { border-color: $focus; }
QPushButton[role="link"] {
    border-color: transparent; background: transparent; color: $accent; padding: 2px 4px; text-align: left;
}
QPushButton[role="link"]:focus { border: 2px solid $focus; padding: 1px 3px; }

QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox {
    background: $raised; color: $text; border: 1px solid $border_strong; border-radius: ${radius}px;
    padding: 3px 6px; selection-background-color: $accent_soft; selection-color: $text;
}
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox { min-height: 20px; }
QSpinBox, QDoubleSpinBox { max-height: 20px; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus,
QComboBox:focus {
    border: 2px solid $focus; padding: 2px 5px;
}
QLineEdit:disabled, QPlainTextEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {
    color: $faded; border-color: $border; background: $surface;
}
QWidget[invalid="true"] { border: 2px solid $danger; padding: 2px 5px; }
QSpinBox QLineEdit, QDoubleSpinBox QLineEdit, QComboBox QLineEdit {
    border: none; padding: 0; background: transparent; min-height: 0;
}
QSpinBox::up-button, QDoubleSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::down-button {
    border: none; background: transparent; width: 16px;
}
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url($icons/arrow-up.svg); width: 10px; height: 10px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow {
    image: url($icons/arrow-down.svg); width: 10px; height: 10px;
}
QComboBox::drop-down { border: none; width: 20px; }
QComboBox::down-arrow { image: url($icons/arrow-down.svg); width: 10px; height: 10px; }
/* A list below the box: as a menu over it, Fusion's choice, it is too low and cuts its last item in half. */
QComboBox { combobox-popup: 0; }
QComboBox QAbstractItemView {
    background: $raised; color: $text; border: 1px solid $border_strong; outline: none; padding: 0;
    selection-background-color: $accent_soft; selection-color: $text;
}
QComboBox QAbstractItemView::item { min-height: 22px; padding: 0 4px; }

QCheckBox, QRadioButton {
    spacing: ${spacing}px; padding: 2px; border: 2px solid transparent; border-radius: ${radius}px;
}
QCheckBox:focus, QRadioButton:focus { border-color: $focus; }

QCheckBox::indicator, QAbstractItemView::indicator {
    width: 14px; height: 14px; border: 1px solid $border_strong; border-radius: 3px; background: $raised;
}
QCheckBox::indicator:checked, QAbstractItemView::indicator:checked {
    background: $accent; border-color: $accent; image: url($icons/check-$name.svg);
}

QSlider::groove:horizontal { height: 4px; background: $border; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::handle:horizontal {
    background: $raised; border: 2px solid $accent; width: 10px; height: 10px; margin: -5px 0;
    border-radius: 7px;
}
QSlider::handle:horizontal:focus { background: $accent; border-color: $text; }
QSlider:disabled::handle:horizontal { border-color: $border_strong; }

QMenuBar { background: $background; color: $text; padding: 2px 4px; border-bottom: 1px solid $border; }
QMenuBar::item { padding: 4px 8px; border-radius: ${radius}px; background: transparent; }
QMenuBar::item:selected { background: $hover; }
QMenu { background: $raised; color: $text; border: 1px solid $border; padding: 4px; }
QMenu::item { padding: 5px 24px 5px 8px; border-radius: ${radius}px; }
QMenu::item:selected { background: $accent_soft; }
QMenu::item:disabled { color: $faded; }
QMenu::icon { padding-left: 8px; }
QMenu::separator { height: 1px; background: $border; margin: 4px 8px; }

QAbstractItemView { background: $raised; color: $text; border: 1px solid $border; outline: none; }
QAbstractItemView::item:selected { background: $accent_soft; color: $text; }
QAbstractItemView:focus { border: 1px solid $focus; }
QHeaderView { background: $surface; border: none; }
QHeaderView::section {
    background: $surface; color: $muted; border: none; border-bottom: 1px solid $border; padding: 4px;
    font-size: ${small}pt;
}

QAbstractItemView[role="strip"] { background: $surface; }

QScrollArea { border: none; background: transparent; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle { background: $scroll; border-radius: 4px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::handle:disabled { background: transparent; }
QScrollBar::handle:hover { background: $border_strong; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QSplitter::handle { background: $border; }
QSplitter::handle:horizontal { width: 1px; }
QSplitter::handle:vertical { height: 1px; }
QStatusBar { background: $background; color: $muted; border-top: 1px solid $border; font-size: ${small}pt; }
QStatusBar::item { border: none; }
QStatusBar QLabel { font-size: ${small}pt; color: $muted; }
QTabWidget::pane { border: none; border-top: 1px solid $border; }
QTabBar::tab { padding: 6px 12px; color: $muted; border: none; border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabBar::tab:focus { color: $accent; }
QProgressBar { background: $border; border: none; border-radius: 2px; max-height: 4px; }
QProgressBar::chunk { background: $accent; border-radius: 2px; }

QFrame[role="debug_bar"] { background: $surface; border: none; border-bottom: 1px solid $border; }
QToolButton[role="rung"] {
    padding: 1px 8px; min-height: 16px; border: 1px solid transparent; font-size: ${small}pt;
}
QToolButton[role="rung"]:checked { border-color: $accent; background: $accent_soft; }
QToolButton[role="rung"][stale="true"] { color: $muted; }
QToolButton[role="rung"]:focus { border: 2px solid $focus; padding: 0 7px; }
QPlainTextEdit[role="plain"] { border: none; border-bottom: 1px solid $border; border-radius: 0; }
QPlainTextEdit[role="plain"]:focus { border: 2px solid $focus; padding: 2px 5px; }
QFrame[role="card"] { background: $raised; border: 1px solid $border; border-radius: ${radius}px; }
QFrame[role="line"] { background: $border; border: none; max-height: 1px; min-height: 1px; }
QFrame[role="notice"] { background: $accent_soft; border: none; border-bottom: 1px solid $border; }
QFrame[role="notice"][level="warning"] { background: $warning_soft; }
QFrame[role="notice"][level="error"] { background: $danger_soft; }

ads--CDockContainerWidget { background: $background; }
ads--CDockContainerWidget > QSplitter { padding: 0; }
ads--CDockSplitter::handle { background: $background; }
ads--CDockAreaWidget { background: $surface; border: 1px solid $border; }
ads--CDockAreaTitleBar {
    background: $background; border: none; border-bottom: 1px solid $border; padding: 0;
}
ads--CDockWidgetTab {
    background: transparent; border: none; border-bottom: 2px solid transparent; padding: 3px 8px;
    min-height: 24px;
}
ads--CDockAreaTabBar, ads--CDockAreaTabBar QWidget { background: transparent; }
ads--CDockWidgetTab[activeTab="true"] { background: $surface; border-bottom: 2px solid $accent; }
ads--CDockWidgetTab QLabel { color: $muted; }
ads--CDockWidgetTab[activeTab="true"] QLabel { color: $text; }
ads--CDockWidgetTab QAbstractButton, ads--CDockAreaTitleBar QAbstractButton {
    min-width: 16px; min-height: 16px; padding: 2px; border: none;
}
ads--CTitleBarButton { padding: 2px; }
ads--CDockWidget { background: $surface; border: none; }
ads--CDockWidget > QAbstractItemView[role="strip"] { background: $surface; }

QScrollArea { border: none; }
""")


def _blend(first: str, second: str, part: float) -> str:
    """The colour `part` of the way from the first to the second."""
    pairs = [(int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)


def style_sheet(theme: Theme, icons: str) -> str:
    """The whole style sheet of a theme; `icons` is the folder with the arrows of spin and combo boxes."""
    colors = {name: getattr(theme, name) for name in theme.__dataclass_fields__}
    return _SHEET.substitute(
        colors,
        body=FONT_BODY,
        small=FONT_SMALL,
        title=FONT_TITLE,
        spacing=SPACING,
        radius=RADIUS,
        faded=_blend(theme.muted, theme.surface, 0.4),
        scroll=_blend(theme.border_strong, theme.surface, 0.45),
        accent_hover=_blend(theme.accent, theme.text, 0.15),
        icons=icons,
    )


def install_look(app: QApplication) -> None:
    """Fusion with our palette, font and style sheet, now and after each change of theme."""
    app.setStyle(QStyleFactory.create("Fusion"))
    font = QFont(app.font())
    font.setPointSizeF(FONT_BODY)
    app.setFont(font)

    icons = Path(str(resources.files("mezzotint_assets"))) / "icons"

    app.setWindowIcon(QIcon(str(icons / "mezzotint.svg")))

    def apply(theme: Theme) -> None:
        app.setPalette(palette_of(theme))
        app.setStyleSheet(style_sheet(theme, icons.as_posix()))

    manager = theme_manager()
    manager.changed.connect(apply)
    apply(manager.theme)
