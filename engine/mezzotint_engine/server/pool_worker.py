"""One worker as the server knows it, and what it tells clients of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mezzotint_engine.server.worker_process import WorkerProcess
from mezzotint_sdk.messages import WorkerHello
from mezzotint_sdk.records import WorkerRecord, WorkerState

__all__ = ["Worker", "worker_record", "worker_state"]


@dataclass
class Worker:
    worker_id: str
    process: WorkerProcess
    started: float
    identity: bytes = b""
    hello: WorkerHello | None = None
    run_id: str = ""
    device: str = ""
    memory_bytes: int = 0
    device_bytes: int = 0
    heard: float = 0.0
    silent: bool = False
    kill_reason: str = ""  # set once it's to be ended; why, in a sentence for its run
    ending: bool = False  # was asked to end by itself
    unsent: list[bytes] = field(default_factory=list)
    shown: WorkerState | None = None

    @property
    def is_live(self) -> bool:
        return not self.kill_reason and not self.ending

    @property
    def is_idle(self) -> bool:
        return self.hello is not None and self.is_live and not self.run_id


def worker_state(worker: Worker, all_workers: Sequence[Worker]) -> WorkerState:
    """What a user sees of it; "ready" takes the next job, "spare" waits in case that one dies."""
    if not worker.is_live:
        return "stopping"
    if worker.silent:
        return "not_answering"
    if worker.hello is None:
        return "starting"
    if worker.run_id:
        return "busy"
    others = [other for other in all_workers if other.is_live and other is not worker]
    first = all(worker.started <= other.started for other in others if not other.run_id)
    return "ready" if first and not any(other.run_id for other in others) else "spare"


def worker_record(worker: Worker, state: WorkerState) -> WorkerRecord:
    return WorkerRecord(
        worker_id=worker.worker_id,
        pid=worker.process.pid,
        device=worker.device,
        state=state,
        memory_bytes=worker.memory_bytes,
        device_bytes=worker.device_bytes,
        run_id=worker.run_id,
        torch_version=worker.hello.torch_version if worker.hello else "",
    )
