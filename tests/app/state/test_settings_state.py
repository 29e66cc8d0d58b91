"""Settings: kept, told, written whole, and never a reason not to start."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mezzotint_app.state.notice_state import NoticeState
from mezzotint_app.state.settings_state import Settings, SettingsState
from tests.app.app_records import spec


@pytest.fixture
def notices(qapp: Any) -> NoticeState:
    return NoticeState()


def test_settings_come_back_at_the_next_start(tmp_path: Path, notices: NoticeState) -> None:
    path = tmp_path / "home" / "settings.json"
    first = SettingsState(path, notices)
    first.set(theme="dark", preview_hz=5.0, draft=spec(prompt="kite", seed=2**63 - 1))
    first.flush()
    second = SettingsState(path, notices)
    assert second.values == first.values
    assert second.values.draft.seed == 2**63 - 1  # type: ignore[union-attr]
    assert list(path.parent.iterdir()) == [path], "no half-written file stays behind"
    assert notices.notices == []


def test_only_changes_are_told_and_written(tmp_path: Path, notices: NoticeState) -> None:
    settings = SettingsState(tmp_path / "settings.json", notices)
    told: list[str] = []
    settings.changed.connect(told.append)
    settings.set(theme="system")
    settings.flush()
    assert not (tmp_path / "settings.json").exists()
    settings.set(theme="dark", brush_size=9)
    settings.flush()
    assert told == ["theme", "brush_size"]
    with pytest.raises(TypeError):
        settings.set(no_such_setting=1)


def test_a_burst_of_changes_is_written_once_a_moment_later(
    tmp_path: Path, notices: NoticeState, qtbot: Any
) -> None:
    path = tmp_path / "settings.json"
    settings = SettingsState(path, notices)
    for size in range(1, 20):
        settings.set(brush_size=size)
    assert not path.exists()
    qtbot.waitUntil(path.exists, timeout=5000)
    assert json.loads(path.read_text())["brush_size"] == 19


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b'{"theme": "pink"}',
        b'{"preview_hz": 1e9}',
        b'{"draft": {"steps": 0}}',
    ],
)
def test_a_damaged_file_is_moved_aside_and_said(tmp_path: Path, notices: NoticeState, content: bytes) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    settings = SettingsState(path, notices)
    assert settings.values == Settings()
    assert (tmp_path / "settings.damaged.json").read_bytes() == content
    assert [notice.level for notice in notices.notices] == ["warning"]
    settings.set(theme="light")
    settings.flush()
    assert SettingsState(path, notices).values.theme == "light"


def test_settings_of_a_newer_version_are_read_as_far_as_they_are_known(
    tmp_path: Path, notices: NoticeState
) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"theme": "dark", "a_setting_of_tomorrow": 1}')
    assert SettingsState(path, notices).values.theme == "dark"


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path, notices: NoticeState) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("a file where a folder should be")
    settings = SettingsState(in_the_way / "settings.json", notices)
    before = len(notices.notices)
    for theme in ("dark", "light", "system"):
        settings.set(theme=theme)
        settings.flush()
    assert len(notices.notices) == before + 1
    assert "can't be saved" in notices.notices[-1].sentence


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_means_defaults(tmp_path: Path, notices: NoticeState) -> None:
    path = tmp_path / "settings.json"
    path.write_text("{}")
    path.chmod(0)
    assert SettingsState(path, notices).values == Settings()
    assert notices.notices[-1].level == "warning"
