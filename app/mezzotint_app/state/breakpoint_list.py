"""The user's breakpoints: kept with the settings, and checked by the engine while a run is armed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Signal

from mezzotint_app.state.breakpoint_conditions import at_line, find_same, kept_breakpoints, next_id
from mezzotint_app.state.settings_state import SettingsState
from mezzotint_sdk.debug_messages import BreakpointsSet, SetBreakpoints
from mezzotint_sdk.debug_records import Breakpoint

if TYPE_CHECKING:
    from mezzotint_app.state.debug_state import DebugState
    from mezzotint_sdk.debug_messages import DebugReply
    from mezzotint_sdk.errors import MezzotintError

__all__ = ["BreakpointList"]

OnDone = Callable[[], None]
OnError = Callable[["MezzotintError"], None]


class BreakpointList(QObject):
    """`all` is what the engine has while a run is armed, else what the next one will get."""

    changed = Signal()

    def __init__(self, debug: DebugState, settings: SettingsState) -> None:
        super().__init__(debug)
        self._debug = debug
        self._settings = settings
        self.all: tuple[Breakpoint, ...] = settings.values.breakpoints

    def set(
        self,
        breakpoints: Sequence[Breakpoint],
        on_done: OnDone | None = None,
        on_error: OnError | None = None,
    ) -> None:
        """All of them. While a run is armed the engine checks them first, and a refusal changes nothing."""
        wanted = tuple(breakpoints)

        def taken(breakpoints: tuple[Breakpoint, ...]) -> None:
            self.take(breakpoints)
            if on_done is not None:
                on_done()

        if not self._debug.armed:
            taken(wanted)
            return

        def answered(reply: DebugReply) -> None:
            taken(reply.breakpoints if isinstance(reply, BreakpointsSet) else wanted)

        self._debug.ask(SetBreakpoints(breakpoints=wanted), answered, on_error)

    def put(
        self, breakpoint: Breakpoint, on_done: OnDone | None = None, on_error: OnError | None = None
    ) -> None:
        """Add one (its id 0), or put it in the place of that with its id."""
        if breakpoint.breakpoint_id == 0:
            new = msgspec.structs.replace(breakpoint, breakpoint_id=next_id(self.all))
            self.set((*self.all, new), on_done, on_error)
            return
        replaced = [breakpoint if one.breakpoint_id == breakpoint.breakpoint_id else one for one in self.all]
        self.set(replaced, on_done, on_error)

    def remove(self, ids: Sequence[int]) -> None:
        self.set([one for one in self.all if one.breakpoint_id not in ids])

    def enable(self, ids: Sequence[int], enabled: bool) -> None:
        self.set(
            [
                msgspec.structs.replace(one, enabled=enabled) if one.breakpoint_id in ids else one
                for one in self.all
            ]
        )

    def toggle(self, conditions: dict[str, Any]) -> list[Breakpoint]:
        """Take the one with exactly these conditions away, else set it; nothing where there are none.

        Of a source line all go, whatever else they say: its dot in the gutter is one. Gives those that went.
        """
        if not any(conditions.values()):
            return []
        if set(conditions) == {"file", "line"}:
            found = at_line(self.all, conditions["file"], conditions["line"])
        else:
            same = find_same(self.all, conditions)
            found = [same] if same is not None else []
        if found:
            self.remove([one.breakpoint_id for one in found])
        else:
            self.put(Breakpoint(breakpoint_id=0, **conditions))
        return found

    def bring_back(self, removed: list[Breakpoint]) -> None:
        """Set again what was removed, unless it is there by now."""
        known = {one.breakpoint_id for one in self.all}
        new = [one for one in removed if one.breakpoint_id not in known]
        self.set(sorted((*self.all, *new), key=lambda one: one.breakpoint_id))

    def find(self, breakpoint_id: int) -> Breakpoint | None:
        return next((one for one in self.all if one.breakpoint_id == breakpoint_id), None)

    def take(self, breakpoints: tuple[Breakpoint, ...]) -> None:
        """As the engine has them now."""
        if breakpoints != self.all:
            self.all = breakpoints
            self._settings.set(breakpoints=kept_breakpoints(breakpoints))
            self.changed.emit()
