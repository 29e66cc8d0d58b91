"""Locks between processes on files that may be removed with their folder.

The kernel frees a lock when its holder ends, however it ends. A lock file that is deleted could be held
twice: by one process on the file that is gone, by another on a new one of the same name. So whoever gets a
lock looks whether its file is still the one at the path, and else tries again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["try_lock"]


def try_lock(path: Path) -> int | None:
    """Lock the file at `path`, made if there is none; None while another has it. Closing frees it.

    Raises OSError where the file can't be opened, FileNotFoundError where its folder is gone.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        is_ours = _lock(descriptor)
        if is_ours and _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)
        if not is_ours:
            return None


def _lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
