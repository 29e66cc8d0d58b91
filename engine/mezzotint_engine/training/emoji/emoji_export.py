"""Writes the trained parts as an ordinary diffusers folder, with a linear map from latents to colours."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline
from torch import Tensor
from transformers import CLIPTokenizer

from .emoji_recipe import NoiseSettings
from .emoji_unet_training import Denoiser


def shipped_scheduler(settings: NoiseSettings) -> DDIMScheduler:
    """The scheduler of the shipped folder: deterministic, with steps that begin at pure noise."""
    return DDIMScheduler(
        num_train_timesteps=settings.train_timesteps,
        beta_start=settings.beta_start,
        beta_end=settings.beta_end,
        beta_schedule=settings.beta_schedule,
        prediction_type=settings.prediction_type,
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
        timestep_spacing="trailing",
    )


def build_pipeline(
    vae: AutoencoderKL, denoiser: Denoiser, tokenizer: CLIPTokenizer, noise: NoiseSettings
) -> StableDiffusionPipeline:
    """The parts as one pipeline, without safety checker and feature extractor."""
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=denoiser.text_encoder,
        tokenizer=tokenizer,
        unet=denoiser.unet,
        scheduler=shipped_scheduler(noise),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def fit_latent_preview(
    latents_NVLhw: Tensor, pictures_NVHWC: np.ndarray, scaling_factor: float
) -> dict[str, object]:
    """Least squares from one latent position to the mean colour of the pixels it stands for.

    Returns channels, scale (pixels for one latent position, per side), matrix (L rows of 3) and bias (3); the
    map takes latents as they are in the denoising loop to RGB in [0, 1] at the latent's size.
    """
    channels, height, width = latents_NVLhw.shape[2:]
    scale = pictures_NVHWC.shape[2] // height
    latent_PL = (
        (latents_NVLhw[:, 0] * scaling_factor).permute(0, 2, 3, 1).reshape(-1, channels).double().numpy()
    )
    plain = pictures_NVHWC[:, 0].astype(np.float64) / 255.0
    blocks = plain.reshape(len(plain), height, scale, width, scale, 3)
    colour_P3 = blocks.mean(axis=(2, 4)).reshape(-1, 3)
    with_bias = np.concatenate([latent_PL, np.ones((len(latent_PL), 1))], axis=1)
    fitted, *_ = np.linalg.lstsq(with_bias, colour_P3, rcond=None)
    return {
        "channels": channels,
        "scale": scale,
        "matrix": fitted[:channels].round(5).tolist(),
        "bias": fitted[channels].round(5).tolist(),
    }


def export_model(
    vae: AutoencoderKL,
    denoiser: Denoiser,
    tokenizer: CLIPTokenizer,
    noise: NoiseSettings,
    preview: dict[str, object],
    folder: Path,
) -> int:
    """Write the model into `folder` and return the bytes of its weights.

    The noise predictor is stored in half precision, which diffusers turns back into single precision while
    loading; the text encoder is not, because transformers would then compute in half precision.
    """
    pipeline = build_pipeline(vae, denoiser, tokenizer, noise)
    pipeline.save_pretrained(folder)
    deepcopy(denoiser.unet).half().save_pretrained(folder / "unet")
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)
    (folder / "latent_preview.json").write_text(json.dumps(preview, indent=2) + "\n", encoding="utf-8")
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
