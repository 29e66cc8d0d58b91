"""The plots are made ready beside the work of the window, never in one piece."""

from __future__ import annotations

import importlib
import threading
from types import ModuleType

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from mezzotint_app.panels import plots_loading
from mezzotint_app.panels.plots_loading import PlotsLoading
from mezzotint_app.state.app_state import AppState


def test_the_import_is_on_another_thread_and_the_loop_turns_between_cards(
    app_state: AppState, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set()

    def imported(name: str) -> ModuleType:
        threads.add(threading.get_ident())
        return importlib.import_module(name)

    monkeypatch.setattr(plots_loading, "import_module", imported)
    parent = QWidget()
    qtbot.addWidget(parent)
    loading = PlotsLoading(app_state.series, parent)
    counts: list[int] = []
    turns = QTimer(parent)
    turns.timeout.connect(lambda: counts.append(len(loading.board.cards) if loading.board else 0))
    turns.start(0)
    with qtbot.waitSignal(loading.ready):
        loading.start()
        loading.start()  # asked for again and again: once is enough
    assert threads
    assert threading.get_ident() not in threads
    assert {1, 2, 3} <= set(counts), "between two cards the window had its turn"
    assert loading.board is not None
    assert len(loading.board.cards) == 3


def test_what_goes_wrong_is_told(app_state: AppState, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> ModuleType:
        raise ImportError(f"no {name}")

    monkeypatch.setattr(plots_loading, "import_module", missing)
    parent = QWidget()
    qtbot.addWidget(parent)
    loading = PlotsLoading(app_state.series, parent)
    with qtbot.waitSignal(loading.failed) as told:
        loading.start()
    assert "no " in told.args[0]
