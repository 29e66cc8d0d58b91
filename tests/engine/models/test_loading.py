from __future__ import annotations

import os
import pickle
from pathlib import Path

import diffusers
import pytest
import safetensors.torch
import torch

from mezzotint_engine.models.catalog import fingerprint
from mezzotint_engine.models.loading import LoadedModel, load_model
from mezzotint_engine.models.memory_errors import is_out_of_memory
from mezzotint_engine.models.model_families import KARRAS_SCHEDULERS
from mezzotint_engine.models.residency import ModelResidency
from mezzotint_engine.pipelines.scheduler_choice import make_scheduler, scheduler_names
from mezzotint_sdk.errors import BadInputError, MezzotintError, ModelDamagedError, ModelUnsafeError

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(autouse=True)
def quiet_diffusers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")


class Malice:
    """What runs when such a pickle is loaded without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


def to_pickle(folder: Path, content: object) -> None:
    (folder / "unet" / WEIGHTS).unlink()
    torch.save(content, folder / "unet" / "diffusion_pytorch_model.bin")


def test_modes_share_all_components(emoji_copy: Path) -> None:
    model = load_model(emoji_copy, "float32", "cpu")
    text, image, mask = (model.pipeline(mode) for mode in ("text_to_image", "image_to_image", "inpaint"))
    assert type(image) is diffusers.StableDiffusionImg2ImgPipeline
    assert type(mask) is diffusers.StableDiffusionInpaintPipeline
    assert text.unet is image.unet is mask.unet
    assert text.unet.dtype == torch.float32
    assert model.nbytes >= 4 * 13_000_000
    with pytest.raises(BadInputError, match="can't do video"):
        model.pipeline("video")


def test_dtype_is_what_was_asked_for(emoji_copy: Path) -> None:
    model = load_model(emoji_copy, "bfloat16", "cpu")
    assert {model.base.unet.dtype, model.base.vae.dtype, model.base.text_encoder.dtype} == {torch.bfloat16}


def test_a_pickle_of_mere_weights_is_loaded(emoji_copy: Path) -> None:
    to_pickle(emoji_copy, safetensors.torch.load_file(emoji_copy / "unet" / WEIGHTS))
    assert load_model(emoji_copy, "float32", "cpu").base.unet is not None


@pytest.mark.parametrize("legacy", [False, True])
def test_a_malicious_pickle_is_refused_and_never_run(emoji_copy: Path, tmp_path: Path, legacy: bool) -> None:
    mark = tmp_path / "was run"
    to_pickle(emoji_copy, {"weight": Malice(mark)})
    if legacy:
        (emoji_copy / "unet" / "diffusion_pytorch_model.bin").write_bytes(pickle.dumps(Malice(mark)))
    with pytest.raises(ModelUnsafeError, match="could run code"):
        load_model(emoji_copy, "float32", "cpu")
    assert not mark.exists()


def test_a_damaged_pickle_is_said(emoji_copy: Path) -> None:
    to_pickle(emoji_copy, {"weight": torch.zeros(1000)})
    path = emoji_copy / "unet" / "diffusion_pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(ModelDamagedError):
        load_model(emoji_copy, "float32", "cpu")


def test_weights_that_do_not_fit_are_said_in_a_sentence(emoji_copy: Path) -> None:
    safetensors.torch.save_file({"conv_in.weight": torch.zeros(3, 3)}, emoji_copy / "unet" / WEIGHTS)
    with pytest.raises(MezzotintError) as caught:
        load_model(emoji_copy, "float32", "cpu")
    assert caught.value.code == "model_damaged"
    assert "\n" not in caught.value.message


def test_the_catalog_lists_the_schedulers_that_the_pipeline_takes(emoji_copy: Path) -> None:
    model = load_model(emoji_copy, "float32", "cpu")
    assert set(KARRAS_SCHEDULERS) == set(scheduler_names(model.scheduler))
    with pytest.raises(BadInputError, match="did you mean EulerDiscreteScheduler"):
        make_scheduler(model.scheduler, "eulerdiscrete")
    with pytest.raises(BadInputError, match="it takes"):
        make_scheduler(model.scheduler, "☃")


def test_a_model_is_loaded_once_until_its_folder_changes(emoji_copy: Path) -> None:
    loads: list[str] = []

    def load(folder: Path, dtype: str, device: str) -> LoadedModel:
        loads.append(dtype)
        return load_model(folder, dtype, device)

    models = ModelResidency(load)
    own = fingerprint(emoji_copy)
    first = models.get(emoji_copy, own, "float32", "cpu")
    assert models.get(emoji_copy, own, "float32", "cpu") is first
    os.utime(emoji_copy / "unet" / WEIGHTS, ns=(1, 1))
    assert models.get(emoji_copy, own, "float32", "cpu") is not first
    assert loads == ["float32", "float32"]
    assert len(models) == 1
    models.clear()
    assert len(models) == 0


def test_the_least_recently_used_model_makes_room(emoji_copy: Path) -> None:
    own = fingerprint(emoji_copy)
    one = load_model(emoji_copy, "float32", "cpu").nbytes
    models = ModelResidency(budget_bytes=lambda _: int(one * 1.6))
    models.get(emoji_copy, own, "float32", "cpu")
    models.get(emoji_copy, own, "bfloat16", "cpu")
    assert len(models) == 2
    models.get(emoji_copy, own, "float16", "cpu")
    assert len(models) == 2
    assert models.nbytes("cpu") <= one * 1.6


def test_out_of_memory_is_told_from_other_failures() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(None)
    try:
        try:
            raise MemoryError
        except MemoryError as inner:
            raise ValueError("loading failed") from inner
    except ValueError as outer:
        assert is_out_of_memory(outer)  # noqa: PT017
