"""The one I/O thread: sockets that became readable, timers that came due, and work that other threads posted.

Nothing in here may block: slow things run in `background.py` and post their result back.
"""

from __future__ import annotations

import heapq
import itertools
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import zmq

__all__ = ["PollLoop", "Timer"]

MAX_WAIT_S = 1.0


@dataclass(order=True)
class Timer:
    due: float
    number: int
    action: Callable[[], None] = field(compare=False)
    period_s: float = field(compare=False, default=0.0)
    cancelled: bool = field(compare=False, default=False)

    def cancel(self) -> None:
        self.cancelled = True


class PollLoop:
    """`on_error` is told what a callback raised; the loop goes on."""

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        self._on_error = on_error
        self._poller = zmq.Poller()
        self._readable: dict[zmq.Socket[bytes], Callable[[], None]] = {}
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._posted: deque[Callable[[], None]] = deque()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._poller.register(self._wake_reader, zmq.POLLIN)
        self._running = False

    def watch(self, sock: zmq.Socket[bytes], on_readable: Callable[[], None]) -> None:
        self._poller.register(sock, zmq.POLLIN)
        self._readable[sock] = on_readable

    def post(self, action: Callable[[], None]) -> None:
        """Run `action` on the loop's thread soon. Any thread may call this, a signal handler too."""
        self._posted.append(action)
        try:
            self._wake_writer.send(b"!")
        except OSError:
            # full: a wake-up is under way already; closed: the loop has ended
            return

    def call_later(self, delay_s: float, action: Callable[[], None]) -> Timer:
        timer = Timer(time.monotonic() + delay_s, next(self._numbers), action)
        heapq.heappush(self._timers, timer)
        return timer

    def every(self, period_s: float, action: Callable[[], None]) -> Timer:
        timer = Timer(time.monotonic() + period_s, next(self._numbers), action, period_s)
        heapq.heappush(self._timers, timer)
        return timer

    def stop(self) -> None:
        self._running = False

    def run(self) -> None:
        """Until `stop` is called from a callback."""
        self._running = True
        while self._running:
            for sock, _ in self._poller.poll(self._wait_ms()):
                if sock in self._readable:
                    self._guarded(self._readable[sock])
                else:
                    self._drain_wake_ups()
            for _ in range(len(self._posted)):
                self._guarded(self._posted.popleft())
            self._run_due_timers()

    def close(self) -> None:
        self._wake_reader.close()
        self._wake_writer.close()

    def _wait_ms(self) -> int:
        if self._posted:
            return 0
        wait_s = MAX_WAIT_S
        if self._timers:
            wait_s = min(wait_s, max(0.0, self._timers[0].due - time.monotonic()))
        return int(wait_s * 1000) + (1 if wait_s else 0)

    def _drain_wake_ups(self) -> None:
        try:
            while self._wake_reader.recv(4096):
                pass
        except BlockingIOError:
            return

    def _run_due_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0].due <= now:
            timer = heapq.heappop(self._timers)
            if timer.cancelled:
                continue
            if timer.period_s:
                timer.due = now + timer.period_s
                heapq.heappush(self._timers, timer)
            self._guarded(timer.action)

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self._on_error(error)
