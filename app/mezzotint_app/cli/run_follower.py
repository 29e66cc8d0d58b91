"""Following one run to its end: what the engine says on its thread, waited for on the command's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from mezzotint_app.cli.engine_access import EngineAccess
from mezzotint_app.cli.interrupts import Interrupts
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import EngineLostError
from mezzotint_sdk.records import FINAL_STATES, RunRecord

__all__ = ["RunFollower", "RunView"]

LOOK_EVERY_S = 0.1  # at interrupts; what the engine says wakes at once
ASK_AGAIN_S = 30.0  # a run's end must not be missed for good, whatever happened to its event
KILL_WAIT_S = 5.0


class RunView:
    """The run as it is now: its record, its progress, and how many runs are before it in the queue."""

    def __init__(self) -> None:
        self.record: RunRecord | None = None
        self.progress: m.RunProgressed | None = None
        self.ahead = 0


class RunFollower:
    """`on_notice`, `on_snapshot` and `on_state` are given to the connection; `follow` waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._has_news = False
        self._runs: dict[str, RunRecord] = {}  # all that were told of: ours is known by its id only later
        self._progress: dict[str, m.RunProgressed] = {}
        self._order: tuple[str, ...] = ()
        self._lost = ""

    # --- on the connection's thread ---------------------------------------------------------------------

    def on_notice(self, notice: m.Notice) -> None:
        with self._changed:
            match notice.body:
                case m.RunChanged(run=run):
                    self._runs[run.run_id] = run
                case m.RunProgressed(run_id=run_id):
                    self._progress[run_id] = notice.body
                case m.QueueChanged(order=order):
                    self._order = order
                case _:
                    return
            self._tell()

    def on_snapshot(self, snapshot: m.Snapshot) -> None:
        with self._changed:
            self._runs.update((run.run_id, run) for run in snapshot.runs)
            self._order = tuple(run.run_id for run in snapshot.runs if run.state == "queued")
            self._tell()

    def on_state(self, state: str, sentence: str) -> None:
        with self._changed:
            self._lost = sentence if state in ("lost", "stopped", "failed") else ""
            self._tell()

    def _tell(self) -> None:
        self._has_news = True
        self._changed.notify_all()

    # --- on the command's thread ------------------------------------------------------------------------

    def follow(
        self,
        run_id: str,
        access: EngineAccess,
        interrupts: Interrupts,
        show: Callable[[RunView], Any],
    ) -> RunRecord:
        """The run's record at its end. The first interrupt cancels it, the second ends its worker.

        Raises EngineLostError when the engine goes first.
        """
        asked = 0
        heard = time.monotonic()
        deadline = float("inf")
        while True:
            with self._changed:
                if not self._has_news:
                    self._changed.wait(LOOK_EVERY_S)
                has_news, self._has_news = self._has_news, False
                view = self._view(run_id)
                lost = self._lost
            now = time.monotonic()
            if view.record is not None and view.record.state in FINAL_STATES:
                return view.record
            if lost:
                raise EngineLostError(lost)
            if has_news:
                heard = now
                show(view)
            elif now - heard > ASK_AGAIN_S:
                heard = now
                self._take(access.call(m.GetRun(run_id=run_id)).run)
            if interrupts.count > asked:
                asked = interrupts.count
                access.tell(m.CancelRun(run_id=run_id, force=asked > 1))
                if asked > 1:
                    deadline = min(deadline, now + KILL_WAIT_S)
            if (asked > 2 or now > deadline) and view.record is not None:
                return view.record  # it is being killed; nothing is gained by waiting on

    def _view(self, run_id: str) -> RunView:
        view = RunView()
        view.record = self._runs.get(run_id)
        view.progress = self._progress.get(run_id)
        running = sum(run.state in ("running", "paused", "stopping") for run in self._runs.values())
        if run_id in self._order:
            view.ahead = self._order.index(run_id) + running
        return view

    def _take(self, run: RunRecord) -> None:
        with self._changed:
            self._runs[run.run_id] = run
            self._tell()
