"""Trains the noise predictor and the text encoder together, on latents that were computed once.

Shapes: B batch, L latent channels, h w latent positions, T text tokens, D width of the text encoder.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from .emoji_captions import CaptionedEmoji, training_captions
from .emoji_recipe import NoiseSettings, Recipe, TextSettings, UnetSettings
from .emoji_training_loop import (
    AveragedWeights,
    learning_rate_at,
    load_checkpoint,
    save_checkpoint,
    set_learning_rate,
)

log = logging.getLogger(__name__)


class Denoiser(NamedTuple):
    """The two networks that are trained together."""

    unet: UNet2DConditionModel
    text_encoder: CLIPTextModel


class CaptionTokens(NamedTuple):
    """Token ids of all captions: one main row and some looser rows for each emoji, and the empty text."""

    main_NT: Tensor
    loose_NT: list[Tensor]
    empty_T: Tensor


def build_text_encoder(settings: TextSettings, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained CLIP text encoder that fits the tokenizer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=settings.width,
            intermediate_size=4 * settings.width,
            projection_dim=settings.width,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            max_position_embeddings=settings.max_tokens,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_unet(
    settings: UnetSettings, latent_channels: int, latent_size: int, text_width: int
) -> UNet2DConditionModel:
    """An untrained noise predictor.

    Besides cross-attention, a pooled text embedding is added to the time embedding and steers every residual
    block by scale and shift: with few steps of training this teaches the identity of a picture far sooner.
    """
    cross = settings.attention
    return UNet2DConditionModel(
        sample_size=latent_size,
        in_channels=latent_channels,
        out_channels=latent_channels,
        down_block_types=tuple("CrossAttnDownBlock2D" if here else "DownBlock2D" for here in cross),
        up_block_types=tuple("CrossAttnUpBlock2D" if here else "UpBlock2D" for here in reversed(cross)),
        block_out_channels=tuple(settings.channels),
        layers_per_block=settings.layers_per_block,
        # diffusers takes the number of heads under this name
        attention_head_dim=tuple(width // settings.head_channels for width in settings.channels),
        norm_num_groups=settings.norm_groups,
        cross_attention_dim=text_width,
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def build_denoiser(recipe: Recipe, tokenizer: CLIPTokenizer) -> Denoiser:
    """Both networks, untrained."""
    latent_size = recipe.data.size_px // 2 ** (len(recipe.vae.channels) - 1)
    unet = build_unet(recipe.unet, recipe.vae.latent_channels, latent_size, recipe.text.width)
    return Denoiser(unet, build_text_encoder(recipe.text, tokenizer))


def tokenize_captions(captioned: Sequence[CaptionedEmoji], tokenizer: CLIPTokenizer) -> CaptionTokens:
    """Token ids exactly as the pipeline makes them: padded and cut to the tokenizer's length."""

    def ids(texts: list[str]) -> Tensor:
        cut = tokenizer(
            texts,
            padding="max_length",
            truncation=True,
            max_length=tokenizer.model_max_length,
            return_tensors="pt",
        )
        token_ids: Tensor = cut.input_ids
        return token_ids

    return CaptionTokens(
        main_NT=ids([emoji.caption for emoji in captioned]),
        loose_NT=[ids(training_captions(emoji)) for emoji in captioned],
        empty_T=ids([""])[0],
    )


class BatchSource:
    """Draws random batches of latents and caption tokens."""

    def __init__(self, latents_NVLhw: Tensor, tokens: CaptionTokens, settings: UnetSettings) -> None:
        self.latents_NVLhw, self.tokens, self.settings = latents_NVLhw, tokens, settings
        self.order: list[int] = []

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """One batch: latents (B, L, h, w) and token ids (B, T); each emoji comes once in an epoch."""
        settings = self.settings
        while len(self.order) < settings.batch:
            self.order += torch.randperm(len(self.latents_NVLhw), generator=generator).tolist()
        rows, self.order = self.order[: settings.batch], self.order[settings.batch :]
        chance_3B = torch.rand(3, settings.batch, generator=generator)
        variants = self.latents_NVLhw.shape[1]
        columns = 1 + (chance_3B[0] * (variants - 1)).long().clamp(max=variants - 2)
        columns[chance_3B[1] < settings.plain_picture_part] = 0
        token_rows = []
        for row, chance in zip(rows, chance_3B[2].tolist(), strict=True):
            if chance < settings.uncond_part:
                token_rows.append(self.tokens.empty_T)
            elif chance < settings.uncond_part + settings.main_caption_part:
                token_rows.append(self.tokens.main_NT[row])
            else:
                loose = self.tokens.loose_NT[row]
                token_rows.append(loose[int(torch.randint(len(loose), (), generator=generator))])
        return self.latents_NVLhw[rows, columns], torch.stack(token_rows)


def noise_schedule(settings: NoiseSettings) -> DDPMScheduler:
    """The forward process of the recipe."""
    return DDPMScheduler(
        num_train_timesteps=settings.train_timesteps,
        beta_start=settings.beta_start,
        beta_end=settings.beta_end,
        beta_schedule=settings.beta_schedule,
        prediction_type=settings.prediction_type,
        clip_sample=False,
    )


def velocity_loss(
    denoiser: Denoiser,
    schedule: DDPMScheduler,
    latent_BLhw: Tensor,
    tokens_BT: Tensor,
    gamma: float,
    generator: torch.Generator,
) -> Tensor:
    """Weighted mean square error of the predicted velocity.

    In terms of the clean latent the weight is SNR + 1, cut at `gamma`. Unlike Min-SNR (arXiv 2303.09556) it
    stays at 1 where nearly all is noise: there only the text tells which picture is meant.
    """
    batch = len(latent_BLhw)
    # One timestep from each of B equal strata: less variance than B free draws.
    strata_B = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
    timestep_B = (strata_B * schedule.config.num_train_timesteps).long()
    noise_BLhw = torch.randn(latent_BLhw.shape, generator=generator)
    noisy_BLhw = schedule.add_noise(latent_BLhw, noise_BLhw, timestep_B)
    velocity_BLhw = schedule.get_velocity(latent_BLhw, noise_BLhw, timestep_B)
    text_BTD = denoiser.text_encoder(tokens_BT).last_hidden_state
    predicted_BLhw = denoiser.unet(noisy_BLhw, timestep_B, text_BTD, return_dict=False)[0].float()
    kept_B = schedule.alphas_cumprod[timestep_B]
    snr_B = kept_B / (1 - kept_B)
    weight_B = (snr_B + 1).clamp(max=gamma) / (snr_B + 1)
    error_B = (predicted_BLhw - velocity_BLhw).square().mean((1, 2, 3))
    return (weight_B * error_B).mean()


def train_denoiser(
    recipe: Recipe,
    tokenizer: CLIPTokenizer,
    captioned: Sequence[CaptionedEmoji],
    latents_NVLhw: Tensor,
    checkpoint: Path,
) -> Denoiser:
    """Train until the recipe's steps are done, from the checkpoint if any; returns averaged weights."""
    settings = recipe.unet
    torch.manual_seed(settings.seed)
    denoiser = build_denoiser(recipe, tokenizer)
    parameters = [parameter for module in denoiser for parameter in module.parameters()]
    log.info("unet and text encoder: %.1f M parameters", sum(p.numel() for p in parameters) / 1e6)
    optimizer = torch.optim.AdamW(
        parameters, lr=settings.learning_rate, betas=(0.9, 0.99), weight_decay=settings.weight_decay
    )
    start = 0
    state = load_checkpoint(checkpoint)
    if state is not None:
        denoiser.unet.load_state_dict(state["unet"])
        denoiser.text_encoder.load_state_dict(state["text_encoder"])
    averaged = AveragedWeights(denoiser, settings.ema_decay)
    if state is not None:
        averaged.load(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"]
    source = BatchSource(latents_NVLhw, tokenize_captions(captioned, tokenizer), settings)
    schedule = noise_schedule(recipe.noise)
    generator = torch.Generator().manual_seed(settings.seed + start)
    if settings.compiled:
        for module in denoiser:
            module.compile()
    began, seen_loss = time.monotonic(), 0.0
    for step in range(start, settings.steps):
        rate = learning_rate_at(
            step, settings.steps, settings.learning_rate, settings.warmup_steps, settings.decay_part
        )
        set_learning_rate(optimizer, rate)
        latent_BLhw, tokens_BT = source.draw(generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
            loss = velocity_loss(
                denoiser, schedule, latent_BLhw, tokens_BT, settings.snr_weight_cut, generator
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        averaged.update(step + 1)
        seen_loss += (loss.item() - seen_loss) / min(step - start + 1, 100)
        if (step + 1) % 50 == 0:
            pace = (time.monotonic() - began) / (step + 1 - start)
            progress = (step + 1, settings.steps, seen_loss, pace)
            log.info("unet step %d of %d: loss %.4f, %.3f s a step", *progress)
        if (step + 1) % 250 == 0 or step + 1 == settings.steps:
            save_checkpoint(checkpoint, _state(denoiser, averaged, optimizer, step + 1))
    averaged.swap()
    return denoiser


def _state(
    denoiser: Denoiser, averaged: AveragedWeights, optimizer: torch.optim.Optimizer, step: int
) -> dict[str, Any]:
    return {
        "unet": denoiser.unet.state_dict(),
        "text_encoder": denoiser.text_encoder.state_dict(),
        "average": averaged.average,
        "optimizer": optimizer.state_dict(),
        "step": step,
    }


def averaged_denoiser(recipe: Recipe, tokenizer: CLIPTokenizer, checkpoint: Path) -> Denoiser:
    """The averaged weights of a checkpoint, of finished training or not; raises `FileNotFoundError`."""
    state = load_checkpoint(checkpoint)
    if state is None:
        raise FileNotFoundError(f"There is no checkpoint {checkpoint}; train first.")
    denoiser = build_denoiser(recipe, tokenizer)
    AveragedWeights(denoiser, 0.0).load_into_live(state["average"])
    for module in denoiser:
        module.eval().requires_grad_(False)
    return denoiser
