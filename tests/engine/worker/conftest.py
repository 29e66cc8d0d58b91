from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before diffusers is imported anywhere: no progress bars in the tests' output either.
os.environ.setdefault("TQDM_DISABLE", "1")

from mezzotint_engine.worker import job_events
from mezzotint_engine.worker.job_runner import JobRunner
from tests.engine.worker.fake_server import FakeChannel


@pytest.fixture
def channel(tmp_path: Path) -> FakeChannel:
    return FakeChannel(tmp_path)


@pytest.fixture
def runner(channel: FakeChannel, monkeypatch: pytest.MonkeyPatch) -> JobRunner:
    """Tells of each step: what a test does at a step it does at that step."""
    monkeypatch.setattr(job_events, "PROGRESS_SECONDS", 0.0)
    return JobRunner(channel.send)
