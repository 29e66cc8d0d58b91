"""The SQLite database of a home: one writing connection, reading ones for other threads.

WAL with `synchronous=FULL`: what was committed survives a power cut. Where the home can't be written the
database is copied to the run-time folder and read there, so that finished work stays in reach.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mezzotint_engine.server.store_schema import check_version, migrate
from mezzotint_sdk.errors import StorageError

__all__ = ["Database"]

T = TypeVar("T")


def _sentence(error: sqlite3.Error, path: Path) -> str:
    code = getattr(error, "sqlite_errorname", "")
    if code.startswith("SQLITE_FULL"):
        return f"The data folder {path.parent} is full; free some space and try again."
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return f"The data folder {path.parent} can't be written; check its permissions, or that it's mounted."
    if code.startswith("SQLITE_IOERR"):
        return f"Writing to the data folder {path.parent} failed; its disk may be full, damaged or gone."
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return (
            f"The database {path} is damaged; move it away to start with an empty one, or restore a backup."
        )
    return f"The database {path} can't be used: {error}."


class Database:
    """Raises StorageError for all that goes wrong with the file."""

    def __init__(self, path: Path, *, read_only: bool = False, copy_folder: Path | None = None) -> None:
        self.path = path
        self.read_only = read_only
        self._readers = threading.local()
        self._all_readers: list[sqlite3.Connection] = []
        self._source = path
        if read_only:
            self._source = self._copied(copy_folder or path.parent)
        try:
            self._writer = self._connect()
            check_version(self._writer)  # before anything is written to a newer one
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.execute("PRAGMA synchronous = FULL")
            migrate(self._writer)
        except sqlite3.Error as error:
            raise StorageError(_sentence(error, path)) from error

    def _copied(self, folder: Path) -> Path:
        """A copy that can be opened: SQLite wants to write beside a WAL database even to read it."""
        copy = folder / "read-only-copy.db"
        for suffix in ("", "-wal"):
            target = copy.with_name(copy.name + suffix)
            target.unlink(missing_ok=True)
            source = self.path.with_name(self.path.name + suffix)
            if source.exists():
                shutil.copyfile(source, target)
        copy.with_name(copy.name + "-shm").unlink(missing_ok=True)
        return copy

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._source, timeout=1.0, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -16000")
        return connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; committed and on the disk when the block ends. For the server's thread alone."""
        if self.read_only:
            raise StorageError(
                f"The data folder {self.path.parent} is read-only; nothing can be queued or changed."
            )
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise StorageError(_sentence(error, self.path)) from error
        try:
            yield self._writer
            self._writer.execute("COMMIT")
        except BaseException as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StorageError(_sentence(error, self.path)) from error
            raise

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run `query` on this thread's own reading connection."""
        connection: sqlite3.Connection | None = getattr(self._readers, "connection", None)
        try:
            if connection is None:
                connection = self._readers.connection = self._connect()
                self._all_readers.append(connection)
            return query(connection)
        except sqlite3.Error as error:
            raise StorageError(_sentence(error, self.path)) from error

    def close(self) -> None:
        for connection in (*self._all_readers, self._writer):
            connection.close()
        self._all_readers.clear()
