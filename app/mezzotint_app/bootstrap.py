"""Where everything starts: a command goes to the command line, no command opens the window.

The only file that knows everyone. It imports nothing at its top but the standard library, so that a command
that needs little answers at once.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

__all__ = ["main"]

STARTED = time.monotonic()

FIRST_PICTURE = "--first-picture"  # offscreen: make one picture, write files, end
WINDOW = "--window"  # the window, even where nobody can see it

NEEDED_BY_WINDOW = ("PySide6", "PySide6QtAds", "pyqtgraph", "qtawesome")
STOP_ENGINE_S = 15.0


def main(arguments: Sequence[str] | None = None) -> int:
    """The `mezzotint` command. Returns its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given in ([], [FIRST_PICTURE], [WINDOW]):
        return _run_app(is_offscreen=given == [FIRST_PICTURE] or (not given and not _has_display()))
    from mezzotint_app.cli.main import main as run_command

    return run_command(given)


def _has_display() -> bool:
    if os.environ.get("QT_QPA_PLATFORM", "") not in ("", "offscreen"):
        return True  # somebody chose a platform, and knows why
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _say(sentence: str) -> int:
    print(f"mezzotint: {sentence}", file=sys.stderr)
    return 1


def _run_app(*, is_offscreen: bool) -> int:
    missing = [name for name in NEEDED_BY_WINDOW if importlib.util.find_spec(name) is None]
    if missing:
        return _say(
            f"The window needs what is not installed here ({', '.join(missing)}); "
            "install it with: pip install 'mezzotint[app]'"
        )
    if is_offscreen:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    try:
        from PySide6.QtWidgets import QApplication
    except ImportError as error:
        return _say(f"Qt can't be loaded: {error}; install the system library that it names.")
    application = QApplication(["mezzotint"])
    application.setApplicationName("mezzotint")
    application.setApplicationDisplayName("Mezzotint")
    application.setDesktopFileName("mezzotint")
    return _run_window(application, is_offscreen=is_offscreen)


def _run_window(application: QApplication, *, is_offscreen: bool) -> int:
    from PySide6.QtCore import QTimer

    from mezzotint_app.block_watch import BlockWatch
    from mezzotint_app.client.qt_bridge import QtBridge
    from mezzotint_app.crash_notices import CrashNotices
    from mezzotint_app.first_picture import FirstPicture
    from mezzotint_app.gui_garbage import GuiGarbage
    from mezzotint_app.look.style_sheet import install_look
    from mezzotint_app.main_window import MainWindow
    from mezzotint_app.qt_messages import install_qt_messages, remove_qt_messages
    from mezzotint_app.state.app_state import build_app_state
    from mezzotint_app.state.log_state import AppLogHandler
    from mezzotint_sdk.home import Home

    home = Home.default()
    bridge = QtBridge(home)
    state = build_app_state(bridge, home.settings)
    log_handler = AppLogHandler(state.log)
    logging.getLogger().addHandler(log_handler)
    logging.getLogger("mezzotint_app").setLevel(logging.INFO)
    crashes = CrashNotices(state.notices, lambda: application.exit(130))
    crashes.install()
    install_qt_messages()
    signal.signal(signal.SIGINT, lambda number, frame: application.exit(130))
    signal.signal(signal.SIGTERM, lambda number, frame: application.exit(143))
    watch = BlockWatch()
    garbage = GuiGarbage()
    install_look(application)
    window = MainWindow(state)
    window.show()
    first_picture = FirstPicture(window, lambda: time.monotonic() - STARTED, application.exit)
    if is_offscreen:
        first_picture.start()
    # Once the event loop has drawn the window: the engine's start must not take the processor from it.
    QTimer.singleShot(0, bridge.start)
    QTimer.singleShot(0, watch.start)
    garbage.start()
    try:
        status: int = application.exec()
    finally:
        watch.stop()
        garbage.stop()
        state.close()
        if is_offscreen:
            bridge.stop_engine_if_ours(STOP_ENGINE_S)
        bridge.close()
        remove_qt_messages()
        crashes.restore()
        logging.getLogger().removeHandler(log_handler)
    return status
