"""The gallery panel: a grid that costs what is in view, search, details, compare, delete with undo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton

from mezzotint_app.look.style_sheet import style_sheet
from mezzotint_app.look.theme import theme_manager
from mezzotint_app.panels import thumbnail_grid
from mezzotint_app.panels.compare_view import CompareView
from mezzotint_app.panels.gallery_panel import GalleryPanel
from mezzotint_app.panels.picture_window import PictureWindow
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.gallery_rows import KEPT_ROWS
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import NotFoundError
from tests.app.app_records import run_record, spec, write_png
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.picture_store import PictureStore


@pytest.fixture
def panel(qtbot: Any, app_state: AppState, client: FakeEngineClient) -> Iterator[GalleryPanel]:
    panel = GalleryPanel(app_state)
    qtbot.addWidget(panel)
    panel.resize(420, 640)
    panel.show()
    client.reply(
        m.GetRun,
        lambda body: m.RunFound(
            run=run_record(body.run_id, "finished", spec=spec(prompt=f"prompt of {body.run_id}", seed=5)),
            artifacts=(),
            folder="",
        ),
    )
    yield panel
    for window in QApplication.topLevelWidgets():
        if isinstance(window, PictureWindow | CompareView):
            window.close()
    panel.grid.close_loader()


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    return [str(write_png(tmp_path / f"{n}.png", color=0x102030 * (n + 1))) for n in range(8)]


def settled(qtbot: Any, panel: GalleryPanel) -> None:
    """All thumbnails of the view are there."""
    panel.grid._want()  # now, and not at the next tick of its pace
    qtbot.waitUntil(lambda: panel.grid.loader.is_idle)


def test_empty_and_not_found(qtbot: Any, panel: GalleryPanel, client: FakeEngineClient) -> None:
    assert panel.empty.isVisible()
    PictureStore(client, 0)
    client.emit_snapshot()
    assert panel._why_empty()[0] == "No pictures yet"
    panel.search.setText("nothing")
    QTest.keyClick(panel.search, Qt.Key.Key_Return)
    assert panel._why_empty() == ("No picture found", "No prompt has all the words “nothing”.")


def test_100_000_pictures_cost_what_is_in_view(
    qtbot: Any, panel: GalleryPanel, client: FakeEngineClient, paths: list[str]
) -> None:
    PictureStore(client, 100_000, paths)
    client.emit_snapshot()
    settled(qtbot, panel)
    grid = panel.grid
    first, last = grid.visible_rows()
    screen = last - first + 1
    assert screen < 60
    assert grid.loader.decoded_count <= 2 * screen, "those in view, and one screen ahead"
    pages = len(client.calls_of(m.ListArtifacts))
    assert pages <= 2
    grid.painted_tiles = 0
    grid.viewport().repaint()
    assert grid.painted_tiles == screen
    bar = grid.verticalScrollBar()
    for place in (0.9, 0.5, 0.2, 1.0):
        bar.setValue(round(bar.maximum() * place))
        grid.painted_tiles = 0
        grid.viewport().repaint()
        assert grid.painted_tiles <= screen + 8
    qtbot.waitUntil(lambda: panel._state.gallery.record(99_999) is not None)
    assert len(client.calls_of(m.ListArtifacts)) <= pages + 8
    assert panel._state.gallery.known_count < KEPT_ROWS
    settled(qtbot, panel)


def test_thumbnails_stay_within_their_bytes(
    qtbot: Any,
    panel: GalleryPanel,
    client: FakeEngineClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(thumbnail_grid, "LEAST_CACHE_BYTES", 100_000)
    monkeypatch.setattr(thumbnail_grid, "SCREENS_KEPT", 1)
    large = [str(write_png(tmp_path / f"large{n}.png", 256, 256)) for n in range(2)]
    PictureStore(client, 1_000, large)
    client.emit_snapshot()
    settled(qtbot, panel)
    bar = panel.grid.verticalScrollBar()
    first, last = panel.grid.visible_rows()
    budget = (last - first + 1) * panel.grid._pixels() ** 2 * 4
    for value in range(0, bar.maximum(), panel.grid.viewport().height()):
        bar.setValue(value)
        settled(qtbot, panel)
        assert panel.grid.cache_bytes <= budget * 1.5, "one screen, and a line that is cut"
    assert panel.grid.loader.decoded_count >= 1_000, "all were looked at"


def test_geometry_is_its_own_inverse(panel: GalleryPanel, client: FakeEngineClient) -> None:
    PictureStore(client, 1_000)
    client.emit_snapshot()
    grid = panel.grid
    for width in (160, 233, 420, 801):
        grid.resize(width, 500)
        for row in (0, 1, 7, 500, 999):
            index = grid.model().index(row)
            grid.scrollTo(index)
            tile = grid.visualRect(index)
            assert grid.viewport().rect().contains(tile), (width, row)
            for corner in (tile.topLeft(), tile.bottomRight(), tile.center()):
                assert grid.indexAt(corner).row() == row, (width, row)
    assert not grid.indexAt(QPoint(-1, 5)).isValid()


def test_keys_walk_through_the_grid(panel: GalleryPanel, client: FakeEngineClient) -> None:
    PictureStore(client, 103)
    client.emit_snapshot()
    grid = panel.grid
    columns = grid._columns()
    grid.select_rows([0])
    grid.setFocus()

    def press(key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> int:
        QTest.keyClick(grid, key, modifier)
        return int(grid.currentIndex().row())

    assert press(Qt.Key.Key_Right) == 1
    assert press(Qt.Key.Key_Down) == 1 + columns
    assert press(Qt.Key.Key_Up) == 1
    assert press(Qt.Key.Key_Up) == 1, "the top line has nothing above"
    assert press(Qt.Key.Key_End) == 102
    assert grid.visible_rows()[1] == 102
    assert press(Qt.Key.Key_Home) == 0
    press(Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert grid.selected_ranges() == [(0, columns)]
    QTest.keyClick(grid, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert grid.selected_ranges() == [(0, 102)]


def test_clicks_with_shift_and_control(panel: GalleryPanel, client: FakeEngineClient) -> None:
    PictureStore(client, 50)
    client.emit_snapshot()
    panel.resize(420, 900)

    def click(row: int, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        place = panel.grid.visualRect(panel.grid.model().index(row)).center()
        QTest.mouseClick(panel.grid.viewport(), Qt.MouseButton.LeftButton, modifier, place)

    click(1)
    assert panel.grid.selected_ranges() == [(1, 1)]
    click(6, Qt.KeyboardModifier.ShiftModifier)
    assert panel.grid.selected_ranges() == [(1, 6)]
    click(2, Qt.KeyboardModifier.ControlModifier)
    assert panel.grid.selected_ranges() == [(1, 1), (3, 6)]
    click(0)
    assert [record.artifact_id for record in panel._state.gallery.selected] == [50]


def test_new_pictures_do_not_move_what_is_looked_at(
    qtbot: Any, panel: GalleryPanel, client: FakeEngineClient
) -> None:
    store = PictureStore(client, 500)
    client.emit_snapshot()
    store.add(1)
    assert panel._state.gallery.total == 501, "at the top they appear at once"
    bar = panel.grid.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    QApplication.processEvents()
    shown = panel._state.gallery.record(panel.grid.visible_rows()[0])
    store.add(3)
    assert panel._state.gallery.record(panel.grid.visible_rows()[0]) == shown
    assert panel.new_button.isVisible()
    assert panel.new_button.text() == "3 new pictures"
    panel.new_button.click()
    assert panel._state.gallery.total == 504
    assert not panel.new_button.isVisible()
    assert bar.value() == 0


def test_search_is_asked_once_typing_rests(qtbot: Any, panel: GalleryPanel, client: FakeEngineClient) -> None:
    PictureStore(client, 1_000)
    client.emit_snapshot()
    before = len(client.calls_of(m.ListArtifacts))
    QTest.keyClicks(panel.search, "cat")
    qtbot.waitUntil(lambda: panel._state.gallery.total == 100)
    assert len(client.calls_of(m.ListArtifacts)) == before + 1
    assert panel.count.text() == "100"


def test_details_show_all_settings_of_the_picture(
    panel: GalleryPanel, client: FakeEngineClient, paths: list[str]
) -> None:
    PictureStore(client, 20, paths)
    client.emit_snapshot()
    assert not panel.details.isVisible()
    panel.grid.select_rows([3])
    assert panel.details.isVisible()
    assert panel.details.prompt.toPlainText() == "prompt of run17", "the whole one, from the run"
    facts = dict(panel.details.facts)
    assert facts["Model"] == "emoji-64"
    assert facts["Seed"] == "5"
    assert facts["Run"] == "run17"
    panel.details.use_button.click()
    assert panel._state.generate.draft.prompt == "prompt of run17"
    panel.details.prompt_button.click()
    assert QGuiApplication.clipboard().text() == "prompt of run17"
    panel.details.seed_button.click()
    assert QGuiApplication.clipboard().text() == "17"


def test_a_run_that_is_gone_is_read_from_the_file(
    qtbot: Any, panel: GalleryPanel, client: FakeEngineClient, paths: list[str]
) -> None:
    client.reply(m.GetRun, NotFoundError("There is no such run."))
    PictureStore(client, 3, paths)
    client.emit_snapshot()
    panel.grid.select_rows([0])
    qtbot.waitUntil(lambda: bool(panel.details.problem.text()))
    assert "carries no settings" in panel.details.problem.text()


def test_a_missing_file_is_a_placeholder_and_a_sentence(
    qtbot: Any, panel: GalleryPanel, client: FakeEngineClient
) -> None:
    PictureStore(client, 3, ["/nowhere/lost.png"])
    client.emit_snapshot()
    qtbot.waitUntil(lambda: bool(panel.grid.problem_of(3)))
    panel.grid.viewport().repaint()
    assert "lost.png is missing" in panel.grid.problem_of(3)
    panel.grid.select_rows([0])
    assert "lost.png is missing" in panel.details.problem.text()
    settled(qtbot, panel)
    decoded = panel.grid.loader.decoded_count
    panel.grid._want()
    settled(qtbot, panel)
    assert panel.grid.loader.decoded_count == decoded, "it is not tried again and again"


def test_delete_key_and_undo(panel: GalleryPanel, client: FakeEngineClient) -> None:
    store = PictureStore(client, 30)
    client.emit_snapshot()
    panel.grid.select_rows([1, 2])
    panel.delete_action.trigger()
    assert store.ids[:3] == [30, 27, 26]
    assert panel._state.gallery.total == 28
    action = panel._state.notices.notices[-1].action
    assert action is not None
    action()
    assert store.ids[:3] == [30, 29, 28]
    assert panel._state.gallery.total == 30


def test_dragging_out_gives_files(panel: GalleryPanel, client: FakeEngineClient, paths: list[str]) -> None:
    PictureStore(client, 8, paths)
    client.emit_snapshot()
    panel.grid.select_rows([0, 5])
    data = panel.grid.model().mimeData(panel.grid.selectedIndexes())
    assert {url.toLocalFile() for url in data.urls()} == {paths[0], paths[3]}


def test_a_double_click_opens_the_picture_and_arrows_go_on(
    qtbot: Any, panel: GalleryPanel, client: FakeEngineClient, paths: list[str]
) -> None:
    store = PictureStore(client, 8, paths)
    client.emit_snapshot()
    place = panel.grid.visualRect(panel.grid.model().index(1)).center()
    QTest.mouseClick(panel.grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(panel.grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    (window,) = [each for each in QApplication.topLevelWidgets() if isinstance(each, PictureWindow)]
    qtbot.waitUntil(lambda: not window.view.image.isNull())
    assert window.record is not None
    assert window.record.artifact_id == 7
    store.add(2)
    window.next_button.click()
    assert window.record.artifact_id == 6, "the next one of the picture, not of the row"
    window.previous_button.click()
    window.previous_button.click()
    assert window.record.artifact_id == 8
    window.use_settings()
    assert panel._state.generate.draft.prompt == "prompt of run8"


def test_compare_two(qtbot: Any, panel: GalleryPanel, client: FakeEngineClient, paths: list[str]) -> None:
    PictureStore(client, 10, paths)
    client.emit_snapshot()
    panel.grid.select_rows([2])
    assert not panel.details.compare_button.isEnabled()
    panel.grid.select_rows([2, 4])
    panel.details.compare_button.click()
    (window,) = [each for each in QApplication.topLevelWidgets() if isinstance(each, CompareView)]
    qtbot.waitUntil(lambda: window.difference is not None)
    assert "Mean difference" in window.verdict.text()
    assert window.settings_line.text() == "Prompt: prompt of run6 → prompt of run8"
    window.views[0].set_zoom(4.0)
    assert [view.zoom for view in (*window.views, window.difference_view)] == [4.0] * 3
    window.views[1]._pan(QPoint(10, 4))
    assert window.views[0].place == window.views[1].place == window.difference_view.place
    window.swap()
    qtbot.waitUntil(lambda: window.settings_line.text() == "Prompt: prompt of run8 → prompt of run6")
    assert panel.details.title.text() == "First of the selected"
    panel.grid.select_rows([4])
    assert panel.details.title.text() == "16 × 16"
    QTest.keyClick(window.views[0], Qt.Key.Key_Escape)
    assert not window.isVisible()


def test_compare_identical_and_sizes_that_differ(
    qtbot: Any, panel: GalleryPanel, client: FakeEngineClient, tmp_path: Path
) -> None:
    same = [str(write_png(tmp_path / f"{name}.png")) for name in "ab"]
    other = str(write_png(tmp_path / "c.png", 32, 16))
    store = PictureStore(client, 3, [other, *same])
    first = CompareView(panel._state, store.record(1), store.record(2))
    qtbot.addWidget(first)
    qtbot.waitUntil(lambda: first.verdict.text() == "Identical: every pixel is the same.")
    second = CompareView(panel._state, store.record(1), store.record(3))
    qtbot.addWidget(second)
    qtbot.waitUntil(lambda: second.verdict.text().startswith("The sizes differ (16 × 16 and 32 × 16)"))
    assert second.difference_view.image.isNull()


def test_screen_readers_get_a_list_with_named_pictures(panel: GalleryPanel, client: FakeEngineClient) -> None:
    PictureStore(client, 12)
    client.emit_snapshot()
    interface = QAccessible.queryAccessibleInterface(panel.grid)
    assert interface.role() == QAccessible.Role.List
    assert interface.childCount() == 12
    assert interface.child(2).text(QAccessible.Text.Name) == "picture 10 cat"
    assert interface.child(2).rect() != QRect()


def test_the_menu_and_commands_know_the_selection(panel: GalleryPanel, client: FakeEngineClient) -> None:
    PictureStore(client, 5)
    client.emit_snapshot()
    panel.grid.select_rows([])
    assert panel.build_menu() is None
    panel.grid.select_rows([1])
    menu = panel.build_menu()
    assert menu is not None
    shown = [action.text() for action in menu.actions() if action.text()]
    assert shown[:3] == ["Open", "Compare", "Use these settings"]
    assert not panel.compare_action.isEnabled()
    panel.grid.select_rows([1, 2])
    assert panel.compare_action.isEnabled()


def test_size_of_tiles_and_share_of_the_grid_are_remembered(
    qtbot: Any, panel: GalleryPanel, client: FakeEngineClient, app_state: AppState, paths: list[str]
) -> None:
    PictureStore(client, 8, paths)
    client.emit_snapshot()
    panel.size_slider.setValue(160)
    panel.grid.select_rows([0])
    assert panel.details.isVisible()
    panel.splitter.moveSplitter(panel.splitter.height() // 3, 1)
    left = panel.splitter.sizes()
    settled(qtbot, panel)

    again = GalleryPanel(app_state)
    qtbot.addWidget(again)
    again.resize(panel.size())
    again.show()
    assert again.grid.edge == 160
    again.grid.select_rows([0])
    assert again.splitter.sizes() == pytest.approx(left, abs=4)
    settled(qtbot, again)
    again.grid.close_loader()


def test_search_icon_stands_in_the_middle_of_its_field(qapp: QApplication, panel: GalleryPanel) -> None:
    before = qapp.styleSheet()
    qapp.setStyleSheet(style_sheet(theme_manager().theme, "."))
    try:
        QApplication.processEvents()
        for button in panel.search.findChildren(QToolButton):
            if button.isVisible():
                assert abs(button.geometry().center().y() - panel.search.rect().center().y()) <= 1
    finally:
        qapp.setStyleSheet(before)


def test_the_scroll_bar_stands_on_the_colour_of_the_panel(
    qtbot: Any, qapp: QApplication, panel: GalleryPanel, client: FakeEngineClient, paths: list[str]
) -> None:
    PictureStore(client, 4, paths)
    client.emit_snapshot()
    before = qapp.styleSheet()
    qapp.setStyleSheet(style_sheet(theme_manager().theme, "."))
    try:
        settled(qtbot, panel)
        grid = panel.grid
        assert grid.verticalScrollBar().isVisible()
        shot = grid.grab().toImage()
        right = shot.pixelColor(shot.width() - 6, shot.height() - 6)
        assert right == theme_manager().theme.color("surface")
    finally:
        qapp.setStyleSheet(before)


def test_long_values_never_push_the_details_out_of_a_narrow_gallery(
    qtbot: Any, panel: GalleryPanel, client: FakeEngineClient, paths: list[str]
) -> None:
    panel.resize(240, 640)
    PictureStore(client, 8, paths)
    client.emit_snapshot()
    panel.grid.select_rows([0])
    panel.details._show_facts([("Scheduler", "DPMSolverMultistepScheduler" * 2)])
    QApplication.processEvents()
    right = panel.details.prompt.mapTo(panel, panel.details.prompt.rect().topRight()).x()
    assert right < panel.width()
    settled(qtbot, panel)
