"""The op debugger of the fake worker: one op, `fake.op`, in each step, at which it stops as asked.

Its console knows: `n` (to the next op), `c`, `b N` (a breakpoint at step N), `p TEXT`, `say N` (N printed
lines while it goes on), `touch` (edit something), `stuck` (said, and never answered), `crash`, `q`, `fail`
(the capture does), `foreign` (an array in a slot that isn't its own), and empty lines, which repeat the last
one. Anything else is an error.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import (
    Breakpoint,
    DebugPlan,
    Place,
    Stop,
    TensorFacts,
    TensorLook,
    TensorStatistics,
)
from mezzotint_sdk.errors import BadInputError, ErrorInfo, MezzotintError
from mezzotint_sdk.records import ArrayRef

if TYPE_CHECKING:
    from fake_worker import FakeWorker

PURPOSE = "debugger"


class FakeDebugger:
    def __init__(self, worker: FakeWorker, job: m.StartJob) -> None:
        self.worker, self.job = worker, job
        self.plan: DebugPlan | None = None
        self.breakpoints: list[Breakpoint] = []
        self.stop: Stop | None = None
        self.stops = 0
        self.stop_next = self.touched = self.ended_by_user = False
        self.step = 0
        self.last_line = ""
        if job.debug is not None:
            self.arm(job.debug)

    def arm(self, plan: DebugPlan) -> None:
        if self.plan is None:
            trace = Path(self.job.folder) / "debug" / "trace.mzt"
            trace.parent.mkdir(exist_ok=True)
            trace.write_bytes(b"a trace")
            self.report(m.Armed(trace=str(trace)))
        self.plan = plan
        self.breakpoints = list(plan.breakpoints)
        self.stop_next = plan.stop_at != "never"

    def report(self, report: m.DebugReport) -> None:
        self.worker.send(m.JobDebugged(run_id=self.job.run_id, report=report))

    # --- on the job's way -----------------------------------------------------------------------------------

    def op(self, step: int, steps: int) -> None:
        """Stop here if it is wanted; returns when the run goes on, or is cancelled."""
        self.step = step
        hit = next((b for b in self.breakpoints if b.step == step), None)
        if self.plan is None or not (self.stop_next or hit):
            return
        self.stops += 1
        self.stop_next = False
        place = Place(op_number=step - 1, op="fake.op", module="unet.mid", step=step, steps=steps)
        self.stop = Stop(
            stop_id=self.stops,
            reason="breakpoint" if hit else "step",
            message=f"Breakpoint {hit.breakpoint_id}." if hit else "Stopped as asked.",
            place=place,
            touched=self.touched,
            tensors=(TensorFacts(name="out", role="output", shape=(2, 3), dtype="float32", device="cpu"),),
        )
        latent = self.array(np.full((4, 4, 3), step, np.uint8)) if self.worker.preview_hz else None
        self.report(m.Stopped(stop=self.stop, latent=latent))
        while self.stop is not None and not self.worker.cancelled:
            self.worker.pump(0.01)
        if self.stop is None:
            self.report(m.WentOn(stop_id=self.stops, touched=self.touched))
        self.stop = None

    def array(self, array: np.ndarray) -> ArrayRef | None:
        worker = self.worker
        worker.granted_for.pop(PURPOSE, None)
        worker.send(m.SlotWanted(nbytes=array.nbytes, purpose=PURPOSE))
        while PURPOSE not in worker.granted_for:
            worker.pump(0.01)
        granted = worker.granted_for.pop(PURPOSE)
        if not granted.generation or worker.slots is None:
            return None
        return worker.slots.write(granted.slot, granted.generation, array)

    # --- what is asked --------------------------------------------------------------------------------------

    def asked(self, asked: m.DebugAsked) -> None:
        try:
            reply = self.reply(asked.ask)
        except MezzotintError as error:
            self.answer(asked, None, error.info())
        else:
            if reply is not None:
                self.answer(asked, reply, None)

    def answer(self, asked: m.DebugAsked, reply: m.DebugReply | None, error: ErrorInfo | None) -> None:
        self.worker.send(
            m.DebugAnswered(call_id=asked.call_id, run_id=asked.run_id, reply=reply, error=error)
        )

    def reply(self, ask: m.DebugAsk) -> m.DebugReply | None:
        """None is never answered."""
        match ask:
            case m.Arm():
                self.arm(ask.plan)
                return m.Obeyed()
            case m.Disarm():
                self.plan, self.stop = None, None
                return m.Obeyed()
            case m.GetStop():
                return m.Standing(
                    armed=self.plan is not None, stop=self.stop, breakpoints=tuple(self.breakpoints)
                )
            case m.SetBreakpoints():
                self.breakpoints = list(ask.breakpoints)
                return m.BreakpointsSet(breakpoints=ask.breakpoints)
            case m.CompleteWord():
                words = tuple(word for word in ("print", "phase") if word.startswith(ask.line[: ask.cursor]))
                return m.Completions(words=words, start=0)
        if self.stop is None:
            raise BadInputError("The run goes on; stop it first (Break), then ask again.")
        match ask:
            case m.SayToConsole():
                self.last_line = ask.line or self.last_line
                return self.say(self.last_line)
            case m.LookAtTensor():
                values = np.arange(6, dtype=np.float64).reshape(2, 3)
                return self.shown(self.array(values))
            case m.EditTensor() | m.SkipOp():
                self.touched = True
                return m.Obeyed()
            case m.Resume(verb="continue"):
                self.stop = None
                return m.Obeyed()
        raise BadInputError(f"The fake debugger doesn't know {type(ask).__name__}.")

    @staticmethod
    def shown(array: ArrayRef | None) -> m.TensorShown:
        facts = TensorFacts(name="out", shape=(2, 3), dtype="float32", device="cpu")
        look = TensorLook(facts=facts, kind="numbers", statistics=TensorStatistics(count=6), array=array)
        return m.TensorShown(look=look)

    def say(self, line: str) -> m.DebugReply | None:
        word, _, rest = line.partition(" ")
        match word:
            case "n" | "c":
                self.stop, self.stop_next = None, word == "n"
                return m.ConsoleSaid(text="", resumed=True)
            case "b":
                if not rest.isdigit():
                    return m.ConsoleSaid(text=f"*** {rest!r} is no breakpoint.")
                number = len(self.breakpoints) + 1
                self.breakpoints.append(Breakpoint(breakpoint_id=number, step=int(rest)))
                self.report(m.BreakpointsChanged(breakpoints=tuple(self.breakpoints)))
                return m.ConsoleSaid(text=f"Breakpoint {number} at step {rest}")
            case "p":
                return m.ConsoleSaid(text=f"{rest} at step {self.step}")
            case "say":
                for number in range(int(rest)):
                    self.report(m.Printed(text=f"said {number}", breakpoint_id=1, op_number=number))
                return m.ConsoleSaid(text="")
            case "touch":
                self.touched = True
                return m.ConsoleSaid(text="edited")
            case "fail":
                info = ErrorInfo("internal", "The capture failed.")
                self.report(m.CaptureFailed(error=info, op_number=self.step))
                return m.ConsoleSaid(text="")
            case "foreign":
                return self.shown(ArrayRef("00000", 12345, 24, "<f8", (3,)))
            case "stuck":
                self.report(m.Printed(text="stuck"))
                return None
            case "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            case "q":
                self.worker.cancelled = self.ended_by_user = True
                return m.ConsoleSaid(text="", resumed=True)
        raise BadInputError(f"The fake console doesn't know {word!r}.")
