"""Progress as a person reads it."""

from __future__ import annotations

import pytest

from mezzotint_app.state.progress_text import duration_text, progress_part, progress_text, run_summary
from mezzotint_sdk.errors import ErrorInfo
from tests.app.app_records import progress, run_record


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_one_line_of_progress() -> None:
    full = progress("a", 7, 20, image_index=1, image_count=4, steps_per_second=5.25, eta_seconds=3.0)
    assert progress_text(full) == "Denoising · step 7 of 20 · picture 2 of 4 · 5.2 steps/s · 3.0 s left"
    slow = progress("a", 1, 20, steps_per_second=0.5)
    assert progress_text(slow) == "Denoising · step 1 of 20 · 2.0 s/step"
    assert progress_text(progress("a", 0, 1, phase="load")) == "Loading the model"
    assert progress_part(progress("a", 5, 20)) == 0.25
    assert progress_part(progress("a", 0, 0)) == 0.0


def test_how_runs_ended() -> None:
    failed = run_record("a", "failed", error=ErrorInfo("storage", "The disk is full."))
    assert run_summary(failed) == "Failed: The disk is full."
    assert (
        run_summary(run_record("a", "finished", seconds=2.0, artifact_count=1))
        == "Finished in 2.0 s · 1 picture"
    )
    assert run_summary(run_record("a", "cancelled", started=1.0, seconds=2.0)) == "Cancelled after 2.0 s"
    assert run_summary(run_record("a", "cancelled")) == "Cancelled while it waited"
    assert run_summary(run_record("a", "queued")) == "Waiting in the queue"
