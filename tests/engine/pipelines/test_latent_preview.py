from __future__ import annotations

import json
import os
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

os.environ.setdefault("TQDM_DISABLE", "1")

from mezzotint_engine.models.catalog import bundled_models_folder
from mezzotint_engine.pipelines.latent_factors import FACTORS
from mezzotint_engine.pipelines.latent_preview import LatentPreview


def test_a_preview_looks_like_the_picture() -> None:
    """The linear map of a clean latent against what the autoencoder makes of it, at the latent's size."""
    folder = bundled_models_folder() / "emoji-64"
    vae = diffusers.AutoencoderKL.from_pretrained(folder / "vae")
    # a red disc on white: made of shapes that the autoencoder knows
    y, x = np.mgrid[:64, :64]
    disc = ((x - 32) ** 2 + (y - 32) ** 2 < 500)[..., None]
    picture = np.where(disc, [220, 40, 40], [255, 255, 255]).astype(np.float32) / 127.5 - 1
    with torch.inference_mode():
        latent = vae.encode(torch.from_numpy(picture).float().permute(2, 0, 1)[None]).latent_dist.mean
        decoded = vae.decode(latent).sample[0].permute(1, 2, 0).numpy() * 127.5 + 127.5
    preview = LatentPreview.of_model(folder, "sd", 4)
    assert preview is not None
    rgb = preview.rgb((latent * vae.config.scaling_factor)[0].numpy()).astype(float)
    small = np.asarray(Image.fromarray(decoded.clip(0, 255).astype(np.uint8)).resize((16, 16)), float)
    assert np.abs(rgb - small).mean() < 40
    assert np.corrcoef(rgb.ravel(), small.ravel())[0, 1] > 0.7


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '{"matrix": [[1]], "bias": [0,0,0]}', '{"matrix": "x", "bias": 1}']
)
def test_a_map_that_can_not_be_used_gives_no_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "latent_preview.json").write_text(content)
    LatentPreview.of_model(tmp_path, "sd", 4)
    assert LatentPreview.of_model(tmp_path, "unknown", 4) is None
    assert LatentPreview.of_model(tmp_path, "sd", 5) is None


def test_a_model_may_bring_its_own_map(tmp_path: Path) -> None:
    own = {"channels": 2, "scale": 8, "matrix": [[1, 0, 0], [0, 1, 0]], "bias": [0, 0, 0.5]}
    (tmp_path / "latent_preview.json").write_text(json.dumps(own))
    preview = LatentPreview.of_model(tmp_path, "sd", 2)
    assert preview is not None
    latent = np.zeros((2, 4, 6), np.float32)
    latent[0, 1, 2], latent[1, 1, 2], latent[0, 0, 0] = 1.0, 2.0, np.nan
    rgb = preview.rgb(latent)
    assert rgb.shape == (4, 6, 3)
    assert rgb[1, 2].tolist() == [255, 255, 128]
    assert rgb[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("size", "expected"), [((64, 64), (256, 256)), ((2048, 1024), (512, 256)), ((300, 400), (300, 400))]
)
def test_previews_have_a_bounded_size(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    preview = LatentPreview.of_model(tmp_path, "sd", 4)
    assert preview is not None
    picture = preview.picture(np.zeros((4, size[1] // 8, size[0] // 8), np.float32), *size)
    assert picture.shape == (expected[1], expected[0], 3)
    assert picture.dtype == np.uint8


def test_known_maps_have_the_channels_of_their_autoencoders() -> None:
    channels = {"sd": 4, "sdxl": 4, "sd3": 16, "flux": 16}
    for family, (factors, bias) in FACTORS.items():
        assert np.shape(factors) == (channels[family], 3)
        assert np.shape(bias) == (3,)
