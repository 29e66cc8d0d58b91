"""A window on a scripted engine, with a scripted debugger in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QThreadPool

from mezzotint_app.look.style_sheet import install_look
from mezzotint_app.look.theme import theme_manager
from mezzotint_app.main_window import MainWindow
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from tests.app.app_records import CPU, EMOJI, worker
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.opdebug.debug_script import DebugScript


@pytest.fixture
def script(client: FakeEngineClient, app_state: AppState) -> DebugScript:
    return DebugScript(client, app_state)


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
def window(
    client: FakeEngineClient, app_state: AppState, script: DebugScript, look: None, qtbot: Any
) -> Iterator[MainWindow]:
    client.reply(m.ListModels, m.ModelList(models=(EMOJI,)))
    client.reply(m.SubmitJobs, m.JobsSubmitted(run_ids=("r1",)))
    app_state.settings.set(
        on_close="keep"
    )  # a window with a run in it asks before it closes: nobody answers here
    made = MainWindow(app_state)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    client.connect_engine(devices=(CPU,), workers=(worker(),))
    yield made
    QThreadPool.globalInstance().waitForDone(5000)
