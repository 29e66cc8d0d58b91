"""All of the app's state in one place: a panel takes one argument, a test builds it in one line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mezzotint_app.state.canvas_state import CanvasState
from mezzotint_app.state.debug_state import DebugState
from mezzotint_app.state.engine_state import EngineState
from mezzotint_app.state.gallery_state import GalleryState
from mezzotint_app.state.generate_state import GenerateState
from mezzotint_app.state.log_state import LogState
from mezzotint_app.state.notice_state import NoticeState
from mezzotint_app.state.preview_state import PreviewState
from mezzotint_app.state.run_notices import RunNotices
from mezzotint_app.state.runs_state import RunsState
from mezzotint_app.state.series_state import SeriesState
from mezzotint_app.state.settings_state import SettingsState
from mezzotint_app.state.totals_state import TotalsState
from mezzotint_app.state.trace_state import TraceState

if TYPE_CHECKING:
    from mezzotint_app.client.qt_bridge import EngineClient

__all__ = ["AppState", "build_app_state"]


@dataclass
class AppState:
    client: EngineClient
    settings: SettingsState
    engine: EngineState
    runs: RunsState
    generate: GenerateState
    gallery: GalleryState
    series: SeriesState
    log: LogState
    notices: NoticeState
    previews: PreviewState
    canvas: CanvasState
    run_notices: RunNotices
    debug: DebugState
    trace: TraceState
    totals: TotalsState
    home: Path  # the folder that holds settings, inputs and runs

    def close(self) -> None:
        """Write what is not yet written; the state can't be used afterwards."""
        self.settings.flush()
        self.series.close()
        self.previews.stop()
        self.trace.close()


def build_app_state(client: EngineClient, settings_path: Path) -> AppState:
    """The state for one engine client; `settings_path` is the home's settings file, which need not exist."""
    notices = NoticeState()
    settings = SettingsState(settings_path, notices)
    engine = EngineState(client, notices)
    runs = RunsState(client, notices)
    generate = GenerateState(client, settings, engine, notices)

    def follow() -> None:
        runs.set_follow_live(settings.values.follow_live)

    def on_submitted(_run_ids: list[str]) -> None:
        if settings.values.follow_live:
            runs.select("")  # whoever makes a picture wants to see it, whatever was picked before

    settings.changed.connect(lambda name: follow() if name == "follow_live" else None)
    generate.submitted.connect(on_submitted)
    follow()
    debug = DebugState(client, runs, settings, notices)
    trace = TraceState(debug, notices)
    return AppState(
        client=client,
        settings=settings,
        engine=engine,
        runs=runs,
        generate=generate,
        gallery=GalleryState(client, runs, notices),
        series=SeriesState(client, runs),
        log=LogState(client),
        notices=notices,
        previews=PreviewState(client, settings, engine, runs),
        canvas=CanvasState(client, runs, notices),
        run_notices=RunNotices(runs, notices),
        debug=debug,
        trace=trace,
        totals=TotalsState(trace),
        home=settings_path.parent,
    )
