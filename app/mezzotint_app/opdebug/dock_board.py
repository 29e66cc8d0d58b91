"""What the debugger needs of the window's docks: it knows neither the window nor the docking system."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QByteArray
from PySide6.QtWidgets import QWidget

__all__ = ["DockBoard"]


class DockBoard(Protocol):
    def create(self, key: str, title: str, icon_name: str, widget: QWidget) -> None:
        """A further dock, which lies nowhere until `arrange` or `restore`."""

    def arrange(self, places: dict[str, str]) -> None:
        """Lay docks out: key → left, centre, below, right or right_below, tabs in this order."""

    def save(self) -> QByteArray: ...

    def restore(self, layout: QByteArray) -> bool:
        """What `save` gave; docks that are not in it are hidden. False where it can't be used."""

    def bring_to_front(self, key: str) -> None:
        """Show a dock; the keyboard stays where it is."""

    def go_to(self, key: str) -> None:
        """Bring a dock to the front and give it the keyboard."""

    def give_keyboard(self, key: str) -> None:
        """To a dock that is in front already."""

    def focus_widget(self) -> QWidget | None: ...
