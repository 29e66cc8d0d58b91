"""Memory snapshots: what is asked of PyTorch where there is CUDA, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mezzotint_engine.opdebug.memory_snapshot import MemorySnapshots
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import DebugPlan
from mezzotint_sdk.errors import BadInputError, StorageError
from tests.engine.opdebug.session_host import Debugged


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A CUDA that writes down what it is asked."""
    asked: list[Any] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda.memory, "_record_memory_history", lambda **how: asked.append(how))

    def dump(file: str) -> None:
        Path(file).write_bytes(b"snapshot")
        asked.append("dump")

    monkeypatch.setattr(torch.cuda.memory, "_dump_snapshot", dump)
    return asked


def test_history_is_recorded_until_the_debugger_goes(cuda: list[Any], tmp_path: Path) -> None:
    snapshots = MemorySnapshots()
    snapshots.record()
    assert snapshots.save(str(tmp_path / "x.pickle")).read_bytes() == b"snapshot"
    snapshots.stop()
    snapshots.stop()
    assert cuda == [{"max_entries": 200_000}, "dump", {"enabled": None}]


def test_without_a_history_nothing_is_switched_off(cuda: list[Any], tmp_path: Path) -> None:
    snapshots = MemorySnapshots()
    snapshots.save(str(tmp_path / "x.pickle"))
    snapshots.stop()
    assert cuda == ["dump"]


def test_a_file_that_cant_be_written_is_said(cuda: list[Any], tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"x\.pickle can't be written"):
        MemorySnapshots().save(str(tmp_path / "missing" / "x.pickle"))
    with pytest.raises(BadInputError, match=r"as a \.pickle"):
        MemorySnapshots().save(str(tmp_path / "x.json"))


def test_in_the_console_of_a_run_without_cuda_one_sentence_says_why_not(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    run = Debugged(tmp_path, {}, DebugPlan(stop_at="first_op"))
    run.start(lambda session: torch.ones(2) + 1)
    run.stop()
    for line in ("memory on", "memory x.pickle"):
        said = run.ask(dm.SayToConsole(line=line)).text
        assert said.strip() == (
            "This run uses no CUDA device, and only CUDA's allocator can be asked what it did."
        )
    assert "Say" in run.ask(dm.SayToConsole(line="memory")).text
    run.ask(dm.Resume(verb="continue"))
    run.join()
    assert not run.failures()
