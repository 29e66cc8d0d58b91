"""One engine per home: a lock that the kernel frees when its holder ends, however it ends."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from mezzotint_sdk.endpoint import read_engine_file
from mezzotint_sdk.errors import EngineError
from mezzotint_sdk.file_lock import try_lock
from mezzotint_sdk.home import Home

__all__ = ["AlreadyRunningError", "HomeLock"]


# An engine without its file is starting or ending: worth waiting for, its successor may be wanted at once.
ENDING_S = 5.0
OWN_FILES = {"engine.lock", "start.lock", "engine-start.log"}  # what is left once an engine has tidied up


class AlreadyRunningError(EngineError):
    """Another engine has this home."""


class HomeLock:
    """Held until `release` or the end of the process. Raises AlreadyRunningError.

    Two locks: one in the home, which an engine on another machine would see on some file systems, and one in
    the run-time folder, which also works where the home is read-only.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._descriptors: list[int] = []
        try:
            self._take(home, home.engine_lock)
            try:
                self._take(home, home.lock)
            except OSError:
                pass  # read-only: the other lock must do
        except BaseException:
            self.release()
            raise

    def _take(self, home: Home, path: Path) -> None:
        deadline = time.monotonic() + ENDING_S
        while (descriptor := self._try(home, path)) is None:
            engine = read_engine_file(home)
            if engine is not None or time.monotonic() > deadline:
                who = f"process {engine.pid}" if engine else "it is just starting or ending"
                raise AlreadyRunningError(f"An engine already runs for {home.root} ({who}).")
            time.sleep(0.05)
        self._descriptors.append(descriptor)

    @staticmethod
    def _try(home: Home, path: Path) -> int | None:
        try:
            return try_lock(path)
        except FileNotFoundError:
            home.ensure_runtime()  # the engine before us has just removed it
            return try_lock(path)

    def remove_runtime_folder(self) -> None:
        """At a good end, while we hold the lock: take away what would lie in memory for ever.

        Nothing happens where somebody is starting an engine at this moment, or where something lies that is
        not ours.
        """
        if os.name != "posix":
            return  # a file that is open can't be removed there
        try:
            starting = try_lock(self._home.start_lock)
        except OSError:
            return
        if starting is None:
            return
        try:
            folder = self._home.runtime
            shutil.rmtree(self._home.slots, ignore_errors=True)  # left where the start failed half-way
            files = {path.name for path in folder.iterdir()}
            if files <= OWN_FILES:
                for name in files:
                    (folder / name).unlink()
                folder.rmdir()
        except OSError:
            pass  # somebody was faster, or has just put something there: it is needed, then
        finally:
            os.close(starting)

    def release(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()
