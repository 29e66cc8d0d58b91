"""Opening a recorded trace: File ▸ Open trace…, or a .mzt file dropped on the window. No engine is needed."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QApplication, QFileDialog

from mezzotint_app.commands import Command
from mezzotint_app.opdebug.trace_export import COMMAND as EXPORT_TRACE
from mezzotint_app.state.app_state import AppState

__all__ = ["COMMANDS", "TRACE_SUFFIX", "ask_for_trace", "choose_trace"]

TRACE_SUFFIX = ".mzt"


def ask_for_trace(state: AppState, title: str = "Open a trace") -> str:
    """The path that the user chose; "" where none was."""
    start = str(Path(state.trace.path).parent) if state.trace.path else str(state.home / "runs")
    path, _ = QFileDialog.getOpenFileName(
        QApplication.activeWindow(), title, start, f"Traces (*{TRACE_SUFFIX});;All files (*)"
    )
    return path


def choose_trace(state: AppState) -> None:
    """Ask for a trace file and show it."""
    path = ask_for_trace(state)
    if path:
        state.trace.open_file(path)


COMMANDS: tuple[Command, ...] = (
    Command(
        "file.open_trace",
        "Open trace…",
        "Ctrl+Shift+T",
        "list",
        choose_trace,
        menu="File",
        help="Look at the recorded ops of a run, without an engine; dropping the file does the same",
    ),
    EXPORT_TRACE,
    Command(
        "file.close_trace",
        "Close trace",
        "",
        "close",
        lambda state: state.trace.close_trace(),
        lambda state: bool(state.trace.path) and state.trace.is_file,
        menu="File",
        help="Show the run that is debugged again",
    ),
)
