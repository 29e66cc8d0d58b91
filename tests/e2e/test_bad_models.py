"""Model folders that can't be used: one sentence each, nothing executed, and the next job is drawn."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from mezzotint_sdk.errors import MezzotintError
from mezzotint_sdk.job_spec import ModelRef
from tests.e2e.live_engine import LiveEngine, emoji_spec

pytestmark = pytest.mark.slow

UNET = Path("unet") / "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def engine(session_home: Path) -> Iterator[LiveEngine]:
    with LiveEngine(session_home) as engine:
        yield engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "model"
    shutil.copytree(Path(str(files("mezzotint_assets"))) / "models" / "emoji-64", copy)
    return copy


class Bomb:
    """What a hostile pickle does: touches a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (self.path,))


def drop_vae(folder: Path) -> None:
    shutil.rmtree(folder / "vae")


def drop_weights(folder: Path) -> None:
    (folder / UNET).unlink()


def truncate(folder: Path) -> None:
    data = (folder / UNET).read_bytes()
    (folder / UNET).write_bytes(data[: len(data) // 2])


def absurd_header_length(folder: Path) -> None:
    data = (folder / UNET).read_bytes()
    (folder / UNET).write_bytes(struct.pack("<Q", 2**60) + data[8:])


def wrong_dtype(folder: Path) -> None:
    data = (folder / UNET).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    for name, entry in header.items():
        if name != "__metadata__":
            entry["dtype"] = "I64"
    text = json.dumps(header).encode()
    (folder / UNET).write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def only_pickle(folder: Path) -> None:
    (folder / UNET).unlink()
    with (folder / "unet" / "diffusion_pytorch_model.bin").open("wb") as stream:
        pickle.dump(Bomb(folder / "exploded"), stream)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (drop_vae, "model_incomplete"),
        (drop_weights, "model_incomplete"),
        (truncate, "model_damaged"),
        (absurd_header_length, "model_damaged"),
        (wrong_dtype, "model_damaged"),
        (only_pickle, "model_unsafe"),
    ],
)
def test_a_damaged_model_is_refused_in_one_sentence(
    engine: LiveEngine, folder: Path, damage: Callable[[Path], None], code: str
) -> None:
    damage(folder)
    try:
        (run_id,) = engine.submit(emoji_spec(model=ModelRef(path=str(folder))))
    except MezzotintError as refused:
        error = refused.info()
    else:
        run = engine.wait_for_end(run_id)
        assert run.state == "failed"
        assert run.error is not None
        error = run.error
    assert error.code == code, error
    assert "Traceback" not in error.message
    assert "\n" not in error.message
    assert not (folder / "exploded").exists()
    engine.assert_healthy()


def test_a_whole_copy_of_the_model_is_drawn_with(engine: LiveEngine, folder: Path) -> None:
    (run_id,) = engine.submit(emoji_spec(model=ModelRef(path=str(folder))))
    assert engine.wait_for_end(run_id).state == "finished"


def test_a_folder_that_is_not_there_is_refused(engine: LiveEngine, tmp_path: Path) -> None:
    with pytest.raises(MezzotintError) as refused:
        engine.submit(emoji_spec(model=ModelRef(path=str(tmp_path / "nowhere"))))
    assert refused.value.code == "not_found"
    engine.assert_healthy()
