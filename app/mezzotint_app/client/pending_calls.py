"""Requests on their way: from any thread to the one that owns the socket, and the answers back as futures."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import BadMessageError, MezzotintError, error_from_info
from mezzotint_sdk.wire_codec import CALLS

__all__ = ["PendingCalls"]


class PendingCalls:
    """Thread-safe. Open, it takes calls; after `refuse` they fail at once with the error that was given.

    `wake` is called when there is something to send.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._outgoing: list[bytes] = []
        self._refusal: MezzotintError | None = None

    def add(self, body: m.Request) -> Future[Any]:
        """The future gives the reply, or raises what refused it: always a MezzotintError."""
        future: Future[Any] = Future()
        number = next(self._numbers)
        try:
            data = CALLS.encode(m.Call(number, body))
            # The engine can't say whose request it could not read, and this one would wait for ever.
            CALLS.decode(data)
        except BadMessageError as error:
            future.set_exception(error)
            return future
        with self._lock:
            refusal = self._refusal
            if refusal is None:
                self._waiting[number] = future
                self._outgoing.append(data)
        if refusal is None:
            self._wake()
        else:
            future.set_exception(refusal)
        return future

    def take_outgoing(self) -> list[bytes]:
        with self._lock:
            outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def answer(self, number: int, body: m.Reply) -> None:
        with self._lock:
            future = self._waiting.pop(number, None)
        if future is not None:
            _resolve(future, error_from_info(body.error) if isinstance(body, m.Refused) else body)

    def accept(self) -> None:
        with self._lock:
            self._refusal = None

    def refuse(self, error: MezzotintError) -> None:
        """Fail what waits for an answer, and what is asked from now on."""
        with self._lock:
            self._refusal = error
            waiting, self._waiting = self._waiting, {}
            self._outgoing.clear()
        for future in waiting.values():
            _resolve(future, error)


def _resolve(future: Future[Any], result: object) -> None:
    if not future.set_running_or_notify_cancel():
        return  # nobody waits any more
    if isinstance(result, MezzotintError):
        future.set_exception(result)
    else:
        future.set_result(result)
