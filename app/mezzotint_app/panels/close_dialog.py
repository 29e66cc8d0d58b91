"""Asks what becomes of runs when the window closes; asked only while there are some."""

from __future__ import annotations

from typing import Literal

from PySide6.QtWidgets import QCheckBox, QMessageBox, QWidget

__all__ = ["CloseAnswer", "ask_on_close"]

CloseAnswer = Literal["keep", "stop", "stay"]


def ask_on_close(active: int, queued: int, parent: QWidget) -> tuple[CloseAnswer, bool]:
    """The answer, and whether to remember it. "stay" leaves the window open."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.NoIcon)
    box.setWindowTitle("Close Mezzotint")
    what = (
        "A run is going on"
        if active == 1
        else f"{active} runs are going on"
        if active
        else "A run is waiting"
        if queued == 1
        else f"{queued} runs are waiting"
    )
    waiting = f", and {queued} more in the queue" if active and queued else ""
    box.setText(f"{what}{waiting}.")
    is_one = active + queued == 1
    who = "It" if is_one else "They"
    box.setInformativeText(f"{who} can go on in the background, and will be here at the next start.")
    keep = box.addButton("Keep running", QMessageBox.ButtonRole.AcceptRole)
    stop = box.addButton("Stop it" if is_one else "Stop them", QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(keep)
    remember = QCheckBox("Do this each time", box)
    box.setCheckBox(remember)
    box.exec()
    clicked = box.clickedButton()
    if clicked is keep:
        return "keep", remember.isChecked()
    if clicked is stop:
        return "stop", remember.isChecked()
    return "stay", False
