"""All that a client must know at once: the snapshot, the status, and the welcome."""

from __future__ import annotations

from mezzotint_engine.server.engine_context import EngineContext
from mezzotint_engine.server.run_store import abridged
from mezzotint_sdk.messages import PROTOCOL_VERSION, Snapshot, Status, Welcome
from mezzotint_sdk.records import RunRecord

__all__ = ["make_snapshot", "make_status", "make_welcome"]

FINAL_RUNS = 100
CAPABILITIES = ("generate", "previews", "pause", "slots")


def _open_runs(context: EngineContext) -> list[RunRecord]:
    """Active runs, then queued ones in their order."""
    return [abridged(run) for run in (*context.control.active(), *context.runs.queued())]


def make_snapshot(context: EngineContext) -> Snapshot:
    final = [abridged(run) for run in context.runs.newest_final(FINAL_RUNS)]
    return Snapshot(
        seq=context.hub.seq,
        server=context.server_info(),
        runs=(*_open_runs(context), *final),
        workers=context.pool.records(),
        devices=context.pool.devices,
        queue_paused=context.queue.paused,
        artifact_total=context.artifacts.total(),
        preview_hz=context.pool.preview_hz,
    )


def make_status(context: EngineContext) -> Status:
    return Status(
        server=context.server_info(),
        workers=context.pool.records(),
        queue=tuple(_open_runs(context)),
        queue_paused=context.queue.paused,
    )


def make_welcome(context: EngineContext) -> Welcome:
    return Welcome(
        protocol=PROTOCOL_VERSION,
        server=context.server_info(),
        devices=context.pool.devices,
        capabilities=CAPABILITIES,
        seq=context.hub.seq,
        slots_folder=str(context.home.slots),
    )
