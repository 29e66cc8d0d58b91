"""What the engine says of a run that is debugged: taken on the connection's thread, read on the command's."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from mezzotint_sdk import messages as m
from mezzotint_sdk.records import FINAL_STATES, RunRecord

__all__ = ["DebugFeed"]


class DebugFeed:
    """`on_notice`, `on_snapshot` and `on_state` are given to the connection. What is said of all runs is kept
    until asked for: which one is ours is known only after the first words about it may have come.

    `on_surprise(run_id, stop_id)` is called on the connection's thread: with -1 when a run has ended or the
    engine is lost (then of no run, ""), with the id of the stop when a run went on from it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._reports: deque[tuple[str, m.DebugReport]] = deque()
        self._runs: dict[str, RunRecord] = {}
        self._missed = False
        self._lost = ""
        self.on_surprise: Callable[[str, int], None] = lambda run_id, stop_id: None

    # --- on the connection's thread ---------------------------------------------------------------------

    def on_notice(self, notice: m.Notice) -> None:
        surprise: tuple[str, int] | None = None
        with self._changed:
            match notice.body:
                case m.RunChanged(run=run):
                    self._runs[run.run_id] = run
                    if run.state in FINAL_STATES:
                        surprise = (run.run_id, -1)
                case m.DebuggerReported(run_id=run_id, report=report):
                    self._reports.append((run_id, report))
                    if isinstance(report, m.WentOn):
                        surprise = (run_id, report.stop_id)
                case _:
                    return
            self._changed.notify_all()
        if surprise is not None:
            self.on_surprise(*surprise)

    def on_snapshot(self, snapshot: m.Snapshot) -> None:
        """The first one, and one after each gap in what was said."""
        with self._changed:
            self._runs.update((run.run_id, run) for run in snapshot.runs)
            self._missed = True
            self._changed.notify_all()

    def on_state(self, state: str, sentence: str) -> None:
        with self._changed:
            self._lost = sentence if state in ("lost", "stopped", "failed") else ""
            self._changed.notify_all()
        if self._lost:
            self.on_surprise("", -1)

    # --- on the command's thread ------------------------------------------------------------------------

    def take(self, run_id: str, timeout_s: float) -> m.DebugReport | None:
        """The next report about the run, waited for; None when other news or the time's end came first."""
        with self._changed:
            if not self._reports:
                self._changed.wait(timeout_s)
            while self._reports:
                whose, report = self._reports.popleft()
                if whose == run_id:
                    return report
            return None

    def record(self, run_id: str) -> RunRecord | None:
        return self._runs.get(run_id)

    def learn(self, run: RunRecord) -> None:
        with self._changed:
            self._runs[run.run_id] = run

    @property
    def lost(self) -> str:
        """Why the engine can't be heard any more, as a sentence; "" while it can."""
        return self._lost

    def take_missed(self) -> bool:
        """True once after words may have been lost."""
        with self._changed:
            missed, self._missed = self._missed, False
            return missed
