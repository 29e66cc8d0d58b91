"""Collects Python's cyclic garbage on the GUI thread only.

Python runs its collector in whichever thread happens to allocate. Where that is not the GUI thread, and a
widget is part of the garbage, Qt's objects are destroyed in the wrong thread: timers complain, and sooner
or later the process crashes (seen with PySide 6.11: "QBasicTimer::start: Timers cannot be started from
another thread", then a segmentation fault). So the automatic collector is off while the window is there,
and a timer does its work with the same thresholds.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

__all__ = ["GuiGarbage"]

INTERVAL_MS = 1_000


class GuiGarbage(QObject):
    """`start` on the GUI thread; `stop` gives the collector back to Python."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.check)
        self._was_enabled = gc.isenabled()

    def start(self) -> None:
        self._was_enabled = gc.isenabled()
        gc.disable()
        # What start-up made (modules, classes, the window) lives as long as the process, and a collection
        # that walks it all takes longer than a frame.
        gc.freeze()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()
        gc.unfreeze()
        if self._was_enabled:
            gc.enable()

    def check(self) -> None:
        """Collect the generations that are due, as Python itself would."""
        counts, limits = gc.get_count(), gc.get_threshold()
        due = [
            generation
            for generation in range(3)
            if limits[generation] and counts[generation] > limits[generation]
        ]
        if due:
            gc.collect(due[-1])
