"""A real engine in a home of its own, driven through the app's own connection: for tests of failures."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import psutil

from mezzotint_app.client.connection import EngineConnection
from mezzotint_sdk import messages as m
from mezzotint_sdk.endpoint import read_engine_file
from mezzotint_sdk.home import Home
from mezzotint_sdk.job_spec import GenerateSpec, ModelRef
from mezzotint_sdk.records import FINAL_STATES, RunRecord, WorkerRecord

DEADLINE_S = 90.0  # for anything at all; a test that gets here has failed

T = TypeVar("T")


def emoji_spec(**changes: Any) -> GenerateSpec:
    settings: dict[str, Any] = {"model": ModelRef(path="bundled:emoji-64"), "prompt": "red apple", "steps": 2}
    return GenerateSpec(**{**settings, **changes})


class LiveEngine:
    """Engine process, one connection to it, and everything that its events have said so far."""

    def __init__(self, home: Path, *, environment: dict[str, str] | None = None) -> None:
        self.home = Home(home)
        self._environment = {**os.environ, "MEZZOTINT_CANCEL_DEADLINE": "1", **(environment or {})}
        self._heard = threading.Condition()
        self.events: list[m.Notice] = []
        self.runs: dict[str, RunRecord] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: EngineConnection | None = None

    def __enter__(self) -> LiveEngine:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and connect. Raises the engine's own error when it can't be started."""
        command = [sys.executable, "-m", "mezzotint_engine", "--home", str(self.home.root), "--linger", "-1"]
        self.process = subprocess.Popen(command, env=self._environment, stdin=subprocess.DEVNULL)
        self.wait_until(self._ready, "the engine's file")
        self.connection = self.connect()

    def connect(self, *, client: str = "test", wants_previews: bool = False) -> EngineConnection:
        connection = EngineConnection(
            self.home,
            client=client,
            wants_events=True,
            wants_previews=wants_previews,
            on_notice=self._on_notice,
            on_state=lambda *_: None,
        )
        connection.connect(DEADLINE_S)
        return connection

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the engine ended with {self.process.returncode}"
        found = read_engine_file(self.home)
        return found is not None and found.pid == self.process.pid

    def _on_notice(self, notice: m.Notice) -> None:
        with self._heard:
            self.events.append(notice)
            if isinstance(notice.body, m.RunChanged):
                self.runs[notice.body.run.run_id] = notice.body.run
            self._heard.notify_all()

    def kill(self) -> None:
        """SIGKILL the server alone, as the OOM killer would; its workers have to notice by themselves."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def stop(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    # --- asking -----------------------------------------------------------------------------------------

    def call(self, body: m.Request) -> Any:
        assert self.connection is not None
        return self.connection.call(body).result(DEADLINE_S)

    def submit(self, *specs: GenerateSpec) -> tuple[str, ...]:
        run_ids: tuple[str, ...] = self.call(m.SubmitJobs(specs=specs)).run_ids
        return run_ids

    def run(self, run_id: str) -> RunRecord:
        record: RunRecord = self.call(m.GetRun(run_id=run_id)).run
        return record

    def artifacts(self, run_id: str) -> list[Path]:
        return [Path(artifact.path) for artifact in self.call(m.GetRun(run_id=run_id)).artifacts]

    def worker(self, state: str = "busy") -> WorkerRecord | None:
        workers: tuple[WorkerRecord, ...] = self.call(m.GetStatus()).workers
        return next((worker for worker in workers if worker.state == state), None)

    # --- waiting ----------------------------------------------------------------------------------------

    def wait_until(self, condition: Callable[[], T], what: str, deadline_s: float = DEADLINE_S) -> T:
        """The first true value of `condition`, asked after each event, or every 0.1 s."""
        end = time.monotonic() + deadline_s
        while not (value := condition()):
            assert time.monotonic() < end, f"waited in vain for {what}; runs: {self.runs}"
            with self._heard:
                self._heard.wait(0.1)
        return value

    def wait_for_state(self, run_id: str, *states: str) -> RunRecord:
        def reached() -> RunRecord | None:
            run = self.runs.get(run_id)
            return run if run is not None and run.state in states else None

        return self.wait_until(reached, f"{run_id} to be {' or '.join(states)}")

    def wait_for_end(self, run_id: str) -> RunRecord:
        return self.wait_for_state(run_id, *FINAL_STATES)

    def wait_for_step(self, run_id: str, step: int = 1) -> None:
        """Until a run has gone past some denoising steps: it is in the middle of its work."""

        def reached() -> bool:
            with self._heard:
                return any(
                    isinstance(notice.body, m.RunProgressed)
                    and notice.body.run_id == run_id
                    and notice.body.phase == "denoise"
                    and notice.body.step >= step
                    for notice in self.events
                )

        self.wait_until(reached, f"{run_id} to be drawing")

    def start_long_run(self) -> tuple[str, WorkerRecord]:
        """A run that would take minutes, already drawing, and the worker that draws it."""
        (run_id,) = self.submit(emoji_spec(steps=1_000, count=100, prompt="long one"))
        self.wait_for_step(run_id)
        worker = self.wait_until(lambda: self.worker("busy"), "a busy worker")
        return run_id, worker

    def assert_healthy(self) -> None:
        """The engine answers, and draws: whatever went wrong before is over."""
        (run_id,) = self.submit(emoji_spec())
        run = self.wait_for_end(run_id)
        assert run.state == "finished", run.error
        assert all(path.is_file() for path in self.artifacts(run_id))

    def assert_next_run_starts_in_time(self, run_id: str, since: float, limit_s: float = 5.0) -> None:
        """What is promised: after a failure the next job runs within 5 s, its model's loading not counted.

        `since`: time.time() of the failure. Uses the run's own record: start of the run, not of drawing.
        """
        run = self.wait_for_state(run_id, "running", "finished")
        assert run.started is not None
        assert run.started - since <= limit_s


def processes_below(pid: int) -> list[psutil.Process]:
    """The process and everything it started."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def wait_gone(processes: list[psutil.Process], deadline_s: float = 20.0) -> None:
    _, alive = psutil.wait_procs(processes, timeout=deadline_s)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE], "still running"
