"""The op debugger as the window sees it: which run is debugged, where it stands, and how it goes on.

What shows is what the engine reports; a verb only asks. Breakpoints and watches are the user's: they are kept
with the settings, and given to each run that is armed. One run is followed at a time: the newest that was
armed, unless another stands at a stop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from mezzotint_app.state.breakpoint_conditions import says_more
from mezzotint_app.state.breakpoint_list import BreakpointList
from mezzotint_app.state.console_state import ConsoleState
from mezzotint_app.state.debug_cursor import Cursor
from mezzotint_app.state.notice_state import NoticeState
from mezzotint_app.state.runs_state import RunsState
from mezzotint_app.state.settings_state import SettingsState
from mezzotint_app.state.tensor_place import FAILURES
from mezzotint_app.state.watch_feed import WatchFeed
from mezzotint_app.state.watch_series import WatchCourses
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import Breakpoint, DebugPlan, Level, Place, Stop, Verb
from mezzotint_sdk.errors import BadInputError, MezzotintError
from mezzotint_sdk.records import ACTIVE_STATES, FINAL_STATES, ArrayRef, RunRecord

if TYPE_CHECKING:
    import numpy as np

    from mezzotint_app.client.qt_bridge import EngineClient

__all__ = ["FAILURES", "LEVELS", "Cursor", "DebugState"]

LEVELS: tuple[Level, ...] = (
    "op",
    "module",
    "phase",
    "step",
    "run",
)  # those that a user picks from, near to far
STEPS: tuple[Verb, ...] = ("over", "into", "out", "until", "back")

OnReply = Callable[[m.DebugReply], None]
OnError = Callable[[MezzotintError], None]


class DebugState(QObject):
    """See the module. `stop` is None while the run goes on; `run_id` stays that of a run that has ended."""

    stop_changed = Signal()
    armed_changed = Signal()  # armed, arming or the run
    breakpoints_changed = Signal()
    printed = Signal(str)  # a logpoint's line, or the console's while the run goes on
    watched = Signal()  # `watch_courses` took points
    watches_changed = Signal()  # the list of expressions, or their values at a stop
    trace_changed = Signal()
    failed = Signal(object)  # CaptureFailed
    selection_changed = Signal()  # selected_op or selected_tensor
    level_changed = Signal()
    cursor_changed = Signal()
    modules_changed = Signal()  # how a module runs
    going_changed = Signal()  # is_going
    view_wanted = Signal(str)  # show the debugger, and this dock of it ("" is none in particular)

    def __init__(
        self,
        client: EngineClient,
        runs: RunsState,
        settings: SettingsState,
        notices: NoticeState,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._client = client
        self._runs = runs
        self._settings = settings
        self._notices = notices
        self.run_id = ""
        self.armed = False
        self.arming = ""  # a run that was asked to arm at its next step; "" is none
        self.stop: Stop | None = None
        self.is_going = False  # told to go on, and not yet heard that it does
        self.watches: tuple[str, ...] = settings.values.watches
        self.watch_courses = WatchCourses()
        self._watch_feed = WatchFeed(client, self.watch_courses, lambda: self.stop is not None, self)
        self._watch_feed.arrived.connect(self.watched)
        self.trace_path = ""
        self.latent: np.ndarray | None = None  # uint8 (height, width, 3), of the stop
        self.note = ""  # what can't be stopped at in this run
        self.failures = 0  # of the capture, in this run
        self.level: Level = "op"
        self.selected_op = -1  # that of the stop
        self.selected_tensor = ""
        self.cursor = Cursor()
        self.console = ConsoleState(self)
        self.breakpoint_list = BreakpointList(self, settings)
        self.breakpoint_list.changed.connect(self.breakpoints_changed)
        client.eventArrived.connect(self._on_event)
        client.snapshotArrived.connect(self._on_snapshot)
        client.connectionChanged.connect(self._on_connection)
        runs.runChanged.connect(self._on_run)
        runs.runsRemoved.connect(self._on_runs_removed)

    # --- what there is ---------------------------------------------------------------------------------

    @property
    def run(self) -> RunRecord | None:
        """The record of the run that is or was debugged."""
        return self._runs.run(self.run_id)

    @property
    def is_stopped(self) -> bool:
        """Step commands would work now."""
        return self.stop is not None and not self.is_going

    @property
    def has_failed(self) -> bool:
        """The run stands where it failed: it can be looked at, and then ends."""
        stop = self.stop
        return stop is not None and stop.reason in FAILURES and not stop.place.op

    @property
    def back_refused(self) -> str:
        """Why stepping back can't work now, as a sentence; "" when it can."""
        if self.stop is None:
            return "Stepping back works while a run stands at a stop."
        return self.stop.back_refused

    @property
    def can_break(self) -> bool:
        """There is a run that could be made to stop."""
        return bool(self.breakable())

    def breakable(self) -> str:
        """The run that Break is about: the one in view while it runs, else the newest; "" is none."""
        active = [run.run_id for run in self._runs.active() if run.state in ("running", "paused")]
        standing = self.run_id if self.stop is not None else ""
        wanted = [run_id for run_id in active if run_id != standing]
        return self._runs.current if self._runs.current in wanted else next(iter(wanted), "")

    def plan(self, stop_at: str = "auto") -> DebugPlan:
        """How a run is debugged, by breakpoints, watches and settings. `stop_at` "auto": at the first op,
        where no breakpoint would stop it; else as in `DebugPlan`."""
        values = self._settings.values
        if stop_at == "auto":
            stop_at = values.debug_stop_at
        if stop_at == "auto":
            stops = any(one.enabled and not one.log for one in self.breakpoints)
            stop_at = "never" if stops else "first_op"
        return DebugPlan(
            stop_at=stop_at,  # type: ignore[arg-type]
            breakpoints=self.breakpoints,
            record=values.debug_record,
            on_exception=values.debug_on_exception,
            watches=self.watches,
        )

    def want_view(self, dock: str = "") -> None:
        """Have the window show the debugger, with one of its docks (keys as in opdebug/debug_docks.py)."""
        self.view_wanted.emit(dock)

    # --- asking ----------------------------------------------------------------------------------------

    def ask(self, ask: m.DebugAsk, on_reply: OnReply | None = None, on_error: OnError | None = None) -> None:
        """Ask the debugger of the run. Without `on_error` an error shows as the quiet banner."""
        self._ask_run(self.run_id, ask, on_reply, on_error)

    def _ask_run(
        self, run_id: str, ask: m.DebugAsk, on_reply: OnReply | None = None, on_error: OnError | None = None
    ) -> None:
        refused = on_error or self._notices.show_error
        if not run_id:
            refused(BadInputError("No run is being debugged; start one with Debug, or Break a running one."))
            return

        def replied(said: m.DebuggerSaid) -> None:
            if on_reply is not None:
                on_reply(said.reply)

        self._client.call(m.AskDebugger(run_id=run_id, ask=ask), replied, refused)

    def read_array(self, ref: ArrayRef) -> np.ndarray:
        """A copy of an array that a reply or report named; its slot is released. Raises SlotExpiredError."""
        return self._client.read_array(ref)

    # --- going on --------------------------------------------------------------------------------------

    def resume(self, verb: Verb, level: Level | None = None, count: int = 1, **target: Any) -> None:
        """Go on from the stop, at the level that was picked where `level` is None.

        `target` of "until": op_number, module, or file and line. A refusal shows as the quiet banner.
        """
        if self.is_going:
            return  # the answer to the key before is on its way
        self._set_going(True)

        def refused(error: MezzotintError) -> None:
            self._set_going(False)
            if isinstance(error, BadInputError):  # a key that can't be used here: nothing is wrong
                self._notices.show("info", error.message, error.detail)
            else:
                self._notices.show_error(error)

        ask = m.Resume(verb=verb, level=level or self.level, count=count, **target)
        self.ask(ask, lambda _reply: self._on_resumed(verb), refused)

    def _on_resumed(self, verb: Verb) -> None:
        if verb == "back":  # the run goes nowhere: where we look now may have come before this answer
            self._set_going(False)

    def run_to_cursor(self) -> None:
        """Go on up to the cursor; a refusal is the engine's sentence."""
        cursor = self.cursor
        if cursor.op_number >= 0:
            self.resume("until", op_number=cursor.op_number)
        elif cursor.file:
            self.resume("until", file=cursor.file, line=cursor.line)
        else:
            self.resume("until", module=cursor.module)

    def arm(self, plan: DebugPlan | None = None, run_id: str = "") -> None:
        """Attach the debugger to a run that goes on, or stop it again, at its next step boundary."""
        wanted = run_id or self.breakable()

        def refused(error: MezzotintError) -> None:
            self._set_arming("")
            self._notices.show_error(error)

        self._set_arming(wanted)
        self._ask_run(wanted, m.Arm(plan=plan or self.plan("first_op")), None, refused)

    def disarm(self) -> None:
        """Take the debugger off; a run that stands goes on."""
        self._set_arming("")
        self.ask(m.Disarm())

    def run_eagerly(self, path: str, eager: bool) -> None:
        """A compiled module, from its next call on; or as it was compiled again."""
        self.ask(m.RunEagerly(module=path, eager=eager), lambda _reply: self.modules_changed.emit())

    # --- breakpoints and watches -----------------------------------------------------------------------

    @property
    def breakpoints(self) -> tuple[Breakpoint, ...]:
        return self.breakpoint_list.all

    def toggle_breakpoint(self, **conditions: Any) -> None:
        """Take the one with exactly these conditions away, else set it: `file=…, line=…` or `module=…` …
        Without conditions: at the cursor, else at the op of the stop."""
        if not conditions:
            place = self.stop.place if self.stop is not None else Place()
            here = Cursor(op=place.op, module=place.module)
            conditions = (here if self.cursor == Cursor() else self.cursor).conditions()
        gone = self.breakpoint_list.toggle(conditions)
        if any(says_more(one) or one.log for one in gone):  # somebody wrote that
            self._notices.show_undoable(
                "The breakpoint was removed with its conditions.",
                lambda: self.breakpoint_list.bring_back(gone),
            )

    def set_watches(self, expressions: Sequence[str]) -> None:
        """All of them; an expression that is wrong shows its error as its value."""
        wanted = tuple(dict.fromkeys(text.strip() for text in expressions if text.strip()))
        if wanted == self.watches:
            return
        self.watches = wanted
        self.watch_courses.keep_only(wanted)
        self._settings.set(watches=wanted)
        if self.armed:
            self.ask(m.SetWatches(expressions=wanted), lambda _reply: self._read_watches())
        self.watches_changed.emit()

    def _read_watches(self) -> None:
        """Their values at this stop."""
        if self.stop is not None:
            self.ask(m.GetStop(), self._on_standing, lambda _error: None)

    # --- what is looked at -----------------------------------------------------------------------------

    def set_level(self, level: Level) -> None:
        if level != self.level:
            self.level = level
            self.level_changed.emit()

    def select_op(self, op_number: int) -> None:
        """Look at an op of the trace; -1 is that of the stop."""
        if self.stop is not None and op_number == self.stop.place.op_number:
            op_number = -1
        if op_number != self.selected_op:
            self.selected_op = op_number
            self.selection_changed.emit()

    def select_tensor(self, name: str) -> None:
        if name != self.selected_tensor:
            self.selected_tensor = name
            self.selection_changed.emit()

    def set_cursor(self, cursor: Cursor) -> None:
        """Say where the user is, in a table, a tree or a source: for run to cursor, and breakpoints."""
        if cursor != self.cursor:
            self.cursor = cursor
            self.cursor_changed.emit()

    # --- what the engine tells -------------------------------------------------------------------------

    def _on_event(self, event: m.Event) -> None:
        if isinstance(event, m.DebuggerReported):
            self._on_report(event.run_id, event.report)

    def _on_report(self, run_id: str, report: m.DebugReport) -> None:
        latent = self._read_latent(report)  # also of runs that aren't followed: their slots must be freed
        if run_id != self.run_id:
            if not isinstance(report, m.Armed | m.Stopped) or self.stop is not None:
                return
            self._follow(run_id)
        match report:
            case m.Armed():
                self._on_armed(report)
            case m.Disarmed():
                self._end()
            case m.Stopped():
                self._on_stopped(report.stop, latent)
            case m.WentOn():
                self._on_went_on(report)
            case m.Printed():
                self.console.add("report", report.text)
                self.printed.emit(report.text)
            case m.BreakpointsChanged():
                self.breakpoint_list.take(report.breakpoints)
            case m.CaptureFailed():
                self._on_capture_failed(report)

    def _read_latent(self, report: m.DebugReport) -> np.ndarray | None:
        if not isinstance(report, m.Stopped) or report.latent is None:
            return None
        try:
            return self._client.read_array(report.latent)
        except MezzotintError:
            return None  # the engine went away or was faster; the stop is told without a picture

    def _follow(self, run_id: str) -> None:
        self._runs.set_standing(self.run_id, "")
        self.run_id = run_id
        self.armed = False
        self.stop, self.latent = None, None
        self.note, self.failures = "", 0
        self._watch_feed.follow(run_id)
        self.selected_op = -1
        self._set_going(False)

    def _on_armed(self, report: m.Armed) -> None:
        self.armed = True
        self.arming = ""
        is_new = report.trace != self.trace_path
        self.trace_path = report.trace
        if report.note and report.note != self.note:
            self._notices.show("info", report.note)
        self.note = report.note
        self.armed_changed.emit()
        if is_new:
            self.trace_changed.emit()

    def _on_stopped(self, stop: Stop, latent: np.ndarray | None) -> None:
        was_armed, had_selection = self.armed, self.selected_op != -1
        self.stop, self.latent = stop, latent
        self.armed, self.arming = True, ""
        self.selected_op = -1
        self._runs.set_standing(self.run_id, stop.message or "stopped")
        self._set_going(False)
        if stop.level in LEVELS:
            self.set_level(stop.level)
        if not stop.looking_back and stop.place.op_number >= 0:
            self.watch_courses.stand_at(stop.place.op_number)
        self.watch_courses.take(stop.watches)
        self.console.add("stop", stop.message)
        if not was_armed:
            self.armed_changed.emit()
        self.stop_changed.emit()
        if stop.watches:
            self.watches_changed.emit()
        if had_selection:
            self.selection_changed.emit()

    def _on_went_on(self, report: m.WentOn) -> None:
        if self.stop is not None and report.stop_id < self.stop.stop_id:
            return
        self._set_going(False)
        self._clear_stop()

    def _clear_stop(self) -> None:
        self._runs.set_standing(self.run_id, "")
        if self.stop is not None:
            self.stop, self.latent = None, None
            self.stop_changed.emit()

    def _on_capture_failed(self, report: m.CaptureFailed) -> None:
        self.failures += 1
        self.console.add("error", report.error.message)
        if self.failures == 1:  # the others are in the table and the console
            self._notices.show("warning", report.error.message, report.error.detail)
        self.failed.emit(report)

    def _end(self) -> None:
        """The debugger is off: taken away, or the run is over."""
        self._set_going(False)
        self._clear_stop()
        if self.arming == self.run_id:
            self.arming = ""
        if self.armed:
            self.armed = False
            self.armed_changed.emit()

    def _set_going(self, going: bool) -> None:
        if going != self.is_going:
            self.is_going = going
            self.going_changed.emit()

    def _set_arming(self, run_id: str) -> None:
        if run_id != self.arming:
            self.arming = run_id
            self.armed_changed.emit()

    # --- runs and the connection -----------------------------------------------------------------------

    def _on_run(self, run_id: str) -> None:
        run = self._runs.run(run_id)
        if run is None or run.state not in FINAL_STATES:
            return
        if run_id == self.arming:
            self._set_arming("")
        if run_id == self.run_id:
            self._end()

    def _on_runs_removed(self, run_ids: list[str]) -> None:
        if self.run_id in run_ids:
            self._end()
            self.run_id = ""
            self.armed_changed.emit()

    def _on_connection(self, connection: str, _sentence: str) -> None:
        if connection != "connected":
            self._set_going(False)
            self._set_arming("")

    def _on_snapshot(self, _snapshot: m.Snapshot) -> None:
        """At the start, and after events were missed: how does the debugged run stand?"""
        run = self.run
        if run is None or run.state not in ACTIVE_STATES:
            self._end()
            run = next((run for run in self._runs.active() if run.debugged), None)
        if run is not None and (run.debugged or run.run_id == self.run_id):
            if run.run_id != self.run_id:
                self._follow(run.run_id)
            self._watch_feed.catch_up(self.watches)
            self.ask(m.GetStop(), self._on_standing, lambda _error: self._end())

    def _on_standing(self, reply: m.DebugReply) -> None:
        if not isinstance(reply, m.Standing):
            return
        if not reply.armed:
            self._end()
            return
        if not self.armed or reply.trace != self.trace_path:
            self._on_armed(m.Armed(trace=reply.trace, note=self.note))
        self.breakpoint_list.take(reply.breakpoints)
        if reply.stop is None:
            self._clear_stop()
        elif self.stop is None or reply.stop.stop_id != self.stop.stop_id:
            self._on_stopped(reply.stop, None)
        elif reply.stop != self.stop:
            self.stop = reply.stop  # the same place, after an edit or with other watches
            self.watch_courses.take(self.stop.watches)
            self.watches_changed.emit()
