"""Does something at most so many times a second, however often it is asked for; the first time at once."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Qt, QTimer, Signal

__all__ = ["Pacer"]


class Pacer(QObject):
    """`due` is emitted for `request`, at most `hz` times a second; requests in between become one.

    Painting costs time of a core that the worker may need, so what only shows something goes through here.
    """

    due = Signal()

    def __init__(self, hz: float, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._interval_s = 1.0 / hz
        self._last_s = float("-inf")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._fire)

    def set_hz(self, hz: float) -> None:
        self._interval_s = 1.0 / hz

    def request(self) -> None:
        if self._timer.isActive():
            return
        wait_s = self._last_s + self._interval_s - time.monotonic()
        if wait_s <= 0:
            self._fire()
        else:
            self._timer.start(max(1, round(wait_s * 1000)))

    def stop(self) -> None:
        """Forget a request that is under way."""
        self._timer.stop()

    def _fire(self) -> None:
        self._last_s = time.monotonic()
        self.due.emit()
