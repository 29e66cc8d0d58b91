"""Runs in the database: written by the server's thread, read by any.

A change that can't be written because the disk is full is kept in memory and written when there is space
again (`flush_unsaved`); until then readers see it through the overlay, and a crash shows the run as
interrupted.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterable, Sequence

import msgspec

from mezzotint_engine.server.database import Database
from mezzotint_sdk.debug_records import DebugPlan
from mezzotint_sdk.errors import BadInputError, ErrorInfo, NotFoundError, StorageError
from mezzotint_sdk.job_spec import JobSpec, canonical_json, spec_from_json
from mezzotint_sdk.records import FINAL_STATES, PhaseTime, RunRecord

__all__ = ["RunStore", "abridged", "new_run_id"]

LIST_PROMPT_CHARS = 20_000  # longer prompts are cut in lists and events, so that these stay small
SEARCH_CHARS = 2000
MIN_ID_CHARS = 4

_COLUMNS = (
    "run_id, state, spec, created, started, finished, position, seconds, error, phases, artifact_count, "
    "device, retry_of, deleted, debugged, touched"
)


def new_run_id(created: float) -> str:
    """Readable, sorts by time (UTC), and unique by its six random digits."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(created))}-{secrets.token_hex(3)}"


def abridged(run: RunRecord) -> RunRecord:
    """The record with very long prompts cut, marked as such."""
    spec = run.spec
    if len(spec.prompt) <= LIST_PROMPT_CHARS and len(spec.negative_prompt) <= LIST_PROMPT_CHARS:
        return run
    spec = msgspec.structs.replace(
        spec, prompt=spec.prompt[:LIST_PROMPT_CHARS], negative_prompt=spec.negative_prompt[:LIST_PROMPT_CHARS]
    )
    return msgspec.structs.replace(run, spec=spec, abridged=True)


def _search_text(run_id: str, spec: JobSpec) -> str:
    return f"{spec.prompt[:SEARCH_CHARS]}\n{spec.model.path}\n{run_id}".casefold()


def _record(row: sqlite3.Row) -> RunRecord:
    return RunRecord(
        run_id=row["run_id"],
        state=row["state"],
        spec=spec_from_json(row["spec"]),
        created=row["created"],
        started=row["started"],
        finished=row["finished"],
        position=row["position"],
        seconds=row["seconds"],
        error=msgspec.json.decode(row["error"], type=ErrorInfo) if row["error"] else None,
        phases=msgspec.json.decode(row["phases"], type=tuple[PhaseTime, ...]),
        artifact_count=row["artifact_count"],
        device=row["device"],
        retry_of=row["retry_of"],
        deleted=row["deleted"] > 0,
        debugged=bool(row["debugged"]),
        touched=bool(row["touched"]),
    )


class RunStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._unsaved: dict[str, RunRecord] = {}

    # --- writing ------------------------------------------------------------------------------------------

    def add(self, specs: Sequence[tuple[JobSpec, str]], debug: DebugPlan | None = None) -> list[RunRecord]:
        """Queue runs for `(spec, retry_of)` at the end, all or none. Raises StorageError."""
        created = time.time()
        plan = msgspec.json.encode(debug).decode() if debug is not None else None
        runs = []
        with self._database.transaction() as connection:
            number, last = connection.execute(
                "SELECT coalesce(max(number), 0), coalesce(max(position), 0) FROM runs"
            ).fetchone()
            for offset, (spec, retry_of) in enumerate(specs, 1):
                run = RunRecord(
                    run_id=new_run_id(created),
                    state="queued",
                    spec=spec,
                    created=created,
                    position=last + offset,
                    retry_of=retry_of,
                    debugged=plan is not None,
                )
                connection.execute(
                    "INSERT INTO runs (run_id, number, state, spec, search_text, created, position, retry_of,"
                    " debug, debugged) VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?)",
                    (
                        run.run_id,
                        number + offset,
                        canonical_json(spec),
                        _search_text(run.run_id, spec),
                        created,
                        run.position,
                        retry_of,
                        plan,
                        plan is not None,
                    ),
                )
                runs.append(run)
        return runs

    def save(self, run: RunRecord) -> None:
        """Write what changes in a run's life, or nothing. Raises StorageError when the disk is full."""
        self.save_all([run])

    def save_all(self, runs: Sequence[RunRecord]) -> None:
        """Several runs, all or none. Raises StorageError."""
        with self._database.transaction() as connection:
            for run in runs:
                self._update(connection, run)
        for run in runs:
            self._unsaved.pop(run.run_id, None)

    def save_or_keep(self, run: RunRecord) -> bool:
        """Like `save`, but a run that can't be written now is kept for later. True when it was written."""
        try:
            self.save(run)
        except StorageError:
            self._unsaved[run.run_id] = run
            return False
        return True

    def flush_unsaved(self) -> None:
        """Write what could not be written before. Raises StorageError."""
        for run in list(self._unsaved.values()):
            self.save(run)

    @staticmethod
    def _update(connection: sqlite3.Connection, run: RunRecord) -> None:
        connection.execute(
            "UPDATE runs SET state = ?, started = ?, finished = ?, position = ?, seconds = ?, error = ?,"
            " phases = ?, artifact_count = max(artifact_count, ?), device = ?,"
            " debugged = ?, touched = ? WHERE run_id = ?",
            (
                run.state,
                run.started,
                run.finished,
                run.position,
                run.seconds,
                msgspec.json.encode(run.error).decode() if run.error else None,
                msgspec.json.encode(run.phases).decode(),
                run.artifact_count,
                run.device,
                run.debugged,
                run.touched,
                run.run_id,
            ),
        )

    def set_deleted(self, run_ids: Iterable[str], deleted: bool) -> list[str]:
        """Mark final runs (and hide their pictures), or bring them back. Gives the ids that were changed."""
        changed = []
        stamp = time.time() if deleted else 0.0
        final = tuple(sorted(FINAL_STATES))
        marks = ", ".join("?" * len(final))
        with self._database.transaction() as connection:
            for run_id in run_ids:
                done = connection.execute(
                    f"UPDATE runs SET deleted = ? WHERE run_id = ? AND state IN ({marks})"
                    " AND (deleted > 0) != ?",
                    (stamp, run_id, *final, deleted),
                )
                if done.rowcount:
                    changed.append(run_id)
                    connection.execute(
                        "UPDATE artifacts SET run_deleted = ? WHERE run_id = ?", (int(deleted), run_id)
                    )
        return changed

    def interrupt_active(self) -> list[RunRecord]:
        """At start: what was running when the last server ended did not finish, and says so."""
        error = ErrorInfo(
            "interrupted", "The engine ended while this run was going on; retry it to run it again."
        )
        runs = [
            msgspec.structs.replace(run, state="interrupted", finished=time.time(), error=error)
            for run in self._query("WHERE state IN ('running', 'paused', 'stopping')")
        ]
        if runs:
            with self._database.transaction() as connection:
                for run in runs:
                    self._update(connection, run)
        return runs

    def purge(self, older_than: float) -> list[str]:
        """Forget runs deleted before `older_than` (epoch seconds); gives their ids, for their folders."""
        rows = self._database.read(
            lambda c: c.execute(
                "SELECT run_id FROM runs WHERE deleted > 0 AND deleted < ?", (older_than,)
            ).fetchall()
        )
        if rows:
            with self._database.transaction() as connection:
                connection.executemany("DELETE FROM runs WHERE run_id = ?", [(row[0],) for row in rows])
        return [row[0] for row in rows]

    # --- reading ------------------------------------------------------------------------------------------

    def get(self, run_id: str) -> RunRecord | None:
        if run_id in self._unsaved:
            return self._unsaved[run_id]
        found = self._query("WHERE run_id = ?", (run_id,))
        return found[0] if found else None

    def debug_plan(self, run_id: str) -> DebugPlan | None:
        """What a run was submitted with for the op debugger. Raises StorageError when that is damaged."""
        row = self._database.read(
            lambda c: c.execute("SELECT debug FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        )
        if row is None or row["debug"] is None:
            return None
        try:
            return msgspec.json.decode(row["debug"], type=DebugPlan)
        except msgspec.MsgspecError as error:
            raise StorageError(
                f"What run {run_id} was to be debugged with can't be read ({error}); submit it again."
            ) from error

    def find(self, part: str) -> RunRecord:
        """The run of this id, or of a unique beginning or end of one. Raises NotFoundError, BadInputError."""
        part = part.strip()
        if (exact := self.get(part)) is not None:
            return exact
        if len(part) < MIN_ID_CHARS:
            raise BadInputError(
                f"{part!r} is too short for a run id; give {MIN_ID_CHARS} characters or more."
            )
        found = self._query(
            "WHERE substr(run_id, 1, ?) = ? OR substr(run_id, -?) = ? LIMIT 2",
            (len(part), part, len(part), part),
        )
        if not found:
            raise NotFoundError(f"There is no run {part}.")
        if len(found) > 1:
            raise BadInputError(f"{part!r} fits more than one run; give more characters of its id.")
        return self._unsaved.get(found[0].run_id, found[0])

    def page(
        self, states: Sequence[str], search: str, offset: int, limit: int
    ) -> tuple[list[RunRecord], int]:
        """Runs that were not deleted, newest first, and how many there are in all."""
        where, values = ["deleted = 0"], list[object]()
        if states:
            where.append(f"state IN ({', '.join('?' * len(states))})")
            values.extend(states)
        for word in search.casefold().split():
            where.append("instr(search_text, ?) > 0")
            values.append(word)
        clause = "WHERE " + " AND ".join(where)
        total = self._database.read(
            lambda c: c.execute(f"SELECT count(*) FROM runs {clause}", values).fetchone()[0]
        )
        runs = self._query(f"{clause} ORDER BY number DESC LIMIT ? OFFSET ?", (*values, limit, offset))
        return [self._unsaved.get(run.run_id, run) for run in runs], total

    def queued(self, limit: int = -1) -> list[RunRecord]:
        """Queued runs, next first."""
        # some more than asked for, in place of those whose later state could not be written yet
        sql_limit = limit + len(self._unsaved) if limit >= 0 else -1
        runs = self._query("WHERE state = 'queued' ORDER BY position, number LIMIT ?", (sql_limit,))
        return [run for run in runs if run.run_id not in self._unsaved][: limit if limit >= 0 else None]

    def newest_final(self, limit: int) -> list[RunRecord]:
        return self.page(sorted(FINAL_STATES), "", 0, limit)[0]

    def _query(self, clause: str, values: Sequence[object] = ()) -> list[RunRecord]:
        rows = self._database.read(
            lambda c: c.execute(f"SELECT {_COLUMNS} FROM runs {clause}", tuple(values)).fetchall()
        )
        return [_record(row) for row in rows]
