"""Work that may take longer than a frame (files, decoding, large arrays), done by Qt's pool of threads."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, QThreadPool, Signal
from shiboken6 import isValid

__all__ = ["BackgroundTask"]

log = logging.getLogger(__name__)

T = TypeVar("T")


class _Mailbox(QObject):
    done = Signal(object, object)  # result, exception


class BackgroundTask(Generic[T]):
    """Calls `work` on another thread, then one of the callbacks on this one; neither once `owner` is gone.

    `work` may raise; what it raises goes to `on_error`. Without that it is logged.
    """

    _under_way: set[BackgroundTask] = set()  # who keeps them: nobody else needs to

    def __init__(
        self,
        work: Callable[[], T],
        on_done: Callable[[T], None],
        on_error: Callable[[Exception], None] | None = None,
        owner: QObject | None = None,
    ) -> None:
        self._on_done = on_done
        self._on_error = on_error
        self._owner = owner
        self._mailbox = _Mailbox()
        self._mailbox.done.connect(self._deliver)
        BackgroundTask._under_way.add(self)
        QThreadPool.globalInstance().start(_Work(work, self._mailbox))

    def _deliver(self, result: T, error: Exception | None) -> None:
        BackgroundTask._under_way.discard(self)
        if self._owner is not None and not isValid(self._owner):
            return
        if error is None:
            self._on_done(result)
        elif self._on_error is not None:
            self._on_error(error)
        else:
            log.error("background work failed: %s", error)


class _Work:
    """Not a QRunnable: of those that Python owns, PySide (6.11) keeps the wrapper of each one for ever."""

    def __init__(self, work: Callable[[], object], mailbox: _Mailbox) -> None:
        self._work = work
        self._mailbox = mailbox

    def __call__(self) -> None:
        result: object = None
        problem: Exception | None = None
        try:
            result = self._work()
        except Exception as error:  # whatever it is, it belongs to who asked
            problem = error
        try:
            self._mailbox.done.emit(result, problem)
        except RuntimeError:
            pass  # the application ended meanwhile, and the mailbox with it
