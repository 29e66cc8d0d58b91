"""The real window on a real X server, driven by keys alone: type a prompt, generate, look, end the app."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageGrab

from mezzotint_sdk.home import Home

pytestmark = pytest.mark.xvfb

DEADLINE_S = 90.0
LOOK_EVERY_S = 0.2
SCREEN = (1400, 900)
# A key is lost while the window has no engine yet, so it is pressed again, but not before a run had time to
# show: a second run would still go on when the window is closed, and the window would ask about it.
LOOKS_BEFORE_PRESSING_AGAIN = 25
MEZZOTINT = [sys.executable, "-m", "mezzotint_app"]


@pytest.fixture
def display() -> Iterator[str]:
    """A new X server on a display that it chooses itself."""
    for program in ("Xvfb", "xdotool"):
        assert shutil.which(program), f"{program} is not installed; `make test-long` installs it on Debian"
    reader, writer = os.pipe()
    screen = f"{SCREEN[0]}x{SCREEN[1]}x24"
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", screen, "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    try:
        with os.fdopen(reader) as stream:
            number = stream.readline().strip()  # said once it takes connections
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(20)


class RealWindow:
    """The app as a process of its own, its keys pressed by xdotool, its runs told by the command line."""

    def __init__(self, display: str) -> None:
        self.display = display
        self._environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        self.app = subprocess.Popen(MEZZOTINT, env=self._environment)

    def xdotool(self, *words: str) -> str:
        done = subprocess.run(["xdotool", *words], env=self._environment, capture_output=True, text=True)
        return done.stdout.strip()

    def windows(self, name: str = "Mezzotint") -> list[str]:
        return self.xdotool("search", "--onlyvisible", "--name", name).splitlines()

    def focus(self) -> None:
        """What a window manager would do: without the focus a window gets keys, but Qt runs no shortcut."""
        self.xdotool("windowfocus", "--sync", self.windows()[0])

    def press(self, *keys: str) -> None:
        self.xdotool("key", *keys)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*MEZZOTINT, *words], env=self._environment, capture_output=True, text=True)

    def runs(self) -> list[dict[str, object]]:
        done = self.command("runs", "--json")
        assert done.returncode == 0, done.stderr
        found: list[dict[str, object]] = json.loads(done.stdout.splitlines()[-1])["runs"]
        return found

    def has_worker(self) -> bool:
        done = self.command("status", "--json")
        assert done.returncode == 0, done.stderr
        workers = json.loads(done.stdout.splitlines()[-1])["workers"]
        return any(worker["state"] == "ready" for worker in workers)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + DEADLINE_S
        while not condition():
            assert self.app.poll() is None, f"the app ended with {self.app.returncode} before {what}"
            assert time.monotonic() < end, f"waited in vain for {what}"
            with pytest.raises(subprocess.TimeoutExpired):
                self.app.wait(LOOK_EVERY_S)

    def screenshot(self) -> Image.Image:
        return ImageGrab.grab(xdisplay=self.display).convert("RGB")


@pytest.fixture
def window(display: str) -> Iterator[RealWindow]:
    real = RealWindow(display)
    try:
        yield real
    finally:
        if real.app.poll() is None:
            real.app.kill()
            real.app.wait()
        real.command("engine", "stop")


def is_orange(colour: object) -> bool:
    """Whether an (r, g, b) is one of the tiger's; nothing of the window itself is."""
    match colour:
        case (int(red), int(green), int(blue)):
            return red > 200 and blue < 90 < green < 190
        case _:
            return False


def test_a_prompt_is_typed_and_drawn_and_the_window_closed(window: RealWindow, mezzotint_home: Path) -> None:
    window.wait_until(lambda: bool(window.windows()), "the window")
    window.focus()
    window.wait_until(window.has_worker, "a worker that is ready")
    window.press("ctrl+l", "ctrl+a")
    window.xdotool("type", "tiger face")
    looks = 0

    def is_submitted() -> bool:
        nonlocal looks
        if looks % LOOKS_BEFORE_PRESSING_AGAIN == 0:
            window.press("ctrl+Return")
        looks += 1
        return bool(window.runs())

    window.wait_until(is_submitted, "a run")
    window.wait_until(lambda: all(run["state"] == "finished" for run in window.runs()), "the picture")
    assert window.runs()[0]["prompt"] == "tiger face"

    picture = window.screenshot()
    assert picture.size == SCREEN
    colours = picture.getcolors(SCREEN[0] * SCREEN[1]) or []
    orange = sum(count for count, colour in colours if is_orange(colour))
    assert len(colours) > 200, "the screen is blank, or nearly so"
    assert orange > 2_000, "no tiger is seen on the screen"

    window.press("ctrl+q")
    assert window.app.wait(DEADLINE_S) == 0
    assert not window.windows()
    # the engine stays for a while, should a window come back; it goes when it is told to, and takes all along
    stopped = window.command("engine", "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert not Home(mezzotint_home).runtime.exists()


def test_the_app_ends_when_the_session_does(window: RealWindow) -> None:
    window.wait_until(lambda: bool(window.windows()), "the window")
    window.app.terminate()
    assert window.app.wait(DEADLINE_S) == 143
