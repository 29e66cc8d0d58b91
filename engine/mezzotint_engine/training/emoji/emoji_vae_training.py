"""Trains the autoencoder: 64x64 pictures to 16x16 latents and back.

Shapes: B batch, H W pixels, h w latent positions, L latent channels.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from .emoji_recipe import DataSettings, VaeSettings
from .emoji_training_loop import (
    AveragedWeights,
    learning_rate_at,
    load_checkpoint,
    save_checkpoint,
    set_learning_rate,
)

log = logging.getLogger(__name__)


def build_vae(settings: VaeSettings, size_px: int) -> AutoencoderKL:
    """An untrained autoencoder whose latents are a quarter of the picture's size for three levels."""
    levels = len(settings.channels)
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=tuple(settings.channels),
        layers_per_block=settings.layers_per_block,
        latent_channels=settings.latent_channels,
        norm_num_groups=settings.norm_groups,
        sample_size=size_px,
        scaling_factor=1.0,
    )


def to_model_range(pictures: np.ndarray) -> Tensor:
    """uint8 pictures (..., H, W, 3) as float32 in [-1, 1], channels first: (N, 3, H, W)."""
    flat = torch.from_numpy(pictures.reshape(-1, *pictures.shape[-3:]))
    return flat.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def reconstruction_loss(output_B3HW: Tensor, target_B3HW: Tensor, gradient_weight: float) -> Tensor:
    """L1 on pixels at three scales plus L1 on horizontal and vertical differences, which keeps edges."""
    loss = torch.zeros(())
    for scale in range(3):
        if scale:
            output_B3HW, target_B3HW = F.avg_pool2d(output_B3HW, 2), F.avg_pool2d(target_B3HW, 2)
        loss = loss + F.l1_loss(output_B3HW, target_B3HW)
        for dim in (2, 3):
            difference = torch.diff(output_B3HW, dim=dim) - torch.diff(target_B3HW, dim=dim)
            loss = loss + gradient_weight * difference.abs().mean()
    return loss


def _pick(pictures: np.ndarray, batch: int, generator: torch.Generator) -> Tensor:
    rows = torch.randint(pictures.shape[0], (batch,), generator=generator).numpy()
    columns = torch.randint(pictures.shape[1], (batch,), generator=generator).numpy()
    return to_model_range(pictures[rows, columns])


def train_vae(
    pictures: np.ndarray, settings: VaeSettings, data: DataSettings, checkpoint: Path
) -> AutoencoderKL:
    """Train until the recipe's steps are done, from the checkpoint if any; returns averaged weights."""
    vae = build_vae(settings, data.size_px)
    parameters = list(vae.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
    start = 0
    state = load_checkpoint(checkpoint)
    if state is not None:
        vae.load_state_dict(state["vae"])
    averaged = AveragedWeights([vae], settings.ema_decay)
    if state is not None:
        averaged.load(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"]
    generator = torch.Generator().manual_seed(data.seed + start)
    began, seen_loss = time.monotonic(), 0.0
    for step in range(start, settings.steps):
        rate = learning_rate_at(step, settings.steps, settings.learning_rate, settings.warmup_steps, 0.5)
        set_learning_rate(optimizer, rate)
        target = _pick(pictures, settings.batch, generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
            posterior = vae.encode(target).latent_dist
            latent = posterior.sample(generator)
            output = vae.decode(latent).sample.float()
        loss = reconstruction_loss(output, target, settings.gradient_weight)
        loss = loss + settings.kl_weight * posterior.kl().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        averaged.update(step + 1)
        seen_loss = 0.95 * seen_loss + 0.05 * loss.item()
        if (step + 1) % 50 == 0:
            pace = (time.monotonic() - began) / (step + 1 - start)
            log.info("vae step %d of %d: loss %.4f, %.3f s a step", step + 1, settings.steps, seen_loss, pace)
        if (step + 1) % 500 == 0 or step + 1 == settings.steps:
            save_checkpoint(
                checkpoint,
                {
                    "vae": vae.state_dict(),
                    "average": averaged.average,
                    "optimizer": optimizer.state_dict(),
                    "step": step + 1,
                },
            )
    averaged.swap()
    return vae.eval().requires_grad_(False)


@torch.no_grad()
def standardise_latents(vae: AutoencoderKL, pictures: np.ndarray) -> None:
    """Make each latent channel zero-mean and unit-variance over the data, inside the two 1x1 convolutions.

    With this `scaling_factor` is simply 1, also for programs that know no per-channel shift.
    """
    latent_NLhw = encode_all(vae, pictures).flatten(0, 1)
    mean_L, std_L = latent_NLhw.mean((0, 2, 3)), latent_NLhw.std((0, 2, 3))
    channels = len(mean_L)
    before, after = vae.quant_conv, vae.post_quant_conv
    after.bias.add_(torch.einsum("oihw,i->o", after.weight, mean_L))
    after.weight.mul_(std_L[None, :, None, None])
    before.weight[:channels].div_(std_L[:, None, None, None])
    before.bias[:channels].sub_(mean_L).div_(std_L)
    before.bias[channels:].sub_(2.0 * std_L.log())


@torch.no_grad()
def encode_all(vae: AutoencoderKL, pictures: np.ndarray) -> Tensor:
    """Latent means of all pictures: (emoji, variants, L, h, w)."""
    parts = [vae.encode(part).latent_dist.mean for part in to_model_range(pictures).split(64)]
    latent_NLhw = torch.cat(parts)
    return latent_NLhw.view(*pictures.shape[:2], *latent_NLhw.shape[1:]).contiguous()


def load_trained_vae(settings: VaeSettings, data: DataSettings, file: Path) -> AutoencoderKL:
    """The finished autoencoder of the stage 'vae'."""
    vae = build_vae(settings, data.size_px)
    vae.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return vae.eval().requires_grad_(False)
