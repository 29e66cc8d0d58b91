"""One engine per home: a lock that the kernel frees when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from mezzotint_sdk.endpoint import read_engine_file
from mezzotint_sdk.errors import EngineError
from mezzotint_sdk.home import Home

__all__ = ["AlreadyRunningError", "HomeLock"]


# An engine without its file is starting or ending: worth waiting for, its successor may be wanted at once.
ENDING_S = 5.0


class AlreadyRunningError(EngineError):
    """Another engine has this home."""


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class HomeLock:
    """Held until `release` or the end of the process. Raises AlreadyRunningError.

    Two locks: one in the home, which an engine on another machine would see on some file systems, and one in
    the run-time folder, which also works where the home is read-only.
    """

    def __init__(self, home: Home) -> None:
        self._descriptors: list[int] = []
        try:
            self._take(home, home.runtime / "engine.lock")
            try:
                self._take(home, home.lock)
            except OSError:
                pass  # read-only: the other lock must do
        except BaseException:
            self.release()
            raise

    def _take(self, home: Home, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._descriptors.append(descriptor)
        deadline = time.monotonic() + ENDING_S
        while True:
            try:
                _lock(descriptor)
                return
            except OSError as error:
                engine = read_engine_file(home)
                if engine is None and time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                who = f"process {engine.pid}" if engine else "it is just starting or ending"
                raise AlreadyRunningError(f"An engine already runs for {home.root} ({who}).") from error

    def release(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()
