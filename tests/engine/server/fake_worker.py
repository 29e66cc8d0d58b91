"""A worker without torch: speaks the whole protocol, and misbehaves on request.

Started by the real server through `MEZZOTINT_WORKER_MODULE`. What a job does is said by the first word of its
prompt:

    normal    draw `count` grey pictures in `steps` steps; a second word sets the seconds of a step
    hang      stop answering anything, for ever, deaf to SIGTERM
    deaf      go on beating, but ignore Cancel and SIGTERM
    mute      keep drawing without beats for the seconds of the second word, then go on
    crash     end by SIGSEGV
    exit      end with exit code 7
    killed    end by SIGKILL, as the system does when memory is short
    fork      start a child in a session of its own tree that ignores SIGTERM, then behave like hang
    fail      report an error
    full      report that the disk is full
    garbage   send bytes that are no message, then go on like normal
    preview   like normal, with a preview of `width` x `height` in every step
    points    like normal, with 1,000 metric points a step

A job that comes with a debug plan, or is armed on its way, stops in `fake_debugger.py`.
"""

from __future__ import annotations

import argparse
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import zmq

from mezzotint_sdk import messages as m
from mezzotint_sdk.array_slots import SlotWriter
from mezzotint_sdk.errors import ErrorInfo
from mezzotint_sdk.job_spec import JobSpec
from mezzotint_sdk.records import DeviceInfo, LogRecord, PhaseTime
from mezzotint_sdk.wire_codec import FROM_WORKER, TO_WORKER

if TYPE_CHECKING:
    from fake_debugger import FakeDebugger

BEAT_S = 0.2


def png(width: int, height: int, grey: int) -> bytes:
    """A grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes([grey]) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def seconds_in(words: list[str], default: float) -> float:
    """The second word as a number of seconds, if it is one."""
    try:
        return float(words[1])
    except (IndexError, ValueError):
        return default


class FakeWorker:
    def __init__(self, endpoint: str, worker_id: str) -> None:
        self.worker_id = worker_id
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 1000
        if "MEZZOTINT_SERVER_KEY" in os.environ:
            self.socket.curve_serverkey = os.environ["MEZZOTINT_SERVER_KEY"].encode()
            self.socket.curve_publickey = os.environ["MEZZOTINT_CLIENT_PUBLIC"].encode()
            self.socket.curve_secretkey = os.environ["MEZZOTINT_CLIENT_SECRET"].encode()
        self.socket.connect(endpoint)
        self.slots: SlotWriter | None = None
        self.granted: m.SlotGranted | None = None
        self.granted_for: dict[str, m.SlotGranted] = {}
        self.debugger: FakeDebugger | None = None
        self.run_id = ""
        self.cancelled = self.paused = self.deaf = False
        self.mute_until = 0.0
        self.next_beat = 0.0
        self.preview_hz = 0.0
        self.jobs: list[m.StartJob] = []

    def send(self, message: m.FromWorker) -> None:
        self.socket.send(FROM_WORKER.encode(message))

    def serve(self) -> None:
        device = DeviceInfo(name="cpu", title="CPU", kind="cpu", total_bytes=1 << 30)
        hello = m.WorkerHello(
            protocol=int(os.environ.get("FAKE_WORKER_PROTOCOL", m.PROTOCOL_VERSION)),
            worker_id=self.worker_id,
            pid=os.getpid(),
            engine_version="test",
            torch_version="none",
            devices=(device,),
        )
        self.send(hello)
        while True:
            self.pump(BEAT_S)
            while self.jobs:
                self.run(self.jobs.pop(0))

    def pump(self, wait_s: float) -> None:
        """Answer the server for so long, and beat."""
        end = time.monotonic() + wait_s
        while True:
            now = time.monotonic()
            if now >= self.next_beat and now >= self.mute_until:
                self.send(m.Beat(memory_bytes=1000, device_bytes=0, run_id=self.run_id))
                self.next_beat = now + BEAT_S
            left = end - now
            if not self.socket.poll(max(0, int(min(left, BEAT_S) * 1000))):
                if left <= 0:
                    return
                continue
            self.receive(TO_WORKER.decode(self.socket.recv()))
            if self.jobs and not self.run_id:
                return

    def receive(self, message: m.ToWorker) -> None:
        match message:
            case m.WorkerWelcome():
                self.slots = SlotWriter(Path(message.slots_folder))
                self.preview_hz = message.preview_hz
            case m.StartJob():
                self.jobs.append(message)
            case m.CancelJob():
                self.cancelled = not self.deaf
            case m.PauseJob():
                self.paused = True
                self.send(m.JobPaused(run_id=self.run_id))
            case m.ResumeJob():
                self.paused = False
                self.send(m.JobResumed(run_id=self.run_id))
            case m.SetPreviews():
                self.preview_hz = message.hz
            case m.SlotGranted() if message.purpose:
                self.granted_for[message.purpose] = message
            case m.SlotGranted():
                self.granted = message if message.generation else None
            case m.DebugAsked() if self.debugger is not None:
                self.debugger.asked(message)
            case m.Shutdown() if not self.deaf:
                if self.run_id:
                    self.send(m.JobCancelled(run_id=self.run_id, seconds=0.0))
                self.socket.close()
                zmq.Context.instance().term()
                os._exit(0)

    def run(self, job: m.StartJob) -> None:
        self.run_id, self.cancelled, self.paused = job.run_id, False, False
        words = job.spec.prompt.split() or ["normal"]
        started = time.monotonic()
        self.send(m.JobStarted(run_id=job.run_id, device="cpu", spec=job.spec))
        line = LogRecord(time=time.time(), level="info", topic="run", message="begun", run_id=job.run_id)
        self.send(m.WorkerLogged(line=line))
        print(f"worker {self.worker_id} runs {job.run_id}", flush=True)
        from fake_debugger import FakeDebugger  # found beside this file alone, where that is a worker

        self.debugger = FakeDebugger(self, job)
        self.misbehave(words[0], seconds_in(words, 0.0))
        if words[0] in ("fail", "full"):
            code, sentence = (
                ("storage", "No space left.") if words[0] == "full" else ("bad_input", "It was asked.")
            )
            self.send(m.JobFailed(run_id=job.run_id, seconds=0.1, error=ErrorInfo(code, sentence)))
            self.run_id = ""
            return
        step_s = 0.002 if words[0] == "mute" else seconds_in(words, 0.002)
        finished = all(self.draw(job, index, step_s, words[0]) for index in range(job.spec.count))
        seconds = time.monotonic() - started
        if finished:
            phases = (PhaseTime("denoise", seconds),)
            self.send(m.JobFinished(run_id=job.run_id, seconds=seconds, phases=phases))
        else:
            asked = self.debugger.ended_by_user
            self.send(m.JobCancelled(run_id=job.run_id, seconds=seconds, asked=asked))
        self.run_id, self.debugger = "", None

    def misbehave(self, word: str, seconds: float) -> None:
        if word in ("hang", "deaf", "fork"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self.deaf = True
        if word == "fork":
            code = (
                "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('child', flush=True)\n"
            )
            child = subprocess.Popen([sys.executable, "-c", code + "while True: signal.pause()"])
            print(f"child {child.pid}", flush=True)
            line = LogRecord(time=time.time(), level="info", topic="worker", message=f"child {child.pid}")
            self.send(m.WorkerLogged(line=line))
        if word in ("hang", "fork"):
            while True:
                signal.pause()
        if word == "crash":
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)
            self.pump(0.05)
            os.kill(os.getpid(), signal.SIGSEGV)
        if word == "exit":
            print("the last words of a worker", flush=True)
            os._exit(7)
        if word == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "garbage":
            self.socket.send(b"\xc1 no message")
        if word == "mute":
            self.mute_until = time.monotonic() + seconds

    def draw(self, job: m.StartJob, index: int, step_s: float, word: str) -> bool:
        """One picture; False when cancelled."""
        spec: JobSpec = job.spec
        for step in range(1, spec.steps + 1):
            if word == "mute" and time.monotonic() < self.mute_until:
                time.sleep(max(0.0, self.mute_until - time.monotonic()))
            self.pump(step_s)
            while self.paused and not self.cancelled:
                self.pump(0.02)
            if self.debugger is not None:
                self.debugger.op(step, spec.steps)
            if self.cancelled:
                return False
            self.send(
                m.JobProgressed(
                    run_id=job.run_id, phase="denoise", step=step, steps=spec.steps, image_index=index,
                    image_count=spec.count,
                )
            )  # fmt: skip
            if word == "points":
                numbers = tuple(float(step * 1000 + k) for k in range(1000))
                self.send(
                    m.JobMeasured(
                        run_id=job.run_id, name="loss", unit="", steps=numbers, values=numbers, times=numbers
                    )
                )
            if word == "preview":
                self.preview(job, index, step)
        file = f"artifacts/{index:05d}.png"
        data = png(spec.width, spec.height, (spec.seed + index) % 256)
        path = Path(job.folder) / file
        beside = path.with_suffix(".tmp")
        try:
            with beside.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(beside, path)
        except OSError as error:
            info = ErrorInfo("storage", f"The picture can't be written: {error.strerror}.")
            self.send(m.JobFailed(run_id=job.run_id, seconds=0.0, error=info))
            self.run_id = ""
            return True
        self.send(
            m.JobSaved(
                run_id=job.run_id, index=index, file=file, width=spec.width, height=spec.height,
                nbytes=len(data), seed=spec.seed + index,
            )
        )  # fmt: skip
        return True

    def preview(self, job: m.StartJob, index: int, step: int) -> None:
        array = np.full((job.spec.height, job.spec.width, 3), step % 256, dtype=np.uint8)
        if self.granted is None:
            self.send(m.SlotWanted(nbytes=array.nbytes))
            self.pump(0.005)
        if self.granted is not None and self.slots is not None:
            ref = self.slots.write(self.granted.slot, self.granted.generation, array)
            self.granted = None
            self.send(m.JobPreviewed(run_id=job.run_id, image_index=index, step=step, array=ref, cost_ms=1.0))


def end_without_server() -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    os._exit(3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--worker-id", required=True)
    arguments = parser.parse_args()
    if os.environ.get("FAKE_WORKER_BROKEN"):
        sys.exit("No module named 'torch'")
    threading.Thread(target=end_without_server, daemon=True).start()
    FakeWorker(arguments.endpoint, arguments.worker_id).serve()
