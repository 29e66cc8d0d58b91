"""The whole window: its layout, its commands, the keyboard, and what happens when it closes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt, QThreadPool
from PySide6.QtGui import QAccessible, QImage
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from mezzotint_app import main_window
from mezzotint_app.look.style_sheet import install_look
from mezzotint_app.look.theme import theme_manager
from mezzotint_app.main_window import MainWindow
from mezzotint_app.panels.about_dialog import AboutDialog
from mezzotint_app.panels.mask_dialog import MaskDialog
from mezzotint_app.panels.settings_dialog import SettingsDialog
from mezzotint_app.panels.status_bar import EngineStatusBar
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from tests.app.app_records import CPU, EMOJI, progress, run_record, worker
from tests.app.fake_engine_client import FakeEngineClient

pytestmark = pytest.mark.slow

CONTROLS = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit)


@pytest.fixture
def look(qapp: Any) -> Iterator[None]:
    sheet, palette, font = qapp.styleSheet(), qapp.palette(), qapp.font()
    install_look(qapp)
    yield
    theme_manager().changed.disconnect()
    theme_manager().choose("system")
    qapp.setStyleSheet(sheet)
    qapp.setPalette(palette)
    qapp.setFont(font)


@pytest.fixture
def make_window(
    client: FakeEngineClient, app_state: AppState, look: None, qtbot: Any
) -> Iterator[Callable[[], MainWindow]]:
    client.reply(m.ListModels, m.ModelList(models=(EMOJI,)))

    def make() -> MainWindow:
        window = MainWindow(app_state)
        qtbot.addWidget(window)
        with qtbot.waitExposed(window):
            window.show()
        return window

    yield make
    QThreadPool.globalInstance().waitForDone(5000)


@pytest.fixture
def window(make_window: Callable[[], MainWindow], client: FakeEngineClient) -> MainWindow:
    window = make_window()
    client.connect_engine(devices=(CPU,), workers=(worker(memory_bytes=5 * 2**20),))
    return window


def place_of(widget: QWidget, window: MainWindow) -> QRect:
    return QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())


def test_a_number_that_is_being_typed_counts_for_a_shortcut(
    window: MainWindow, client: FakeEngineClient, qtbot: Any
) -> None:
    client.reply(m.SubmitJobs, m.JobsSubmitted(run_ids=("r1",)))
    steps = window.generate.steps
    steps.setFocus()
    qtbot.waitUntil(steps.hasFocus, timeout=5000)
    steps.selectAll()
    qtbot.keyClicks(steps, "77")
    window.actions_of.actions["run.generate"].trigger()
    assert client.last_call(m.SubmitJobs).specs[0].steps == 77


def test_the_prompt_has_the_keyboard_and_an_example(window: MainWindow, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: window.focusWidget() is window.generate.prompt, timeout=5000)
    assert window.generate.prompt.text() == "red apple"
    assert window.generate.generate_button.isEnabled()


@pytest.mark.parametrize("mode", ["text_to_image", "inpaint"])
def test_everything_fits_into_a_small_window(window: MainWindow, qtbot: Any, mode: str) -> None:
    window.resize(1100, 700)
    window.state.generate.set(mode=mode)
    qtbot.waitUntil(lambda: window.width() == 1100, timeout=5000)
    qtbot.wait(50)
    assert (window.width(), window.height()) == (1100, 700), "nothing pushes the window wider"
    generate = window.generate
    assert window.rect().contains(place_of(generate.generate_button, window))
    inside = place_of(generate, window)
    for control in generate.findChildren(QWidget):
        if isinstance(control, CONTROLS) and control.isVisible() and control.parent() is not None:
            place = place_of(control, window)
            assert place.right() <= inside.right(), f"{control.accessibleName() or control} is cut off"
    assert window.canvas.height() >= 240
    assert window.canvas.width() >= 400


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(window: MainWindow) -> None:
    nameless, unreachable = [], []
    for panel in (window.generate, window.canvas, window.docks.docks["log"].widget(), window.notices):
        for control in panel.findChildren(QWidget):
            if not isinstance(control, CONTROLS) or isinstance(
                control.parent(), (QAbstractSpinBox, QComboBox)
            ):
                continue
            if isinstance(control.parent(), QLineEdit):
                continue  # the clear button inside of a field; Ctrl+A and Delete do the same
            if control.metaObject().className() == "QTableCornerButton":
                continue
            text = control.text() if isinstance(control, QAbstractButton) else ""
            if not control.accessibleName() and not text:
                nameless.append(control)
            if not control.focusPolicy() & Qt.FocusPolicy.TabFocus:
                unreachable.append(control.accessibleName() or control)
    assert nameless == []
    assert unreachable == []


def nameless(top: QWidget) -> list[str]:
    """What can take the keyboard and tells a screen reader nothing. Parts of spin boxes, combo boxes and
    fields are told of by these."""
    found = []
    for widget in (top, *top.findChildren(QWidget)):
        inside = any(
            isinstance(above, (QAbstractSpinBox, QComboBox, QLineEdit)) for above in above_of(widget)
        )
        if widget.focusPolicy() == Qt.FocusPolicy.NoFocus or inside:
            continue
        told = QAccessible.queryAccessibleInterface(widget)
        if not told or not told.text(QAccessible.Text.Name):
            found.append(f"{type(widget).__name__} in {type(widget.parent()).__name__}")
    return found


def above_of(widget: QWidget) -> Iterator[QWidget]:
    above = widget.parentWidget()
    while above is not None:
        yield above
        above = above.parentWidget()


def test_whatever_takes_the_keyboard_tells_a_screen_reader_its_name(window: MainWindow) -> None:
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    dialogs = (
        SettingsDialog(window.state.settings, window),
        MaskDialog(image, None, window.state.settings, window),
        AboutDialog(window.state, window),
    )
    window.open_palette()
    assert len(window.findChildren(QWidget)) > 200
    assert {str(top): nameless(top) for top in (window, *dialogs) if nameless(top)} == {}


def test_tab_goes_through_the_form_in_its_order(window: MainWindow, qtbot: Any) -> None:
    generate = window.generate
    generate.model.combo.setFocus()
    seen = []
    for _ in range(40):
        focus = window.focusWidget()
        seen.append(focus)
        if focus is generate.generate_button:
            break
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    order: list[QWidget] = [generate.model.combo, generate.prompt, generate.negative, generate.steps]
    order += [generate.seed.edit, generate.seed.dice, generate.count, generate.seed.mode, generate.scheduler]
    assert all(widget in seen for widget in order)
    assert sorted(order, key=seen.index) == order
    assert seen[-1] is generate.generate_button


def test_underlined_letters_lead_to_fields_and_none_is_given_twice(window: MainWindow, qtbot: Any) -> None:
    window.state.generate.set(mode="inpaint")
    window.resize(1100, 700)
    window.activateWindow()
    form = window.generate.source.parentWidget()
    qtbot.waitUntil(
        lambda: window.height() == 700 and form.height() == form.sizeHint().height(), timeout=5000
    )
    labels = [label for label in window.generate.findChildren(QLabel) if "&" in label.text()]
    for label in labels:
        letter = label.text()[label.text().index("&") + 1]
        qtbot.keyClick(window, letter, Qt.KeyboardModifier.AltModifier)
        field = label.buddy()
        assert window.focusWidget() is field, label.text()
        assert field.visibleRegion().boundingRect().height() == field.height(), "scrolled into view"
    texts = [label.text() for label in labels] + [menu.title() for menu in window.actions_of.menus.values()]
    letters = [text[text.index("&") + 1].lower() for text in texts if "&" in text]
    assert len(letters) > 12
    assert len(set(letters)) == len(letters)


def test_shortcuts_tooltips_and_menus_come_from_the_commands(
    window: MainWindow, client: FakeEngineClient, qtbot: Any
) -> None:
    client.reply(m.SubmitJobs, m.JobsSubmitted(run_ids=("r1",)))
    assert "(Ctrl+Return)" in window.generate.generate_button.toolTip()
    titles = {menu.title().replace("&", "") for menu in window.actions_of.menus.values()}
    assert titles == {"File", "Edit", "Run", "Debug", "View", "Help"}
    run_menu = window.actions_of.menus["Run"]
    run_menu.aboutToShow.emit()
    assert window.actions_of.actions["run.generate"].isEnabled()
    assert not window.actions_of.actions["run.cancel"].isEnabled()
    run_menu.aboutToHide.emit()
    window.actions_of.actions["run.cancel"].trigger()
    assert client.calls_of(m.CancelRun) == [], "nothing runs, so there is nothing to cancel"
    window.actions_of.actions["run.generate"].trigger()
    assert len(client.calls_of(m.SubmitJobs)) == 1


def test_the_file_menu_ends_with_settings_and_quit(window: MainWindow) -> None:
    titles = [action.text() for action in window.actions_of.menus["File"].actions()]
    assert titles[0] == "Settings from picture…"
    assert titles[-3:] == ["", "Settings…", "Quit"], "behind a line"
    assert "" not in (titles[0], titles[1])


def test_panels_are_reached_by_keys(window: MainWindow, qtbot: Any) -> None:
    log = window.docks.docks["log"].widget()
    window.actions_of.actions["panel.log"].trigger()
    qtbot.waitUntil(log.isVisible, timeout=5000)
    assert log.isAncestorOf(window.focusWidget())
    seen = set()
    for _ in window.docks.panels:
        window.go_to_next_panel(1)
        seen |= {
            key
            for key, dock in window.docks.docks.items()
            if dock.widget().isAncestorOf(window.focusWidget())
        }
    assert {"generate", "canvas", "log"} <= seen
    window.focus_prompt()
    window.go_to_next_panel(1)
    assert window.canvas.isAncestorOf(window.focusWidget()), "what stands to the right of the form"
    window.focus_prompt()
    assert window.focusWidget() is window.generate.prompt


def test_the_layout_comes_back_and_can_be_reset(make_window: Callable[[], MainWindow], qtbot: Any) -> None:
    first = make_window()
    first.docks.docks["gallery"].toggleView(False)
    first.close()
    second = make_window()
    assert second.docks.docks["gallery"].isClosed()
    second.reset_layout()
    assert not second.docks.docks["gallery"].isClosed()


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b'{"version": 1, "geometry": "AAAA", "docks": "AAAA"}', b'{"version": 99}']
)
def test_a_damaged_layout_means_the_default(
    make_window: Callable[[], MainWindow], app_state: AppState, content: bytes
) -> None:
    (app_state.home / main_window.LAYOUT_FILE).write_bytes(content)
    window = make_window()
    assert all(not dock.isClosed() for dock in window.docks.docks.values())
    assert window.canvas.isVisible()


def test_light_and_dark_can_be_chosen_in_the_settings(window: MainWindow, qapp: Any) -> None:
    window.open_settings()
    dialog = window.findChild(SettingsDialog)
    dialog.theme.setCurrentIndex(dialog.theme.findData("dark"))
    dialog.theme.activated.emit(dialog.theme.currentIndex())
    assert theme_manager().theme.is_dark
    assert theme_manager().theme.surface in qapp.styleSheet()
    dialog.repaint_rate.setValue(5)
    assert window.state.settings.values.repaint_hz == 5.0
    dialog.close()


def test_dialogs_open_over_the_window(window: MainWindow) -> None:
    window.open_about()
    window.open_palette()
    assert window._palette.isVisible()
    assert "Generate" in window._palette.titles()
    window._palette.close()


def test_escape_dismisses_the_notice(window: MainWindow) -> None:
    window.state.notices.show("error", "It broke.")
    assert window.notices.isVisible()
    window.actions_of.actions["window.dismiss"].trigger()
    assert not window.notices.isVisible()


# --- the line at the bottom --------------------------------------------------------------------------------


def test_the_status_bar_tells_engine_device_memory_and_run(
    window: MainWindow, client: FakeEngineClient, qtbot: Any
) -> None:
    bar = window.statusBar()
    assert isinstance(bar, EngineStatusBar)
    qtbot.waitUntil(lambda: bar.memory.text() == "Worker 5 MiB", timeout=5000)
    assert (bar.engine.text(), bar.device.text()) == ("Engine ready", "CPU, 2 cores")
    client.emit_event(m.RunChanged(run=run_record("a", "running")))
    client.emit_event(m.RunChanged(run=run_record("b")))
    client.emit_event(m.QueueChanged(paused=True, order=("b",)))
    client.emit_event(progress("a", 3, 20))
    qtbot.waitUntil(lambda: "step 3 of 20" in bar.run_text.text(), timeout=5000)
    assert bar.queue.text() == "1 queued, queue paused"
    client.emit_event(m.WorkerChanged(worker=worker("w2", "spare", memory_bytes=3 * 2**20)))
    qtbot.waitUntil(lambda: bar.memory.text() == "2 workers 8 MiB", timeout=5000)
    assert "Worker w2 (spare): 3 MiB" in bar.memory.toolTip()
    client.emit_event(m.WorkerChanged(worker=worker(state="not_answering")))
    qtbot.waitUntil(bar.kill.isVisible, timeout=5000)
    assert bar.engine.text() == "Worker not answering"
    bar.kill.click()
    assert client.last_call(m.KillWorker).worker_id == "w1"
    client.emit_connection("lost", "The engine went away.")
    qtbot.waitUntil(lambda: bar.engine.text().startswith("Engine lost"), timeout=5000)


# --- closing -----------------------------------------------------------------------------------------------


def test_closing_asks_only_while_something_runs(
    window: MainWindow, client: FakeEngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    answers = iter([("stay", False), ("keep", True)])

    def ask(active: int, queued: int, _parent: QWidget) -> Any:
        asked.append((active, queued))
        return next(answers)

    monkeypatch.setattr(main_window, "ask_on_close", ask)
    client.emit_event(m.RunChanged(run=run_record("a", "running")))
    assert not window.close()
    assert window.isVisible()
    assert window.close()
    assert asked == [(1, 0), (1, 0)]
    assert window.state.settings.values.on_close == "keep"
    assert client.calls_of(m.CancelAll) == []


def test_closing_can_stop_everything(
    window: MainWindow, client: FakeEngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.state.settings.set(on_close="stop")
    monkeypatch.setattr(main_window, "ask_on_close", lambda *_arguments: pytest.fail("asked all the same"))
    client.emit_event(m.RunChanged(run=run_record("a", "running")))
    assert window.close()
    assert len(client.calls_of(m.CancelAll)) == 1
    assert len(client.calls_of(m.StopEngine)) == 1


def test_closing_an_idle_window_asks_nothing_and_saves(
    window: MainWindow, app_state: AppState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main_window, "ask_on_close", lambda *_arguments: pytest.fail("asked all the same"))
    window.state.generate.set(prompt="remember me")
    assert window.close()
    assert "remember me" in Path(app_state.home / "settings.json").read_text()
    assert (app_state.home / main_window.LAYOUT_FILE).exists()
