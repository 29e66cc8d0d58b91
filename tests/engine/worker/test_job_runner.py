"""The real runner with the real model, without a process or a socket around it."""

from __future__ import annotations

import hashlib
import io
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mezzotint_engine.models.model_families import KARRAS_SCHEDULERS
from mezzotint_engine.worker.job_control import JobControl
from mezzotint_engine.worker.job_runner import JobRunner
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import Breakpoint, DebugPlan
from mezzotint_sdk.job_spec import ImageValue, ModelRef, picture_spec
from mezzotint_sdk.metric_file import MetricReader
from mezzotint_sdk.phases import GENERATE_PHASES
from mezzotint_sdk.png_metadata import read_settings
from tests.engine.worker.fake_server import FakeChannel, emoji_spec

pytestmark = pytest.mark.slow


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def keep_input(channel: FakeChannel, picture: Image.Image) -> ImageValue:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    (channel.inputs / f"{digest}.png").write_bytes(buffer.getvalue())
    return ImageValue(digest)


def test_a_run_tells_all_it_does_and_leaves_pictures_and_metrics(
    channel: FakeChannel, runner: JobRunner
) -> None:
    spec = emoji_spec(count=2, steps=4)
    end = channel.run(runner, spec)
    assert isinstance(end, m.JobFinished), end
    (started,) = channel.of(m.JobStarted)
    assert (started.device, started.spec.dtype, started.spec.threads) == ("cpu", "float32", 1)
    assert len(started.spec.model.fingerprint) == 64
    assert [phase.name for phase in end.phases] == list(GENERATE_PHASES)
    assert end.seconds == pytest.approx(sum(phase.seconds for phase in end.phases), rel=0.2)
    steps = [(p.image_index, p.step, p.steps) for p in channel.of(m.JobProgressed) if p.phase == "denoise"]
    assert {(0, 4, 4), (1, 4, 4)} <= set(steps)
    assert channel.of(m.JobProgressed)[-1].eta_seconds >= 0
    first, second = channel.of(m.JobSaved)
    folder = channel.folder / "run-1"
    assert (first.seed, second.seed, first.file) == (0, 1, "artifacts/0000.png")
    assert (folder / first.file).stat().st_size == first.nbytes
    assert not np.array_equal(pixels(folder / first.file), pixels(folder / second.file))

    reader = MetricReader(folder / "metrics")
    counts = {info.name: info.count for info in reader.series()}
    assert counts["latency/step"] == counts["speed/steps_per_second"] == 8
    assert counts["time/denoise"] == 2
    assert counts["memory/worker"] >= 1
    assert (reader.read("latency/step").lows > 0).all()
    told = [
        value
        for message in channel.of(m.JobMeasured)
        if message.name == "latency/step"
        for value in message.values
    ]
    assert told == reader.read("latency/step").lows.tolist()


def test_a_picture_carries_the_spec_that_draws_it_alone(channel: FakeChannel, runner: JobRunner) -> None:
    spec = emoji_spec(count=3, seed=7, prompt="a prompt, with: marks\nand lines", negative_prompt="ü 🍎")
    channel.run(runner, spec)
    found = read_settings(channel.folder / "run-1" / "artifacts" / "0002.png")
    assert found.spec is not None
    own_hash = found.spec.model.fingerprint
    asked = emoji_spec(
        count=3,
        seed=7,
        prompt=spec.prompt,
        negative_prompt=spec.negative_prompt,
        model=ModelRef(path="bundled:emoji-64", fingerprint=own_hash),
    )
    assert found.spec == picture_spec(asked, 2)
    assert found.model_name == "emoji-64"
    assert found.raw["mezzotint"]["run_id"] == "run-1"
    assert "Negative prompt: ü 🍎" in found.raw["parameters"]
    assert "Sampler: DDIM," in found.raw["parameters"], "other programs can't know the model's own scheduler"
    again = channel.run(runner, found.spec, "run-2")
    assert isinstance(again, m.JobFinished)
    first, second = (channel.folder / run / "artifacts" for run in ("run-1", "run-2"))
    assert np.array_equal(pixels(first / "0002.png"), pixels(second / "0000.png"))


def test_a_loaded_model_is_used_again(channel: FakeChannel, runner: JobRunner) -> None:
    channel.run(runner, emoji_spec())
    kept = runner._models._models.copy()
    channel.run(runner, emoji_spec(prompt="pizza"), "run-2")
    assert next(iter(runner._models._models.values())) is next(iter(kept.values()))
    assert len(runner._models) == 1


def test_a_debug_plan_that_cannot_be_read_fails_the_run_and_not_the_worker(
    channel: FakeChannel, runner: JobRunner
) -> None:
    bad = DebugPlan(breakpoints=(Breakpoint(breakpoint_id=1, expression="out.("),))
    end = channel.run(runner, emoji_spec(steps=1), debug=bad)
    assert isinstance(end, m.JobFailed)
    assert "out.(" in end.error.message
    assert isinstance(channel.run(runner, emoji_spec(steps=1), "run-2"), m.JobFinished)


def test_cancel_ends_at_the_next_step(channel: FakeChannel, runner: JobRunner) -> None:
    def cancel(message: m.FromWorker, control: JobControl) -> None:
        if isinstance(message, m.JobProgressed) and message.phase == "denoise" and message.step == 1:
            control.cancel()

    channel.react = cancel
    end = channel.run(runner, emoji_spec(steps=50, count=5))
    assert isinstance(end, m.JobCancelled)
    assert max(p.step for p in channel.of(m.JobProgressed)) == 1
    assert not channel.of(m.JobSaved)
    channel.react = lambda message, control: None
    assert isinstance(channel.run(runner, emoji_spec(), "run-2"), m.JobFinished)


def test_pause_holds_at_a_step_and_its_time_does_not_count(channel: FakeChannel, runner: JobRunner) -> None:
    paused_for = 0.5
    timers: list[threading.Timer] = []

    def pause(message: m.FromWorker, control: JobControl) -> None:
        if isinstance(message, m.JobProgressed) and message.phase == "denoise" and message.step == 2:
            control.pause()
        if isinstance(message, m.JobPaused):
            timers.append(threading.Timer(paused_for, control.resume))
            timers[0].start()

    channel.run(runner, emoji_spec(steps=4))
    unpaused = channel.sent[-1]
    channel.react = pause
    end = channel.run(runner, emoji_spec(steps=4), "run-2")
    timers[0].join()
    assert isinstance(end, m.JobFinished)
    kinds = [type(message) for message in channel.sent if not isinstance(message, m.JobMeasured)]
    assert kinds.index(m.JobPaused) + 1 == kinds.index(m.JobResumed)
    latency = MetricReader(channel.folder / "run-2" / "metrics").read("latency/step")
    assert latency.highs.max() < paused_for * 1000
    assert isinstance(unpaused, m.JobFinished)
    for phase in end.phases:
        assert phase.seconds < paused_for or phase.name == "load"


def test_image_to_image_starts_from_the_picture(channel: FakeChannel, runner: JobRunner) -> None:
    red = keep_input(channel, Image.new("RGB", (200, 100), (230, 30, 30)))
    end = channel.run(
        runner, emoji_spec(mode="image_to_image", image=red, strength=0.3, steps=10, guidance_scale=1.0)
    )
    assert isinstance(end, m.JobFinished), end
    picture = pixels(channel.folder / "run-1" / "artifacts" / "0000.png").astype(int)
    assert picture.shape == (64, 64, 3)
    assert picture[..., 0].mean() > picture[..., 2].mean() + 60
    assert max(p.steps for p in channel.of(m.JobProgressed)) == 3


def test_inpaint_keeps_what_is_black_in_the_mask(channel: FakeChannel, runner: JobRunner) -> None:
    blue = keep_input(channel, Image.new("RGBA", (64, 64), (20, 60, 230, 255)))
    half = np.zeros((64, 64), np.uint8)
    half[:, 32:] = 255
    mask = keep_input(channel, Image.fromarray(half))
    spec = emoji_spec(mode="inpaint", image=blue, mask=mask, strength=1.0, steps=6)
    assert isinstance(channel.run(runner, spec), m.JobFinished)
    picture = pixels(channel.folder / "run-1" / "artifacts" / "0000.png").astype(int)
    assert (picture[:, :32] == [20, 60, 230]).all()
    assert np.abs(picture[:, 32:] - [20, 60, 230]).mean() > 20


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"model": ModelRef(path="/not/there")}, "not_found", "no model folder"),
        ({"scheduler": "EulerDescreteScheduler"}, "bad_input", "did you mean EulerDiscreteScheduler"),
        ({"width": 60}, "bad_input", "multiples of 8"),
        ({"steps": 2000}, "bad_input", "at most 1000"),
        ({"device": "cuda:7"}, "bad_input", "no device"),
        ({"mode": "image_to_image"}, "bad_input", "needs a picture"),
        ({"mode": "image_to_image", "image": ImageValue("0" * 64)}, "not_found", "start picture"),
        ({"mode": "inpaint", "strength": 0.01}, "bad_input", "leave none to draw"),
    ],
)
def test_bad_input_is_one_sentence(
    channel: FakeChannel, runner: JobRunner, changes: dict[str, object], code: str, words: str
) -> None:
    end = channel.run(runner, emoji_spec(**changes))
    assert isinstance(end, m.JobFailed)
    assert end.error.code == code
    assert words in end.error.message
    assert "\n" not in end.error.message


@pytest.mark.allow_logs(
    "longer than the specified maximum", "part of your input was truncated"
)  # with CI=true
@pytest.mark.parametrize(
    "prompt",
    ["", "\x00\x07\x1b[31m", "e\u0301\u200d\ufeff\U0010ffff", "苹果 🍎", "<|endoftext|>", "word " * 200_000],
)
def test_any_text_is_drawn(channel: FakeChannel, runner: JobRunner, prompt: str) -> None:
    end = channel.run(runner, emoji_spec(prompt=prompt, negative_prompt=prompt[::-1], steps=1))
    assert isinstance(end, m.JobFinished), end
    found = read_settings(channel.folder / "run-1" / "artifacts" / "0000.png")
    assert found.spec is not None
    assert found.spec.prompt == prompt


def test_out_of_memory_is_said_and_the_next_run_is_drawn(
    channel: FakeChannel, runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.run(runner, emoji_spec())
    model = next(iter(runner._models._models.values()))
    monkeypatch.setattr(model.base.unet, "forward", lambda *_, **__: torch.empty(2**50))
    end = channel.run(runner, emoji_spec(), "run-2")
    assert isinstance(end, m.JobFailed)
    assert end.error.code == "out_of_memory"
    assert "smaller size" in end.error.message
    assert "Traceback" in end.error.detail
    assert len(runner._models) == 0
    assert isinstance(channel.run(runner, emoji_spec(), "run-3"), m.JobFinished)


def test_latents_that_fall_apart_are_said(
    channel: FakeChannel, runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.run(runner, emoji_spec())
    model = next(iter(runner._models._models.values()))

    def nothing(sample: torch.Tensor, *_: object, **__: object) -> tuple[torch.Tensor]:
        return (sample * float("nan"),)

    monkeypatch.setattr(model.base.unet, "forward", nothing)
    end = channel.run(runner, emoji_spec(), "run-2")
    assert isinstance(end, m.JobFailed)
    assert "fell apart at step 1" in end.error.message


def test_an_unforeseen_failure_has_one_sentence_and_its_traceback_as_detail(
    channel: FakeChannel, runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.run(runner, emoji_spec())
    model = next(iter(runner._models._models.values()))
    monkeypatch.delattr(model.base, "vae")
    end = channel.run(runner, emoji_spec(), "run-2")
    assert isinstance(end, m.JobFailed)
    assert end.error.code == "internal"
    assert "\n" not in end.error.message
    assert "Traceback" in end.error.detail


@pytest.mark.skipif(sys.platform != "linux", reason="a folder that root can't write either")
def test_a_run_folder_that_can_not_be_written_is_said(channel: FakeChannel, runner: JobRunner) -> None:
    # a file where a folder should be: root may write into read-only ones
    (channel.folder / "run-1").mkdir()
    (channel.folder / "run-1" / "artifacts").write_text("")
    end = channel.run(runner, emoji_spec())
    assert isinstance(end, m.JobFailed)
    assert end.error.code == "storage"
    assert "free some space" in end.error.message
    (channel.folder / "run-2").mkdir()
    (channel.folder / "run-2" / "metrics").write_text("")
    end = channel.run(runner, emoji_spec(steps=20), "run-2")
    assert isinstance(end, m.JobFailed)
    assert end.error.code == "storage"


@pytest.mark.slow
def test_every_scheduler_on_offer_draws_the_same_picture_twice(
    channel: FakeChannel, runner: JobRunner
) -> None:
    for number, name in enumerate(KARRAS_SCHEDULERS):
        spec = emoji_spec(scheduler=name, steps=4, seed=11)
        files = []
        for again in range(2):
            run_id = f"scheduler-{number}-{again}"
            end = channel.run(runner, spec, run_id=run_id)
            assert isinstance(end, m.JobFinished), (name, end)
            files.append(channel.folder / run_id / channel.of(m.JobSaved)[-1].file)
        first, second = (pixels(file) for file in files)
        assert np.array_equal(first, second), name
        assert first.std() > 1, f"{name} draws nothing"
