"""The plots as a user sees them: figures, live points, crosshair, zoom, export, rest while out of sight."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QToolButton
from pytestqt.qtbot import QtBot

from mezzotint_app.look.theme import DARK, LIGHT, theme_manager
from mezzotint_app.look.widgets.text_label import ElidedLabel
from mezzotint_app.panels.plots_file_dialog import PlotsFileDialog
from mezzotint_app.panels.plots_panel import PlotsPanel
from mezzotint_app.panels.run_picker import run_title
from mezzotint_app.plots.curve_card import CurveCard
from mezzotint_app.plots.latency_plot import LatencyPlot
from mezzotint_app.plots.measures import format_value
from mezzotint_app.plots.phase_plot import PhasePlot
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from tests.app.app_records import progress, run_record, spec
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.series_answers import added, serve_series

pytestmark = pytest.mark.slow

LATENCY = "latency/step"
VALUES = np.array([900.0, *np.random.default_rng(0).normal(50.0, 2.0, 199)])


def served() -> dict[str, tuple[str, np.ndarray]]:
    return {
        LATENCY: ("ms", VALUES),
        "time/load": ("ms", np.array([2000.0])),
        "time/denoise": ("ms", np.array([500.0, 520.0, 480.0])),
        "time/decode": ("ms", np.array([20.0, 22.0, 18.0])),
        "memory/worker": ("bytes", np.linspace(5e8, 9e8, 60)),
    }


@pytest.fixture
def panel(client: FakeEngineClient, app_state: AppState, qtbot: QtBot) -> PlotsPanel:
    """Shown, on an engine that knows one finished run, which is picked."""
    panel = PlotsPanel(app_state)
    qtbot.addWidget(panel)
    panel.resize(900, 320)
    serve_series(client, served())
    client.connect_engine(runs=(run_record("r1", "finished", finished=3.0),))
    app_state.runs.select("r1")
    with qtbot.waitExposed(panel):
        panel.show()
    qtbot.waitUntil(lambda: bool(panel.cards) and all(card.accessibleDescription() for card in panel.cards))
    return panel


def latency(panel: PlotsPanel) -> LatencyPlot:
    card = panel.cards[0]
    assert isinstance(card, LatencyPlot)
    return card


def test_figures_are_those_of_numpy(panel: PlotsPanel) -> None:
    card = latency(panel)
    assert card.spread is not None
    assert card.spread.median == np.median(VALUES)
    assert card.spread.p95 == np.percentile(VALUES, 95)
    assert f"median {format_value(float(np.median(VALUES)), 'ms')}" in card.figures
    assert f"p95 {format_value(float(np.percentile(VALUES, 95)), 'ms')}" in card.figures


def test_the_warm_up_is_marked_and_flattens_nothing(panel: PlotsPanel) -> None:
    card = latency(panel)
    assert card.clipped_count == 1
    assert card.box.viewRange()[1][1] < 200
    chip = card.legend.chip("clipped")
    assert chip is not None
    chip.click()
    assert card.clipped_count == 0
    assert card.box.viewRange()[1][1] > 900


def test_figures_of_what_is_zoomed_into(panel: PlotsPanel) -> None:
    card = latency(panel)
    card.look_at(100.0, 149.0)
    assert card.spread is not None
    assert card.spread.median == np.median(VALUES[100:150])
    assert not card.follows
    card.reset_view()
    assert card.follows
    assert card.spread is not None
    assert card.spread.median == np.median(VALUES)


def test_live_points_are_drawn(client: FakeEngineClient, panel: PlotsPanel, qtbot: QtBot) -> None:
    card = latency(panel)
    client.emit_event(added("r1", LATENCY, 200, [70.0] * 100))
    every = np.append(VALUES, [70.0] * 100)
    qtbot.waitUntil(lambda: card.spread is not None and card.spread.p95 == np.percentile(every, 95))
    assert card.box.viewRange()[0][1] >= 299


def test_a_zoomed_view_stays_while_points_arrive(
    client: FakeEngineClient, panel: PlotsPanel, app_state: AppState, qtbot: QtBot
) -> None:
    card = latency(panel)
    card.look_at(10.0, 20.0)
    with qtbot.waitSignal(app_state.series.updated):
        client.emit_event(added("r1", LATENCY, 200, [70.0]))
    assert card.box.viewRange()[0] == [10.0, 20.0]


def test_nothing_is_drawn_while_out_of_sight(
    client: FakeEngineClient, panel: PlotsPanel, app_state: AppState, qtbot: QtBot
) -> None:
    card = latency(panel)
    before = card.figures
    panel.hide()
    for step in range(20):
        with qtbot.waitSignal(app_state.series.updated):
            client.emit_event(added("r1", LATENCY, 200 + step, [5000.0 + step]))
    assert card.figures == before
    panel.show()
    qtbot.waitUntil(lambda: card.figures != before)


def test_a_new_run_empties_the_plots_without_taking_them_away(
    client: FakeEngineClient, panel: PlotsPanel, app_state: AppState, qtbot: QtBot
) -> None:
    card = latency(panel)
    card.look_at(10.0, 20.0)
    app_state.runs.select("")
    client.reply(m.ListSeries, m.SeriesList(series=()))
    client.emit_event(m.RunChanged(run=run_record("r2", "running", started=9.0)))
    qtbot.waitUntil(lambda: "median" not in card.figures)
    assert card.isVisible()
    assert card.follows, "what was zoomed into was another run"
    with qtbot.waitSignal(app_state.series.updated):
        client.emit_event(added("r2", LATENCY, 0, [40.0, 42.0]))
    qtbot.waitUntil(lambda: "median 41.0 ms" in card.figures)


def test_the_crosshair_snaps_and_tells(panel: PlotsPanel, qtbot: QtBot) -> None:
    card = latency(panel)
    inside = card.box.mapViewToScene(QPointF(49.7, 50.0))
    card.plot.scene().sigMouseMoved.emit(inside)
    assert card.figures == f"step 50:  {format_value(float(VALUES[50]), 'ms')}"
    qtbot.keyClick(card, Qt.Key.Key_Right)
    assert card.figures.startswith("step 51:")
    qtbot.keyClick(card, Qt.Key.Key_Escape)
    assert "median" in card.figures


def test_the_crosshair_stays_under_a_mouse_that_drags(panel: PlotsPanel) -> None:
    card = latency(panel)
    place = card.box.mapViewToScene(QPointF(49.7, 50.0))
    card.plot.scene().sigMouseMoved.emit(place)
    card.box.setXRange(100.0, 110.0, padding=0)
    under = card.box.mapSceneToView(place).x()
    assert card.figures.startswith(f"step {round(under)}:")


def test_the_crosshair_takes_the_view_along(panel: PlotsPanel, qtbot: QtBot) -> None:
    card = latency(panel)
    card.look_at(40.0, 50.0)
    card.point_at(50.0)
    qtbot.keyClick(card, Qt.Key.Key_Right)
    assert card.figures.startswith("step 51:")
    left, right = card.box.viewRange()[0]
    assert left < 51.0 < right
    assert right - left == pytest.approx(10.0)


def test_what_the_crosshair_says_covers_nothing_that_it_reads(panel: PlotsPanel) -> None:
    card = latency(panel)
    for x in (20.0, 180.0):
        card.point_at(x)
        label = card._reading_label.geometry()
        cross = card.box.mapViewToScene(QPointF(x, 0.0)).x()
        assert not label.left() <= cross <= label.right()
        assert card.box.sceneBoundingRect().toRect().contains(label)


def test_keys_zoom_pan_and_reset(panel: PlotsPanel, qtbot: QtBot) -> None:
    card = latency(panel)
    width = card.box.viewRange()[0][1] - card.box.viewRange()[0][0]
    qtbot.keyClick(card, Qt.Key.Key_Plus)
    left, right = card.box.viewRange()[0]
    assert right - left == pytest.approx(width / 1.25)
    qtbot.keyClick(card, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert card.box.viewRange()[0][0] > left
    qtbot.keyClick(card, Qt.Key.Key_Home)
    assert card.follows


def test_the_legend_hides_curves(panel: PlotsPanel) -> None:
    card = panel.cards[2]
    assert isinstance(card, CurveCard)
    assert list(card.shown) == ["memory/worker"]
    chip = card.legend.chip("memory/worker")
    assert chip is not None
    chip.click()
    assert card.shown == {}
    panel.cards[2].refresh()
    assert card.shown == {}, "what is hidden stays hidden"


def test_phases_are_summed_and_can_be_left_out(panel: PlotsPanel, qtbot: QtBot) -> None:
    card = panel.cards[1]
    assert isinstance(card, PhasePlot)
    assert card.seconds_ms == {"load": 2000.0, "denoise": 1500.0, "decode": 60.0}
    assert "denoise 1,500 ms" in card.figures or "denoise 1.50 s" in card.figures
    panel.grab()  # paints, and so finds out what lies where
    qtbot.keyClick(card, Qt.Key.Key_Right)
    assert card.figures.startswith("load:")
    assert "56 %" in card.figures
    qtbot.keyClick(card, Qt.Key.Key_Space)
    assert card.bars.hidden == {"load"}


def test_the_phase_that_runs_grows_before_anything_was_measured(
    client: FakeEngineClient, app_state: AppState, qtbot: QtBot
) -> None:
    panel = PlotsPanel(app_state)
    qtbot.addWidget(panel)
    panel.resize(900, 320)
    client.reply(m.ListSeries, m.SeriesList(series=()))
    client.connect_engine(runs=(run_record("r1", "running", started=2.0),))
    with qtbot.waitExposed(panel):
        panel.show()
    client.emit_event(progress("r1", 0, 1, phase="load"))
    qtbot.waitUntil(lambda: bool(panel.cards) and panel.area.isVisible())
    card = panel.cards[1]
    assert isinstance(card, PhasePlot)
    qtbot.waitUntil(lambda: card.seconds_ms.get("load", 0.0) > 250.0)
    client.emit_event(progress("r1", 3, 20))
    qtbot.waitUntil(lambda: card.seconds_ms.get("denoise", 0.0) > 0.0)
    before = card.seconds_ms["denoise"]
    qtbot.waitUntil(lambda: card.seconds_ms["denoise"] > before)
    assert card.times.running == "denoise"
    assert not latency(panel).axis_x.isVisible(), "no scale without a point"


def test_a_card_keeps_a_curve_that_can_be_read(panel: PlotsPanel) -> None:
    """At 1100 x 700 the panel has room for 420 x 240: two cards in a row, the rest by scrolling."""
    for width, height in ((418, 240), (655, 300), (300, 200)):
        panel.resize(width, height)
        panel.grab()
        for card in panel.cards:
            assert isinstance(card, PhasePlot) or card.box.height() >= 80, (width, card.title)  # type: ignore[attr-defined]
            titles = card.findChildren(ElidedLabel)
            assert [label.shown_text() for label in titles] == [card.title]


def test_the_picker_lists_runs_and_picks(
    client: FakeEngineClient, panel: PlotsPanel, app_state: AppState
) -> None:
    second = run_record("r2", "finished", created=9.0, spec=spec(prompt="blue cat\non a mat"))
    client.emit_event(m.RunChanged(run=second))
    titles = [panel.picker.itemText(row) for row in range(panel.picker.count())]
    assert run_title(second) in titles
    assert "blue cat on a mat" in run_title(second)
    panel.picker.setCurrentIndex(titles.index(run_title(second)))
    panel.picker.activated.emit(titles.index(run_title(second)))
    assert app_state.series.run_id == "r2"


def test_each_empty_panel_says_what_to_do(
    client: FakeEngineClient, app_state: AppState, qtbot: QtBot
) -> None:
    panel = PlotsPanel(app_state)
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()

    def hint() -> str:
        return " ".join(label.text() for label in panel.empty.findChildren(type(panel.empty._hint)))

    assert "Press Generate" in hint()
    client.reply(m.ListSeries, m.SeriesList(series=()))
    client.connect_engine(runs=(run_record("r1", "queued"), run_record("r2", "failed", finished=1.0)))
    app_state.runs.select("r1")
    qtbot.waitUntil(lambda: "queue" in hint())
    app_state.runs.select("r2")
    qtbot.waitUntil(lambda: "before its first step" in hint())
    assert not panel.area.isVisible(), "no empty axes before there is something to draw"


@pytest.mark.parametrize("ending", [".csv", ".png", ".svg"])
def test_export(
    panel: PlotsPanel,
    app_state: AppState,
    tmp_path: Path,
    ending: str,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / f"plots{ending}"

    def accept(dialog: PlotsFileDialog) -> int:
        assert dialog.windowTitle() == "Export the plots"
        assert dialog.path.name == "r1.csv"
        dialog.selectFile(str(path))
        return 1

    monkeypatch.setattr(PlotsFileDialog, "exec", accept)
    panel.export()
    qtbot.waitUntil(lambda: bool(app_state.notices.notices))
    assert "written to plots" in app_state.notices.notices[-1].sentence
    assert path.stat().st_size > 100
    if ending == ".csv":
        with path.open(newline="", encoding="utf-8") as stream:
            rows = [row for row in csv.DictReader(stream) if row["name"] == LATENCY]
        np.testing.assert_array_equal([float(row["value"]) for row in rows], VALUES)


def test_one_card_is_exported_alone(
    panel: PlotsPanel, app_state: AppState, tmp_path: Path, qtbot: QtBot
) -> None:
    names = {0: {LATENCY}, 1: {"time/load", "time/denoise", "time/decode"}, 2: {"memory/worker"}}
    for number, wanted in names.items():
        path = tmp_path / f"{number}.csv"
        panel.export_to(path, panel.cards[number])
        qtbot.waitUntil(path.exists)
        with path.open(newline="", encoding="utf-8") as stream:
            assert {row["name"] for row in csv.DictReader(stream)} == wanted


def test_an_export_that_is_cancelled_writes_nothing(
    panel: PlotsPanel, app_state: AppState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(PlotsFileDialog, "exec", lambda _dialog: 0)
    panel.export()
    assert not app_state.notices.notices
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_fails_says_why(
    panel: PlotsPanel, app_state: AppState, tmp_path: Path, qtbot: QtBot
) -> None:
    for number, name in enumerate(("plots.csv", "plots.png", "plots.svg", "plots.doc", "plots"), start=1):
        folder = tmp_path / "missing" if name[-4:] in (".csv", ".png", ".svg") else tmp_path
        panel.export_to(folder / name)
        qtbot.waitUntil(lambda number=number: len(app_state.notices.notices) == number)  # type: ignore[misc]
        notice = app_state.notices.notices[-1]
        assert notice.level in ("error", "warning")
        assert "\n" not in notice.sentence
    assert list(tmp_path.iterdir()) == []


def test_copy_as_picture(panel: PlotsPanel, app_state: AppState, qtbot: QtBot) -> None:
    panel.copy_picture()
    whole = QGuiApplication.clipboard().pixmap()
    assert whole.width() > 1000
    qtbot.keyClick(panel.cards[0], Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    one = QGuiApplication.clipboard().pixmap()
    assert 0 < one.width() < whole.width()
    sentences = [notice.sentence for notice in app_state.notices.notices]
    assert sentences[-1] == "“Time per step” is on the clipboard, as a picture."


def test_the_theme_changes_while_plots_are_shown(panel: PlotsPanel, qapp: QApplication) -> None:
    manager = theme_manager()
    try:
        manager.choose("dark")
        assert latency(panel).plot.backgroundBrush().color().name() == DARK.raised
        assert latency(panel)._curves[LATENCY].opts["pen"].color().name() == DARK.plot_colors[0]
        manager.choose("light")
        assert latency(panel).plot.backgroundBrush().color().name() == LIGHT.raised
        panel.grab()
    finally:
        manager.choose("system")


def test_one_card_can_have_all_the_room(panel: PlotsPanel, qtbot: QtBot) -> None:
    first, second, third = panel.cards[:3]
    before = first.width()
    first.expand.click()
    panel.grab()
    assert first.isVisible()
    assert not second.isVisible()
    assert not third.isVisible()
    qtbot.waitUntil(lambda: first.width() > 2 * before)
    first.expand.click()
    assert all(card.isVisible() for card in panel.cards)


def test_cards_go_below_each_other_where_it_is_narrow(panel: PlotsPanel) -> None:
    panel.resize(300, 700)
    panel.grab()
    tops = [card.mapTo(panel, card.rect().topLeft()).y() for card in panel.cards]
    assert tops == sorted(set(tops))
    assert all(card.width() <= panel.area.viewport().width() for card in panel.cards)


def test_other_series_get_a_card_each(client: FakeEngineClient, panel: PlotsPanel, qtbot: QtBot) -> None:
    client.emit_event(added("r1", "loss/train", 0, [3.0, 2.0, 1.0], unit=""))
    qtbot.waitUntil(lambda: len(panel.cards) == 4)
    card = panel.cards[3]
    assert card.accessibleName() == "Plot: loss/train"

    def is_drawn() -> bool:
        panel.area.ensureWidgetVisible(
            card
        )  # what is out of sight isn't drawn; again, while cards find their places
        return "1.00" in card.figures

    qtbot.waitUntil(is_drawn)


def test_cards_made_ahead_are_shown_for_runs_that_have_their_series(
    client: FakeEngineClient, panel: PlotsPanel, qtbot: QtBot
) -> None:
    client.emit_event(added("r1", "speed/steps_per_second", 0, [20.0], unit="1/s"))
    client.emit_event(added("r1", "preview/cost", 0, [2.0]))
    qtbot.waitUntil(lambda: len(panel.cards) == 5)
    titles = [card.title for card in panel.cards[3:]]
    assert sorted(titles) == ["Cost of previews", "Speed"]
    qtbot.waitUntil(lambda: all(card.isVisible() for card in panel.cards))

    def overlap() -> bool:
        places = [card.geometry() for card in panel.cards]
        return any(a.intersects(b) for i, a in enumerate(places) for b in places[i + 1 :])

    qtbot.waitUntil(lambda: not overlap())


def test_everything_has_a_name_and_the_keyboard_reaches_it(panel: PlotsPanel) -> None:
    for button in panel.findChildren(QToolButton):
        if button.isVisible():
            assert button.accessibleName() or button.text(), button.toolTip()
            assert button.focusPolicy() != Qt.FocusPolicy.NoFocus
    assert panel.picker.accessibleName()
    for card in panel.cards:
        assert card.accessibleName().startswith("Plot:")
        assert card.accessibleDescription()
        assert card.focusPolicy() == Qt.FocusPolicy.StrongFocus
