"""What the user is told quietly: one sentence, details on request, perhaps one action such as Undo."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from PySide6.QtCore import QObject, Signal

from mezzotint_sdk.errors import ErrorInfo, MezzotintError

__all__ = ["Notice", "NoticeLevel", "NoticeState"]

NoticeLevel = Literal["info", "warning", "error"]

KEPT = 200  # older notices are in the log

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Notice:
    level: NoticeLevel
    sentence: str
    detail: str = ""
    action_title: str = ""
    action: Callable[[], None] | None = None
    number: int = field(default_factory=lambda: next(_numbers))


class NoticeState(QObject):
    """The notices of this session, newest last. Anybody may show one; the notice bar is who listens."""

    posted = Signal(object)  # Notice
    withdrawn = Signal(int)  # number of a notice that no longer holds

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.notices: list[Notice] = []
        self._undos: list[tuple[Notice, Callable[[], None]]] = []  # what can be taken back, newest last

    def show(
        self,
        level: NoticeLevel,
        sentence: str,
        detail: str = "",
        action_title: str = "",
        action: Callable[[], None] | None = None,
    ) -> Notice:
        """Tell the user one sentence. `detail` (a traceback, say) is shown on request only."""
        notice = Notice(level, sentence, detail, action_title, action)
        self.notices.append(notice)
        del self.notices[:-KEPT]
        self.posted.emit(notice)
        return notice

    def show_undoable(self, sentence: str, undo: Callable[[], None]) -> Notice:
        """Tell what was done; it can be taken back from the notice, or by `undo` when that is long gone."""

        def undo_this() -> None:
            if (notice, undo) in self._undos:
                self._undos.remove((notice, undo))
                self.withdraw(notice)
                undo()

        notice = self.show("info", sentence, action_title="Undo", action=undo_this)
        self._undos.append((notice, undo))
        del self._undos[:-KEPT]
        return notice

    @property
    def can_undo(self) -> bool:
        return bool(self._undos)

    def undo(self) -> None:
        """Take back what was done last; nothing happens where nothing can be."""
        if self._undos:
            notice, _ = self._undos[-1]
            assert notice.action is not None
            notice.action()

    def show_error(self, error: MezzotintError | ErrorInfo) -> None:
        """Tell of an error as it came over the wire or from the client."""
        self.show("error", error.message, error.detail)

    def withdraw(self, notice: Notice) -> None:
        """Take a notice back that no longer holds ("The engine is not answering.")."""
        self.withdrawn.emit(notice.number)
