"""The Generate form: what it shows, what it says, and that everything in it reaches the draft."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtGui import QImage

from mezzotint_app.panels.generate_panel import GeneratePanel
from mezzotint_app.panels.mask_canvas import MaskCanvas
from mezzotint_app.panels.mask_dialog import MaskDialog
from mezzotint_app.panels.prompt_field import LONG_TEXT, PromptField
from mezzotint_app.panels.size_field import common_sizes
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from mezzotint_sdk.job_spec import MAX_SEED, ImageValue
from tests.app.app_records import CPU, EMOJI, broken_model, run_record, write_png
from tests.app.fake_engine_client import FakeEngineClient


@pytest.fixture
def panel(client: FakeEngineClient, app_state: AppState, qtbot: Any) -> GeneratePanel:
    client.reply(m.ListModels, m.ModelList(models=(broken_model(), EMOJI)))
    panel = GeneratePanel(app_state)
    qtbot.addWidget(panel)
    panel.show()
    return panel


@pytest.fixture
def ready(client: FakeEngineClient, panel: GeneratePanel) -> GeneratePanel:
    client.connect_engine(devices=(CPU,))
    return panel


def test_the_button_says_why_it_waits_and_then_goes(
    client: FakeEngineClient, panel: GeneratePanel, qtbot: Any
) -> None:
    assert not panel.generate_button.isEnabled()
    assert panel._reason.text() == "The engine is starting…"
    client.connect_engine(devices=(CPU,))
    assert panel.generate_button.isEnabled()
    assert not panel._reason.isVisible()
    qtbot.mouseClick(panel.generate_button, Qt.MouseButton.LeftButton)
    assert client.last_call(m.SubmitJobs).specs[0].prompt == "red apple"


def test_control_enter_in_the_prompt_generates(
    client: FakeEngineClient, ready: GeneratePanel, qtbot: Any
) -> None:
    ready.prompt.selectAll()
    qtbot.keyClicks(ready.prompt, "kite")
    qtbot.keyClick(ready.prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert client.last_call(m.SubmitJobs).specs[0].prompt == "kite"
    assert ready.prompt.text() == "kite", "the key makes no new line"


def test_each_field_reaches_the_draft_and_shows_it(
    ready: GeneratePanel, app_state: AppState, qtbot: Any
) -> None:
    generate = app_state.generate
    ready.steps.setValue(33)
    ready.guidance.setValue(7.5)
    ready.count.setValue(4)
    ready.size_field.width_box.setValue(128)
    ready.strength.setValue(0.25)
    ready.scheduler.setCurrentIndex(ready.scheduler.findData("EulerDiscreteScheduler"))
    ready.scheduler.activated.emit(ready.scheduler.currentIndex())
    ready.negative.selectAll()
    qtbot.keyClicks(ready.negative, "blue")
    draft = generate.draft
    assert (draft.steps, draft.guidance_scale, draft.count, draft.width) == (33, 7.5, 4, 128)
    assert (draft.strength, draft.scheduler, draft.negative_prompt) == (
        0.25,
        "EulerDiscreteScheduler",
        "blue",
    )
    ready.size_field.swap.click()
    assert (generate.draft.width, generate.draft.height) == (64, 128)
    generate.set(steps=5, prompt="from outside", height=256, seed=9)
    assert (ready.steps.value(), ready.prompt.text(), ready.size_field.height_box.value()) == (
        5,
        "from outside",
        256,
    )
    assert ready.seed.edit.text() == "9"


def test_seeds_up_to_the_last_can_be_typed(ready: GeneratePanel, app_state: AppState, qtbot: Any) -> None:
    edit = ready.seed.edit
    edit.selectAll()
    qtbot.keyClicks(edit, str(MAX_SEED))
    assert app_state.generate.draft.seed == MAX_SEED
    assert app_state.generate.seed_mode == "fixed", "who types a seed wants that one"
    qtbot.keyClicks(edit, "0")
    assert edit.property("invalid") is True
    assert app_state.generate.draft.seed == MAX_SEED
    ready.seed.dice.click()
    assert edit.property("invalid") is False
    assert int(edit.text()) == app_state.generate.draft.seed


def test_problems_stand_at_their_field(ready: GeneratePanel, app_state: AppState) -> None:
    app_state.generate.set(width=60)
    error = ready._errors["width"]
    assert error.isVisible()
    assert "multiple of 8" in error.text()
    assert not ready.generate_button.isEnabled()
    app_state.generate.set(width=64)
    assert not error.isVisible()
    app_state.generate.choose_model("/models/broken")
    assert ready._errors["model"].text() == "The folder has no UNet; download it again."


def test_modes_that_a_model_lacks_are_off(
    client: FakeEngineClient, ready: GeneratePanel, app_state: AppState
) -> None:
    only_text = msgspec.structs.replace(EMOJI, modes=("text_to_image",))
    client.reply(m.ListModels, m.ModelList(models=(only_text,)))
    app_state.generate.refresh_models()
    assert not ready.mode._buttons["inpaint"].isEnabled()
    assert ready.mode._buttons["text_to_image"].isEnabled()


def test_devices_and_precisions_are_those_of_the_engine(ready: GeneratePanel, app_state: AppState) -> None:
    assert [ready.device.itemData(row) for row in range(ready.device.count())] == ["auto", "cpu"]
    assert [ready.dtype.itemData(row) for row in range(ready.dtype.count())] == [
        "auto",
        "float32",
        "bfloat16",
    ]
    app_state.generate.set(device="cuda:3")
    assert ready.device.currentText() == "cuda:3 (not here)"


def test_pause_and_cancel_keep_their_place_and_work_while_something_runs(
    client: FakeEngineClient, ready: GeneratePanel
) -> None:
    assert ready.cancel_button.isVisible()
    assert not ready.cancel_button.isEnabled()
    client.emit_event(m.RunChanged(run=run_record("a", "running")))
    ready.pause_button.click()
    assert client.last_call(m.PauseRun).run_id == "a"
    client.emit_event(m.RunChanged(run=run_record("a", "paused")))
    assert ready.pause_button.accessibleName() == "Resume run"
    ready.pause_button.click()
    assert client.last_call(m.ResumeRun).run_id == "a"
    ready.cancel_button.setFocus()
    ready.cancel_button.click()
    assert client.last_call(m.CancelRun).run_id == "a"
    client.emit_event(m.RunChanged(run=run_record("a", "cancelled")))
    assert ready.cancel_button.isVisible()
    assert not ready.cancel_button.isEnabled()
    assert ready.focusWidget() is ready.generate_button, "not what comes next in another panel"


def test_a_megabyte_of_prompt_is_kept_whole_and_shown_in_part(qtbot: Any) -> None:
    field = PromptField("Prompt", 4, "")
    qtbot.addWidget(field)
    told: list[str] = []
    field.edited.connect(told.append)
    text = "wort " * 200_000
    data = QMimeData()
    data.setText(text)
    field.insertFromMimeData(data)
    assert told == [text]
    assert field.text() == text
    assert len(field.toPlainText()) < LONG_TEXT
    qtbot.keyClick(field, Qt.Key.Key_Delete)
    assert (field.text(), told[-1]) == ("", "")
    qtbot.keyClicks(field, "short again")
    assert field.text() == "short again"


@pytest.mark.parametrize("multiple", [8, 64])
def test_common_sizes_fit_the_model(multiple: int) -> None:
    sizes = common_sizes(512, multiple)
    assert sizes[0] == (512, 512)
    assert len(set(sizes)) == len(sizes)
    assert all(side % multiple == 0 and side > 0 for size in sizes for side in size)


# --- pictures and masks ----------------------------------------------------------------------------------


def test_a_picture_is_taken_and_a_mask_painted_for_it(
    client: FakeEngineClient, ready: GeneratePanel, app_state: AppState, mezzotint_home: Path, qtbot: Any
) -> None:
    inputs = mezzotint_home / "inputs"
    inputs.mkdir()
    kept: list[QImage] = []

    def import_image(body: m.ImportImage) -> m.ImageImported:
        image = QImage(body.path)
        assert not image.isNull()
        kept.append(image)
        digest = str(len(kept)) * 64
        image.save(str(inputs / f"{digest}.png"))
        return m.ImageImported(sha256=digest, width=image.width(), height=image.height())

    client.reply(m.ImportImage, import_image)
    ready.mode._buttons["inpaint"].click()
    assert "Choose a picture" in ready._reason.text()
    assert not ready.source.mask_button.isEnabled()
    ready.source.take(str(write_png(mezzotint_home / "cat.png", 32, 16)))
    assert app_state.generate.draft.image == ImageValue("1" * 64)
    assert "Paint over" in ready._reason.text()
    ready.source.edit_mask()
    dialog = ready.source.findChild(MaskDialog)
    dialog.canvas.brush_size = 6
    dialog.canvas.begin_stroke()
    dialog.canvas.stroke(QPointF(8, 8), QPointF(20, 8))
    dialog.accept_button.click()
    assert app_state.generate.draft.mask == ImageValue("2" * 64)
    mask = kept[1]
    assert (mask.width(), mask.height()) == (32, 16)
    assert mask.pixelColor(14, 8).lightness() == 255, "painted is white"
    assert mask.pixelColor(30, 1).lightness() == 0, "the rest is black"
    assert ready.generate_button.isEnabled()
    path = client.last_call(m.ImportImage).path
    assert not Path(path).exists(), "the temporary file is gone"
    ready.source.take(str(write_png(mezzotint_home / "dog.png", 32, 16)))
    assert app_state.generate.draft.mask is None, "a mask belongs to its picture"


@pytest.fixture
def canvas(qtbot: Any) -> MaskCanvas:
    picture = QImage(64, 32, QImage.Format.Format_RGB32)
    picture.fill(0xFF00FF)
    canvas = MaskCanvas(picture)
    canvas.resize(256, 256)
    qtbot.addWidget(canvas)
    return canvas


def painted(canvas: MaskCanvas) -> int:
    mask = canvas.mask_image()
    return sum(mask.pixelColor(x, y).lightness() > 127 for x in range(64) for y in range(32))


def test_painting_erasing_undo_and_invert(canvas: MaskCanvas) -> None:
    canvas.brush_size = 8
    assert canvas.is_empty()
    canvas.begin_stroke()
    canvas.stroke(QPointF(10, 16), QPointF(50, 16))
    whole = painted(canvas)
    assert whole > 40 * 6
    canvas.begin_stroke()
    canvas.erasing = True
    canvas.stroke(QPointF(30, 0), QPointF(30, 31))
    assert 0 < painted(canvas) < whole
    canvas.undo()
    assert painted(canvas) == whole
    canvas.redo()
    assert painted(canvas) < whole
    canvas.undo()
    canvas.invert()
    assert painted(canvas) == 64 * 32 - whole
    canvas.clear()
    assert canvas.is_empty()
    canvas.undo()
    assert not canvas.is_empty()


def test_a_mask_comes_back_as_it_was(canvas: MaskCanvas, qtbot: Any) -> None:
    canvas.brush_size = 8
    canvas.stroke(QPointF(10, 16), QPointF(50, 16))
    again = MaskCanvas(QImage(64, 32, QImage.Format.Format_RGB32), canvas.mask_image())
    qtbot.addWidget(again)
    assert painted(again) == painted(canvas)


def test_the_mask_is_painted_by_keys_and_by_mouse(canvas: MaskCanvas, qtbot: Any) -> None:
    canvas.show()
    canvas.brush_size = 4
    qtbot.keyClick(canvas, Qt.Key.Key_Space)
    assert canvas.mask_image().pixelColor(32, 16).lightness() == 255
    for _ in range(8):
        qtbot.keyClick(canvas, Qt.Key.Key_Left)
    qtbot.keyClick(canvas, Qt.Key.Key_Space)
    assert canvas.mask_image().pixelColor(16, 16).lightness() == 255
    before = painted(canvas)
    shown = canvas._shown()
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=shown.topLeft())
    qtbot.mouseMove(canvas, shown.topLeft() + (shown.center() - shown.topLeft()) / 2)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton)
    assert painted(canvas) > before


def test_mask_dialog_shortcuts(qtbot: Any, app_state: AppState) -> None:
    picture = QImage(64, 64, QImage.Format.Format_RGB32)
    dialog = MaskDialog(picture, None, app_state.settings)
    qtbot.addWidget(dialog)
    with qtbot.waitActive(dialog):
        dialog.show()
        dialog.activateWindow()
    size = dialog.canvas.brush_size
    qtbot.keyClick(dialog, Qt.Key.Key_BracketRight)
    assert dialog.canvas.brush_size > size
    qtbot.keyClick(dialog, Qt.Key.Key_E)
    assert dialog.canvas.erasing
    qtbot.keyClick(dialog, Qt.Key.Key_B)
    assert not dialog.canvas.erasing
    assert app_state.settings.values.brush_size == dialog.canvas.brush_size
