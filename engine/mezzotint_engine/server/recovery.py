"""What a starting server does about the past: runs that a crash cut off, and what was deleted long ago."""

from __future__ import annotations

import shutil
import time

from mezzotint_engine.server.artifact_store import ArtifactStore
from mezzotint_engine.server.engine_log import EngineLog
from mezzotint_engine.server.run_folder import RunFolder, complete_pictures
from mezzotint_engine.server.run_store import RunStore
from mezzotint_sdk.errors import StorageError
from mezzotint_sdk.home import Home
from mezzotint_sdk.job_spec import picture_spec

__all__ = ["purge_deleted", "recover_runs"]

KEEP_DELETED_S = 7 * 24 * 3600.0


def recover_runs(home: Home, runs: RunStore, artifacts: ArtifactStore, log: EngineLog) -> int:
    """Mark runs that were active as interrupted, and register the pictures that they had finished."""
    try:
        interrupted = runs.interrupt_active()
    except StorageError as error:
        log.error("server", f"Interrupted runs can't be marked: {error.message}")
        return 0
    for run in interrupted:
        folder = home.run_folder(run.run_id)
        for picture in complete_pictures(folder):
            artifacts.add(
                run.run_id,
                index=picture.index,
                file=picture.file,
                width=picture.width,
                height=picture.height,
                nbytes=picture.nbytes,
                seed=picture_spec(run.spec, picture.index).seed,
                prompt=run.spec.prompt,
            )
        RunFolder(folder).write_record(runs.get(run.run_id) or run)
        log.warning(
            "run", "the engine ended while this run was going on; it is marked as interrupted", run.run_id
        )
    return len(interrupted)


def purge_deleted(home: Home, runs: RunStore, artifacts: ArtifactStore, log: EngineLog) -> None:
    """Remove what the user deleted more than a week ago.

    The database forgets first: a kill in between leaves a file that nobody lists, never a listed file that is
    gone.
    """
    limit = time.time() - KEEP_DELETED_S
    try:
        files = artifacts.purge(limit)
        run_ids = runs.purge(limit)
    except StorageError as error:
        log.warning("server", f"Deleted runs can't be removed now: {error.message}")
        return
    for file in files:
        file.unlink(missing_ok=True)
    for run_id in run_ids:
        shutil.rmtree(home.run_folder(run_id), ignore_errors=True)
