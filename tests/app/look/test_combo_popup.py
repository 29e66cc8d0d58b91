"""The list of a combo box shows all of its few entries, none cut in half."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QComboBox
from pytestqt.qtbot import QtBot

from mezzotint_app.look.style_sheet import install_look
from mezzotint_app.look.theme import theme_manager


@pytest.fixture
def look(qapp: QApplication) -> Iterator[None]:
    sheet, palette, font = qapp.styleSheet(), qapp.palette(), qapp.font()
    install_look(qapp)
    yield
    theme_manager().changed.disconnect()
    qapp.setStyleSheet(sheet)
    qapp.setPalette(palette)
    qapp.setFont(font)


@pytest.mark.usefixtures("look")
def test_a_short_list_needs_no_scrolling(qtbot: QtBot) -> None:
    box = QComboBox()
    box.addItems(["Debug", "Info", "Warning", "Error"])
    qtbot.addWidget(box)
    with qtbot.waitExposed(box):
        box.show()
    box.showPopup()
    view = box.view()
    qtbot.waitUntil(view.isVisible)
    qtbot.waitUntil(lambda: view.viewport().height() >= sum(view.sizeHintForRow(row) for row in range(4)))
    assert view.verticalScrollBar().maximum() == 0
    box.hidePopup()
