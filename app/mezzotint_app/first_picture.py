"""Without a display: one picture through the same window and the real engine, and files that show both."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from mezzotint_sdk.records import FINAL_STATES, RunRecord
from mezzotint_sdk.version import __version__

if TYPE_CHECKING:
    from mezzotint_app.main_window import MainWindow

__all__ = ["FirstPicture"]

WINDOW_SIZE = (1280, 800)
OUT = "out"
PICTURE_FILE = "first-picture.png"
WINDOW_FILE = "window.png"
LOOK_MS = 50
SETTLE_MS = 400  # for plots and thumbnails, which are drawn at their own pace
TIME_LIMIT_S = 300.0


class FirstPicture(QObject):
    """Drives the window as a user would: waits for the engine, presses Generate, waits for the picture.

    `on_done(status)` is called once, with 0 or 1. `seconds` gives the time since the start of the process.
    """

    def __init__(
        self,
        window: MainWindow,
        seconds: Callable[[], float],
        on_done: Callable[[int], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window = window
        self._state = window.state
        self._seconds = seconds
        self._on_done = on_done
        self._times: dict[str, float] = {}
        self._run_id = ""
        self._is_done = False
        self._settled_at = 0.0
        self._deadline = time.monotonic() + TIME_LIMIT_S
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)

    def start(self) -> None:
        """Call when the window is shown, and before the client is started."""
        state = self._state
        self._window.resize(*WINDOW_SIZE)
        self._note("window visible")
        state.client.connectionChanged.connect(self._on_connection)
        state.generate.blockerChanged.connect(self._submit)
        state.generate.submitted.connect(self._on_submitted)
        state.previews.frameArrived.connect(self._on_frame)
        self._timer.start()

    def _note(self, what: str) -> None:
        self._times.setdefault(what, self._seconds())

    def _on_connection(self, connection: str, sentence: str) -> None:
        if connection == "connected":
            self._note("engine ready")
        elif connection in ("failed", "stopped", "lost"):
            self._fail(sentence)

    def _submit(self) -> None:
        generate = self._state.generate
        if self._is_done or self._run_id or "submitted" in self._times or not self._state.engine.is_connected:
            return
        if generate.has_models and not generate.draft.prompt and generate.model is not None:
            generate.set(prompt=next(iter(generate.model.example_prompts), "red apple"))
            return  # which calls this again
        if not generate.blocker():
            self._note("submitted")
            generate.submit()

    def _on_submitted(self, run_ids: list[str]) -> None:
        self._run_id = run_ids[0]

    def _on_frame(self, run_id: str) -> None:
        if run_id == self._run_id:
            self._note("first preview")

    def _look(self) -> None:
        if time.monotonic() > self._deadline:
            doing = self._state.generate.blocker() or "the run did not end"
            self._fail(f"There was no picture after {TIME_LIMIT_S:.0f} seconds: {doing}.")
            return
        run = self._state.runs.run(self._run_id)
        if run is None or run.state not in FINAL_STATES:
            return
        if run.state != "finished":
            self._fail(run.error.message if run.error else f"The run was {run.state}.")
            return
        self._note("picture")
        picture = self._state.canvas.picture
        if picture is None or self._window.canvas.view.file != picture.path:
            return
        if not self._settled_at:
            self._settled_at = time.monotonic() + SETTLE_MS / 1000
        elif time.monotonic() > self._settled_at:
            self._write(run, Path(picture.path))

    def _write(self, run: RunRecord, picture: Path) -> None:
        out = Path(OUT)
        try:
            out.mkdir(exist_ok=True)
            shutil.copyfile(picture, out / PICTURE_FILE)
        except OSError as error:
            self._fail(f"The picture can't be written to {out / PICTURE_FILE}: {error.strerror or error}.")
            return
        if not self._window.grab().save(str(out / WINDOW_FILE)):
            self._fail(f"The window's picture can't be written to {out / WINDOW_FILE}.")
            return
        self._report(run)
        self._end(0)

    def _report(self, run: RunRecord) -> None:
        spec = run.spec
        print(f"Mezzotint {__version__} without a display: one picture, in a window that nobody sees.")
        for what in ("window visible", "engine ready", "first preview", "picture"):
            if what in self._times:
                print(f"  {what:<15}{self._times[what]:7.2f} s after the start")
        print(f'  "{spec.prompt}", {spec.steps} steps, seed {spec.seed}, on {run.device or "cpu"}:')
        for phase in run.phases:
            print(f"    {phase.name:<13}{phase.seconds:7.2f} s")
        print(f"Wrote {OUT}/{PICTURE_FILE} and {OUT}/{WINDOW_FILE}.", flush=True)

    def _fail(self, sentence: str) -> None:
        if not self._is_done:
            print(f"mezzotint: {' '.join(sentence.split())}", file=sys.stderr, flush=True)
            self._end(1)

    def _end(self, status: int) -> None:
        if not self._is_done:
            self._is_done = True
            self._timer.stop()
            self._on_done(status)
