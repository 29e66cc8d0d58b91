"""Slow things, off the I/O thread: model scans, picture imports, searches. Results come back on the loop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from mezzotint_engine.server.poll_loop import PollLoop

__all__ = ["Background"]

T = TypeVar("T")


class Background:
    """One thread for models (so that what is asked first is answered first), two for reading."""

    def __init__(self, loop: PollLoop) -> None:
        self._loop = loop
        self._ordered = ThreadPoolExecutor(1, "mezzotint-models")
        self._readers = ThreadPoolExecutor(2, "mezzotint-reader")

    def run_in_order(self, work: Callable[[], T], then: Callable[[Future[T]], None]) -> None:
        self._submit(self._ordered, work, then)

    def read(self, work: Callable[[], T], then: Callable[[Future[T]], None]) -> None:
        self._submit(self._readers, work, then)

    def _submit(
        self, pool: ThreadPoolExecutor, work: Callable[[], T], then: Callable[[Future[T]], None]
    ) -> None:
        future = pool.submit(work)
        future.add_done_callback(lambda done: self._loop.post(lambda: then(done)))

    def close(self) -> None:
        for pool in (self._ordered, self._readers):
            pool.shutdown(wait=True, cancel_futures=True)
