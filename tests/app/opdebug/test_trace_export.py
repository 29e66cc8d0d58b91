"""The trace in view becomes a timeline for Perfetto, off the GUI thread, and what goes wrong is one
sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog

from mezzotint_app.opdebug import trace_export
from mezzotint_app.state.app_state import AppState
from tests.app.opdebug.trace_files import TraceMaker


@pytest.fixture
def opened(qtbot: Any, app_state: AppState, tmp_path: Path) -> TraceMaker:
    maker = TraceMaker(tmp_path / "t.mzt").steps(0, 2)
    assert not trace_export.COMMAND.enabled(app_state)
    app_state.trace.open_file(str(maker.done()))
    qtbot.waitUntil(lambda: app_state.trace.shown_count == maker.count)
    return maker


def test_the_trace_in_view_is_written(
    qtbot: Any, app_state: AppState, opened: TraceMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "timeline"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    assert trace_export.COMMAND.enabled(app_state)
    trace_export.COMMAND.run(app_state)
    qtbot.waitUntil(lambda: bool(app_state.notices.notices))
    sentence = app_state.notices.notices[-1].sentence
    assert sentence == f"{opened.count:,} ops are in timeline.json; open it in Perfetto or chrome://tracing."
    assert json.loads(out.with_suffix(".json").read_text())["traceEvents"]


def test_a_folder_that_is_not_there_is_said(
    qtbot: Any, app_state: AppState, opened: TraceMaker, tmp_path: Path
) -> None:
    trace_export.export_trace(app_state, str(tmp_path / "missing" / "t.json"))
    qtbot.waitUntil(lambda: bool(app_state.notices.notices))
    notice = app_state.notices.notices[-1]
    assert notice.sentence == "The trace could not be exported: No such file or directory."
    assert notice.level == "error"
