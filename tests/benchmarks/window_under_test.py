"""The real window on a real engine, driven from a benchmark: bootstrap's pieces, no test doubles."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from mezzotint_app.client.qt_bridge import QtBridge
from mezzotint_app.gui_garbage import GuiGarbage
from mezzotint_app.look.style_sheet import install_look
from mezzotint_app.main_window import MainWindow
from mezzotint_app.state.app_state import build_app_state
from mezzotint_sdk.home import Home
from mezzotint_sdk.job_spec import GenerateSpec
from mezzotint_sdk.messages import JobsSubmitted, SubmitJobs
from mezzotint_sdk.records import FINAL_STATES, RunRecord
from tests.e2e.live_engine import LiveEngine, emoji_spec

__all__ = ["WindowUnderTest", "fill_gallery"]

DEADLINE_S = 600.0
LINKS_EACH = 20_000  # file systems limit how many names one file may have (ext4: 65,000)


class WindowUnderTest:
    """Opens the window on a home, connected to that home's engine; at the end both are closed."""

    def __init__(self, home: Home) -> None:
        self.application = QApplication.instance() or QApplication([])
        self.bridge = QtBridge(home)
        self.state = build_app_state(self.bridge, home.settings)
        install_look(self.application)
        self.window = MainWindow(self.state)
        self._garbage = GuiGarbage()

    def __enter__(self) -> WindowUnderTest:
        self.window.resize(1280, 800)
        self.window.show()
        self.bridge.start()
        self._garbage.start()
        self.wait_until(
            lambda: self.state.engine.is_connected and self.state.generate.has_models, "the engine"
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._garbage.stop()
        self.state.close()
        self.bridge.stop_engine_if_ours(20.0)
        self.window.hide()
        self.bridge.close()

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Run Qt's event loop until the condition holds; it is asked every few milliseconds."""
        loop = QEventLoop()
        end = time.monotonic() + DEADLINE_S
        timer = QTimer()
        timer.setInterval(5)
        timer.timeout.connect(lambda: loop.quit() if condition() or time.monotonic() > end else None)
        timer.start()
        loop.exec()
        timer.stop()
        assert condition(), f"waited in vain for {what}"

    def draw(self, spec: GenerateSpec) -> RunRecord:
        """Submit a job as the Generate button does, and wait for its end."""
        submitted: list[str] = []

        def accepted(reply: JobsSubmitted) -> None:
            submitted.extend(reply.run_ids)

        def ended() -> bool:
            run = self.state.runs.run(submitted[0]) if submitted else None
            return run is not None and run.state in FINAL_STATES

        # by its signal, as the window does: a timer that looks every few milliseconds costs and is late
        loop = QEventLoop()
        quit_at_end = lambda *_: loop.quit() if ended() else None  # noqa: E731
        self.state.runs.runChanged.connect(quit_at_end)
        deadline = QTimer()
        deadline.setSingleShot(True)
        deadline.timeout.connect(loop.quit)
        deadline.start(round(DEADLINE_S * 1000))
        self.bridge.call(SubmitJobs(specs=(spec,)), accepted)
        loop.exec()
        self.state.runs.runChanged.disconnect(quit_at_end)
        deadline.stop()
        assert ended(), "waited in vain for the run"
        run = self.state.runs.run(submitted[0])
        assert run is not None
        assert run.state == "finished", run.error
        return run


def fill_gallery(home: Home, count: int) -> None:
    """Give the home `count` pictures: links to a real one, in the real tables. No engine may be running."""
    with LiveEngine(home.root) as engine:
        (run_id,) = engine.submit(emoji_spec())
        assert engine.wait_for_end(run_id).state == "finished"
        (picture,) = engine.artifacts(run_id)
    folder = picture.parent / "many"
    folder.mkdir()
    names = [f"{number:06d}.png" for number in range(count)]
    for number, name in enumerate(names):
        if number % LINKS_EACH == 0:
            shutil.copyfile(picture, folder / name)
        else:
            os.link(folder / names[number - number % LINKS_EACH], folder / name)
    below = folder.relative_to(home.run_folder(run_id))
    size = picture.stat().st_size
    rows = (
        (
            run_id,
            number + 1,
            f"{below}/{name}",
            64,
            64,
            size,
            number,
            f"picture {number}",
            f"picture {number}",
            1e9 + number,
        )
        for number, name in enumerate(names)
    )
    columns = "run_id, picture, file, width, height, nbytes, seed, prompt, search_text, created"
    with sqlite3.connect(home.database) as database:
        database.executemany(f"INSERT INTO artifacts ({columns}) VALUES ({', '.join('?' * 10)})", rows)
    database.close()
