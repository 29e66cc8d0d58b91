"""The window's second layout: opened with the debugger, closed with it, each kept as the user left it.

Docks and bar are made the first time, so that a window that debugs nothing has none of them.
"""

from __future__ import annotations

import base64
import binascii
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QByteArray, QObject, Signal
from PySide6.QtWidgets import QVBoxLayout

from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.notice_state import Notice

if TYPE_CHECKING:
    from mezzotint_app.opdebug.debug_bar import DebugBar
    from mezzotint_app.opdebug.dock_board import DockBoard

__all__ = ["DebugLayout"]

log = logging.getLogger(__name__)

LAYOUT_VERSION = 1  # raised when docks join or leave
LAYOUT_FILE = "debugger.json"


class _Layout(msgspec.Struct, frozen=True):
    version: int
    docks: str


class DebugLayout(QObject):
    """Between the window's docks and the debugger's. `room` is where the bar goes, above the docks."""

    changed = Signal()  # opened or closed

    def __init__(self, state: AppState, docks: DockBoard, room: QVBoxLayout, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._docks = docks
        self._room = room
        self._path = state.home / LAYOUT_FILE
        self._plain = QByteArray()  # the layout without debugger, while it is open
        self._own = QByteArray()  # the debugger's, while it is closed
        self._default = QByteArray()
        self._told_of = ""
        self._told: Notice | None = None
        self.bar: DebugBar | None = None
        self.is_open = False
        self.keys: list[str] = []  # of the docks that it shows
        state.debug.view_wanted.connect(self.go_to)
        state.debug.stop_changed.connect(self._on_stop)
        state.trace.opened.connect(self._on_trace)

    # --- opening and closing ---------------------------------------------------------------------------

    def open(self) -> None:
        """Show the debugger. What had the keyboard keeps it, if it is still to be seen."""
        if self.is_open:
            return
        focus = self._docks.focus_widget()
        self._plain = self._docks.save()
        self._make()
        if self._own.isEmpty() or not self._docks.restore(self._own):
            self._docks.restore(self._default)
        assert self.bar is not None
        self.bar.show()
        self.is_open = True
        if self._told is not None:  # what it offers is done
            self._state.notices.withdraw(self._told)
            self._told = None
        if focus is not None and focus.isVisible():
            focus.setFocus()
        else:  # else the next in the chain has it, Continue, and a space would go on
            self._docks.give_keyboard("ops")
        self.changed.emit()

    def close(self) -> None:
        """Back to the window as it was. The run is left as it is."""
        if not self.is_open:
            return
        focus = self._docks.focus_widget()
        self._own = self._docks.save()
        assert self.bar is not None
        self.bar.hide()
        self._docks.restore(self._plain)
        self.is_open = False
        if focus is not None and focus.isVisible():
            focus.setFocus()
        self.changed.emit()

    def toggle(self) -> None:
        if self.is_open:
            self.close()
        else:
            self.open()

    def go_to(self, dock: str) -> None:
        """Show the debugger; with a dock's key also that dock, which gets the keyboard."""
        self.open()
        if dock:
            self._docks.go_to(dock)

    def reset(self) -> None:
        """The debugger's layout as it is at first."""
        self._docks.restore(self._default)

    # --- making ----------------------------------------------------------------------------------------

    def _make(self) -> None:
        if self.bar is not None:
            return
        from mezzotint_app.opdebug.debug_bar import DebugBar
        from mezzotint_app.opdebug.debug_docks import DOCKS, OTHERS

        self.bar = DebugBar(self._state, self.close)
        self._room.addWidget(self.bar)
        for dock in DOCKS:
            self._docks.create(dock.key, dock.title, dock.icon, dock.make(self._state))
        places = {dock.key: dock.place for dock in DOCKS} | OTHERS
        self.keys = list(places)
        self._docks.arrange(places)
        self._default = self._docks.save()
        self._own = self._read()
        # jumps between the panels: the one that is led to comes to the front
        trace = self._state.trace
        trace.op_wanted.connect(lambda _op: self._bring("ops"))
        trace.module_wanted.connect(lambda _path: self._bring("modules"))
        trace.source_wanted.connect(lambda _file, _line: self._bring("source"))

    def _bring(self, key: str) -> None:
        if self.is_open:
            self._docks.bring_to_front(key)

    # --- kept from one start to the next ---------------------------------------------------------------

    def save(self) -> None:
        """Write the debugger's layout, where it was open at all, and leave the plain one in the window."""
        self.close()
        if self._own.isEmpty():
            return
        kept = _Layout(LAYOUT_VERSION, base64.b64encode(self._own.data()).decode())
        part = self._path.with_suffix(f".{os.getpid()}.part")
        try:
            part.write_bytes(msgspec.json.encode(kept))
            os.replace(part, self._path)
        except OSError as error:
            log.info("the debugger's layout could not be saved: %s", error)

    def _read(self) -> QByteArray:
        try:
            kept = msgspec.json.decode(Path(self._path).read_bytes(), type=_Layout)
            if kept.version == LAYOUT_VERSION:
                return QByteArray(base64.b64decode(kept.docks, validate=True))
        except FileNotFoundError:
            pass
        except (OSError, msgspec.MsgspecError, binascii.Error, ValueError) as error:
            log.info("the debugger's layout is damaged, so the default is used: %s", error)
        return QByteArray()

    # --- traces and stops that come while it is closed -------------------------------------------------

    def _on_trace(self) -> None:
        if self._state.trace.is_file:
            self.open()

    def _on_stop(self) -> None:
        debug = self._state.debug
        if debug.stop is None or self.is_open or self._told_of == debug.run_id:
            return
        self._told_of = debug.run_id  # once for a run: the status bar says it each time
        self._told = self._state.notices.show(
            "info", debug.stop.message, action_title="Open the debugger", action=self.open
        )
