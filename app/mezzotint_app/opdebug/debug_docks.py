"""Which docks the debugger has, and where they lie by default. Another one is one line in `DOCKS`.

This module is imported when the debugger is opened for the first time, and no earlier: what it imports costs
the start of the window nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from mezzotint_app.opdebug.breakpoints_panel import BreakpointsPanel
from mezzotint_app.opdebug.console_panel import ConsolePanel
from mezzotint_app.opdebug.divergence_panel import DivergencePanel
from mezzotint_app.opdebug.module_tree_panel import ModuleTreePanel
from mezzotint_app.opdebug.op_table_panel import OpTablePanel
from mezzotint_app.opdebug.source_panel import SourcePanel
from mezzotint_app.opdebug.tensor_panel import TensorPanel
from mezzotint_app.opdebug.watch_panel import WatchPanel
from mezzotint_app.state.app_state import AppState

__all__ = ["DOCKS", "OTHERS", "DebugDock"]


@dataclass(frozen=True)
class DebugDock:
    """`place`: left, centre, below, right or right_below; docks of one place are tabs, in this order."""

    key: str
    title: str
    icon: str
    place: str
    make: Callable[[AppState], QWidget]


DOCKS: tuple[DebugDock, ...] = (
    DebugDock("source", "Source", "document", "centre", SourcePanel),
    DebugDock("modules", "Modules", "model", "left", ModuleTreePanel),
    DebugDock("ops", "Ops", "list", "below", OpTablePanel),
    DebugDock("console", "Console", "console", "below", ConsolePanel),
    DebugDock("divergence", "Compare runs", "compare", "below", DivergencePanel),
    DebugDock("tensors", "Tensors", "tensors", "right", TensorPanel),
    DebugDock("watches", "Watches", "eye", "right_below", WatchPanel),
    DebugDock("breakpoints", "Breakpoints", "breakpoint", "right_below", BreakpointsPanel),
)

# Where the window's other panels lie while the debugger is open: as further tabs.
OTHERS = {
    "generate": "centre",  # its form needs more width than the modules have in a small window
    "canvas": "centre",
    "plots": "below",
    "log": "below",
    "queue": "left",
    "gallery": "centre",
}
