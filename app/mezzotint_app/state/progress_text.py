"""Progress as a person reads it: phase, step, pace, time left."""

from __future__ import annotations

from mezzotint_sdk import messages as m
from mezzotint_sdk.records import RunRecord

__all__ = ["duration_text", "progress_part", "progress_text", "run_summary"]

PHASE_TITLES = {
    "load": "Loading the model",
    "encode": "Encoding the prompt",
    "denoise": "Denoising",
    "decode": "Decoding the picture",
    "save": "Saving",
}


def duration_text(seconds: float) -> str:
    """ "0.8 s", "12 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def progress_part(progress: m.RunProgressed) -> float:
    """How much of the phase is done, from 0 to 1."""
    return progress.step / progress.steps if progress.steps > 0 else 0.0


def progress_text(progress: m.RunProgressed) -> str:
    """One line: phase, step n of N, picture, steps per second, time left."""
    parts = [PHASE_TITLES.get(progress.phase, progress.phase.capitalize())]
    if progress.steps > 1:
        parts.append(f"step {progress.step} of {progress.steps}")
    if progress.image_count > 1:
        parts.append(f"picture {progress.image_index + 1} of {progress.image_count}")
    if progress.steps_per_second > 0 and progress.phase == "denoise":
        pace = progress.steps_per_second
        parts.append(f"{pace:.1f} steps/s" if pace >= 1 else f"{1 / pace:.1f} s/step")
    if progress.eta_seconds >= 0:
        parts.append(f"{duration_text(progress.eta_seconds)} left")
    return " · ".join(parts)


def run_summary(run: RunRecord) -> str:
    """One line on a run that isn't going: how it ended, or that it waits."""
    match run.state:
        case "queued":
            return "Waiting in the queue"
        case "finished":
            pictures = "1 picture" if run.artifact_count == 1 else f"{run.artifact_count} pictures"
            return f"Finished in {duration_text(run.seconds)} · {pictures}"
        case "failed":
            return f"Failed: {run.error.message}" if run.error is not None else "Failed"
        case "cancelled":
            if not run.started and not run.seconds:
                return "Cancelled while it waited"
            return f"Cancelled after {duration_text(run.seconds)}"
        case "interrupted":
            return "Interrupted before it was finished. Retry runs it again."
        case "stopping":
            return "Stopping at the next step…"
        case "paused":
            return "Paused"
        case _:
            return "Starting…"
