"""The database's tables, and how an older database becomes a newer one.

`MIGRATIONS[n]` takes a database of version n to n + 1, inside one transaction. A migration that was released
is never changed; a new one is added at the end.
"""

from __future__ import annotations

import sqlite3

from mezzotint_sdk.errors import StorageError

__all__ = ["SCHEMA_VERSION", "check_version", "migrate"]

_FIRST = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    number INTEGER NOT NULL,               -- rises with each run: the order of creation
    state TEXT NOT NULL,
    spec TEXT NOT NULL,                    -- canonical JSON
    search_text TEXT NOT NULL,             -- prompt's beginning, model and id, case folded
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    position REAL NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0,
    error TEXT,
    phases TEXT NOT NULL DEFAULT '[]',
    artifact_count INTEGER NOT NULL DEFAULT 0,
    device TEXT NOT NULL DEFAULT '',
    retry_of TEXT NOT NULL DEFAULT '',
    deleted REAL NOT NULL DEFAULT 0        -- when, 0: not deleted
);
CREATE UNIQUE INDEX runs_by_number ON runs (number);
CREATE INDEX runs_by_state ON runs (state, position, number);
CREATE INDEX runs_deleted ON runs (deleted) WHERE deleted > 0;

CREATE TABLE artifacts (
    artifact_id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    picture INTEGER NOT NULL,
    file TEXT NOT NULL,                    -- relative to the run's folder
    kind TEXT NOT NULL DEFAULT 'image',
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    nbytes INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    prompt TEXT NOT NULL,                  -- first 500 characters
    search_text TEXT NOT NULL,             -- the same, case folded
    created REAL NOT NULL,
    deleted REAL NOT NULL DEFAULT 0,       -- when the picture itself was deleted, 0: not
    run_deleted INTEGER NOT NULL DEFAULT 0 -- its run was deleted
);
CREATE UNIQUE INDEX artifacts_by_file ON artifacts (run_id, file);
CREATE INDEX artifacts_visible ON artifacts (artifact_id) WHERE deleted = 0 AND run_deleted = 0;
CREATE INDEX artifacts_deleted ON artifacts (deleted) WHERE deleted > 0;
"""

_DEBUGGER = """
ALTER TABLE runs ADD COLUMN debug TEXT;                          -- the plan that it was submitted with, JSON
ALTER TABLE runs ADD COLUMN debugged INTEGER NOT NULL DEFAULT 0; -- the op debugger was attached
ALTER TABLE runs ADD COLUMN touched INTEGER NOT NULL DEFAULT 0;  -- something was edited or skipped in it
"""

MIGRATIONS = (_FIRST, _DEBUGGER)
SCHEMA_VERSION = len(MIGRATIONS)


def check_version(connection: sqlite3.Connection) -> int:
    """The database's version. Raises StorageError when a newer Mezzotint wrote it."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise StorageError(
            f"The data folder was written by a newer Mezzotint (its database has version {version}, "
            f"this one reads up to {SCHEMA_VERSION}); use that one, or another MEZZOTINT_HOME."
        )
    return version


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to `SCHEMA_VERSION`. Raises StorageError."""
    for number in range(check_version(connection), SCHEMA_VERSION):
        # one script, one transaction: a kill in between leaves the older version whole
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{MIGRATIONS[number]}\nPRAGMA user_version = {number + 1};\nCOMMIT;"
        )
