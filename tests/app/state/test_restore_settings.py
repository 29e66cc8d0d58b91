"""Settings out of picture files: ours exactly, A1111's as far as it goes, none at all, damaged ones."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.notice_state import Notice
from mezzotint_app.state.restore_settings import restore_settings
from mezzotint_sdk import messages as m
from mezzotint_sdk.job_spec import GenerateSpec, ImageValue, ModelRef
from mezzotint_sdk.png_metadata import FORMAT, METADATA_KEY
from tests.app.app_records import EMOJI, write_png
from tests.app.fake_engine_client import FakeEngineClient

A1111 = (
    "a red apple, oil painting\nNegative prompt: blurry\n"
    "Steps: 31, Sampler: Euler, CFG scale: 6.5, Seed: 4242, Size: 128x64, Model: Emoji 64, "
    "Clip skip: 2, ENSD: 31337"
)


def with_text(path: Path, key: str, text: str) -> Path:
    """A real PNG with a text chunk right after its header."""
    data = write_png(path).read_bytes()
    body = key.encode() + b"\0\0\0\0\0" + text.encode()
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    path.write_bytes(data[:33] + chunk + data[33:])
    return path


def own_text(spec: GenerateSpec) -> str:
    return msgspec.json.encode({"format": FORMAT, "spec": spec, "model_name": "Emoji 64"}).decode()


@pytest.fixture
def connected(app_state: AppState, client: FakeEngineClient) -> AppState:
    client.reply(m.ListModels, m.ModelList(models=(EMOJI,)))
    client.connect_engine()
    return app_state


def restored(qtbot: Any, state: AppState, path: Path) -> Notice:
    before = len(state.notices.notices)
    restore_settings(state, str(path))
    qtbot.waitUntil(lambda: len(state.notices.notices) > before)
    return state.notices.notices[-1]


def test_our_own_settings_come_back_exactly(qtbot: Any, connected: AppState, tmp_path: Path) -> None:
    spec = GenerateSpec(
        model=ModelRef(path=EMOJI.path, fingerprint="f1"),
        prompt="тигр 🐯\nsecond line",
        negative_prompt="blurry",
        steps=33,
        guidance_scale=4.75,
        seed=2**62 + 1,
        width=96,
        height=72,
        scheduler="EulerDiscreteScheduler",
        device="cpu",
        dtype="float32",
        threads=3,
        extra={"eta": 0.25},
    )
    notice = restored(qtbot, connected, with_text(tmp_path / "ours.png", METADATA_KEY, own_text(spec)))
    assert connected.generate.draft == spec
    assert connected.generate.seed_mode == "fixed"
    assert (notice.level, notice.sentence) == ("info", "The form has all settings of ours.png now.")


def test_a_model_that_has_changed_since_is_taken_as_it_is_and_said(
    qtbot: Any, connected: AppState, tmp_path: Path
) -> None:
    spec = GenerateSpec(model=ModelRef(path=EMOJI.path, fingerprint="older"), prompt="x")
    notice = restored(qtbot, connected, with_text(tmp_path / "old.png", METADATA_KEY, own_text(spec)))
    assert connected.generate.draft.model == ModelRef(path=EMOJI.path, fingerprint="f1")
    assert notice.level == "warning"
    assert "have changed since" in notice.sentence


def test_a_model_that_moved_is_found_by_its_name(qtbot: Any, connected: AppState, tmp_path: Path) -> None:
    spec = GenerateSpec(model=ModelRef(path="/elsewhere/emoji", fingerprint="f1"), prompt="x")
    restored(qtbot, connected, with_text(tmp_path / "moved.png", METADATA_KEY, own_text(spec)))
    assert connected.generate.draft.model == ModelRef(path=EMOJI.path, fingerprint="f1")


def test_a1111_as_far_as_it_goes(qtbot: Any, connected: AppState, tmp_path: Path) -> None:
    notice = restored(qtbot, connected, with_text(tmp_path / "other.png", "parameters", A1111))
    draft = connected.generate.draft
    assert (draft.prompt, draft.negative_prompt) == ("a red apple, oil painting", "blurry")
    assert (draft.steps, draft.guidance_scale, draft.seed) == (31, 6.5, 4242)
    assert (draft.width, draft.height, draft.scheduler) == (128, 64, "EulerDiscreteScheduler")
    assert draft.model.path == EMOJI.path
    assert notice.level == "warning"
    assert "2 settings were not understood" in notice.sentence
    assert notice.detail.splitlines() == ["Clip skip: 2", "ENSD: 31337"]


def test_a_picture_it_started_from_that_is_not_here_is_said(
    qtbot: Any, connected: AppState, tmp_path: Path
) -> None:
    spec = GenerateSpec(
        model=ModelRef(path=EMOJI.path), mode="image_to_image", image=ImageValue("a" * 64), strength=0.4
    )
    notice = restored(qtbot, connected, with_text(tmp_path / "from.png", METADATA_KEY, own_text(spec)))
    assert connected.generate.draft.image is None
    assert connected.generate.draft.mode == "image_to_image"
    assert "started from is not on this machine" in notice.detail


def test_a_picture_without_settings_is_offered_as_a_start(
    qtbot: Any, connected: AppState, client: FakeEngineClient, tmp_path: Path
) -> None:
    path = write_png(tmp_path / "plain.png")
    before = connected.generate.draft
    notice = restored(qtbot, connected, path)
    assert notice.sentence == "plain.png carries no settings that Mezzotint can read."
    assert connected.generate.draft == before
    assert notice.action_title == "Start from this picture"
    assert notice.action is not None
    notice.action()
    assert connected.generate.draft.mode == "image_to_image"
    assert client.last_call(m.ImportImage).path == str(path)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n\0\0"])
def test_a_damaged_file_changes_nothing(qtbot: Any, connected: AppState, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(data)
    before = connected.generate.draft
    notice = restored(qtbot, connected, path)
    assert notice.sentence.startswith("bad.png: ")
    assert connected.generate.draft == before
