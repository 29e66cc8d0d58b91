"""A run as a line of a table and as JSON: one form for all commands."""

from __future__ import annotations

import datetime
from typing import Any

from mezzotint_sdk.records import RunRecord

__all__ = ["RUN_HEADER", "run_facts", "run_row"]

RUN_HEADER = ("RUN", "STATE", "WHEN", "SECONDS", "MODEL", "SEED", "PROMPT")


def run_facts(run: RunRecord) -> dict[str, Any]:
    """For JSON. Times are seconds since the epoch."""
    spec = run.spec
    facts: dict[str, Any] = {
        "run_id": run.run_id,
        "state": run.state,
        "model": spec.model.path,
        "mode": spec.mode,
        "prompt": spec.prompt,
        "steps": spec.steps,
        "guidance": spec.guidance_scale,
        "seed": spec.seed,
        "width": spec.width,
        "height": spec.height,
        "count": spec.count,
        "scheduler": spec.scheduler,
        "device": run.device,
        "created": run.created,
        "started": run.started,
        "finished": run.finished,
        "seconds": round(run.seconds, 3),
        "pictures": run.artifact_count,
    }
    if run.error is not None:
        facts |= {"code": run.error.code, "message": run.error.message}
    return facts


def run_row(run: RunRecord) -> tuple[str, ...]:
    spec = run.spec
    when = datetime.datetime.fromtimestamp(run.created).strftime("%Y-%m-%d %H:%M")
    seconds = f"{run.seconds:.1f}" if run.seconds else ""
    model = spec.model.path.removeprefix("bundled:")
    return (run.run_id, run.state, when, seconds, model, str(spec.seed), spec.prompt)
