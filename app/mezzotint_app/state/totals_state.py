"""Totals of the ops that are shown, by module and by source line; summed on another thread, on demand."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_app.state.trace_state import AT_ONCE, TraceState

if TYPE_CHECKING:
    from mezzotint_sdk.trace_totals import LineTotal, ModuleTotal

__all__ = ["TotalsState"]

log = logging.getLogger(__name__)

ModuleTotals = Mapping[str, "ModuleTotal"]
LineTotals = Mapping[tuple[str, int], "LineTotal"]


class TotalsState(QObject):
    """Panels that are seen `want` the totals; `outdated` tells them that they should want them again."""

    changed = Signal()
    outdated = Signal()

    def __init__(self, trace: TraceState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._trace = trace
        self._is_fresh = False
        self._is_summing = False
        self._turn = 0
        self.modules: ModuleTotals = {}
        self.lines: LineTotals = {}
        self._by_file: dict[str, dict[int, tuple[float, int]]] = {}
        trace.shown_changed.connect(self._on_changed)
        trace.shown_grew.connect(lambda _first, _last: self._on_changed())

    def _on_changed(self) -> None:
        self._is_fresh = False
        self._turn += 1
        self.outdated.emit()

    def times_of(self, file: str) -> dict[int, tuple[float, int]]:
        """Of each line of a file that called ops: their time in µs, and how many they were."""
        return self._by_file.get(file, {})

    def files(self) -> list[tuple[str, float]]:
        """Files that called ops with their time in µs, those that took longest first."""
        times = {file: sum(time for time, _ in lines.values()) for file, lines in self._by_file.items()}
        return sorted(times.items(), key=lambda item: -item[1])

    def want(self) -> None:
        """Have them summed, unless they are up to date; `changed` comes when they are there."""
        if self._is_fresh or self._is_summing:
            return
        turn, snapshot, shown = self._turn, self._trace.snapshot, self._trace.shown

        def work() -> tuple[ModuleTotals, LineTotals]:
            from mezzotint_sdk.trace_totals import line_totals, module_totals  # not before somebody debugs

            rows = snapshot.rows[: shown.upto]
            if shown.indices is not None:
                rows = rows[shown.indices]
            sites = list(snapshot.sites)
            return module_totals(rows, sites), line_totals(rows, sites)

        def done(result: tuple[ModuleTotals, LineTotals]) -> None:
            self._is_summing = False
            self.modules, self.lines = result
            self._by_file = {}
            for (file, line), total in self.lines.items():
                self._by_file.setdefault(file, {})[line] = (total.time_us, total.ops)
            self._is_fresh = turn == self._turn
            self.changed.emit()
            if not self._is_fresh:
                self.outdated.emit()

        def failed(error: Exception) -> None:
            self._is_summing = False
            log.error("summing the ops of the trace failed", exc_info=error)

        self._is_summing = True
        if shown.count <= AT_ONCE:
            done(work())
        else:
            BackgroundTask(work, done, failed, owner=self)
