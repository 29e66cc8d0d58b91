"""Which worker takes the next job, and when a spare is worth its memory. Plain functions on plain facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from mezzotint_sdk.records import DeviceInfo

__all__ = ["best_device", "choose_worker", "spare_wanted"]

PREFERENCE = ("cuda", "rocm", "xpu", "mps", "cpu")
# what a process takes that has imported torch and waits; below twice that a spare does more harm than good
SPARE_BYTES = 700 * 1024**2


class Candidate(Protocol):
    @property
    def is_idle(self) -> bool: ...

    @property
    def started(self) -> float: ...


C = TypeVar("C", bound=Candidate)


def best_device(devices: Iterable[DeviceInfo]) -> DeviceInfo | None:
    """The device that "auto" most likely means: an accelerator before the CPU, more memory before less."""
    return min(devices, key=lambda d: (PREFERENCE.index(d.kind), -d.total_bytes), default=None)


def choose_worker(workers: Sequence[C], active_runs: int) -> C | None:
    """The worker for the next job: one job at a time, on the oldest worker (its models are loaded)."""
    if active_runs:
        return None
    return min(
        (worker for worker in workers if worker.is_idle), key=lambda worker: worker.started, default=None
    )


def spare_wanted(
    *,
    live_workers: int,
    idle_workers: int,
    active_runs: int,
    waiting_runs: int,
    idle_s: float,
    delay_s: float,
    available_bytes: int,
) -> bool:
    """A second, warm worker is started when nothing runs or waits, so that it takes no time from anybody."""
    quiet = active_runs == 0 and waiting_runs == 0 and idle_s >= delay_s
    return quiet and live_workers == 1 and idle_workers == 1 and available_bytes >= 2 * SPARE_BYTES
