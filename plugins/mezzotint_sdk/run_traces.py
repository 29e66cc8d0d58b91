"""Where a run keeps the trace of its ops, and whose traces a part of a run's id means."""

from __future__ import annotations

from pathlib import Path

__all__ = ["LEAST_ID", "TRACE_IN_RUN", "traces_of_runs"]

TRACE_IN_RUN = Path("debug") / "trace.mzt"
LEAST_ID = 4  # characters of an id that name a run


def traces_of_runs(runs: Path, part: str) -> list[Path]:
    """Of the runs in this folder whose id begins or ends with `part`; none where that is too short."""
    if len(part) < LEAST_ID or not runs.is_dir():
        return []
    named = (
        folder for folder in runs.iterdir() if folder.name.startswith(part) or folder.name.endswith(part)
    )
    return [trace for folder in named if (trace := folder / TRACE_IN_RUN).is_file()]
