"""What the console can do with the run of a session. Called on the thread that stands."""

from __future__ import annotations

from types import FrameType
from typing import TYPE_CHECKING

import msgspec

from mezzotint_engine.opdebug.breakpoints import BreakpointBook
from mezzotint_engine.opdebug.ladder import place_text
from mezzotint_engine.opdebug.memory_snapshot import MemorySnapshots
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.errors import BadInputError

if TYPE_CHECKING:
    from mezzotint_engine.opdebug.debug_session import DebugSession

__all__ = ["SessionCommands"]


class SessionCommands:
    """`LadderCommands` of the console, for a real run."""

    def __init__(self, session: DebugSession) -> None:
        self._session = session
        self.book: BreakpointBook = session.book

    @property
    def memory(self) -> MemorySnapshots:
        return self._session.memory

    def plan_resume(self, resume: dm.Resume) -> None:
        """Raises BadInputError."""
        still = self._session.standing
        if still is None:
            raise BadInputError("The run goes on; stop it first.")
        still.resume(resume)

    def line_stop(self, frame: FrameType, event: str, value: object) -> None:
        self._session.line_stop(frame, event, value)

    def describe(self) -> str:
        still = self._session.standing
        return place_text(still.place) if still is not None else "The run goes on."

    def breakpoints_changed(self) -> None:
        session = self._session
        session.changed()
        if session.book.take_changed():
            session.host.report(dm.BreakpointsChanged(breakpoints=session.book.list()))

    def add_watch(self, expression: str) -> None:
        """Raises BadInputError."""
        self._session.watches.add(expression)
        self._session.changed()

    def skip_op(self, kind: str, value: str) -> None:
        """Raises BadInputError."""
        still = self._session.standing
        if still is not None:
            still.skip(msgspec.convert({"type": "SkipOp", "kind": kind, "value": value}, dm.SkipOp))

    def run_eagerly(self, path: str, eager: bool = True) -> None:
        """Raises BadInputError."""
        self._session.run_eagerly(path, eager)

    def module_paths(self) -> tuple[str, ...]:
        return tuple(info.path for info, _ in self._session.modules.known())
