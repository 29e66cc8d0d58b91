"""Where things lie: one home folder for all state, one short run-time folder for sockets and mapped slots.

`MEZZOTINT_HOME` moves the home, so that tests and trials never touch a user's own. The run-time folder is
derived from the home: processes that agree on the home find each other.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["HOME_VARIABLE", "Home", "default_home_path"]

HOME_VARIABLE = "MEZZOTINT_HOME"


def default_home_path() -> Path:
    """The platform's folder for application data, unless `MEZZOTINT_HOME` says otherwise."""
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "Mezzotint"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Mezzotint"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "mezzotint"


@dataclass(frozen=True)
class Home:
    """Paths below one home folder. Nothing is created by asking for a path; `ensure` creates."""

    root: Path

    @classmethod
    def default(cls) -> Home:
        return cls(default_home_path())

    @property
    def database(self) -> Path:
        return self.root / "mezzotint.db"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def inputs(self) -> Path:
        return self.root / "inputs"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def settings(self) -> Path:
        return self.root / "settings.json"

    @property
    def lock(self) -> Path:
        return self.root / "engine.lock"

    def run_folder(self, run_id: str) -> Path:
        return self.runs / run_id

    @property
    def runtime(self) -> Path:
        """Private folder for sockets and mapped slots; short, because socket paths over 107 bytes fail."""
        digest = hashlib.sha256(os.fsencode(os.path.realpath(self.root))).hexdigest()[:12]
        uid = os.getuid() if hasattr(os, "getuid") else 0
        base = os.environ.get("XDG_RUNTIME_DIR", "")
        if base and len(base) < 60 and os.path.isdir(base) and os.access(base, os.W_OK):
            return Path(base) / f"mezzotint-{digest}"
        # /dev/shm is memory on Linux, which is what mapped slots want; elsewhere the temporary folder
        shm = Path("/dev/shm")
        parent = shm if shm.is_dir() and os.access(shm, os.W_OK) else Path(tempfile.gettempdir())
        return parent / f"mezzotint-{uid}-{digest}"

    @property
    def engine_file(self) -> Path:
        """What a running engine says of itself: JSON, see `endpoint.EngineFile`."""
        return self.runtime / "engine.json"

    @property
    def engine_lock(self) -> Path:
        """Held by the engine; it also works where the home is read-only."""
        return self.runtime / "engine.lock"

    @property
    def start_lock(self) -> Path:
        """Held by whoever starts an engine, while it does."""
        return self.runtime / "start.lock"

    @property
    def slots(self) -> Path:
        return self.runtime / "slots"

    def ensure(self) -> None:
        """Create the folders. Raises OSError when the place is read-only or full."""
        for folder in (self.root, self.runs, self.inputs, self.logs, self.cache):
            folder.mkdir(parents=True, exist_ok=True)
        self.ensure_runtime()

    def ensure_runtime(self) -> None:
        """Create the run-time folder, which the last engine removed. Raises OSError."""
        self.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix":
            status = self.runtime.lstat()
            if status.st_uid != os.getuid():
                raise PermissionError(f"{self.runtime} belongs to another user")
            self.runtime.chmod(0o700)
