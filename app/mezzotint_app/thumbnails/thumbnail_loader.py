"""Decodes pictures in the background: what is in view first, and on so few threads that no worker starves."""

from __future__ import annotations

import logging
import os
from collections.abc import Hashable, Sequence

from PySide6.QtCore import QObject, QThread, QThreadPool, Signal
from PySide6.QtGui import QImage

from mezzotint_app.thumbnails.picture_decoding import decode_picture

__all__ = ["PictureRequest", "ThumbnailLoader"]

log = logging.getLogger(__name__)

# (key, path, longest side in pixels; 0 is the whole picture)
PictureRequest = tuple[Hashable, str, int]


class _Results(QObject):
    """Carries results from the pool's threads to the GUI thread."""

    decoded = Signal(object, object, str)  # request, QImage, sentence


class _Task:
    """Not a QRunnable: of those that Python owns, PySide (6.11) keeps the wrapper of each one for ever."""

    def __init__(self, request: PictureRequest, results: _Results) -> None:
        self._request = request
        self._results = results

    def __call__(self) -> None:
        _, path, edge = self._request
        try:
            image, problem = decode_picture(path, edge)
        except (OSError, ValueError, MemoryError) as error:
            log.info("picture %s could not be read: %s", path, error)
            image, problem = QImage(), f"The file {os.path.basename(path)} can't be read: {error}."
        try:
            self._results.decoded.emit(self._request, image, problem)
        except RuntimeError:
            pass  # the window went away meanwhile


class ThumbnailLoader(QObject):
    """`want` replaces what waits, so scrolling past a thousand pictures decodes those where it ends."""

    loaded = Signal(object, object, str)  # key, QImage (null where it failed), one sentence ("" is all right)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1 if (os.cpu_count() or 1) <= 2 else 2)
        self._pool.setThreadPriority(QThread.Priority.LowPriority)
        self._results = _Results(self)
        self._results.decoded.connect(self._on_decoded)
        self._waiting: list[PictureRequest] = []
        self._running: dict[PictureRequest, _Task] = {}
        self.decoded_count = 0

    @property
    def is_idle(self) -> bool:
        return not self._waiting and not self._running

    def want(self, requests: Sequence[PictureRequest]) -> None:
        """These, in this order, and nothing else that has not begun."""
        self._waiting = [request for request in requests if request not in self._running]
        self._start_next()

    def close(self) -> None:
        """Forget what waits and wait for what runs (one picture at most per thread)."""
        self._waiting = []
        self._pool.waitForDone()
        self._running.clear()

    def _start_next(self) -> None:
        while self._waiting and len(self._running) < self._pool.maxThreadCount():
            request = self._waiting.pop(0)
            task = _Task(request, self._results)
            self._running[request] = task
            self._pool.start(task)

    def _on_decoded(self, request: PictureRequest, image: QImage, problem: str) -> None:
        self._running.pop(request, None)
        self.decoded_count += 1
        self._start_next()
        self.loaded.emit(request[0], image, problem)
