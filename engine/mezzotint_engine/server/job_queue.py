"""The order of queued runs, and whether the queue stands still: both outlive the server."""

from __future__ import annotations

from mezzotint_engine.server.database import Database
from mezzotint_engine.server.run_store import RunStore
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.records import RunRecord

__all__ = ["JobQueue"]

SMALLEST_GAP = 1e-6  # between positions; closer than that, all are numbered anew


class JobQueue:
    def __init__(self, database: Database, runs: RunStore) -> None:
        self._database = database
        self._runs = runs
        row = database.read(
            lambda c: c.execute("SELECT value FROM settings WHERE name = 'queue_paused'").fetchone()
        )
        self._paused = row is not None and row[0] == "1"

    @property
    def paused(self) -> bool:
        return self._paused

    def set_paused(self, paused: bool) -> None:
        """Raises StorageError."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO settings VALUES ('queue_paused', ?)", (str(int(paused)),)
            )
        self._paused = paused

    def next(self) -> RunRecord | None:
        """The run to start now; None when there is none, or the queue is paused."""
        if self._paused:
            return None
        queued = self._runs.queued(limit=1)
        return queued[0] if queued else None

    def order(self) -> tuple[str, ...]:
        rows = self._database.read(
            lambda c: c.execute(
                "SELECT run_id FROM runs WHERE state = 'queued' ORDER BY position, number"
            ).fetchall()
        )
        return tuple(row[0] for row in rows)

    def length(self) -> int:
        return self._database.read(
            lambda c: c.execute("SELECT count(*) FROM runs WHERE state = 'queued'").fetchone()[0]
        )

    def move(self, run_id: str, before: str) -> None:
        """Put a queued run before another one, or at the end. Raises BadInputError, StorageError."""
        if run_id == before:
            return
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT run_id, position FROM runs WHERE state = 'queued' ORDER BY position, number"
            ).fetchall()
            positions = {row[0]: row[1] for row in rows}
            if run_id not in positions:
                raise BadInputError(f"Run {run_id} is not queued any more, so it can't be moved.")
            if before and before not in positions:
                raise BadInputError(f"Run {before} is not queued any more; nothing can be put before it.")
            order = [other for other in positions if other != run_id]
            place = order.index(before) if before else len(order)
            order.insert(place, run_id)
            low = (
                positions[order[place - 1]] if place else positions[order[1]] - 2.0 if len(order) > 1 else 0.0
            )
            high = positions[order[place + 1]] if place + 1 < len(order) else low + 2.0
            if high - low > SMALLEST_GAP:
                changes = [((low + high) / 2, run_id)]
            else:
                first = min(positions.values())
                changes = [(first + number, other) for number, other in enumerate(order)]
            connection.executemany("UPDATE runs SET position = ? WHERE run_id = ?", changes)
