"""File ▸ Export trace for Perfetto…: the trace in view as a timeline that Perfetto and chrome://tracing
open."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QApplication, QFileDialog

from mezzotint_app.commands import Command
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_sdk.errors import MezzotintError
from mezzotint_sdk.perfetto_export import export_perfetto
from mezzotint_sdk.trace_reader import TraceReader

__all__ = ["COMMAND", "choose_export", "export_trace"]


def choose_export(state: AppState) -> None:
    """Ask where to, and write the timeline there."""
    start = str(Path(state.trace.path).with_suffix(".json"))
    path, _ = QFileDialog.getSaveFileName(
        QApplication.activeWindow(), "Export the trace for Perfetto", start, "Timelines (*.json)"
    )
    if path:
        export_trace(state, path if path.lower().endswith(".json") else f"{path}.json")


def export_trace(state: AppState, path: str) -> None:
    """Off the GUI thread: a million ops take some seconds. What was recorded up to now, of a run that goes
    on."""
    trace = state.trace.path

    def work() -> int:
        reader = TraceReader(Path(trace))
        try:
            return export_perfetto(reader, Path(path))
        finally:
            reader.close()

    def written(count: int) -> None:
        state.notices.show(
            "info", f"{count:,} ops are in {Path(path).name}; open it in Perfetto or chrome://tracing."
        )

    def failed(error: Exception) -> None:
        why = (
            error.message
            if isinstance(error, MezzotintError)
            else getattr(error, "strerror", "") or str(error)
        )
        state.notices.show("error", f"The trace could not be exported: {why.rstrip('.')}.", str(error))

    BackgroundTask(work, written, failed, owner=state.trace)


COMMAND = Command(
    "file.export_trace",
    "Export trace for Perfetto…",
    "",
    "export",
    choose_export,
    lambda state: bool(state.trace.path),
    menu="File",
    help="Write the recorded ops in view as a timeline for Perfetto or chrome://tracing",
)
