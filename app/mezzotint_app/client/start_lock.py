"""A lock between processes: one of them at a time starts the engine of a home."""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType

from mezzotint_sdk.errors import EngineError, StorageError
from mezzotint_sdk.file_lock import try_lock
from mezzotint_sdk.home import HOME_VARIABLE, Home

__all__ = ["StartLock"]

RETRY_S = 0.02


class StartLock:
    """Held within a `with` block. The system frees it when its owner dies.

    Raises EngineError when it isn't had in time or `stop` is set, StorageError when the folder can't be used.
    """

    def __init__(self, home: Home, timeout_s: float, stop: threading.Event) -> None:
        self._home = home
        self._timeout_s = timeout_s
        self._stop = stop
        self._descriptor = -1

    def __enter__(self) -> StartLock:
        deadline = time.monotonic() + self._timeout_s
        while True:
            descriptor = self._try()
            if descriptor is not None:
                self._descriptor = descriptor
                return self
            if time.monotonic() > deadline or self._stop.wait(RETRY_S):
                raise EngineError("Another process has been starting the engine for too long; try again.")

    def _try(self) -> int | None:
        try:
            self._home.ensure()
            return try_lock(self._home.start_lock)
        except FileNotFoundError:
            return None  # an engine that ends has just removed the folder
        except OSError as error:
            raise StorageError(
                f"The data folder {self._home.root} can't be used: {error.strerror or error}; "
                f"free or repair it, or choose another with {HOME_VARIABLE}."
            ) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1
