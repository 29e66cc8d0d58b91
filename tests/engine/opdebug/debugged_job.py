"""A picture job of the bundled model under the debugger, in this process: the worker's runner without its
wire."""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from PIL import Image

from mezzotint_engine.opdebug.debug_session import DebugSession
from mezzotint_engine.worker.job_control import JobControl
from mezzotint_engine.worker.job_runner import JobRunner
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import Breakpoint, DebugPlan, Stop
from mezzotint_sdk.errors import MezzotintError, error_from_info
from mezzotint_sdk.job_spec import GenerateSpec, ModelRef
from mezzotint_sdk.messages import (
    DebugAnswered,
    DebugAsked,
    FromWorker,
    JobCancelled,
    JobDebugged,
    JobFailed,
    JobFinished,
    StartJob,
)

DEADLINE_S = 60.0

T = TypeVar("T")


def spec(**changes: Any) -> GenerateSpec:
    """Few steps with a scheduler that draws random numbers at each."""
    settings: dict[str, Any] = {
        "model": ModelRef(path="bundled:emoji-64"),
        "prompt": "red apple",
        "steps": 4,
        "scheduler": "EulerAncestralDiscreteScheduler",
        "seed": 5,
        "threads": 1,
    }
    return GenerateSpec(**{**settings, **changes})


def at(**conditions: Any) -> Breakpoint:
    return Breakpoint(breakpoint_id=0, **conditions)


class DebuggedJob:
    """`messages` holds all that the job said; `heard` takes the next one of a kind."""

    def __init__(self, folder: Path, plan: DebugPlan | None, runner: JobRunner | None = None, **changes: Any):
        self.folder = folder
        for name in ("metrics", "artifacts"):
            (folder / name).mkdir(parents=True)
        self._queue: queue.Queue[FromWorker] = queue.Queue()
        self.messages: list[FromWorker] = []
        self.runner = runner or JobRunner(self._queue.put)
        self.runner._send = self._queue.put
        self.control = JobControl("run")
        job = StartJob(
            run_id="run",
            spec=spec(**changes),
            folder=str(folder),
            inputs_folder=str(folder),
            debug=plan,
        )
        self._thread = threading.Thread(target=self.runner.run, args=(job, self.control), name="job")
        self._calls = 0

    def __enter__(self) -> DebuggedJob:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.control.cancel()
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()

    @property
    def session(self) -> DebugSession:
        assert self.runner._debugger is not None
        return self.runner._debugger

    # --- hearing

    def heard(self, kind: type[T]) -> T:
        """The next message, report or reply of that kind. Fails where the job ends before."""
        while True:
            message = self._queue.get(timeout=DEADLINE_S)
            self.messages.append(message)
            inner = message.report if isinstance(message, JobDebugged) else message
            if isinstance(inner, kind):
                return inner
            assert not isinstance(message, JobFinished | JobFailed | JobCancelled), message

    def stop(self) -> Stop:
        return self.heard(dm.Stopped).stop

    def reports(self, kind: type[T]) -> list[T]:
        """Of those that were heard."""
        return [
            message.report
            for message in self.messages
            if isinstance(message, JobDebugged) and isinstance(message.report, kind)
        ]

    # --- asking

    def ask(self, ask: dm.DebugAsk) -> Any:
        """The reply. Raises the error of a refusal."""
        self._calls += 1
        self.runner.debugger_asked(DebugAsked(call_id=self._calls, run_id="run", ask=ask))
        answer = self.heard(DebugAnswered)
        assert answer.call_id == self._calls
        if answer.error is not None:
            raise error_from_info(answer.error)
        return answer.reply

    def go(self, verb: str, level: str = "op", **target: Any) -> Stop:
        """Go on, and the next stop."""
        self.ask(dm.Resume(verb=verb, level=level, **target))  # type: ignore[arg-type]
        return self.stop()

    def finish(self) -> bytes:
        """Go on without stops; the picture's pixels."""
        self.ask(dm.SetBreakpoints(breakpoints=()))
        self.ask(dm.Resume(verb="continue"))
        return self.pixels()

    def pixels(self) -> bytes:
        self.heard(JobFinished)
        self._thread.join(DEADLINE_S)
        with Image.open(self.folder / "artifacts" / "0000.png") as picture:
            return picture.tobytes()


__all__ = ["DebuggedJob", "MezzotintError", "at", "spec"]
