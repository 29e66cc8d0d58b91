from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest

from mezzotint_engine.models.catalog import (
    bundled_models_folder,
    describe_model,
    fingerprint,
    list_models,
    resolve_model,
)
from mezzotint_sdk.errors import NotFoundError
from mezzotint_sdk.records import ModelRecord

WEIGHTS = "diffusion_pytorch_model.safetensors"


def problem_of(folder: Path) -> tuple[str, str]:
    found = describe_model(str(folder)).problem
    assert found is not None, "no problem was found"
    return found.code, found.message


def edit_index(folder: Path, **changes: object) -> None:
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_bundled_model_is_described() -> None:
    record = describe_model("bundled:emoji-64")
    assert record.problem is None
    assert record.path == "bundled:emoji-64"
    assert record.pipeline_class == "StableDiffusionPipeline"
    assert (record.default_width, record.default_height, record.size_multiple) == (64, 64, 8)
    assert record.scheduler in record.schedulers
    assert record.modes == ("text_to_image", "image_to_image", "inpaint")
    assert record.parameters > 1_000_000
    assert len(record.fingerprint) == 64
    captions = json.loads((Path(record.folder) / "captions.json").read_text(encoding="utf-8"))
    assert set(record.example_prompts) <= {entry["caption"] for entry in captions}
    assert record.example_prompts


def test_models_are_listed_from_folders_of_models_and_from_models(emoji_copy: Path, tmp_path: Path) -> None:
    (tmp_path / "models" / "not a model").mkdir()
    for place in (emoji_copy, emoji_copy.parent):
        found = list_models([place, tmp_path / "not there"])
        assert [record.path for record in found] == ["bundled:emoji-64", str(emoji_copy)]
        assert isinstance(found[1], ModelRecord)


@pytest.mark.parametrize(
    "path", ["", "bundled:", "bundled:none", "bundled:..", "bundled:../x", "relative", "/no", "a\0b"]
)
def test_what_is_not_there_is_said(path: str) -> None:
    with pytest.raises(NotFoundError):
        resolve_model(path)


def test_a_copy_has_the_same_fingerprint_and_a_change_another(emoji_copy: Path) -> None:
    own = fingerprint(emoji_copy)
    assert own == fingerprint(bundled_models_folder() / "emoji-64")
    (emoji_copy / "README.md").write_text("other words")
    assert fingerprint(emoji_copy) == own
    weights = emoji_copy / "unet" / WEIGHTS
    data = bytearray(weights.read_bytes())
    data[-5000:] = bytes(5000)  # retrained: same name, size and header
    weights.write_bytes(data)
    assert fingerprint(emoji_copy) != own


def test_missing_parts_are_named(emoji_copy: Path) -> None:
    (emoji_copy / "vae" / WEIGHTS).unlink()
    code, message = problem_of(emoji_copy)
    assert code == "model_incomplete"
    assert "vae" in message
    shutil.rmtree(emoji_copy / "vae")
    assert problem_of(emoji_copy)[0] == "model_incomplete"
    (emoji_copy / "model_index.json").unlink()
    assert problem_of(emoji_copy)[0] == "model_incomplete"


@pytest.mark.parametrize("file", ["unet/config.json", "scheduler/scheduler_config.json", "model_index.json"])
def test_damaged_configurations_are_named(emoji_copy: Path, file: str) -> None:
    (emoji_copy / file).write_bytes(b'{"broken": ')
    code, message = problem_of(emoji_copy)
    assert code == "model_damaged"
    assert Path(file).name in message


def test_weights_that_can_not_be_drawn_with_are_refused(emoji_copy: Path) -> None:
    path = emoji_copy / "unet" / WEIGHTS
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for name, entry in header.items():
        if name != "__metadata__":
            entry["dtype"] = "I16"
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    code, message = problem_of(emoji_copy)
    assert code == "model_error"
    assert "unet are stored as I16" in message


def test_code_in_a_folder_is_never_run(emoji_copy: Path) -> None:
    edit_index(emoji_copy, unet=["my_unet", "MyUNet"])
    assert problem_of(emoji_copy)[0] == "model_unsafe"
    edit_index(emoji_copy, _class_name=["pipeline", "MyPipeline"])
    assert problem_of(emoji_copy)[0] == "model_unsafe"
    edit_index(emoji_copy, _class_name="StableDiffusionPipeline", **{"../up": ["diffusers", "X"]})
    assert problem_of(emoji_copy)[0] in ("model_damaged", "model_unsafe")


def test_a_pipeline_that_we_do_not_know_is_said(emoji_copy: Path) -> None:
    edit_index(emoji_copy, _class_name="NonesuchPipeline")
    code, message = problem_of(emoji_copy)
    assert code == "model_error"
    assert "NonesuchPipeline" in message


def test_shards_must_all_be_there(emoji_copy: Path) -> None:
    unet = emoji_copy / "unet"
    (unet / WEIGHTS).rename(unet / "part-1.safetensors")
    index = unet / f"{WEIGHTS}.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "part-1.safetensors"}}))
    assert describe_model(str(emoji_copy)).problem is None
    index.write_text(json.dumps({"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors"}}))
    assert "part-2" in problem_of(emoji_copy)[1]
    index.write_text(json.dumps({"weight_map": {"a": "../../secret"}}))
    assert problem_of(emoji_copy)[0] == "model_damaged"


def test_a_lone_checkpoint_pickle_is_refused(emoji_copy: Path) -> None:
    (emoji_copy / "unet" / WEIGHTS).unlink()
    (emoji_copy / "unet" / "model.ckpt").write_bytes(pickle.dumps({}))
    assert problem_of(emoji_copy)[0] == "model_unsafe"


def test_a_model_is_read_again_only_when_it_was_written(emoji_copy: Path) -> None:
    first = describe_model(str(emoji_copy))
    assert describe_model(str(emoji_copy)) is first
    notes = emoji_copy / "mezzotint.json"
    notes.write_text('{"default_guidance": 3.5}')
    assert describe_model(str(emoji_copy)).default_guidance == 3.5
    config = emoji_copy / "vae" / "config.json"
    config.write_text(config.read_text() + " ")
    assert describe_model(str(emoji_copy)).fingerprint != first.fingerprint
    config.unlink()
    assert describe_model(str(emoji_copy)).problem is not None
