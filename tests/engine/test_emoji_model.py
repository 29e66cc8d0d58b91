"""The shipped model folder, used as any program would: through plain diffusers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    DiffusionPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)
from PIL import Image

MODEL_FOLDER = Path(__file__).parents[2] / "assets" / "models" / "emoji-64"
ODD_PROMPTS = [
    "",
    " \t\n",
    "word " * 200,
    "x" * 2000,
    "قطة حمراء",
    "红苹果",
    "🍕🚀",
    "\x00\x07\x1b[31m",
    "<|endoftext|><|startoftext|>",
    "e\u0301\u200d\ufeff\U0010ffff",
]


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    loaded = DiffusionPipeline.from_pretrained(MODEL_FOLDER)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def _draw(pipeline: DiffusionPipeline, prompts: list[str], **settings: object) -> np.ndarray:
    generators = [torch.Generator().manual_seed(5 + row) for row in range(len(prompts))]
    defaults = {"num_inference_steps": 2, "output_type": "np", "generator": generators}
    return np.asarray(pipeline(prompts, **{**defaults, **settings}).images)


def test_loads_whole_in_single_precision(pipeline: StableDiffusionPipeline) -> None:
    assert type(pipeline) is StableDiffusionPipeline
    for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        assert {parameter.dtype for parameter in part.parameters()} == {torch.float32}
        assert all(bool(torch.isfinite(parameter).all()) for parameter in part.parameters())


def test_folder_is_small_and_holds_no_pickles() -> None:
    files = [file for file in MODEL_FOLDER.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 40_000_000
    assert {file.suffix for file in files} <= {".json", ".safetensors", ".txt", ".md", ".toml"}


def test_draws_64_pixels_by_default_and_the_same_twice(pipeline: StableDiffusionPipeline) -> None:
    first = _draw(pipeline, ["red apple"])
    assert first.shape == (1, 64, 64, 3)
    assert np.array_equal(first, _draw(pipeline, ["red apple"]))
    assert not np.array_equal(first, _draw(pipeline, ["rocket"]))


def test_text_decides_what_is_drawn(pipeline: StableDiffusionPipeline) -> None:
    red, green, rocket = _draw(
        pipeline, ["red apple", "green apple", "rocket"], num_inference_steps=20, guidance_scale=3.0
    )
    middle = slice(24, 44)
    red_R, red_G, _ = red[middle, middle].mean(axis=(0, 1))
    green_R, green_G, _ = green[middle, middle].mean(axis=(0, 1))
    assert red_R > red_G + 0.3
    assert green_G > green_R
    for picture in (red, green, rocket):
        assert picture[:6, :6].mean() > 0.9, "the corner is white paper"


@pytest.mark.allow_logs(
    "longer than the specified maximum", "part of your input was truncated"
)  # with CI=true
def test_any_text_gives_a_picture(pipeline: StableDiffusionPipeline) -> None:
    pictures = _draw(pipeline, ODD_PROMPTS, negative_prompt=ODD_PROMPTS[::-1])
    assert pictures.shape == (len(ODD_PROMPTS), 64, 64, 3)
    assert np.isfinite(pictures).all()


@pytest.mark.parametrize("text", [*ODD_PROMPTS, "Slice of PIZZA"])
def test_tokenizer_round_trip(pipeline: StableDiffusionPipeline, text: str) -> None:
    tokenizer = pipeline.tokenizer
    ids = tokenizer(text, add_special_tokens=False).input_ids
    if "<|" not in text:
        assert tokenizer.unk_token_id not in ids
    decoded = tokenizer.decode(ids)
    expected = tokenizer.backend_tokenizer.normalizer.normalize_str(text)
    assert "".join(decoded.split()) == "".join(expected.split())


def test_tokenizer_pads_and_cuts_to_32(pipeline: StableDiffusionPipeline) -> None:
    tokenizer = pipeline.tokenizer
    for text in ODD_PROMPTS:
        ids = tokenizer(text, padding="max_length", truncation=True, max_length=32).input_ids
        assert len(ids) == 32
        assert ids[0] == tokenizer.bos_token_id
        assert tokenizer.eos_token_id in ids


def test_pooled_text_is_that_of_the_first_end_token(pipeline: StableDiffusionPipeline) -> None:
    ids = pipeline.tokenizer(
        ["red apple"], padding="max_length", max_length=32, return_tensors="pt"
    ).input_ids
    with torch.no_grad():
        output = pipeline.text_encoder(ids)
    end = ids[0].tolist().index(pipeline.tokenizer.eos_token_id)
    assert torch.equal(output.pooler_output[0], output.last_hidden_state[0, end])


def test_img2img_and_inpaint_from_the_same_folder(pipeline: StableDiffusionPipeline) -> None:
    start = Image.new("RGB", (64, 64), "red")
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    for kind, extra in (
        (StableDiffusionImg2ImgPipeline, {}),
        (StableDiffusionInpaintPipeline, {"mask_image": mask}),
    ):
        other = kind.from_pipe(pipeline)
        other.set_progress_bar_config(disable=True)
        pictures = _draw(other, ["red apple"], image=start, strength=1.0, **extra)
        assert pictures.shape == (1, 64, 64, 3)


def test_latent_preview_tells_white_from_dark(pipeline: StableDiffusionPipeline) -> None:
    preview = json.loads((MODEL_FOLDER / "latent_preview.json").read_text(encoding="utf-8"))
    matrix, bias = np.array(preview["matrix"]), np.array(preview["bias"])
    assert matrix.shape == (preview["channels"], 3)
    for level in (-1.0, 1.0):
        with torch.no_grad():
            latents = pipeline.vae.encode(torch.full((1, 3, 64, 64), level)).latent_dist.mean
        latent = (latents * pipeline.vae.config.scaling_factor)[0].permute(1, 2, 0).numpy()
        assert latent.shape[0] * preview["scale"] == 64
        colour = (latent @ matrix + bias).mean()
        assert (colour > 0.8) if level > 0 else (colour < 0.35)
