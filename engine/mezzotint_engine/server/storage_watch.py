"""Whether the home can be written, and what is special about the place where it lies."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from mezzotint_sdk.errors import StorageError
from mezzotint_sdk.home import Home

__all__ = ["StorageWatch", "network_file_system"]

FULL_BYTES = 4 * 1024**2  # with less than that the data folder counts as full
PROBE_BYTES = 64 * 1024

_NETWORK_TYPES = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "gpfs",
    "beegfs",
    "9p",
    "ncpfs",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "orangefs",
    "pvfs2",
    "weka",
    "panfs",
}


def network_file_system(path: Path, mounts: str | None = None) -> str:
    """The type of a network file system that `path` lies on, or "". `mounts` is the text of /proc/mounts."""
    if mounts is None:
        if not sys.platform.startswith("linux"):
            return ""
        try:
            mounts = Path("/proc/mounts").read_text(errors="replace")
        except OSError:
            return ""
    place = os.path.realpath(path)
    best, kind = "", ""
    for line in mounts.splitlines():
        parts = line.split()
        if len(parts) < 3:
            continue
        point = parts[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # a later mount over the same point hides the earlier one
            best, kind = point, parts[2]
    return kind if kind in _NETWORK_TYPES else ""


class StorageWatch:
    """`on_change` is called when the home becomes full or read-only, and when it can be written again."""

    def __init__(self, home: Home, *, read_only: bool = False) -> None:
        self._home = home
        self._read_only = read_only  # from the very start: the database is a copy
        self.problem = ""
        self.on_change: Callable[[], None] = lambda: None
        self.fixed_warnings: list[str] = []
        if kind := network_file_system(home.root):
            self.fixed_warnings.append(
                f"The data folder {home.root} is on a network file system ({kind}), where the queue may be "
                "damaged when the connection breaks; set MEZZOTINT_HOME to a local disk."
            )
        self.check()

    @property
    def writable(self) -> bool:
        return not self.problem

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self.fixed_warnings, *((self.problem,) if self.problem else ()))

    def require(self) -> None:
        """Raises StorageError when nothing can be written."""
        if not self.check():
            raise StorageError(self.problem)

    def check(self) -> bool:
        """Look anew. True when the home can be written."""
        before, self.problem = self.problem, self._find_problem()
        if bool(before) != bool(self.problem):
            self.on_change()
        return self.writable

    def _find_problem(self) -> str:
        if self._read_only:
            return (
                f"The data folder {self._home.root} is read-only; finished work can be seen, but nothing "
                "new can be made. Make it writable and restart the engine, or set MEZZOTINT_HOME to another "
                "folder."
            )
        probe = self._home.root / ".write-probe"
        try:
            if shutil.disk_usage(self._home.root).free < FULL_BYTES:
                return f"The data folder {self._home.root} is full; free some space and try again."
            descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.write(descriptor, bytes(PROBE_BYTES))
            finally:
                os.close(descriptor)
                os.unlink(probe)
        except OSError as error:
            return (
                f"The data folder {self._home.root} can't be written ({error.strerror or error}); "
                "free some space or check its permissions."
            )
        return ""
