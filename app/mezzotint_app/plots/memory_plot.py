"""Memory of the worker, and of its device where that has its own, over the run's time."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from mezzotint_app.plots.curve_card import CurveCard, Trace
from mezzotint_app.state.series_state import SeriesState

__all__ = ["DEVICE_MEMORY", "WORKER_MEMORY", "MemoryPlot"]

WORKER_MEMORY = "memory/worker"
DEVICE_MEMORY = "memory/device"


class MemoryPlot(CurveCard):
    def __init__(self, series: SeriesState, parent: QWidget | None = None) -> None:
        traces = (Trace(WORKER_MEMORY, "worker", 2), Trace(DEVICE_MEMORY, "device", 1))
        super().__init__(series, "Memory", "bytes", traces, parent, whole_steps=False)
