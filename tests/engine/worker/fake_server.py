"""The server's side of a worker, for tests: a channel in this process, a socket for a real one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import zmq

from mezzotint_engine.worker.job_control import JobControl
from mezzotint_engine.worker.job_runner import JobRunner
from mezzotint_sdk import messages as m
from mezzotint_sdk.array_slots import create_slot_file
from mezzotint_sdk.debug_records import DebugPlan
from mezzotint_sdk.job_spec import GenerateSpec, ModelRef
from mezzotint_sdk.wire_codec import FROM_WORKER, TO_WORKER

DEADLINE_S = 60.0
SLOT_BYTES = 1 << 20
WORKER = b"w1"

M = TypeVar("M")


def emoji_spec(**changes: Any) -> GenerateSpec:
    settings: dict[str, Any] = {
        "model": ModelRef(path="bundled:emoji-64"),
        "prompt": "red apple",
        "steps": 3,
        "threads": 1,
    }
    return GenerateSpec(**{**settings, **changes})


class FakeChannel:
    """Takes what a runner sends. `react` may answer on the runner's own thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inputs = folder / "inputs"
        self.inputs.mkdir(parents=True, exist_ok=True)
        self.sent: list[m.FromWorker] = []
        self.react: Callable[[m.FromWorker, JobControl], None] = lambda message, control: None
        self._control: JobControl | None = None
        self._changed = threading.Condition()

    def send(self, message: m.FromWorker) -> None:
        # what can't be encoded would be lost on a real socket
        FROM_WORKER.decode(FROM_WORKER.encode(message))
        with self._changed:
            self.sent.append(message)
            self._changed.notify_all()
        if self._control is not None:
            self.react(message, self._control)

    def run(
        self, runner: JobRunner, spec: GenerateSpec, run_id: str = "run-1", debug: DebugPlan | None = None
    ) -> m.FromWorker:
        """Run a job to its end; returns the message that tells how it ended."""
        self.sent.clear()
        self._control = JobControl(run_id)
        job = m.StartJob(
            run_id=run_id,
            spec=spec,
            folder=str(self.folder / run_id),
            inputs_folder=str(self.inputs),
            debug=debug,
        )
        runner.run(job, self._control)
        return self.sent[-1]

    def of(self, kind: type[M]) -> list[M]:
        return [message for message in self.sent if isinstance(message, kind)]


class WorkerUnderTest:
    """A real worker process, driven over a real ROUTER socket. Answers its beats and its wishes for slots."""

    def __init__(self, folder: Path, *, hz: float = 0.0, curve: bool = False, **environment: str) -> None:
        self.folder = folder
        self.slots = folder / "slots"
        self.slots.mkdir(parents=True)
        create_slot_file(self.slots / "slot-1", SLOT_BYTES)
        self.inputs = folder / "inputs"
        self.inputs.mkdir()
        self.heard: list[m.FromWorker] = []
        self.answers_beats = True
        self._hz = hz
        self._generation = 0
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.setsockopt(zmq.LINGER, 0)
        keys = self._use_curve() if curve else {}
        self._router.bind("tcp://127.0.0.1:*")
        endpoint = self._router.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
        command = [sys.executable, "-m", "mezzotint_engine.worker"]
        self.process = subprocess.Popen(
            [*command, "--endpoint", endpoint, "--worker-id", WORKER.decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", **keys, **environment},
        )
        self.wait_for(m.WorkerHello)
        self.send(m.WorkerWelcome(slots_folder=str(self.slots), preview_hz=hz))

    def _use_curve(self) -> dict[str, str]:
        server_public, server_secret = zmq.curve_keypair()
        public, secret = zmq.curve_keypair()
        self._router.setsockopt(zmq.CURVE_SERVER, 1)
        self._router.setsockopt(zmq.CURVE_SECRETKEY, server_secret)
        return {
            "MEZZOTINT_SERVER_KEY": server_public.decode(),
            "MEZZOTINT_CLIENT_PUBLIC": public.decode(),
            "MEZZOTINT_CLIENT_SECRET": secret.decode(),
        }

    def send(self, message: m.ToWorker) -> None:
        self._router.send_multipart([WORKER, TO_WORKER.encode(message)])

    def start_job(self, spec: GenerateSpec, run_id: str) -> None:
        folder = self.folder / run_id
        folder.mkdir()
        self.send(m.StartJob(run_id=run_id, spec=spec, folder=str(folder), inputs_folder=str(self.inputs)))

    def wait_for(self, *kinds: type[Any]) -> Any:
        """The next message of these kinds; all others are kept in `heard` and answered where they ask."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            if not self._router.poll(100):
                code = self.process.poll()
                assert code is None, f"the worker ended with {code}"
                continue
            message = FROM_WORKER.decode(self._router.recv_multipart()[-1])
            self.heard.append(message)
            if isinstance(message, m.Beat) and self.answers_beats:
                self.send(m.BeatSeen())
            if isinstance(message, m.SlotWanted):
                self._generation += 1
                self.send(m.SlotGranted(slot="slot-1", generation=self._generation, nbytes=SLOT_BYTES))
            if isinstance(message, kinds):
                return message
        raise AssertionError(f"waited in vain for {kinds}; heard {self.heard[-5:]}")

    def of(self, kind: type[M]) -> list[M]:
        return [message for message in self.heard if isinstance(message, kind)]

    def close(self) -> bytes:
        """End the worker as a dying server does. Returns what it printed to standard output."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        printed = self.process.stdout.read()
        self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        self._router.close()
        self._context.term()
        return printed
