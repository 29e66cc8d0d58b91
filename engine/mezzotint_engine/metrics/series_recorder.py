"""Points of a run's metrics: taken without waiting on any thread, written to files by one thread of its own.

The job's thread only appends to a list. A failure to write (a full disk) is kept and raised at the job's next
`check`, because a run whose record can't be kept should say so rather than go on unrecorded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from mezzotint_engine.metrics.process_memory import device_bytes, process_bytes
from mezzotint_sdk.errors import MezzotintError
from mezzotint_sdk.metric_file import MetricWriter

__all__ = ["SeriesRecorder"]

WRITE_SECONDS = 0.1
MEMORY_SECONDS = 0.5

# name, unit, steps, values, times
Tell = Callable[[str, str, tuple[float, ...], tuple[float, ...], tuple[float, ...]], None]


class SeriesRecorder:
    """All series of one run; times are seconds since it was made.

    `tell` hears of points once they are in their file.
    """

    def __init__(self, folder: Path, tell: Tell, now: Callable[[], float] = time.perf_counter) -> None:
        self._folder = folder
        self._tell = tell
        self._now = now
        self._start = now()
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
        self._writers: dict[str, MetricWriter] = {}
        self._error: MezzotintError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, name: str, unit: str, step: float, value: float) -> None:
        """Any thread; returns at once."""
        point = (step, self._now() - self._start, value)
        with self._lock:
            self._pending.setdefault((name, unit), []).append(point)

    def check(self) -> None:
        """Raise what went wrong while writing, once."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def close(self) -> None:
        """Write what is left, and end. Raises what went wrong while writing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self._sample_memory()
            self._write()
        finally:
            for writer in self._writers.values():
                writer.close()
            self._writers.clear()
        self.check()

    def _run(self) -> None:
        due = 0.0
        while not self._stop.wait(WRITE_SECONDS):
            if self._now() >= due:
                self._sample_memory()
                due = self._now() + MEMORY_SECONDS
            try:
                self._write()
            except MezzotintError as error:
                self._error = error
                return

    def _sample_memory(self) -> None:
        seconds = self._now() - self._start
        self.add("memory/worker", "bytes", seconds, process_bytes())
        if on_device := device_bytes():
            self.add("memory/device", "bytes", seconds, on_device)

    def _write(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, {}
        for (name, unit), points in pending.items():
            writer = self._writers.get(name)
            if writer is None:
                writer = self._writers[name] = MetricWriter(self._folder, name, unit)
            steps, times, values = zip(*points, strict=True)
            writer.append(steps, times, values)
            self._tell(name, unit, steps, values, times)
