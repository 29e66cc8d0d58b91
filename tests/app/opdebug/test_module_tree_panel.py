"""The tree of modules: built from the engine's list or from a trace, led through, and leading to ops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from mezzotint_app.opdebug.module_entries import OUTSIDE, module_entries, sorted_entries
from mezzotint_app.opdebug.module_tree_panel import ModuleTreePanel
from mezzotint_app.opdebug.place_menus import module_menu
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import ModuleNode, Place, Stop
from mezzotint_sdk.trace_records import OpSite
from tests.app.app_records import run_record
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.opdebug.trace_files import TraceMaker

NODES = (
    ModuleNode(path="unet", class_name="UNet2DConditionModel", parameters=1000),
    ModuleNode(path="unet.mid_block", class_name="Mid", parameters=400, file="/m/mid.py", line=3),
    ModuleNode(path="unet.mid_block.attentions", class_name="ModuleList", parameters=100),
    ModuleNode(path="unet.mid_block.attentions.0", class_name="Transformer2DModel", compiled=True),
    ModuleNode(path="vae", class_name="AutoencoderKL", parameters=70),
)


@pytest.fixture
def panel(qtbot: Any, app_state: AppState) -> ModuleTreePanel:
    panel = ModuleTreePanel(app_state)
    qtbot.addWidget(panel)
    panel.resize(500, 500)
    panel.show()
    return panel


@pytest.fixture
def opens(
    qtbot: Any, app_state: AppState, panel: ModuleTreePanel, tmp_path: Path
) -> Callable[[], TraceMaker]:
    def open_trace() -> TraceMaker:
        maker = TraceMaker(tmp_path / "t.mzt").steps(0, 2)
        app_state.trace.open_file(str(maker.done()))
        qtbot.waitUntil(lambda: app_state.trace.shown_count == maker.count)
        qtbot.waitUntil(lambda: bool(app_state.totals.modules) and bool(len(panel.view.tree)))
        return maker

    return open_trace


def stop_at(client: FakeEngineClient, module: str) -> None:
    client.emit_event(m.RunChanged(run=run_record("run", "running", started=1.0)))
    stop = Stop(stop_id=1, reason="step", message="Stopped.", place=Place(op_number=0, module=module))
    client.emit_event(m.DebuggerReported(run_id="run", report=m.Stopped(stop=stop)))


def test_columns_are_shown_whole_until_one_is_dragged(
    panel: ModuleTreePanel, opens: Callable[[], TraceMaker], qtbot: Any
) -> None:
    opens()
    header, view = panel.view.header(), panel.view
    for width in (300, 360, 520):
        panel.resize(width, 400)
        qtbot.waitUntil(lambda width=width: panel.width() == width)
        ends = [header.sectionPosition(place) + header.sectionSize(place) for place in range(header.count())]
        assert view.viewport().width() in ends, "a column ends where the view does"
    header.resizeSection(0, 190)
    panel.resize(400, 400)
    assert header.sectionSize(0) == 190


def test_parents_that_nobody_named_are_made() -> None:
    sites = [OpSite(op="x", module="a.b.c", module_class="C"), OpSite(op="y"), OpSite(op="z", module="a.d")]
    roots = module_entries((), sites, {})
    assert [root.name for root in roots] == ["a", OUTSIDE]
    assert [child.path for child in roots[0].children] == ["a.b", "a.d"]
    assert roots[0].children[0].children[0].class_name == "C"
    assert [made.name for made in sorted_entries(roots, "name", True)] == ["a", OUTSIDE]


def test_an_opened_trace_shows_its_modules(panel: ModuleTreePanel, opens: Callable[[], TraceMaker]) -> None:
    assert panel.empty.isVisible()
    opens()
    assert panel.view.isVisible()
    made = panel.view.tree.entry("unet.down_blocks.0.resnets.0.conv1")
    assert made is not None
    assert made.class_name == "Conv2d"
    assert made.total.ops == 2
    assert panel.view.tree.entry("unet").total.ops == 80  # type: ignore[union-attr]


def test_at_a_stop_the_engine_is_asked_once(panel: ModuleTreePanel, client: FakeEngineClient) -> None:
    client.reply(m.AskDebugger, m.DebuggerSaid(reply=m.Modules(modules=NODES)))
    stop_at(client, "unet.mid_block.attentions.0")
    assert len(panel.view.tree) == len(NODES)
    selected = panel.view.selected()
    assert selected is not None
    assert selected.path == "unet.mid_block.attentions.0"
    assert panel.view.tree.current == selected.path
    name = panel.view.tree.index_of(selected.path)
    assert name.siblingAtColumn(3).data() == "Transformer2DModel (compiled)"
    assert name.data(Qt.ItemDataRole.DecorationRole) is not None, "here is where the run stands"
    stop_at(client, "unet.mid_block")
    asks = [call.ask for call in client.calls_of(m.AskDebugger)]
    assert sum(isinstance(ask, m.ListModules) for ask in asks) == 1


def test_the_chosen_op_leads_to_its_module(
    panel: ModuleTreePanel, opens: Callable[[], TraceMaker], app_state: AppState
) -> None:
    maker = opens()
    app_state.debug.select_op(5)
    selected = panel.view.selected()
    assert selected is not None
    assert selected.path == maker.sites[5].module


def test_return_leads_to_the_next_op_of_the_module(
    qtbot: Any, panel: ModuleTreePanel, opens: Callable[[], TraceMaker], app_state: AppState
) -> None:
    opens()
    panel.lead_to("unet.mid_block.resnets.0.conv1")
    with qtbot.waitSignal(app_state.trace.op_wanted) as wanted:
        QTest.keyClick(panel.view, Qt.Key.Key_Return)
    assert wanted.args == [18]


def test_what_is_unfolded_stays_so(
    panel: ModuleTreePanel, opens: Callable[[], TraceMaker], app_state: AppState
) -> None:
    opens()
    panel.view.expand(panel.view.tree.index_of("unet.mid_block"))
    panel.view.collapse(panel.view.tree.index_of("unet.up_blocks"))
    unfolded = sorted(panel.view.unfolded())
    assert "unet.mid_block" in unfolded
    app_state.trace.set_filter("softmax")
    panel._totals.want()
    assert sorted(panel.view.unfolded()) == unfolded
    assert panel.view.tree.entry("unet").total.ops == 10  # type: ignore[union-attr]


def test_finding_goes_from_one_to_the_next(panel: ModuleTreePanel, opens: Callable[[], TraceMaker]) -> None:
    opens()
    QTest.keyClicks(panel.search, "conv1")
    found = [panel.view.selected()]
    for _ in range(5):
        QTest.keyClick(panel.search, Qt.Key.Key_Return)
        found.append(panel.view.selected())
    paths = [made.path for made in found if made is not None]
    assert len(set(paths)) == 5
    assert all(path.endswith("conv1") for path in paths)
    assert paths[5] == paths[0], "after the last comes the first"


def test_breakpoints_at_a_module(
    panel: ModuleTreePanel, client: FakeEngineClient, app_state: AppState
) -> None:
    client.reply(m.AskDebugger, m.DebuggerSaid(reply=m.Modules(modules=NODES)))
    stop_at(client, "unet")
    made = panel.view.tree.entry("unet.mid_block")
    assert made is not None
    menu = module_menu(panel, app_state, made)
    client.reply(
        m.AskDebugger, lambda call: m.DebuggerSaid(reply=m.BreakpointsSet(breakpoints=call.ask.breakpoints))
    )
    next(action for action in menu.actions() if action.text() == "Stop at its entry").trigger()
    point = app_state.debug.breakpoints[-1]
    assert (point.module, point.when) == ("unet.mid_block", "before")


def test_a_compiled_module_is_run_eagerly(
    panel: ModuleTreePanel, client: FakeEngineClient, app_state: AppState
) -> None:
    eager: set[str] = set()

    def replied(call: m.AskDebugger) -> m.DebuggerSaid:
        if isinstance(call.ask, m.RunEagerly):
            eager.add(call.ask.module)
            return m.DebuggerSaid(reply=m.Obeyed())
        nodes = [msgspec.structs.replace(node, eager=node.path in eager) for node in NODES]
        return m.DebuggerSaid(reply=m.Modules(modules=tuple(nodes)))

    client.reply(m.AskDebugger, replied)
    client.emit_event(m.DebuggerReported(run_id="run", report=m.Armed(trace="")))
    stop_at(client, "unet")
    path = "unet.mid_block.attentions.0"
    made = panel.view.tree.entry(path)
    assert made is not None
    menu = module_menu(panel, app_state, made)
    next(action for action in menu.actions() if action.text() == "Run eagerly, to see its ops").trigger()
    assert eager == {path}
    shown = panel.view.tree.index_of(path).siblingAtColumn(3).data()
    assert shown == "Transformer2DModel (compiled, run eagerly)"
    titles = [action.text() for action in module_menu(panel, app_state, made).actions()]
    assert titles[-1] == "Run as it was compiled"
    plain = panel.view.tree.entry("unet")
    assert plain is not None
    titles = [action.text() for action in module_menu(panel, app_state, plain).actions()]
    assert "Run eagerly, to see its ops" not in titles
