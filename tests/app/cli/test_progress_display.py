"""What progress says, step by step, on a terminal and off it."""

from __future__ import annotations

import msgspec
import pytest

from mezzotint_app.cli.progress_display import describe, make_display, steps_done
from mezzotint_app.cli.run_follower import RunView
from mezzotint_sdk import messages as m
from mezzotint_sdk.job_spec import GenerateSpec, ModelRef
from mezzotint_sdk.records import RunRecord

RUN = RunRecord(
    run_id="r", state="running", spec=GenerateSpec(model=ModelRef(path="m"), steps=10, count=2), created=0.0
)


def view(state: str = "running", phase: str = "", step: int = 0, image: int = 0, ahead: int = 0) -> RunView:
    made = RunView()
    made.record = msgspec.structs.replace(RUN, state=state)
    made.ahead = ahead
    if phase:
        made.progress = m.RunProgressed(
            run_id="r", phase=phase, step=step, steps=10, image_index=image, image_count=2
        )
    return made


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (RunView(), "Waiting for a worker"),
        (view("queued", ahead=1), "Waiting for a worker"),
        (view("queued", ahead=3), "Waiting for 3 other runs"),
        (view(), "Starting"),
        (view(phase="load"), "Loading the model 1 of 2"),
        (view(phase="denoise", step=3, image=1), "Drawing 2 of 2"),
        (view("stopping", phase="denoise"), "Cancelling"),
        (view("paused", phase="denoise"), "Paused"),
        (view(phase="something-new"), "Something-new 1 of 2"),
    ],
)
def test_words(now: RunView, text: str) -> None:
    assert describe(now) == text


@pytest.mark.parametrize(
    ("now", "done"),
    [
        (view(), 0),
        (view(phase="load"), 0),
        (view(phase="denoise", step=4), 4),
        (view(phase="decode"), 10),
        (view(phase="denoise", step=4, image=1), 14),
        (view(phase="save", image=1), 20),
    ],
)
def test_steps_over_all_pictures(now: RunView, done: int) -> None:
    assert steps_done(now, RUN) == (done, 20)


def test_lines_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    with make_display(quiet=False) as display:
        display.show(view("queued"))
        for step in range(10):
            display.show(view(phase="denoise", step=step))
        display.show(view(phase="save"))
    assert capsys.readouterr().err.splitlines() == [
        "Waiting for a worker …",
        "Drawing 1 of 2 …",
        "Saving 1 of 2 …",
    ]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with make_display(quiet=True) as display:
        display.show(view(phase="denoise", step=4))
    said = capsys.readouterr()
    assert said.err == said.out == ""
