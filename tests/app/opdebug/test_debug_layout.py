"""The window with the debugger open: made late, keeps the keyboard where it is, remembers its own layout."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QWidget

from mezzotint_app.main_window import MainWindow
from mezzotint_app.opdebug.debug_docks import DOCKS
from mezzotint_app.opdebug.debug_layout import LAYOUT_FILE
from mezzotint_sdk import messages as m
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.opdebug.debug_script import DebugScript

pytestmark = pytest.mark.slow

CONTROLS = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit)


def run(window: MainWindow, command: str) -> None:
    window.actions_of.actions[command].trigger()


def visible(window: MainWindow) -> set[str]:
    return {key for key, dock in window.docks.docks.items() if dock.widget().isVisible()}


def test_a_window_that_debugs_nothing_has_nothing_of_the_debugger(window: MainWindow) -> None:
    assert not window.debug.is_open
    assert window.debug.bar is None
    assert set(window.docks.docks) == {"canvas", "generate", "plots", "log", "queue", "gallery"}


def test_starting_the_window_imports_no_panel_of_the_debugger() -> None:
    code = (
        "import sys; import mezzotint_app.main_window; "
        "late = [name for name in sys.modules if name.endswith(('debug_docks', '_panel', 'debug_bar')) "
        "and '.opdebug.' in name]; sys.exit(' '.join(late) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_debug_submits_the_form_and_opens_the_debugger(
    window: MainWindow, client: FakeEngineClient, script: DebugScript
) -> None:
    window.generate.debug_button.click()
    asked = client.last_call(m.SubmitJobs)
    assert asked.debug is not None
    assert asked.debug.stop_at == "first_op"
    assert asked.specs[0].prompt == "red apple"
    assert window.debug.is_open
    assert window.debug.bar is not None
    assert window.debug.bar.isVisible()
    assert {"console", "watches"} <= set(window.debug.keys)
    assert "console" in window.docks.docks


def test_opening_and_stopping_leave_the_keyboard_in_the_field(
    window: MainWindow, script: DebugScript, qtbot: Any
) -> None:
    run(window, "debug_view.toggle")
    window.docks.go_to("generate")
    window.generate.focus_prompt()
    for number in range(3):
        script.stopped(number + 1)
        script.report(m.WentOn(stop_id=number + 1))
    script.stopped(9)
    assert window.focusWidget() is window.generate.prompt
    run(window, "debug_view.toggle")
    assert window.focusWidget() is window.generate.prompt, "closing leaves it there, too"
    assert not window.debug.is_open


def test_debug_gives_the_keyboard_to_the_ops_not_to_a_button(window: MainWindow, script: DebugScript) -> None:
    window.generate.debug_button.setFocus()
    window.generate.debug_button.click()
    focus = window.focusWidget()
    assert focus is not None
    assert window.docks.docks["ops"].widget().isAncestorOf(focus), "a space on Continue would go on"


def test_the_plain_layout_comes_back(window: MainWindow) -> None:
    window.docks.docks["gallery"].toggleView(False)
    before = visible(window)
    run(window, "debug_view.toggle")
    assert visible(window) != before
    run(window, "debug_view.toggle")
    assert visible(window) == before
    assert window.docks.docks["gallery"].isClosed()
    assert "console" not in visible(window)


def test_each_layout_is_kept_and_can_be_reset(window: MainWindow, qtbot: Any) -> None:
    run(window, "debug_view.toggle")
    window.docks.docks["watches"].toggleView(False)
    run(window, "debug_view.toggle")
    run(window, "debug_view.toggle")
    assert window.docks.docks["watches"].isClosed()
    run(window, "view.reset_layout")
    assert not window.docks.docks["watches"].isClosed()
    window.docks.docks["breakpoints"].toggleView(False)
    state = window.state
    assert window.close()
    assert (state.home / LAYOUT_FILE).exists()
    again = MainWindow(state)
    qtbot.addWidget(again)
    with qtbot.waitExposed(again):
        again.show()
    assert not again.debug.is_open, "a start never opens the debugger"
    assert "console" not in again.docks.docks
    run(again, "debug_view.toggle")
    assert again.docks.docks["breakpoints"].isClosed()
    again.close()


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"version": 1, "docks": "AAAA"}', b'{"version": 99, "docks": ""}']
)
def test_a_damaged_layout_means_the_default(window: MainWindow, content: bytes) -> None:
    (window.state.home / LAYOUT_FILE).write_bytes(content)
    run(window, "debug_view.toggle")
    assert all(not window.docks.docks[key].isClosed() for key in window.debug.keys)


def test_a_stop_while_it_is_closed_is_told_quietly_and_once(
    window: MainWindow, script: DebugScript, qtbot: Any
) -> None:
    script.stopped(1)
    script.report(m.WentOn(stop_id=1))
    script.stopped(2)
    told = [notice for notice in window.state.notices.notices if notice.action_title == "Open the debugger"]
    assert len(told) == 1
    assert window.notices.sentence.isVisible()
    assert told[0].action is not None
    told[0].action()
    assert window.debug.is_open
    assert not window.notices.sentence.isVisible(), "what it offers is done"
    bar: Any = window.statusBar()
    qtbot.waitUntil(lambda: bar.engine.text() == "Stopped in the debugger", timeout=5000)
    qtbot.waitUntil(lambda: "aten.mm" in bar.run_text.text(), timeout=5000)
    queue: Any = window.docks.docks["queue"].widget()
    row = queue.model.row_of("r1")
    assert "stopped in the debugger" in queue.model.index(row).data(Qt.ItemDataRole.AccessibleTextRole)


def test_it_fits_into_a_small_window(window: MainWindow, script: DebugScript, qtbot: Any) -> None:
    window.resize(1100, 700)
    run(window, "debug_view.toggle")
    script.stopped(1)
    qtbot.waitUntil(lambda: window.width() == 1100, timeout=5000)
    qtbot.wait(50)
    assert (window.width(), window.height()) == (1100, 700), "nothing pushes the window wider"
    bar = window.debug.bar
    assert bar is not None
    for control in bar.findChildren(QWidget):
        if isinstance(control, CONTROLS) and control.isVisible():
            right = control.mapTo(bar, control.rect().bottomRight()).x()
            assert right <= bar.width(), f"{control.accessibleName()} is cut off"


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(
    window: MainWindow, script: DebugScript
) -> None:
    run(window, "debug_view.toggle")
    script.stopped(1)
    bar = window.debug.bar
    assert bar is not None
    nameless, unreachable = [], []
    ours = [window.docks.docks[key].widget() for key in ("console", "watches", "breakpoints")]
    for part in (bar, *ours):
        for control in part.findChildren(QWidget):
            parent = control.parent()
            if (
                not control.isVisibleTo(part)
                or not isinstance(control, CONTROLS)
                or isinstance(parent, CONTROLS)
            ):
                continue
            text = control.text() if isinstance(control, QAbstractButton) else ""
            if not control.accessibleName() and not text:
                nameless.append(control)
            if not control.focusPolicy() & Qt.FocusPolicy.TabFocus:
                unreachable.append(control.accessibleName() or control)
    assert nameless == []
    assert unreachable == []


def test_each_dock_has_a_command_and_gets_the_keyboard(window: MainWindow) -> None:
    for dock in DOCKS:
        run(window, f"debug_view.{dock.key}")
        assert window.docks.docks[dock.key].widget().isVisible()
    run(window, "debug_view.console")
    console: Any = window.docks.docks["console"].widget()
    assert window.focusWidget() is console.input
    assert window.windowTitle() == "Mezzotint"
