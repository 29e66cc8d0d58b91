"""A lock on a file is had by one at a time, also where the file is removed meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mezzotint_sdk import file_lock
from mezzotint_sdk.file_lock import try_lock


def test_it_is_had_once_and_freed_by_closing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first = try_lock(path)
    assert first is not None
    assert try_lock(path) is None
    os.close(first)
    again = try_lock(path)
    assert again is not None
    os.close(again)


def test_the_end_of_its_holder_frees_it(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from mezzotint_sdk.file_lock import try_lock\n"
        "print(try_lock(Path(sys.argv[1])) is not None, flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert try_lock(tmp_path / "lock") is None
        holder.kill()
    descriptor = try_lock(tmp_path / "lock")
    assert descriptor is not None
    os.close(descriptor)


def test_a_lock_on_a_file_that_was_removed_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking, the file's former holder removes it."""
    path = tmp_path / "lock"
    really_lock = file_lock._lock
    removed: list[bool] = []

    def lock(descriptor: int) -> bool:
        if not removed:
            removed.append(True)
            path.unlink()
        return really_lock(descriptor)

    monkeypatch.setattr(file_lock, "_lock", lock)
    descriptor = try_lock(path)
    assert descriptor is not None
    assert os.path.samestat(os.fstat(descriptor), path.stat())
    monkeypatch.undo()
    assert try_lock(path) is None
    os.close(descriptor)


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        try_lock(tmp_path / "gone" / "lock")
