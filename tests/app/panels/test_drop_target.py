"""Files dropped anywhere on the window: pictures, prompt lists, things that can't be taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QPlainTextEdit

from mezzotint_app.panels.drop_target import DropTarget
from mezzotint_app.panels.open_files import file_kind, open_files
from mezzotint_app.state.app_state import AppState
from tests.app.app_records import write_png


@pytest.fixture
def window(qtbot: Any) -> QMainWindow:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.setCentralWidget(QPlainTextEdit(window))
    window.resize(300, 200)
    window.show()
    return window


def files(*paths: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def enter(target: Any, data: QMimeData) -> QDragEnterEvent:
    left, no_keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, left, no_keys)
    event.ignore()
    QApplication.sendEvent(target, event)
    return event


def drop(target: Any, data: QMimeData) -> QDropEvent:
    """Qt delivers a drop to the widget that accepted the drag, so there is one first, as in life."""
    enter(target, data)
    left, no_keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, left, no_keys)
    event.ignore()
    QApplication.sendEvent(target, event)
    return event


def test_kinds_of_files() -> None:
    kinds = {name: file_kind(name) for name in ("a.PNG", "a.jpeg", "a.webp", "a.txt", "a.exe", "folder")}
    assert kinds == {
        "a.PNG": "settings",
        "a.jpeg": "picture",
        "a.webp": "picture",
        "a.txt": "prompts",
        "a.exe": "",
        "folder": "",
    }


def test_a_picture_on_the_prompt_field_is_not_taken_as_text(
    qtbot: Any, window: QMainWindow, app_state: AppState, tmp_path: Path
) -> None:
    target = DropTarget(window, app_state)
    field = window.centralWidget()
    assert isinstance(field, QPlainTextEdit)
    data = files(write_png(tmp_path / "plain.png"))
    assert enter(field.viewport(), data).isAccepted()
    assert target.overlay.isVisible()
    assert target.overlay.kind == "settings"
    assert drop(field.viewport(), data).isAccepted()
    assert not target.overlay.isVisible()
    assert field.toPlainText() == ""
    qtbot.waitUntil(lambda: bool(app_state.notices.notices))
    assert app_state.notices.notices[-1].action_title == "Start from this picture"


def test_text_that_is_dragged_is_left_to_the_field(window: QMainWindow, app_state: AppState) -> None:
    target = DropTarget(window, app_state)
    field = window.centralWidget()
    assert isinstance(field, QPlainTextEdit)
    data = QMimeData()
    data.setText("some words")
    drop(field.viewport(), data)
    assert not target.overlay.isVisible()
    assert app_state.notices.notices == []


def test_the_overlay_goes_when_the_drag_leaves(
    window: QMainWindow, app_state: AppState, tmp_path: Path
) -> None:
    target = DropTarget(window, app_state)
    data = files(tmp_path / "list.txt")
    enter(window, data)
    assert target.overlay.kind == "prompts"
    window.grab()  # it paints
    QApplication.sendEvent(window, QDragLeaveEvent())
    assert not target.overlay.isVisible()


def test_a_text_file_becomes_a_question(
    qtbot: Any, window: QMainWindow, app_state: AppState, tmp_path: Path
) -> None:
    DropTarget(window, app_state)
    path = tmp_path / "animals.txt"
    path.write_text("cat\ndog\n")
    drop(window, files(path))
    qtbot.waitUntil(lambda: bool(app_state.notices.notices))
    assert app_state.notices.notices[-1].action_title == "Queue 2 jobs"


def test_what_can_not_be_taken_is_said(app_state: AppState, tmp_path: Path) -> None:
    open_files(app_state, [str(tmp_path / "setup.exe")])
    assert app_state.notices.notices[-1].sentence.startswith("setup.exe is no picture")


def test_of_more_files_the_others_are_named(qtbot: Any, app_state: AppState, tmp_path: Path) -> None:
    first, second = tmp_path / "a.jpg", tmp_path / "b.png"
    open_files(app_state, [str(first), str(second)])
    sentences = [notice.sentence for notice in app_state.notices.notices]
    assert sentences[0] == "One file at a time: a.jpg was taken, the others were not."
    assert app_state.notices.notices[0].detail == "b.png"
    assert app_state.notices.notices[1].action_title == "Start from this picture"


def test_a_dropped_trace_is_opened(
    qtbot: Any, window: QMainWindow, app_state: AppState, tmp_path: Path
) -> None:
    target = DropTarget(window, app_state)
    path = tmp_path / "run.mzt"
    path.write_bytes(b"nothing")
    enter(window, files(path))
    assert target.overlay.kind == "trace"
    with qtbot.waitSignal(app_state.trace.opened):
        drop(window, files(path))
    qtbot.waitUntil(lambda: app_state.trace.path == "")
