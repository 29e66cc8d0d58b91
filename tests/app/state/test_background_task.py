"""Work beside the GUI thread: results and errors come back on it, and never to someone who is gone."""

from __future__ import annotations

import threading
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, QThreadPool

from mezzotint_app.state.background_task import BackgroundTask


def test_the_result_comes_back_on_this_thread(qtbot: Any) -> None:
    got: list[tuple[int, int]] = []
    BackgroundTask(threading.get_ident, lambda worker: got.append((worker, threading.get_ident())))
    qtbot.waitUntil(lambda: bool(got))
    worker, receiver = got[0]
    assert worker != threading.get_ident()
    assert receiver == threading.get_ident()


def test_an_error_goes_to_who_asked(qtbot: Any) -> None:
    got: list[Exception] = []
    BackgroundTask(lambda: 1 / 0, lambda _result: None, got.append)
    qtbot.waitUntil(lambda: bool(got))
    assert isinstance(got[0], ZeroDivisionError)


def test_nobody_is_called_who_is_gone(qtbot: Any) -> None:
    owner, go, got = QObject(), threading.Event(), list[str]()
    BackgroundTask(go.wait, lambda _result: got.append("called"), owner=owner)
    done: list[bool] = []
    shiboken6.delete(owner)
    go.set()
    QThreadPool.globalInstance().waitForDone()
    BackgroundTask(lambda: True, done.append)  # delivered after the one before it
    qtbot.waitUntil(lambda: bool(done))
    assert got == []
    assert not BackgroundTask._under_way
