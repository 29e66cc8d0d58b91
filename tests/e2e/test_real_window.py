"""The real window on a real X server, driven by keys alone: type a prompt, generate, end the app."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.xvfb

DEADLINE_S = 90.0
LOOK_EVERY_S = 0.2


@pytest.fixture
def display() -> Iterator[str]:
    """A new X server on a display that it chooses itself."""
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1400x900x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as stream:
        number = stream.readline().strip()  # said once it takes connections
    assert number, "Xvfb did not start"
    yield f":{number}"
    server.terminate()
    server.wait(20)


def wait_until(condition: Callable[[], bool], what: str, app: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert app.poll() is None, f"the app ended with {app.returncode} before {what}"
        assert time.monotonic() < end, f"waited in vain for {what}"
        with pytest.raises(subprocess.TimeoutExpired):
            app.wait(LOOK_EVERY_S)


def test_a_prompt_is_typed_and_drawn_and_the_app_ends_when_told(display: str, mezzotint_home: Path) -> None:
    environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
    mezzotint = [sys.executable, "-m", "mezzotint_app"]
    app = subprocess.Popen(mezzotint, env=environment)

    def xdotool(*words: str) -> str:
        done = subprocess.run(["xdotool", *words], env=environment, capture_output=True, text=True)
        return done.stdout.strip()

    def runs() -> list[dict[str, object]]:
        done = subprocess.run([*mezzotint, "runs", "--json"], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, object]] = json.loads(done.stdout.strip().splitlines()[-1])["runs"]
        return found

    try:
        wait_until(lambda: bool(xdotool("search", "--onlyvisible", "--name", "Mezzotint")), "the window", app)
        window = xdotool("search", "--onlyvisible", "--name", "Mezzotint").splitlines()[0]
        # the prompt has the focus at start; Generate answers once the engine is there
        xdotool("key", "--window", window, "ctrl+a")
        xdotool("type", "--window", window, "tiger face")

        def submitted() -> bool:
            if not runs():
                xdotool("key", "--window", window, "ctrl+Return")
            return bool(runs())

        wait_until(submitted, "a run", app)
        # the keys may have been pressed more than once, and a window with active runs asks before it closes
        wait_until(lambda: all(run["state"] == "finished" for run in runs()), "the picture", app)
        assert runs()[0]["prompt"] == "tiger face"
        app.terminate()
        assert app.wait(60) == 143
    finally:
        if app.poll() is None:
            app.kill()
            app.wait()
        subprocess.run([*mezzotint, "engine", "stop"], env=environment, capture_output=True, check=False)
