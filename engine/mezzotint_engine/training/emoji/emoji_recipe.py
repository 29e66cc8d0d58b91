"""The settings of the recipe, read from TOML; unknown or missing keys are refused by name."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

_Section = TypeVar("_Section")


class RecipeError(ValueError):
    """The recipe file is not usable; the message is one sentence that names the key."""


@dataclass(frozen=True)
class DataSettings:
    """How the pictures are drawn."""

    size_px: int
    variants: int
    variation: float
    seed: int


@dataclass(frozen=True)
class TextSettings:
    """Tokenizer and text encoder."""

    vocab_size: int
    max_tokens: int
    width: int
    layers: int
    heads: int


@dataclass(frozen=True)
class VaeSettings:
    """Shape and training of the autoencoder."""

    channels: list[int]
    layers_per_block: int
    latent_channels: int
    norm_groups: int
    steps: int
    batch: int
    learning_rate: float
    warmup_steps: int
    kl_weight: float
    gradient_weight: float
    ema_decay: float
    bfloat16: bool


@dataclass(frozen=True)
class UnetSettings:
    """Shape of the noise predictor and its joint training with the text encoder."""

    channels: list[int]
    attention: list[bool]
    layers_per_block: int
    norm_groups: int
    head_channels: int
    steps: int
    batch: int
    learning_rate: float
    warmup_steps: int
    decay_part: float
    weight_decay: float
    snr_weight_cut: float
    main_caption_part: float
    plain_picture_part: float
    uncond_part: float
    ema_decay: float
    seed: int
    bfloat16: bool
    compiled: bool


@dataclass(frozen=True)
class NoiseSettings:
    """The forward process, shared by training and by the shipped scheduler."""

    beta_start: float
    beta_end: float
    beta_schedule: str
    prediction_type: str
    train_timesteps: int


@dataclass(frozen=True)
class EvaluationSettings:
    """How the shipped model is measured."""

    steps: int
    seed: int
    batch: int


@dataclass(frozen=True)
class Recipe:
    """All sections of recipe.toml."""

    data: DataSettings
    text: TextSettings
    vae: VaeSettings
    unet: UnetSettings
    noise: NoiseSettings
    evaluation: EvaluationSettings


def _section(kind: type[_Section], name: str, table: dict[str, Any]) -> _Section:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    wrong = sorted(known ^ set(table))
    if wrong:
        raise RecipeError(f"Section [{name}] of the recipe lacks or does not know: {', '.join(wrong)}.")
    return kind(**table)


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file; raises `RecipeError` when a section or key is missing or unknown."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"There is no recipe file {path}; name one with --recipe.") from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"The recipe {path} is not valid TOML: {error}.") from None
    return Recipe(
        data=_section(DataSettings, "data", tables.get("data", {})),
        text=_section(TextSettings, "text", tables.get("text", {})),
        vae=_section(VaeSettings, "vae", tables.get("vae", {})),
        unet=_section(UnetSettings, "unet", tables.get("unet", {})),
        noise=_section(NoiseSettings, "noise", tables.get("noise", {})),
        evaluation=_section(EvaluationSettings, "evaluation", tables.get("evaluation", {})),
    )
