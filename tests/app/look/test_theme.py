"""Themes: contrast of text on each ground, and who decides which theme is on."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from mezzotint_app.look.icons import icon, icon_names
from mezzotint_app.look.style_sheet import style_sheet
from mezzotint_app.look.theme import DARK, LIGHT, Theme, ThemeManager, contrast_ratio, theme_manager

TEXTS = ("text", "muted", "accent", "danger", "warning", "success")
GROUNDS = ("background", "surface", "raised", "hover", "accent_soft", "danger_soft", "warning_soft")


def test_contrast_is_that_of_wcag() -> None:
    assert contrast_ratio("#000000", "#ffffff") == pytest.approx(21)
    assert contrast_ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("text", TEXTS)
def test_text_reaches_aa_on_each_ground(theme: Theme, text: str, ground: str) -> None:
    assert contrast_ratio(getattr(theme, text), getattr(theme, ground)) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_controls_and_curves_are_seen(theme: Theme) -> None:
    assert contrast_ratio(theme.accent_text, theme.accent) >= 4.5
    for ground in (theme.surface, theme.raised):
        assert contrast_ratio(theme.border_strong, ground) >= 3
        assert contrast_ratio(theme.focus, ground) >= 3
    assert all(contrast_ratio(color, theme.surface) >= 3 for color in theme.plot_colors)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_the_style_sheet_has_no_gaps(theme: Theme) -> None:
    sheet = style_sheet(theme, "/icons")
    assert "$" not in sheet
    assert sheet.count("{") == sheet.count("}")


def test_a_choice_beats_the_system(qapp: QApplication) -> None:
    manager = ThemeManager()
    told: list[Theme] = []
    manager.changed.connect(told.append)
    manager.choose("dark")
    manager.choose("light")
    manager.choose("light")
    assert told[-1] is LIGHT
    assert told.count(LIGHT) <= 2
    assert manager.choice == "light"


def test_every_icon_is_drawn_and_follows_the_theme(qapp: QApplication) -> None:
    def ink(name: str) -> QColor:
        image = icon(name).pixmap(32, 32).toImage()
        pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
        return max(pixels, key=lambda pixel: pixel.alpha())

    def is_near(one: QColor, other: QColor) -> bool:
        pairs = ((one.red(), other.red()), (one.green(), other.green()), (one.blue(), other.blue()))
        return all(abs(a - b) <= 8 for a, b in pairs)

    manager = theme_manager()
    before = manager.choice
    try:
        for theme in (LIGHT, DARK):
            manager.choose(theme.name)  # type: ignore[arg-type]
            for name in icon_names():
                assert ink(name).alpha() > 128, f"{name} is hardly drawn"
                assert is_near(ink(name), QColor(theme.text)), f"{name} is not in the colour of {theme.name}"
    finally:
        manager.choose(before)


def test_an_unknown_icon_fails_where_it_is_asked_for(qapp: QApplication) -> None:
    with pytest.raises(KeyError, match="no icon 'nonsense'"):
        icon("nonsense")
