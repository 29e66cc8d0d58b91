"""Pictures in the database: where they lie, and pages of them for a gallery of a hundred thousand."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

from mezzotint_engine.server.database import Database
from mezzotint_sdk.errors import StorageError
from mezzotint_sdk.home import Home
from mezzotint_sdk.records import ArtifactRecord

__all__ = ["ArtifactStore"]

PROMPT_CHARS = 500
VISIBLE = "deleted = 0 AND run_deleted = 0"
_COLUMNS = "artifact_id, run_id, picture, file, kind, width, height, nbytes, seed, prompt, created"


class ArtifactStore:
    def __init__(self, database: Database, home: Home) -> None:
        self._database = database
        self._home = home
        self._total: int | None = None  # visible pictures; counting 100,000 for every page would be waste
        self._unsaved: list[tuple[object, ...]] = []

    def add(
        self,
        run_id: str,
        *,
        index: int,
        file: str,
        width: int,
        height: int,
        nbytes: int,
        seed: int,
        prompt: str,
    ) -> ArtifactRecord | None:
        """Register a picture of a run. None where its file is known already, or when the disk is full:
        it is then kept and registered later."""
        caption = prompt[:PROMPT_CHARS]
        row = (run_id, index, file, width, height, nbytes, seed, caption, caption.casefold(), time.time())
        try:
            return self._insert(row)
        except StorageError:
            self._unsaved.append(row)
            return None

    def _insert(self, row: tuple[object, ...]) -> ArtifactRecord | None:
        with self._database.transaction() as connection:
            done = connection.execute(
                "INSERT OR IGNORE INTO artifacts (run_id, picture, file, width, height, nbytes, seed, prompt,"
                " search_text, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            if not done.rowcount:
                return None
            connection.execute(
                "UPDATE runs SET artifact_count = artifact_count + 1 WHERE run_id = ?", (row[0],)
            )
            found = connection.execute(
                f"SELECT {_COLUMNS} FROM artifacts WHERE artifact_id = ?", (done.lastrowid,)
            ).fetchone()
        if self._total is not None:
            self._total += 1
        return self._record(found)

    def flush_unsaved(self) -> list[ArtifactRecord]:
        """Register what could not be registered before. Raises StorageError."""
        added = []
        while self._unsaved:
            if (record := self._insert(self._unsaved[0])) is not None:
                added.append(record)
            del self._unsaved[0]
        return added

    def set_deleted(self, artifact_ids: Iterable[int], deleted: bool) -> list[int]:
        """Gives the ids that were changed."""
        stamp = time.time() if deleted else 0.0
        changed = []
        with self._database.transaction() as connection:
            for artifact_id in artifact_ids:
                done = connection.execute(
                    "UPDATE artifacts SET deleted = ? WHERE artifact_id = ? AND (deleted > 0) != ?",
                    (stamp, artifact_id, deleted),
                )
                if done.rowcount:
                    changed.append(artifact_id)
        self._total = None
        return changed

    def purge(self, older_than: float) -> list[Path]:
        """Forget pictures deleted before `older_than`; gives their files."""
        rows = self._database.read(
            lambda c: c.execute(
                "SELECT artifact_id, run_id, file FROM artifacts WHERE deleted > 0 AND deleted < ?",
                (older_than,),
            ).fetchall()
        )
        if rows:
            with self._database.transaction() as connection:
                connection.executemany(
                    "DELETE FROM artifacts WHERE artifact_id = ?", [(row[0],) for row in rows]
                )
        return [self._home.run_folder(row[1]) / row[2] for row in rows]

    def forget_total(self) -> None:
        """Runs were deleted or restored, and their pictures with them."""
        self._total = None

    def total(self) -> int:
        if self._total is None:
            self._total = self._database.read(
                lambda c: c.execute(f"SELECT count(*) FROM artifacts WHERE {VISIBLE}").fetchone()[0]
            )
        return self._total

    def page(
        self, search: str, before_id: int, offset: int, limit: int, run_id: str = ""
    ) -> tuple[list[ArtifactRecord], int]:
        """Visible pictures, newest first, and how many there are in all (of this search)."""
        where, values = [VISIBLE], list[object]()
        for word in search.casefold().split():
            where.append("instr(search_text, ?) > 0")
            values.append(word)
        if run_id:
            where.append("run_id = ?")
            values.append(run_id)
        clause = " AND ".join(where)
        if len(where) == 1:
            total = self.total()
        else:
            total = self._database.read(
                lambda c: c.execute(f"SELECT count(*) FROM artifacts WHERE {clause}", values).fetchone()[0]
            )
        from_here = ""
        if before_id > 0:
            from_here = "AND artifact_id < ?"
            values.append(before_id)
        # the ids come from the index alone, so that a far offset skips index entries and not whole rows
        rows = self._database.read(
            lambda c: c.execute(
                f"SELECT {_COLUMNS} FROM artifacts WHERE artifact_id IN (SELECT artifact_id FROM artifacts"
                f" WHERE {clause} {from_here} ORDER BY artifact_id DESC LIMIT ? OFFSET ?)"
                " ORDER BY artifact_id DESC",
                (*values, limit, offset),
            ).fetchall()
        )
        return [self._record(row) for row in rows], total

    def of_run(self, run_id: str) -> list[ArtifactRecord]:
        rows = self._database.read(
            lambda c: c.execute(
                f"SELECT {_COLUMNS} FROM artifacts WHERE run_id = ? AND deleted = 0"
                " ORDER BY picture, artifact_id",
                (run_id,),
            ).fetchall()
        )
        return [self._record(row) for row in rows]

    def _record(self, row: sqlite3.Row) -> ArtifactRecord:
        return ArtifactRecord(
            artifact_id=row["artifact_id"],
            run_id=row["run_id"],
            index=row["picture"],
            path=str(self._home.run_folder(row["run_id"]) / row["file"]),
            kind=row["kind"],
            width=row["width"],
            height=row["height"],
            nbytes=row["nbytes"],
            seed=row["seed"],
            prompt=row["prompt"],
            created=row["created"],
        )
