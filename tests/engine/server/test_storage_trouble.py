"""A data folder that is full, read-only or not there: said in one sentence, and over when it's over."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mezzotint_engine.server.storage_watch import network_file_system
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import StorageError
from tests.engine.server.engine_harness import Engine, WireClient, running_engine

pytestmark = pytest.mark.slow

TMPFS_BYTES = 24 * 1024**2


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_home(mezzotint_home: Path) -> Iterator[Path]:
    """A home on a file system of its own, of 24 MiB: real, so only where this user may mount."""
    options = f"size={TMPFS_BYTES}"
    if sys.platform != "linux" or not _mount("-t", "tmpfs", "-o", options, "tmpfs", str(mezzotint_home)):
        pytest.skip("only root on Linux can mount a small file system")
    try:
        yield mezzotint_home
    finally:
        subprocess.run(["umount", "-l", str(mezzotint_home)], check=True)


def fill(home: Path) -> Path:
    """Use up all space; gives the file that has it."""
    filler = home / "filler"
    with filler.open("wb", buffering=0) as stream:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    stream.write(b"x" * size)
            except OSError:
                continue
    return filler


def test_an_engine_that_has_no_room_to_begin_says_so_with_its_status(small_home: Path) -> None:
    fill(small_home)
    # With a run-time folder elsewhere it serves what is there, for reading.
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(small_home)}
    command = [sys.executable, "-m", "mezzotint_engine", "--home", str(small_home)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 6, ended.stderr
    (line,) = ended.stderr.strip().splitlines()
    assert re.search(r"full|can't be written", line)


def until_writable(client: WireClient, writable: bool) -> m.ServerChanged:
    return client.until(
        lambda n: (
            n.body
            if isinstance(n.body, m.ServerChanged) and n.body.server.home_writable is writable
            else None
        ),
        f"writable: {writable}",
    )


def test_a_full_data_folder(small_home: Path) -> None:
    with running_engine(small_home) as engine:
        client = engine.client()
        (done,) = client.submit("normal")
        client.until_final(done)
        (running,) = client.submit("normal 0.05", steps=40)
        client.until(lambda n: isinstance(n.body, m.RunProgressed) and n.run_id == running, "progress")
        queued = client.submit("normal b", "normal c")
        filler = fill(small_home)
        with pytest.raises(StorageError, match=r"full|can't be written"):
            client.submit("normal d")
        failed = client.until_final(running)
        assert (failed.state, failed.error and failed.error.code) == ("failed", "storage")
        until_writable(client, False)
        status = client.status()
        assert not status.server.home_writable
        assert any("full" in warning or "written" in warning for warning in status.server.warnings)
        assert client.get(m.GetRun(run_id=done)).run.state == "finished", "reading goes on"
        assert client.get(m.ListArtifacts()).total == 1
        assert [run.run_id for run in status.queue] == queued, (
            "they wait for space, and don't fail one by one"
        )
        filler.unlink()
        client.notices.clear()
        until_writable(client, True)
        for run_id in queued:
            assert client.until_final(run_id).state == "finished"
        assert client.get(m.GetRun(run_id=running)).run.state == "failed"
    with running_engine(small_home) as engine:
        client = engine.client()
        assert client.get(m.GetRun(run_id=running)).run.state == "failed", (
            "written when there was space again"
        )
        assert client.get(m.ListRuns()).total == 4


def test_a_worker_that_is_lost_while_nothing_can_be_written_is_recorded_later(small_home: Path) -> None:
    with running_engine(small_home) as engine:
        client = engine.client()
        (run_id,) = client.submit("normal 0.05", steps=10_000)
        client.until(lambda n: isinstance(n.body, m.RunProgressed), "progress")
        filler = fill(small_home)
        os.kill(next(w.pid for w in client.status().workers if w.state == "busy"), signal.SIGKILL)
        assert client.until_final(run_id).state == "failed"
        assert [run.state for run in client.get(m.ListRuns()).runs] == ["failed"], (
            "also while it can't be written"
        )
        until_writable(client, False)
        filler.unlink()
        until_writable(client, True)
        (again,) = client.get(m.RetryRun(run_id=run_id)).run_ids
        client.until_state(again, "running")
        client.get(m.CancelRun(run_id=again))
        client.until_final(again)
    with running_engine(small_home) as engine:
        assert engine.client().get(m.GetRun(run_id=run_id)).run.state == "failed"


def test_a_home_that_is_read_only_from_the_start_can_be_read(small_home: Path) -> None:
    with running_engine(small_home) as engine:
        client = engine.client()
        (run_id,) = client.submit("normal")
        client.until_final(run_id)
    assert _mount("-o", "remount,ro", str(small_home))
    try:
        with running_engine(small_home) as engine:
            client = engine.client()
            info = client.status().server
            assert not info.home_writable
            assert "read-only" in " ".join(info.warnings)
            found = client.get(m.GetRun(run_id=run_id))
            assert found.run.state == "finished"
            assert Path(found.artifacts[0].path).exists()
            with pytest.raises(StorageError, match="read-only"):
                client.submit("normal")
            with pytest.raises(StorageError, match="read-only"):
                client.get(m.DeleteRuns(run_ids=(run_id,)))
    finally:
        assert _mount("-o", "remount,rw", str(small_home))


def test_an_empty_home_that_is_read_only(small_home: Path) -> None:
    assert _mount("-o", "remount,ro", str(small_home))
    try:
        with running_engine(small_home) as engine:
            client = engine.client()
            assert client.get(m.ListRuns()).total == 0
            assert not client.status().server.home_writable
    finally:
        assert _mount("-o", "remount,rw", str(small_home))


def test_files_that_may_not_grow(mezzotint_home: Path) -> None:
    """The same as a full disk for a user who may not mount: no file may exceed 256 KiB."""
    limit = str(256 * 1024)
    prefix = ("prlimit", f"--fsize={limit}:{limit}")
    with running_engine(mezzotint_home, prefix=prefix) as engine:
        client = engine.client()
        (run_id,) = client.submit("normal")
        assert client.until_final(run_id).state == "finished"
        with pytest.raises(StorageError):
            client.submit("normal " + "x" * 400_000)
        assert client.get(m.ListRuns()).total == 1
        assert client.status().server.pid == engine.process.pid


@pytest.mark.parametrize("kind", ["file", "missing"])
def test_a_home_that_can_not_be_one_is_said_in_one_line(tmp_path: Path, kind: str) -> None:
    home = tmp_path / "home"
    if kind == "file":
        home.write_text("not a folder")
    else:
        home = Path("/proc/no/such/place")
    done = subprocess.run(
        [sys.executable, "-m", "mezzotint_engine", "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 6
    assert done.stderr.count("\n") == 1
    assert str(home) in done.stderr


@pytest.mark.parametrize("damage", ["garbage", "newer"])
def test_a_database_that_can_not_be_used_is_left_alone(mezzotint_home: Path, damage: str) -> None:
    database = mezzotint_home / "mezzotint.db"
    if damage == "garbage":
        database.write_bytes(b"this is no database" * 1000)
    else:
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA user_version = 999")
        connection.close()
    before = database.read_bytes()
    engine = Engine(mezzotint_home)
    output = engine.process.communicate(timeout=60)[0]
    assert engine.process.returncode == 6
    assert output.count("\n") == 1
    assert ("damaged" if damage == "garbage" else "newer Mezzotint") in output
    assert database.read_bytes() == before
    assert not os.path.exists(engine.home.engine_file)


MOUNTS = """/dev/sda1 / ext4 rw 0 0
server:/export /home nfs4 rw 0 0
/dev/sdb1 /home/local\\040disk ext4 rw 0 0
//nas/share /mnt/nas cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/home/anna", "nfs4"), ("/home/local disk/x", ""), ("/homes", ""), ("/mnt/nas", "cifs"), ("/srv", "")],
)
def test_network_file_systems_are_known(path: str, kind: str) -> None:
    assert network_file_system(Path(path), MOUNTS) == kind
