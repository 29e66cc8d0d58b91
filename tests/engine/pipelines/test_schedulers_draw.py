from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("TQDM_DISABLE", "1")

from mezzotint_engine.models.model_families import KARRAS_SCHEDULERS
from mezzotint_engine.worker.job_runner import JobRunner
from mezzotint_sdk import messages as m
from tests.engine.worker.fake_server import FakeChannel, emoji_spec

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> FakeChannel:
    return FakeChannel(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def runner(channel: FakeChannel) -> JobRunner:
    return JobRunner(channel.send)


# diffusers hands torch tensors to numpy in a way that numpy 2 wants changed
@pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("scheduler", KARRAS_SCHEDULERS)
def test_every_listed_scheduler_draws_or_says_why_not(
    channel: FakeChannel, runner: JobRunner, scheduler: str, steps: int, tmp_path: Path
) -> None:
    end = channel.run(runner, emoji_spec(scheduler=scheduler, steps=steps), tmp_path.name)
    if isinstance(end, m.JobFailed):
        assert steps == 1, end.error
        assert end.error.code in ("bad_input", "bad_numbers"), end.error
    else:
        assert isinstance(end, m.JobFinished)
        denoise = [p for p in channel.of(m.JobProgressed) if p.phase == "denoise"]
        assert denoise[-1].step == denoise[-1].steps >= steps
