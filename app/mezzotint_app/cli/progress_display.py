"""Progress on standard error: a bar on a terminal, a few plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Protocol

from mezzotint_app.cli.run_follower import RunView
from mezzotint_sdk.records import RunRecord

__all__ = ["ProgressDisplay", "make_display"]

LINE_EVERY_S = 10.0

DOING = {
    "load": "Loading the model",
    "encode": "Reading the prompt",
    "denoise": "Drawing",
    "decode": "Decoding",
    "save": "Saving",
}


class ProgressDisplay(Protocol):
    def __enter__(self) -> ProgressDisplay: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def show(self, view: RunView) -> None: ...


def make_display(*, quiet: bool) -> ProgressDisplay:
    """`quiet` is for scripts, too: with --json and no terminal nothing is shown."""
    if quiet:
        return _Nothing()
    return _Bar() if sys.stderr.isatty() else _Lines()


def describe(view: RunView) -> str:
    """What the run is doing, in a few words without numbers of steps."""
    run = view.record
    if run is None or run.state == "queued":
        return f"Waiting for {view.ahead} other runs" if view.ahead > 1 else "Waiting for a worker"
    if run.state == "stopping":
        return "Cancelling"
    if run.state == "paused":
        return "Paused"
    if view.progress is None:
        return "Starting"
    text = DOING.get(view.progress.phase, view.progress.phase.capitalize())
    if view.progress.image_count > 1:
        text += f" {view.progress.image_index + 1} of {view.progress.image_count}"
    return text


def steps_done(view: RunView, run: RunRecord) -> tuple[int, int]:
    """Steps that are done and all there are, over all pictures."""
    total = run.spec.steps * run.spec.count
    progress = view.progress
    if progress is None:
        return 0, total
    steps = progress.steps if progress.phase == "denoise" and progress.steps else run.spec.steps
    done = progress.image_index * steps
    if progress.phase == "denoise":
        done += progress.step
    elif progress.phase in ("decode", "save"):
        done += steps
    return min(done, steps * run.spec.count), steps * run.spec.count


class _Nothing:
    def __enter__(self) -> _Nothing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def show(self, view: RunView) -> None:
        return


class _Lines(_Nothing):
    """One line for each new thing that is done, and one now and then while it goes on."""

    def __init__(self) -> None:
        self._told = ""
        self._told_at = 0.0

    def show(self, view: RunView) -> None:
        text = describe(view)
        now = time.monotonic()
        if text == self._told and now - self._told_at < LINE_EVERY_S:
            return
        steps = ""
        if text == self._told and view.record is not None:
            done, total = steps_done(view, view.record)
            steps = f", step {done} of {total}"
        self._told = text
        self._told_at = now
        print(f"{text}{steps} …", file=sys.stderr, flush=True)


class _Bar(_Nothing):
    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: Any = self._progress.add_task("Starting the engine", total=None, rate="")

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, view: RunView) -> None:
        if view.record is None:
            return
        done, total = steps_done(view, view.record)
        self._progress.update(
            self._task, description=describe(view), completed=done, total=total, rate=_rate(view)
        )


def _rate(view: RunView) -> str:
    if view.progress is None or view.progress.steps_per_second <= 0:
        return ""
    text = f"{view.progress.steps_per_second:.1f} steps/s"
    if view.progress.eta_seconds >= 0:
        minutes, seconds = divmod(round(view.progress.eta_seconds), 60)
        text += f", {minutes}:{seconds:02} left"
    return text
