"""One run made both ways under the debugger, without stops, so that its traces can be compared.

The runs are made in turn, so that nothing is left in the queue when one fails or is cancelled. A finished run
whose trace can be compared is one side already, and only the other one is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, Signal

from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_app.state.runs_state import RunsState
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import DebugPlan
from mezzotint_sdk.errors import BadInputError, MezzotintError
from mezzotint_sdk.job_spec import GenerateSpec
from mezzotint_sdk.records import FINAL_STATES, RunRecord
from mezzotint_sdk.run_traces import TRACE_IN_RUN
from mezzotint_sdk.setting_change import changed_spec

if TYPE_CHECKING:
    from mezzotint_app.client.qt_bridge import EngineClient

__all__ = ["ComparisonState", "comparable"]

ORDINALS = ("first", "second")


class ComparisonState(QObject):
    """`is_making` until both runs have finished, one could not be made, or the user cancelled."""

    changed = Signal()  # what is said, or how far it is
    made = Signal(str, str)  # the two traces
    failed = Signal(str)  # a sentence; "" when the user cancelled

    def __init__(
        self, client: EngineClient, runs: RunsState, folder: Path, parent: QObject | None = None
    ) -> None:
        """`folder` is that of all runs."""
        super().__init__(parent)
        self._client = client
        self._runs = runs
        self._folder = folder
        self._turn = 0  # rises with each start and end: answers to an older one are late
        self._plan = DebugPlan()
        self._waiting: list[GenerateSpec] = []
        self._traces: list[str] = []
        self.run_id = ""  # the one that is being made
        self.is_making = False
        runs.runAdded.connect(self._on_run)
        runs.runChanged.connect(self._on_run)
        runs.progressChanged.connect(self._on_progress)
        runs.queueChanged.connect(self._on_queue)
        runs.runsRemoved.connect(self._on_removed)
        runs.reset.connect(lambda: self._on_run(self.run_id))

    # --- starting and ending -----------------------------------------------------------------------------

    def start(self, spec: GenerateSpec, setting: str, value: str, *, values: bool = False) -> None:
        """Make the run as given and with one setting changed, one picture each. `values`: keep those of the
        first ops, too, as far as the trace's budget goes. Raises BadInputError, with a sentence."""
        other = changed_spec(spec, setting, value)
        self._begin([msgspec.structs.replace(one, count=1) for one in (spec, other)], [], values=values)

    def start_from(self, run_id: str, setting: str, value: str, *, values: bool = False) -> None:
        """The same with the settings of a finished run, whose own trace is one side where it will do. What
        is wrong is told by `failed`."""
        self._begin([], [], values=values)
        turn = self._turn
        path = str(self._folder / run_id / TRACE_IN_RUN)

        def found(reply: m.RunFound) -> None:
            if turn == self._turn:
                run = reply.run
                look = BackgroundTask  # reading a trace may take a second
                look(lambda: usable(run), lambda ok: chosen(run, ok), lambda _error: chosen(run, False), self)

        def usable(run: RunRecord) -> bool:
            return not values and run.state == "finished" and not run.touched and comparable(Path(path))

        def chosen(run: RunRecord, has_trace: bool) -> None:
            if turn != self._turn:
                return
            try:
                other = changed_spec(run.spec, setting, value)
            except BadInputError as error:
                self._fail(error.message)
                return
            if has_trace:
                self._waiting, self._traces = [other], [path]
            else:
                self._waiting = [msgspec.structs.replace(one, count=1) for one in (run.spec, other)]
            self._next()

        self._client.call(m.GetRun(run_id=run_id), found, lambda error: self._refused(turn, error))

    def cancel(self) -> None:
        """The run that is being made is cancelled, and the other isn't begun."""
        if not self.is_making:
            return
        run_id = self.run_id
        self._end()
        if run_id:
            self._runs.cancel(run_id)
        self.failed.emit("")

    def _begin(self, specs: list[GenerateSpec], traces: list[str], *, values: bool) -> None:
        self.cancel()
        self._turn += 1
        self._plan = DebugPlan(
            stop_at="never",
            record="statistics",
            keep_ops="*" if values else "",
            on_exception=False,  # nobody is there to look at the stop
        )
        self._waiting, self._traces, self.run_id, self.is_making = specs, traces, "", True
        self.changed.emit()
        if specs:
            self._next()

    def _end(self) -> None:
        self._turn += 1
        self.run_id, self.is_making = "", False
        self._waiting = []
        self.changed.emit()

    def _fail(self, sentence: str) -> None:
        self._end()
        self.failed.emit(sentence)

    def _refused(self, turn: int, error: MezzotintError) -> None:
        if turn == self._turn:
            self._fail(error.message)

    # --- one run after the other -------------------------------------------------------------------------

    def _next(self) -> None:
        self.run_id = ""
        if not self._waiting:
            first, second = self._traces
            self._end()
            self.made.emit(first, second)
            return
        spec, turn = self._waiting.pop(0), self._turn

        def accepted(reply: m.JobsSubmitted) -> None:
            (run_id,) = reply.run_ids
            if turn != self._turn:
                self._runs.cancel(run_id)  # cancelled before it was known
                return
            self.run_id = run_id
            self.changed.emit()
            self._on_run(run_id)  # its events may have come before this answer

        ask = m.SubmitJobs(specs=(spec,), debug=self._plan)
        self._client.call(ask, accepted, lambda error: self._refused(turn, error))
        self.changed.emit()

    def _on_run(self, run_id: str) -> None:
        if not self.is_making or not run_id or run_id != self.run_id:
            return
        run = self._runs.run(run_id)
        if run is None or run.state not in FINAL_STATES:
            self.changed.emit()
        elif run.state == "finished":
            self._traces.append(str(self._folder / run_id / TRACE_IN_RUN))
            self._next()
        else:
            why = run.error.message if run.error is not None else ""
            self._fail(f"The {self._ordinal} run was not finished: it was {run.state}. {why}".rstrip())

    def _on_progress(self, run_id: str) -> None:
        if run_id and run_id == self.run_id:
            self.changed.emit()

    def _on_queue(self) -> None:
        if self.is_making:
            self.changed.emit()

    def _on_removed(self, run_ids: list[str]) -> None:
        if self.run_id and self.run_id in run_ids:
            self._fail(f"The {self._ordinal} run was deleted.")

    # --- how far it is -----------------------------------------------------------------------------------

    @property
    def _ordinal(self) -> str:
        return ORDINALS[len(self._traces)] if len(self._traces) < len(ORDINALS) else ""

    @property
    def progress_text(self) -> str:
        """In a few words; "" where nothing is made."""
        if not self.is_making:
            return ""
        if not self.run_id:
            return "Looking at what there is…" if not self._waiting and not self._traces else "Starting…"
        run, progress = self._runs.run(self.run_id), self._runs.progress(self.run_id)
        name = f"The {self._ordinal} run"
        if run is None or run.state == "queued":
            if self._runs.queue_paused:
                return f"{name} waits: the queue is paused"
            standing = any(self._runs.standing(one.run_id) for one in self._runs.active())
            return f"{name} waits: another one stands at a stop" if standing else f"{name} waits in the queue"
        if progress is None:
            return f"{name} starts"
        if progress.phase == "denoise" and progress.steps:
            return f"{name}: step {progress.step} of {progress.steps}"
        return f"{name}: {progress.phase}"

    @property
    def fraction(self) -> float:
        """Of both runs, from 0 to 1."""
        done = float(len(self._traces))
        progress = self._runs.progress(self.run_id) if self.run_id else None
        if progress is not None and progress.phase == "denoise" and progress.steps:
            done += 0.95 * min(progress.step / progress.steps, 1.0)
        elif progress is not None and progress.phase in ("decode", "save"):
            done += 0.95
        return min(done / len(ORDINALS), 1.0)


def comparable(path: Path) -> bool:
    """Whether a trace is whole and has statistics or values. May take a second."""
    from mezzotint_sdk.trace_reader import TraceReader
    from mezzotint_sdk.trace_records import OpFlags

    try:
        reader = TraceReader(path)
    except (OSError, MezzotintError):
        return False
    try:
        reader.follow()
        flags = reader.rows["flags"]
        return not reader.damage and bool((flags & OpFlags.STATISTICS).any())
    finally:
        reader.close()
