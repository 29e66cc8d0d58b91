"""The source panel: text from the engine or from this machine, the current line, times and breakpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtTest import QTest

from mezzotint_app.look.theme import theme_manager
from mezzotint_app.opdebug.breakpoint_mark import paint_mark
from mezzotint_app.opdebug.place_menus import line_menu
from mezzotint_app.opdebug.source_panel import SourcePanel
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import Breakpoint, Place, Stop
from mezzotint_sdk.errors import NotFoundError
from tests.app.app_records import run_record
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.opdebug.trace_files import ATTENTION, RESNET, TraceMaker

TEXT = "\n".join(f"line_{number} = {number}  # here" for number in range(1, 61))


@pytest.fixture
def panel(qtbot: Any, app_state: AppState) -> SourcePanel:
    panel = SourcePanel(app_state)
    qtbot.addWidget(panel)
    panel.resize(640, 400)
    panel.show()
    return panel


@pytest.fixture
def opens(qtbot: Any, app_state: AppState, panel: SourcePanel, tmp_path: Path) -> Callable[[], TraceMaker]:
    """Opens a trace whose sources lie on this machine."""

    def open_trace() -> TraceMaker:
        for name in (RESNET, ATTENTION):
            (tmp_path / name).write_text(f"# {name}\n{TEXT}\n", encoding="utf-8")
        maker = TraceMaker(tmp_path / "t.mzt", folder=tmp_path).steps(0, 2)
        app_state.trace.open_file(str(maker.done()))
        qtbot.waitUntil(lambda: app_state.trace.shown_count == maker.count)
        return maker

    return open_trace


def stop_at(client: FakeEngineClient, file: str, line: int, stop_id: int = 1) -> None:
    client.emit_event(m.RunChanged(run=run_record("run", "running", started=1.0)))
    place = Place(op_number=0, op="aten.mm", file=file, line=line)
    stop = Stop(stop_id=stop_id, reason="step", message="Stopped.", place=place)
    client.emit_event(m.DebuggerReported(run_id="run", report=m.Stopped(stop=stop)))


def click_gutter(panel: SourcePanel, line: int) -> None:
    for y in range(panel.view.height()):
        if panel.view.line_at(y) == line:
            QTest.mouseClick(panel.view.gutter, Qt.MouseButton.LeftButton, pos=QPoint(6, y + 2))
            return
    raise AssertionError(f"line {line} is not in view")


def test_the_chosen_op_of_an_opened_trace_shows_its_line(
    qtbot: Any, panel: SourcePanel, opens: Callable[[], TraceMaker], app_state: AppState
) -> None:
    assert panel.empty.isVisible()
    opens()
    app_state.debug.select_op(5)
    qtbot.waitUntil(lambda: panel.view.isVisible())
    assert Path(panel.file).name == ATTENTION
    assert panel.view.marked == 8
    assert panel.view.current == 0, "no run stands anywhere"
    app_state.debug.select_op(0)
    qtbot.waitUntil(lambda: Path(panel.file).name == RESNET)
    assert panel.view.marked == 12


def test_lines_tell_their_time(
    qtbot: Any, panel: SourcePanel, opens: Callable[[], TraceMaker], app_state: AppState
) -> None:
    opens()
    app_state.debug.select_op(0)
    qtbot.waitUntil(lambda: panel.view.isVisible() and bool(app_state.totals.files()))
    assert "10 ops" in panel.view.gutter_help(14)
    assert panel.files.itemText(0).startswith(RESNET), "the file that took longest is first"
    panel.files.activated.emit(1)
    qtbot.waitUntil(lambda: Path(panel.file).name == ATTENTION)
    assert panel.view.marked == 10, "its hottest line"


def test_a_source_that_is_not_here_is_a_sentence(
    qtbot: Any, panel: SourcePanel, app_state: AppState, tmp_path: Path
) -> None:
    maker = TraceMaker(tmp_path / "t.mzt", folder=tmp_path / "gone").steps(0, 1)
    app_state.trace.open_file(str(maker.done()))
    qtbot.waitUntil(lambda: app_state.trace.shown_count == maker.count)
    app_state.debug.select_op(5)
    qtbot.waitUntil(lambda: "can't be read on this machine" in panel.empty._hint.text())
    assert panel.empty.isVisible()


def test_at_a_stop_the_engine_gives_the_text(
    qtbot: Any, panel: SourcePanel, client: FakeEngineClient
) -> None:
    client.reply(m.AskDebugger, m.DebuggerSaid(reply=m.Source(file="/engine/model.py", text=TEXT)))
    stop_at(client, "/engine/model.py", 40)
    qtbot.waitUntil(lambda: panel.view.isVisible())
    assert panel.view.toPlainText() == TEXT
    assert panel.view.current == panel.view.marked == 40
    first, last = panel.view._seen_lines()
    assert first < 40 < last
    stop_at(client, "/engine/model.py", 41, 2)
    assert panel.view.current == 41
    asks = [call.ask for call in client.calls_of(m.AskDebugger)]
    assert sum(isinstance(ask, m.ReadSource) for ask in asks) == 1, "a text is asked for once"
    client.emit_event(m.DebuggerReported(run_id="run", report=m.WentOn(stop_id=2)))
    assert panel.view.current == 0


def test_what_the_engine_refuses_is_read_here(
    qtbot: Any, panel: SourcePanel, client: FakeEngineClient, tmp_path: Path
) -> None:
    (tmp_path / "here.py").write_text(TEXT, encoding="utf-8")
    client.reply(m.AskDebugger, NotFoundError("No such source."))
    stop_at(client, str(tmp_path / "here.py"), 3)
    qtbot.waitUntil(lambda: panel.view.isVisible())
    assert panel.view.current == 3


def test_a_click_in_the_gutter_toggles_a_breakpoint(
    qtbot: Any, panel: SourcePanel, client: FakeEngineClient, app_state: AppState
) -> None:
    def answer(call: m.AskDebugger) -> m.DebuggerSaid:
        if isinstance(call.ask, m.SetBreakpoints):
            return m.DebuggerSaid(reply=m.BreakpointsSet(breakpoints=call.ask.breakpoints))
        return m.DebuggerSaid(reply=m.Source(file="/engine/model.py", text=TEXT))

    client.reply(m.AskDebugger, answer)
    stop_at(client, "/engine/model.py", 8)
    qtbot.waitUntil(lambda: panel.view.isVisible())
    click_gutter(panel, 5)
    assert [(point.file, point.line) for point in app_state.debug.breakpoints] == [("/engine/model.py", 5)]
    assert set(panel.view.breakpoints) == {5}
    assert "take the breakpoint away" in panel.view.gutter_help(5)
    click_gutter(panel, 5)
    assert app_state.debug.breakpoints == ()
    assert panel.view.breakpoints == {}


def test_the_gutter_tells_conditions_and_prints_apart_and_a_click_takes_all_of_a_line_away(
    qtbot: Any, panel: SourcePanel, client: FakeEngineClient, app_state: AppState
) -> None:
    def answer(call: m.AskDebugger) -> m.DebuggerSaid:
        if isinstance(call.ask, m.SetBreakpoints):
            return m.DebuggerSaid(reply=m.BreakpointsSet(breakpoints=call.ask.breakpoints))
        return m.DebuggerSaid(reply=m.Source(file="/engine/model.py", text=TEXT))

    client.reply(m.AskDebugger, answer)
    stop_at(client, "/engine/model.py", 8)
    qtbot.waitUntil(lambda: panel.view.isVisible())
    for number, more in enumerate(
        ({}, {"expression": "out.max() > 3"}, {"log": "max {out.max()}"}, {"ignore": 3, "enabled": False}),
        start=1,
    ):
        # as the console gives them: the end of a path
        app_state.debug.breakpoint_list.put(
            Breakpoint(breakpoint_id=0, file="model.py", line=number + 1, **more)  # type: ignore[arg-type]
        )
    marks = [panel.view.breakpoints[line] for line in (2, 3, 4, 5)]
    assert [mark.has_conditions for mark in marks] == [False, True, False, True]
    assert [mark.prints for mark in marks] == [False, False, True, False]
    assert [mark.enabled for mark in marks] == [True, True, True, False]
    assert "if out.max() > 3" in panel.view.gutter_help(3)
    assert "prints “max {out.max()}”" in panel.view.gutter_help(4)
    assert "disabled" in panel.view.gutter_help(5)
    seen = []
    for mark in marks:
        image = QImage(12, 12, QImage.Format.Format_RGB32)
        image.fill(theme_manager().theme.color("surface"))
        painter = QPainter(image)
        paint_mark(painter, QRectF(1, 1, 10, 10), mark)
        painter.end()
        seen.append(bytes(image.constBits()))
    assert len(set(seen)) == 4, "each looks different"
    panel.grab()
    click_gutter(panel, 3)
    assert 3 not in panel.view.breakpoints
    told = app_state.notices.notices[-1]
    assert told.action_title == "Undo"
    assert told.action is not None
    told.action()
    assert panel.view.breakpoints[3].has_conditions


def test_run_to_a_line_and_the_cursor(
    qtbot: Any, panel: SourcePanel, client: FakeEngineClient, app_state: AppState
) -> None:
    client.reply(m.AskDebugger, m.DebuggerSaid(reply=m.Source(file="/engine/model.py", text=TEXT)))
    stop_at(client, "/engine/model.py", 8)
    qtbot.waitUntil(lambda: panel.view.isVisible())
    QTest.keyClick(panel.view, Qt.Key.Key_Down)
    assert (app_state.debug.cursor.file, app_state.debug.cursor.line) == ("/engine/model.py", 9)
    menu = line_menu(panel, app_state, panel.file, 9)
    next(action for action in menu.actions() if action.text() == "Run to this line").trigger()
    asked = client.last_call(m.AskDebugger).ask
    assert isinstance(asked, m.Resume)
    assert (asked.verb, asked.file, asked.line) == ("until", "/engine/model.py", 9)


def test_return_leads_to_the_ops_of_the_line(
    qtbot: Any, panel: SourcePanel, opens: Callable[[], TraceMaker], app_state: AppState
) -> None:
    opens()
    app_state.debug.select_op(0)
    qtbot.waitUntil(lambda: panel.view.isVisible())
    panel.view.go_to(14)
    with qtbot.waitSignal(app_state.trace.op_wanted) as wanted:
        QTest.keyClick(panel.view, Qt.Key.Key_Return)
    assert wanted.args == [2]


def test_only_lines_that_are_seen_are_coloured(
    qtbot: Any, panel: SourcePanel, app_state: AppState, tmp_path: Path
) -> None:
    (tmp_path / "long.py").write_text("x = 'text'\n" * 5000, encoding="utf-8")
    app_state.trace.source_wanted.emit(str(tmp_path / "long.py"), 2500)
    qtbot.waitUntil(lambda: panel.view.isVisible())
    document = panel.view.document()
    assert document.findBlockByNumber(2499).layout().formats(), "in view"
    assert not document.findBlockByNumber(300).layout().formats(), "far away"
    panel.view.verticalScrollBar().setValue(295)
    assert document.findBlockByNumber(300).layout().formats()
