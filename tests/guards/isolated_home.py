"""Each test gets a Mezzotint home, and a user's home, of its own; nobody's real home is ever touched."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mezzotint_sdk.home import HOME_VARIABLE, Home

USER_FOLDERS = {
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_CACHE_HOME": ".cache",
    "XDG_STATE_HOME": ".local/state",
    "HF_HOME": ".cache/huggingface",
}


@contextmanager
def _isolated_home() -> Iterator[Path]:
    """A new home that the environment points to, removed with all that lies in it afterwards."""
    base = Path(tempfile.mkdtemp(prefix="mz-"))
    home = base / "home"
    home.mkdir()
    user = base / "user"
    user.mkdir()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(HOME_VARIABLE, str(home))
        environment.setenv("HOME", str(user))
        for variable, folder in USER_FOLDERS.items():
            environment.setenv(variable, str(user / folder))
        # A test that needs the network is a test that fails on a train.
        environment.setenv("HF_HUB_OFFLINE", "1")
        yield home
    # Sockets and mapped slots lie outside, see Home.runtime.
    shutil.rmtree(Home(home).runtime, ignore_errors=True)
    # Folders that a test made read-only must not stop the removal.
    for folder in (entry for entry in base.rglob("*") if entry.is_dir() and not entry.is_symlink()):
        folder.chmod(0o700)
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def session_home() -> Iterator[Path]:
    """What fixtures of wider scope than one test find: they are set up before its own home."""
    with _isolated_home() as home:
        yield home


@pytest.fixture(autouse=True)
def mezzotint_home(session_home: Path) -> Iterator[Path]:
    """An empty folder that `MEZZOTINT_HOME` points to, here and in every process that the test starts.

    It is not below `tmp_path`: socket paths must stay under 108 bytes, and pytest's folders carry the name of
    the test.
    """
    with _isolated_home() as home:
        yield home
