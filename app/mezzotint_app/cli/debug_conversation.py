"""Talking to the op debugger about one run: from stop to stop, with a prompt at each, to the run's end."""

from __future__ import annotations

import sys
import time

import msgspec

from mezzotint_app.cli.console_input import ConsoleInput, make_input
from mezzotint_app.cli.debug_feed import DebugFeed
from mezzotint_app.cli.engine_access import EngineAccess
from mezzotint_app.cli.prompt_interrupts import PromptInterrupts, WokenError
from mezzotint_app.cli.stop_text import report_text, stop_lines
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import Breakpoint, DebugPlan, Stop
from mezzotint_sdk.errors import BadInputError, EngineLostError, MezzotintError
from mezzotint_sdk.records import FINAL_STATES, RunRecord

__all__ = ["DebugConversation"]

LOOK_EVERY_S = 0.1  # at interrupts; what the engine says wakes at once
ASK_AGAIN_S = 30.0  # a stop or a run's end must not be missed for good
END_WAIT_S = 15.0  # for a run that was given up
PROMPT = "(mzt) "


class DebugConversation:
    """`breaks` are set at the first stop, from which the run then goes on by itself."""

    def __init__(
        self,
        run_id: str,
        plan: DebugPlan,
        breaks: tuple[str, ...],
        access: EngineAccess,
        feed: DebugFeed,
        interrupts: PromptInterrupts,
        source: ConsoleInput | None = None,
    ) -> None:
        self.run_id = run_id
        self.stops = 0
        self.trace = ""  # the trace file's path on the engine's machine
        self._plan = plan
        self._breaks = breaks
        self._access = access
        self._feed = feed
        self._interrupts = interrupts
        self._source = source or make_input(self._complete)
        self._prompt = PROMPT
        self._stop_id = 0
        self._at_end = False  # no commands any more: the run goes on without stops
        self._obeyed = 0  # interrupts
        self._pressed = 0  # of them since the last stop
        feed.on_surprise = self._on_surprise

    def _on_surprise(self, run_id: str, stop_id: int) -> None:
        """On the connection's thread: a prompt that waits for a line must not wait for ever."""
        if run_id in ("", self.run_id) and (stop_id < 0 or stop_id >= self._stop_id):
            self._interrupts.wake()

    # --- from stop to stop ------------------------------------------------------------------------------

    def talk(self) -> RunRecord:
        """The run's record at its end. Raises EngineLostError, BadInputError for a bad `breaks`."""
        while (stop := self._until_stop()) is not None:
            self._at_stop(stop)
        record = self._feed.record(self.run_id)
        assert record is not None
        return record

    def _until_stop(self) -> Stop | None:
        heard = time.monotonic()
        while True:
            is_over = self._is_over()  # looked at first: reports that came before the end are taken below
            report = self._feed.take(self.run_id, 0.0 if is_over else LOOK_EVERY_S)
            if report is not None:
                heard = time.monotonic()
                if (stop := self._take(report)) is not None:
                    return stop
                continue
            if is_over:
                return None
            if self._feed.lost:
                raise EngineLostError(self._feed.lost)
            self._obey_interrupts()
            if self._feed.take_missed() or time.monotonic() - heard > ASK_AGAIN_S:
                heard = time.monotonic()
                if (stop := self._look_again()) is not None:
                    return stop

    def _take(self, report: m.DebugReport) -> Stop | None:
        """Show it; gives the stop when it is a new one."""
        match report:
            case m.Stopped(stop=stop):
                return stop if stop.stop_id > self._stop_id else None
            case m.Armed(trace=trace):
                self.trace = trace
        if text := report_text(report):
            print(text, flush=True)
        return None

    def _show_reports(self) -> None:
        """What came while a command was carried out."""
        while (report := self._feed.take(self.run_id, 0.0)) is not None:
            self._take(report)

    def _look_again(self) -> Stop | None:
        """Words may have been lost: how do things stand?"""
        self._feed.learn(self._access.call(m.GetRun(run_id=self.run_id)).run)
        try:
            standing = self._standing()
        except EngineLostError:
            raise
        except MezzotintError:
            return None  # it waits in the queue, or is over
        self.trace = standing.trace or self.trace
        stop = standing.stop
        return stop if stop is not None and stop.stop_id > self._stop_id else None

    def _is_over(self) -> bool:
        record = self._feed.record(self.run_id)
        return record is not None and record.state in FINAL_STATES

    # --- at a stop --------------------------------------------------------------------------------------

    def _at_stop(self, stop: Stop) -> None:
        """Returns when the run goes on, or ends."""
        self._stop_id = stop.stop_id
        self.stops += 1
        self._pressed, self._obeyed = 0, self._interrupts.count
        self._prompt = PROMPT
        if self._breaks:
            breaks, self._breaks = self._breaks, ()
            if self._set_breaks(breaks, stop):
                self._ask(m.Resume(verb="continue"))
                return
        print("\n".join(stop_lines(stop)), flush=True)
        if self._at_end:
            self._ask(m.Resume(verb="continue"))
            return
        while True:
            try:
                line = self._read()
            except WokenError:
                print(flush=True)
                return  # it went on or ended without us
            except KeyboardInterrupt:
                if self._cancelled_at_prompt():
                    return
                continue
            if line is None:
                self._go_on_without_stops()
                return
            if self._say(line):
                return

    def _read(self) -> str | None:
        self._interrupts.reading = True
        try:
            if self._is_over():  # since the last command: its wake-up may have come too early
                raise WokenError
            return self._source.read(self._prompt)
        finally:
            self._interrupts.reading = False

    def _say(self, line: str) -> bool:
        """One command. True when the run goes on, or is over."""
        try:
            said = self._ask(m.SayToConsole(line=line))
        except EngineLostError:
            raise
        except MezzotintError as error:
            self._show_reports()
            if self._is_over():
                return True
            print(f"*** {error.message}", flush=True)
            return not self._stands()
        self._show_reports_of(said)
        return isinstance(said, m.ConsoleSaid) and said.resumed

    def _show_reports_of(self, said: m.DebugReply) -> None:
        if isinstance(said, m.ConsoleSaid):
            self._prompt = said.prompt
            if text := said.text.rstrip("\n"):
                print(text, flush=True)
            if said.resumed:
                return  # what comes now is of the way to the next stop
        self._show_reports()

    def _stands(self) -> bool:
        try:
            return self._standing().stop is not None
        except EngineLostError:
            raise
        except MezzotintError:
            return False

    def _set_breaks(self, breaks: tuple[str, ...], stop: Stop) -> bool:
        """True when the run may go on from here: none of them would have stopped where we are.

        Raises BadInputError.
        """
        known: tuple[Breakpoint, ...] = ()
        for text in breaks:
            print(f"{self._prompt}b {text}", flush=True)
            try:
                said = self._ask(m.SayToConsole(line=f"b {text}"))
            except EngineLostError:
                raise
            except MezzotintError as error:
                raise BadInputError(f"--break {text!r} can't be set. {error.message}") from error
            self._show_reports_of(said)
            now = self._standing().breakpoints
            if len(now) <= len(known):
                why = said.text if isinstance(said, m.ConsoleSaid) else ""
                raise BadInputError(f"--break {text!r} can't be set. {why}".strip())
            known = now
        # the first op of a phase or a step is passed only once
        place = stop.place
        return not any(
            one.enabled
            and not one.log
            and (one.phase or one.step >= 0)
            and one.phase in ("", place.phase)
            and one.step in (-1, place.step)
            for one in known
        )

    def _go_on_without_stops(self) -> None:
        """No commands are left: breakpoints go, logpoints stay."""
        self._at_end = True
        print("(end of commands: the run goes on without stops)", flush=True)
        try:
            logpoints = tuple(one for one in self._standing().breakpoints if one.log)
            self._ask(m.SetBreakpoints(breakpoints=logpoints))
            self._ask(m.Resume(verb="continue"))
        except EngineLostError:
            raise
        except MezzotintError as error:
            if self._stands():
                raise error

    # --- asking -----------------------------------------------------------------------------------------

    def _standing(self) -> m.Standing:
        standing = self._ask(m.GetStop())
        assert isinstance(standing, m.Standing)
        return standing

    def _ask(self, ask: m.DebugAsk) -> m.DebugReply:
        """The answer, however long it takes. Raises the error that refused it; EngineLostError."""
        future = self._access.begin(m.AskDebugger(run_id=self.run_id, ask=ask))
        while True:
            try:
                said = future.result(LOOK_EVERY_S)
            except TimeoutError:
                self._obey_interrupts(is_asking=True)
                continue
            assert isinstance(said, m.DebuggerSaid)
            return said.reply

    def _complete(self, line: str, cursor: int) -> tuple[tuple[str, ...], int]:
        try:
            found = self._access.call(
                m.AskDebugger(run_id=self.run_id, ask=m.CompleteWord(line=line, cursor=cursor))
            ).reply
        except MezzotintError:
            return (), cursor
        return (found.words, found.start) if isinstance(found, m.Completions) else ((), cursor)

    # --- interrupts -------------------------------------------------------------------------------------

    def _obey_interrupts(self, *, is_asking: bool = False) -> None:
        """The first Ctrl+C breaks in, or says that another one cancels; then Cancel, then by force."""
        if self._interrupts.count == self._obeyed:
            return
        self._pressed += self._interrupts.count - self._obeyed
        self._obeyed = self._interrupts.count
        record = self._feed.record(self.run_id)
        is_waiting = record is None or record.state == "queued"
        if self._interrupts.was_terminated or is_waiting or self._pressed > 1:
            self._access.tell(m.CancelRun(run_id=self.run_id, force=self._pressed > 2))
        elif is_asking:
            _hint("The debugger is busy with your command; Ctrl+C again cancels the run.")
        else:
            _hint("Breaking in at the next step; Ctrl+C again cancels the run.")
            self._break_in()

    def _break_in(self) -> None:
        try:
            breakpoints = self._standing().breakpoints
            plan = msgspec.structs.replace(self._plan, stop_at="first_op", breakpoints=breakpoints)
            self._ask(m.Arm(plan=plan))
        except EngineLostError:
            raise
        except MezzotintError as error:
            _hint(error.message)
        self._at_end = False

    def _cancelled_at_prompt(self) -> bool:
        self._pressed += self._interrupts.count - self._obeyed
        self._obeyed = self._interrupts.count
        if self._interrupts.was_terminated or self._pressed > 1:
            self._access.tell(m.CancelRun(run_id=self.run_id))
            return True
        print(flush=True)
        _hint("The run stands. `c` lets it go on, `q` ends it, and so does Ctrl+C again.")
        return False

    def give_up(self) -> None:
        """Something failed on our side: the run must not stand there with nobody to speak to it."""
        if self._is_over() or self._feed.lost:
            return
        self._access.tell(m.CancelRun(run_id=self.run_id))
        deadline = time.monotonic() + END_WAIT_S
        while not self._is_over() and not self._feed.lost and time.monotonic() < deadline:
            self._feed.take(self.run_id, LOOK_EVERY_S)


def _hint(sentence: str) -> None:
    sys.stdout.flush()
    print(f"mezzotint: {sentence}", file=sys.stderr, flush=True)
