"""From the start of the process to the window's first paint, against importing torch, diffusers and Qt."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from tests.benchmarks.comparison import Result, compare

IMPORTS = "import torch, diffusers, PySide6.QtWidgets"

# bootstrap's own path, but for the engine: the process ends at the first paint
WINDOW = """
import os, sys
from PySide6.QtCore import QEvent, QObject
from mezzotint_app import bootstrap
from mezzotint_app.client.qt_bridge import QtBridge
from mezzotint_app.main_window import MainWindow

class FirstPaint(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            os._exit(0)
        return False

show = MainWindow.show
def show_watched(window):
    window.centralWidget().installEventFilter(watch)
    window.installEventFilter(watch)
    show(window)

watch = FirstPaint()
MainWindow.show = show_watched
QtBridge.start = lambda bridge: None
sys.exit(bootstrap.main(["--window"]))
"""


def _seconds(code: str, environment: dict[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    assert done.returncode == 0, done.stderr
    return seconds


def measure(quick: bool) -> list[Result]:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "MEZZOTINT_HOME": home}
        return [
            compare(
                "start",
                "start to visible window, against importing torch, diffusers and Qt",
                lambda: _seconds(IMPORTS, environment),
                lambda: _seconds(WINDOW, environment),
                target=0.5,
                rounds=2 if quick else 8,
            )
        ]
