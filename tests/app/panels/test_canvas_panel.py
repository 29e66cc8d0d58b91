"""The canvas: previews are painted cheaply and seldom, finished pictures come from their files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt, QThreadPool
from PySide6.QtGui import QGuiApplication, QIcon, QImage

from mezzotint_app.panels.canvas_panel import CanvasPanel
from mezzotint_app.panels.canvas_view import CanvasView
from mezzotint_app.panels.picture_export import copy_picture, save_picture_to
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.canvas_state import LIVE
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import ErrorInfo
from tests.app.app_records import artifact, preview, progress, run_record, write_png
from tests.app.fake_engine_client import FakeEngineClient


@pytest.fixture
def panel(client: FakeEngineClient, app_state: AppState, qtbot: Any) -> Any:
    app_state.settings.set(repaint_hz=20.0)
    panel = CanvasPanel(app_state)
    panel.resize(480, 480)
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    client.connect_engine()
    yield panel
    QThreadPool.globalInstance().waitForDone(5000)


def start(client: FakeEngineClient, run_id: str = "a") -> None:
    client.emit_event(m.RunChanged(run=run_record(run_id, "running", started=1.0)))


def test_the_empty_canvas_says_what_to_do(
    client: FakeEngineClient, panel: CanvasPanel, app_state: AppState
) -> None:
    assert panel.empty.isVisible()
    assert "press Generate" in panel.empty._hint.text()
    client.connect_engine(runs=(run_record("old", "finished", artifact_count=2),))
    assert "gallery" in panel.empty._hint.text(), "there are pictures, from before"
    start(client)
    assert "on its way" in panel.empty._title.text()
    error = ErrorInfo("out_of_memory", "There is not enough memory.")
    client.emit_event(m.RunChanged(run=run_record("a", "failed", error=error)))
    assert panel.empty._hint.text() == "There is not enough memory."


def test_previews_are_shown_and_painted_at_most_so_often(
    client: FakeEngineClient, panel: CanvasPanel, qtbot: Any
) -> None:
    start(client)
    client.emit_event(preview(client, "a", 1))
    qtbot.waitUntil(panel.view.isVisible, timeout=5000)
    qtbot.waitUntil(lambda: panel.view.paint_count > 0, timeout=5000)
    before, began, step = panel.view.paint_count, time.monotonic(), 1
    while time.monotonic() - began < 0.5:
        step += 1
        client.emit_event(preview(client, "a", step))
        client.emit_event(progress("a", step % 20))
        qtbot.wait(2)
    seconds = time.monotonic() - began
    paints = panel.view.paint_count - before
    assert step > 50
    assert 1 <= paints <= seconds * 20 + 2, f"{paints} paints for {step} previews"


def test_a_new_frame_allocates_nothing_and_repaints_the_picture_only(qtbot: Any) -> None:
    view = CanvasView()
    view.resize(400, 200)
    qtbot.addWidget(view)
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[..., 0], pixels[..., 2] = 250, 40
    view.show_pixels(pixels)
    image, buffer = view.image, view._buffer
    assert QImage(image).pixelColor(3, 3).getRgb()[:3] == (250, 0, 40)
    view.show_pixels(np.full((64, 64, 3), 7, np.uint8))
    assert view.image is image
    assert view._buffer is buffer
    assert view.image.pixelColor(3, 3).red() == 7
    assert view._shown().width() < view.width()


def test_the_saved_picture_replaces_the_preview_and_late_previews_do_not(
    client: FakeEngineClient, panel: CanvasPanel, tmp_path: Path, qtbot: Any
) -> None:
    start(client)
    client.emit_event(preview(client, "a", 1))
    path = str(write_png(tmp_path / "p.png", 16, 16, 0x10A020))
    client.emit_event(m.ArtifactAdded(artifact=artifact(1, "a", 0, path)))
    qtbot.waitUntil(lambda: panel.view.file == path, timeout=5000)
    client.emit_event(preview(client, "a", 20))
    qtbot.wait(120)
    assert panel.view.file == path
    assert panel.view.image.pixelColor(5, 5).green() == 0xA0


def test_a_cancelled_run_shows_its_last_picture_and_not_the_noise(
    client: FakeEngineClient, panel: CanvasPanel, tmp_path: Path, qtbot: Any
) -> None:
    start(client)
    path = str(write_png(tmp_path / "p.png"))
    client.emit_event(m.ArtifactAdded(artifact=artifact(1, "a", 0, path)))
    qtbot.waitUntil(lambda: panel.view.file == path, timeout=5000)
    event = preview(client, "a", 1)
    client.emit_event(m.PreviewMade(run_id="a", image_index=1, step=1, array=event.array, cost_ms=1.0))
    qtbot.waitUntil(lambda: panel.view.file == "", timeout=5000)
    client.emit_event(m.RunChanged(run=run_record("a", "cancelled", artifact_count=1)))
    qtbot.waitUntil(lambda: panel.view.file == path, timeout=5000)


def test_a_run_cancelled_before_its_first_picture_leaves_the_one_before_it(
    client: FakeEngineClient, panel: CanvasPanel, app_state: AppState, tmp_path: Path, qtbot: Any
) -> None:
    start(client)
    client.emit_event(preview(client, "a", 1))
    qtbot.waitUntil(panel.view.isVisible, timeout=5000)
    client.emit_event(m.RunChanged(run=run_record("a", "cancelled", seconds=1.5)))
    assert panel.empty.isVisible(), "noise is no picture"
    assert panel.empty._title.text() == "Cancelled"

    path = str(write_png(tmp_path / "p.png"))
    start(client, "b")
    client.emit_event(m.ArtifactAdded(artifact=artifact(1, "b", 0, path)))
    client.emit_event(m.RunChanged(run=run_record("b", "finished", artifact_count=1)))
    qtbot.waitUntil(lambda: panel.view.file == path, timeout=5000)
    client.emit_event(m.RunChanged(run=run_record("c", "running", started=2.0)))
    client.emit_event(preview(client, "c", 1))
    qtbot.waitUntil(lambda: panel.view.isVisible() and panel.view.file == "", timeout=5000)
    client.emit_event(m.RunChanged(run=run_record("c", "cancelled", seconds=1.5)))
    qtbot.waitUntil(lambda: panel.view.file == path, timeout=5000)
    assert panel.progress.text.text() == "Cancelled after 1.5 s · earlier picture shown"

    client.emit_event(m.ArtifactsDeleted(artifact_ids=(1,)))
    assert panel.empty.isVisible()
    assert "earlier" not in panel.progress.text.text()


def test_a_preview_and_its_picture_have_one_zoom_and_one_place(
    client: FakeEngineClient, panel: CanvasPanel, tmp_path: Path, qtbot: Any
) -> None:
    start(client)
    client.emit_event(preview(client, "a", 1, np.zeros((128, 128, 3), np.uint8)))  # of a picture of 64 by 64
    qtbot.waitUntil(panel.view.isVisible, timeout=5000)
    of_preview = panel.toolbar.zoom_text.text(), panel.view._shown()
    path = str(write_png(tmp_path / "p.png", 64, 64))
    client.emit_event(m.ArtifactAdded(artifact=artifact(1, "a", 0, path)))
    qtbot.waitUntil(lambda: panel.view.file == path, timeout=5000)
    assert (panel.toolbar.zoom_text.text(), panel.view._shown()) == of_preview


def test_several_pictures_make_a_strip_that_chooses(
    client: FakeEngineClient, panel: CanvasPanel, app_state: AppState, tmp_path: Path, qtbot: Any
) -> None:
    start(client)
    paths = [str(write_png(tmp_path / f"{index}.png", color=index * 40)) for index in range(3)]
    for index, path in enumerate(paths):
        client.emit_event(m.ArtifactAdded(artifact=artifact(index + 1, "a", index, path)))
        assert panel.strip.isVisible() == (index > 0)
    panel.strip.setCurrentIndex(panel.strip.model().index(0, 0))
    assert app_state.canvas.position == 0
    qtbot.waitUntil(lambda: panel.view.file == paths[0], timeout=5000)
    panel.view.setFocus()
    qtbot.keyClick(panel.view, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: panel.view.file == paths[1], timeout=5000)
    assert panel.toolbar.live.isVisible()
    panel.toolbar.live.click()
    assert app_state.canvas.position == LIVE
    qtbot.waitUntil(lambda: panel.view.file == paths[2], timeout=5000)


def test_the_strip_marks_the_picture_in_view_and_scrolls_to_the_newest(
    client: FakeEngineClient, panel: CanvasPanel, app_state: AppState, tmp_path: Path, qtbot: Any
) -> None:
    start(client)
    path = str(write_png(tmp_path / "p.png"))
    count = 40
    for index in range(count):
        client.emit_event(m.ArtifactAdded(artifact=artifact(index + 1, "a", index, path)))
    assert not panel.strip.selectedIndexes(), "a preview of the next one is in view"
    bar = panel.strip.horizontalScrollBar()
    qtbot.waitUntil(lambda: bar.value() > 100 and bar.value() >= bar.maximum() - 4, timeout=5000)
    client.emit_event(m.RunChanged(run=run_record("a", "finished", artifact_count=count)))
    assert [index.row() for index in panel.strip.selectedIndexes()] == [count - 1]
    assert app_state.canvas.position == LIVE
    newest, role = panel.strip.model().index(count - 1, 0), Qt.ItemDataRole.DecorationRole
    qtbot.waitUntil(lambda: newest.data(role) is not None, timeout=5000)
    icon = newest.data(role)
    plain, chosen = (icon.pixmap(32, 32, mode).toImage() for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected))
    assert plain == chosen, "its colours are those of the picture"
    qtbot.keyClick(panel.strip, Qt.Key.Key_Left)
    assert app_state.canvas.position == count - 2


def test_a_picture_that_is_gone_is_said(
    client: FakeEngineClient, panel: CanvasPanel, app_state: AppState, qtbot: Any
) -> None:
    start(client)
    client.emit_event(m.ArtifactAdded(artifact=artifact(1, "a", 0, "/nowhere/p.png")))
    qtbot.waitUntil(lambda: bool(app_state.notices.notices), timeout=5000)
    assert "p.png can't be read" in app_state.notices.notices[-1].sentence


def test_save_and_copy(
    client: FakeEngineClient, panel: CanvasPanel, app_state: AppState, tmp_path: Path, qtbot: Any
) -> None:
    start(client)
    source = write_png(tmp_path / "p.png", 8, 8, 0x445566)
    client.emit_event(m.ArtifactAdded(artifact=artifact(1, "a", 0, str(source))))
    qtbot.waitUntil(lambda: panel.view.file == str(source), timeout=5000)
    save_picture_to(app_state, str(tmp_path / "copy.png"))
    assert (tmp_path / "copy.png").read_bytes() == source.read_bytes(), "settings in it stay bit for bit"
    save_picture_to(app_state, str(tmp_path / "no" / "such" / "folder.png"))
    assert app_state.notices.notices[-1].level == "error"
    copy_picture(panel.view)
    assert QGuiApplication.clipboard().image().pixelColor(1, 1).getRgb()[:3] == (0x44, 0x55, 0x66)


def test_rate_and_cost_of_previews(
    client: FakeEngineClient, panel: CanvasPanel, app_state: AppState, qtbot: Any
) -> None:
    rate = panel.toolbar.rate
    rate.setCurrentIndex(rate.findText("5 Hz"))
    rate.activated.emit(rate.currentIndex())
    assert client.last_call(m.SetPreviewRate).hz == 5.0
    start(client)
    client.emit_event(progress("a", 1, steps_per_second=10.0))
    client.emit_event(preview(client, "a", 1))
    qtbot.waitUntil(lambda: panel.progress.cost.text() == "preview 2.0 ms/step, 2.0 %", timeout=5000)
    app_state.settings.set(preview_hz=0.0)
    assert panel.progress.cost.text() == ""
    assert rate.currentText() == "Off"


def test_progress_is_said_and_drawn(client: FakeEngineClient, panel: CanvasPanel, qtbot: Any) -> None:
    start(client)
    client.emit_event(progress("a", 5, 20, steps_per_second=4.0, eta_seconds=3.75))
    qtbot.waitUntil(lambda: "step 5 of 20" in panel.progress.text.text(), timeout=5000)
    assert "4.0 steps/s" in panel.progress.text.text()
    assert "25 %" in panel.progress.bar.accessibleDescription()
    client.emit_event(m.RunChanged(run=run_record("a", "finished", seconds=2.0, artifact_count=1)))
    assert panel.progress.text.text() == "Finished in 2.0 s · 1 picture"


def test_zoom_keeps_the_point_under_the_pointer(qtbot: Any) -> None:
    view = CanvasView()
    view.resize(400, 400)
    qtbot.addWidget(view)
    image = QImage(100, 100, QImage.Format.Format_RGB32)
    image.fill(0)
    view.show_image(image)
    assert view.is_fitted
    assert view.zoom == 3.0, "whole steps, so that pixels stay square"
    place = QPointF(100, 120)
    part = view._to_part(place)
    view.set_zoom(8.0, place)
    after = view._to_part(place)
    assert (after.x(), after.y()) == pytest.approx((part.x(), part.y()), abs=0.01)
    view.set_zoom(1e9)
    assert view.zoom == 64.0
    view.fit()
    assert view.is_fitted


def test_a_hidden_canvas_costs_nothing(
    client: FakeEngineClient, panel: CanvasPanel, app_state: AppState
) -> None:
    start(client)
    panel.hide()
    client.emit_event(preview(client, "a", 1))
    assert client.released == []
    assert len(client.last_call(m.ReleaseSlots).refs) == 1
