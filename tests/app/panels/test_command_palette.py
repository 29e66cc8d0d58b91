"""Commands as data, and the palette that finds them."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt

from mezzotint_app.commands import Command, CommandTable, tooltip
from mezzotint_app.panels.command_palette import CommandPalette
from mezzotint_app.panels.fuzzy_match import fuzzy_score, ranked
from mezzotint_app.state.app_state import AppState


def test_two_commands_share_neither_id_nor_keys() -> None:
    table = CommandTable([Command("a.one", "One", "Ctrl+A; Ctrl+B"), Command("a.two", "Two")])
    table.add(Command("a.three", "Three"))
    with pytest.raises(ValueError, match="two commands are called"):
        table.add(Command("a.one", "Again"))
    with pytest.raises(ValueError, match=r"both want Ctrl\+B"):
        table.add(Command("a.four", "Four", "Ctrl+B"))


def test_tooltips_show_the_keys() -> None:
    assert tooltip("Generate", "Ctrl+K; Ctrl+Shift+P") == "Generate (Ctrl+K or Ctrl+Shift+P)"
    assert tooltip("Generate", "", "Makes a picture") == "Generate\nMakes a picture"


def test_letters_in_order_match_and_starts_of_words_win() -> None:
    titles = ["Go to plots", "Reset layout", "Pause or resume queue", "Cancel run"]
    assert ranked("gp", titles, str)[0] == "Go to plots"
    assert ranked("prq", titles, str)[0] == "Pause or resume queue"
    assert ranked("CANCEL", titles, str) == ["Cancel run"]
    assert ranked("", titles, str) == titles
    assert fuzzy_score("zzz", "Cancel run") is None
    assert fuzzy_score("run", "Cancel run") > fuzzy_score("run", "Reset ugly name")  # type: ignore[operator]


def test_the_palette_finds_and_runs(app_state: AppState, qtbot: Any) -> None:
    ran: list[str] = []
    table = CommandTable(
        [
            Command("a.cat", "Pet the cat", "Ctrl+P", "eye", lambda _state: ran.append("cat")),
            Command("a.dog", "Walk the dog", run=lambda _state: ran.append("dog")),
            Command("a.off", "Not now", run=lambda _state: ran.append("off"), enabled=lambda _state: False),
        ]
    )
    palette = CommandPalette(table, app_state)
    qtbot.addWidget(palette)
    palette.show()
    assert palette.titles() == ["Pet the cat", "Walk the dog", "Not now"]
    qtbot.keyClicks(palette.search, "wd")
    assert palette.titles()[0] == "Walk the dog"
    assert palette.search.accessibleDescription() == "Walk the dog"
    assert not palette.none.isVisible()
    qtbot.keyClicks(palette.search, "zzz")
    assert palette.none.isVisible()
    assert not palette.list.isVisible()
    for _ in "zzz":
        qtbot.keyClick(palette.search, Qt.Key.Key_Backspace)
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert ran == ["dog"]
    assert not palette.isVisible()
    palette.search.clear()
    qtbot.keyClick(palette.search, Qt.Key.Key_Down)
    qtbot.keyClick(palette.search, Qt.Key.Key_Down)
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert ran == ["dog"], "a disabled command does nothing"
    qtbot.keyClick(palette.search, Qt.Key.Key_PageUp)
    palette.grab()  # paints rows with and without icons and keys
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert ran == ["dog", "cat"]
