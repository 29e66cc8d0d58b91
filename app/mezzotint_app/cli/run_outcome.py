"""What is told of a run at its end: lines for people, one line of JSON for scripts, and the exit status."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mezzotint_app.cli import exit_status
from mezzotint_app.cli.bug_report import as_internal_error
from mezzotint_app.cli.interrupts import Interrupts, TerminatedError
from mezzotint_sdk.errors import CancelledRunError, EngineLostError, InternalError, MezzotintError
from mezzotint_sdk.records import RunRecord

__all__ = ["Outcome", "run_and_report"]


@dataclass
class Outcome:
    """What is told at the end, whichever way it came."""

    run_id: str = ""
    state: str = "failed"
    seconds: float = 0.0
    seed: int | None = None
    files: list[str] = field(default_factory=list)
    error: MezzotintError | None = None
    more: dict[str, Any] = field(default_factory=dict)  # what else the line of JSON says
    _began: float = field(default_factory=time.monotonic)

    def as_json(self) -> str:
        facts: dict[str, Any] = {
            "run_id": self.run_id,
            "state": self.state,
            "seconds": round(self.seconds, 3),
            "seed": self.seed,
            "files": self.files,
            **self.more,
        }
        if self.error is not None:
            facts |= {"code": self.error.code, "message": self.error.message}
        return json.dumps(facts)

    def take_run(self, run_id: str) -> None:
        """There is a run now; its time counts from here until its record says it."""
        self.run_id, self.state, self.seconds = run_id, "failed", 0.0
        self._began = time.monotonic()

    def count_time(self) -> None:
        """The time of a run whose end was not told; without a run none is spent."""
        if self.run_id and not self.seconds:
            self.seconds = time.monotonic() - self._began

    def take_end(self, record: RunRecord) -> None:
        """What the run's last record says. One that is still being stopped counts as cancelled."""
        self.state = (
            "cancelled" if record.state in ("running", "paused", "stopping", "queued") else record.state
        )
        self.seconds = record.seconds
        if record.error is not None and self.state != "finished":
            self.error = RunFailureError(record.error.code, record.error.message, record.error.detail)
        elif self.state in ("failed", "interrupted"):
            self.error = InternalError(f"The run {record.state}, and nothing says why.")


class RunFailureError(MezzotintError):
    """A run's own error, with its own code whether or not this version knows it."""

    def __init__(self, code: str, message: str, detail: str) -> None:
        super().__init__(message, detail)
        self.code = code  # type: ignore[misc]  # of the instance: it came over the wire


def run_and_report(
    arguments: Namespace, work: Callable[[Outcome, Interrupts], None], interrupts: Interrupts | None = None
) -> int:
    """Do the work, tell how it ended, whichever way it came, and give the exit status."""
    outcome = Outcome()
    interrupts = interrupts or Interrupts()
    try:
        work(outcome, interrupts)
    except MezzotintError as error:
        outcome.error = error
        if isinstance(error, EngineLostError) and outcome.run_id:
            outcome.state = "interrupted"
    except BrokenPipeError:
        raise
    except Exception as bug:  # a script must get its line about the run, whatever fails around it
        outcome.error = as_internal_error(bug)
    except KeyboardInterrupt as end:  # not while a run goes on: then interrupts are counted
        interrupts.was_terminated = interrupts.was_terminated or isinstance(end, TerminatedError)
        if outcome.run_id:
            outcome.error = CancelledRunError("Ended after the run, before all was told; the run is kept.")
        else:
            outcome.state = "cancelled"
            outcome.error = CancelledRunError("Cancelled before there was a run.")
    outcome.count_time()
    with interrupts:  # what is told now is told to its end
        return _report(arguments, outcome, interrupts)


def _report(arguments: Namespace, outcome: Outcome, interrupts: Interrupts) -> int:
    error = outcome.error
    if not arguments.json:
        if outcome.run_id and outcome.state in ("finished", "cancelled"):
            print(f"Run {outcome.run_id} {outcome.state} in {outcome.seconds:.1f} s, seed {outcome.seed}")
        for file in outcome.files:
            print(file)
    if error is not None:
        sys.stdout.flush()
        print(f"mezzotint: {' '.join(error.message.split())}", file=sys.stderr, flush=True)
        if arguments.verbose and error.detail:
            print(error.detail, file=sys.stderr)
    if arguments.json:
        print(outcome.as_json())
    if outcome.state == "cancelled" or isinstance(error, CancelledRunError):
        return exit_status.TERMINATED if interrupts.was_terminated else exit_status.INTERRUPTED
    if error is not None:
        return exit_status.status_of_error(error.code)
    return exit_status.status_of_run(outcome.state)
