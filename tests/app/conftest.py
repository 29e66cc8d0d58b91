"""A scripted engine and the app's state on it, for tests of state and panels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from mezzotint_app.state.app_state import AppState, build_app_state
from tests.app.fake_engine_client import FakeEngineClient


@pytest.fixture
def client(qapp: QApplication) -> FakeEngineClient:
    """An engine that answers what the test scripts; nothing is connected yet."""
    return FakeEngineClient()


@pytest.fixture
def app_state(client: FakeEngineClient, mezzotint_home: Path) -> Iterator[AppState]:
    """The whole state of an app, in a home of the test's own."""
    state = build_app_state(client, mezzotint_home / "settings.json")
    yield state
    state.close()
