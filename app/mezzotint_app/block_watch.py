"""Notices when the window was blocked: a tick that comes late says for how long nothing else could happen."""

from __future__ import annotations

import logging
import time

from PySide6.QtCore import QObject, Qt, QTimer

__all__ = ["BlockWatch"]

log = logging.getLogger(__name__)

TICK_MS = 100
TOLERATED_S = 0.25


class BlockWatch(QObject):
    """Logs blocks over 250 ms; `longest_s` is the longest so far, however short.

    Its ticks also let Python's signal handlers run, which wait while Qt's event loop sleeps.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.longest_s = 0.0
        self._last = time.monotonic()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self._last = time.monotonic()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def _tick(self) -> None:
        now = time.monotonic()
        late = now - self._last - TICK_MS / 1000
        self._last = now
        self.longest_s = max(self.longest_s, late)
        if late > TOLERATED_S:
            log.warning("the window was blocked for %.0f ms", late * 1000)
