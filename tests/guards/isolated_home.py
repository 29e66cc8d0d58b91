"""Each test gets a Mezzotint home, and a user's home, of its own; nobody's real home is ever touched."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mezzotint_sdk.home import HOME_VARIABLE, Home


@pytest.fixture(autouse=True)
def mezzotint_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder that `MEZZOTINT_HOME` points to, here and in every process that the test starts.

    It is not below `tmp_path`: socket paths must stay under 108 bytes, and pytest's folders carry the name of
    the test.
    """
    base = Path(tempfile.mkdtemp(prefix="mz-"))
    home = base / "home"
    home.mkdir()
    user = base / "user"
    user.mkdir()
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    monkeypatch.setenv("HOME", str(user))
    for variable, folder in (
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_DATA_HOME", ".local/share"),
        ("XDG_CACHE_HOME", ".cache"),
        ("XDG_STATE_HOME", ".local/state"),
        ("HF_HOME", ".cache/huggingface"),
    ):
        monkeypatch.setenv(variable, str(user / folder))
    # A test that needs the network is a test that fails on a train.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    yield home
    # Sockets and mapped slots lie outside, see Home.runtime.
    shutil.rmtree(Home(home).runtime, ignore_errors=True)
    # Folders that a test made read-only must not stop the removal.
    for folder in (entry for entry in base.rglob("*") if entry.is_dir() and not entry.is_symlink()):
        folder.chmod(0o700)
    shutil.rmtree(base, ignore_errors=True)
