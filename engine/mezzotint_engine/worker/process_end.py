"""How a worker ends: with everything it started, and without waiting for anybody."""

from __future__ import annotations

import os
import sys
import threading
from typing import NoReturn

import psutil

__all__ = ["end_process_tree", "watch_standard_input"]

SERVER_LOST = 3  # exit status


def end_process_tree(status: int) -> NoReturn:
    """Kill all children, then end at once: no clean-up code of any library may delay it."""
    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
        except psutil.Error:
            continue  # it has just ended
    try:
        sys.stderr.flush()
    except OSError:
        pass  # nobody reads it any more
    os._exit(status)


def watch_standard_input() -> None:
    """The server holds the other end of standard input; when it closes, the server is gone, and so are we."""

    def watch() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass  # closed under our feet: the same
        end_process_tree(SERVER_LOST)

    threading.Thread(target=watch, name="stdin-watch", daemon=True).start()
