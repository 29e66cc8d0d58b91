from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mezzotint_sdk.endpoint import MAX_SOCKET_PATH, EngineFile, read_engine_file, write_engine_file
from mezzotint_sdk.home import HOME_VARIABLE, Home, default_home_path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    (tmp_path / "runtime").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    return Home(tmp_path / "home")


def test_the_variable_moves_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "elsewhere"))
    assert default_home_path() == tmp_path / "elsewhere"
    assert Home.default().database == tmp_path / "elsewhere" / "mezzotint.db"


def test_without_it_the_home_is_the_platforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_home_path() == tmp_path / "mezzotint"


def test_asking_for_paths_creates_nothing(home: Home) -> None:
    assert not home.root.exists()
    assert not home.runtime.exists()


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_the_runtime_folder_is_private(home: Home) -> None:
    home.ensure()
    home.runtime.chmod(0o755)
    home.ensure()
    assert stat.S_IMODE(home.runtime.stat().st_mode) == 0o700


def test_socket_paths_stay_short_under_a_deep_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/" + "9" * 80)
    home = Home(tmp_path / ("d" * 200) / ("e" * 200))
    assert len(os.fsencode(home.runtime / "worker.sock")) <= MAX_SOCKET_PATH


def test_two_names_of_one_home_meet(home: Home, tmp_path: Path) -> None:
    home.ensure()
    (tmp_path / "alias").symlink_to(home.root)
    assert Home(tmp_path / "alias").runtime == home.runtime
    assert Home(tmp_path / "other").runtime != home.runtime


def test_the_engine_file_is_read_as_written_and_damage_means_none(home: Home) -> None:
    assert read_engine_file(home) is None
    home.ensure()
    engine = EngineFile(pid=1, started=2.5, protocol=1, engine_version="0.1.0", client_endpoint="ipc:///x")
    write_engine_file(home, engine)
    assert read_engine_file(home) == engine
    assert [path.name for path in home.runtime.iterdir()] == ["engine.json"]
    home.engine_file.write_bytes(home.engine_file.read_bytes()[:-9])
    assert read_engine_file(home) is None
