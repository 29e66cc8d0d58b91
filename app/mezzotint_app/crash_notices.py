"""A bug in the window's code becomes a notice with its traceback behind "Details"; the window lives on."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from mezzotint_app.state.notice_state import NoticeState

__all__ = ["CrashNotices"]

log = logging.getLogger(__name__)

REPEATS = (
    3  # of one and the same bug; a slot that fails on each repaint must not fill the window with notices
)


class CrashNotices(QObject):
    """Installed as `sys.excepthook` and `threading.excepthook`; `restore` puts the former ones back."""

    _caught = Signal(str, str)  # sentence, traceback; from any thread

    def __init__(
        self, notices: NoticeState, quit_app: Callable[[], None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._notices = notices
        self._quit_app = quit_app
        self._seen: dict[str, int] = {}
        self._before: tuple[Any, Any] | None = None
        self._caught.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        self._before = (sys.excepthook, threading.excepthook)
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception

    def restore(self) -> None:
        if self._before is not None:
            sys.excepthook, threading.excepthook = self._before
            self._before = None

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._quit_app()
            return
        detail = "".join(traceback.format_exception(kind, error, trace))
        log.error("%s: %s", kind.__name__, error, exc_info=(kind, error, trace))
        print(detail, file=sys.stderr, end="")
        self._caught.emit(f"Something in the window failed ({kind.__name__}: {error}); it goes on.", detail)

    def _on_thread_exception(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            self._on_exception(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    def _show(self, sentence: str, detail: str) -> None:
        place = detail.strip().rsplit("\n  File ", 1)[-1]
        self._seen[place] = self._seen.get(place, 0) + 1
        if self._seen[place] <= REPEATS:
            self._notices.show("error", " ".join(sentence.split()), detail)
