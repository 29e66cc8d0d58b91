"""A QTimer that is still active after its test fails that test: it would fire into the next one."""

from __future__ import annotations

import gc
import sys
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest


def _uses_qt(request: pytest.FixtureRequest) -> bool:
    if {"qapp", "qtbot"} & set(request.fixturenames):
        return True
    core = sys.modules.get("PySide6.QtCore")
    return core is not None and core.QCoreApplication.instance() is not None


@pytest.fixture(autouse=True)
def guard_against_active_timers(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Watches `QTimer.start` as called from Python; timers that Qt starts inside its own widgets are Qt's."""
    if not _uses_qt(request):
        yield
        return
    from PySide6.QtCore import QCoreApplication, QEvent, QTimer
    from shiboken6 import isValid

    started: weakref.WeakKeyDictionary[QTimer, str] = weakref.WeakKeyDictionary()
    original: Callable[..., Any] = QTimer.start

    def start(timer: QTimer, *arguments: Any) -> None:
        caller = traceback.extract_stack(sys._getframe(1), limit=1)[0]
        started[timer] = f"{caller.filename}:{caller.lineno}"
        original(timer, *arguments)

    monkeypatch.setattr(QTimer, "start", start)
    yield

    def active() -> list[str]:
        return [where for timer, where in list(started.items()) if isValid(timer) and timer.isActive()]

    if not active():
        return
    # Widgets that were told to go are there until the loop runs once more; cycles until the collector does.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()
    if leaked := active():
        for timer in list(started):
            if isValid(timer):
                timer.stop()
        pytest.fail(f"QTimers still active after this test, started at: {', '.join(leaked)}", pytrace=False)
