"""An installed copy, moved to another folder, read-only and owned by another user; no PATH, no sources."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long, pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="mz-moved-"))
    folder.chmod(0o755)
    yield folder
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody can write there: by the modes, or by a mount where we are root, whom modes don't stop."""
    if os.getuid() == 0:
        subprocess.run(["mount", "--bind", folder, folder], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
            yield
        finally:
            subprocess.run(["umount", folder], check=True)
        return
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield


def listing(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path.relative_to(folder)), path.stat().st_mtime_ns) for path in folder.rglob("*"))


def test_a_read_only_copy_draws_a_picture_and_writes_nothing_beside_the_code(place: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    source = place / "source"
    ignore = shutil.ignore_patterns(".venv", ".git", "out", "build", "*.egg-info", ".*cache", "tests")
    shutil.copytree(ROOT, source, ignore=ignore)
    built = place / "wheel"
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", built, source], check=True)
    shutil.rmtree(source)
    code = place / "first"
    subprocess.run([*pip, "install", "--no-deps", "--target", code, *built.glob("*.whl")], check=True)
    code = code.rename(place / "moved")
    for cache in code.rglob("__pycache__"):
        shutil.rmtree(cache)
    before = listing(code)
    home = place / "home"
    home.mkdir()
    environment = {
        "PYTHONPATH": str(code),
        "MEZZOTINT_HOME": str(home),
        "HOME": str(home),
        "OMP_NUM_THREADS": "1",
    }

    def mezzotint(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *words]
        return subprocess.run(
            command,
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )

    with read_only(code):
        where = mezzotint("-c", "import mezzotint_engine.server as room; print(room.__file__)")
        assert where.stdout.startswith(str(code)), where.stderr
        made = mezzotint(
            "-m",
            "mezzotint_app",
            "generate",
            "emoji-64",
            "--prompt",
            "red apple",
            "--steps",
            "2",
            "--seed",
            "1",
            "--json",
        )
        assert made.returncode == 0, made.stderr
        last = json.loads(made.stdout.strip().splitlines()[-1])
        assert last["state"] == "finished"
        assert all(Path(file).is_relative_to(home) for file in last["files"])
        assert last["files"]
        assert listing(code) == before
