"""The recipe's settings and the pure logic of its training: no font, no long computation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mezzotint_engine.training.emoji.emoji_captions import CaptionedEmoji
from mezzotint_engine.training.emoji.emoji_evaluation import contact_sheet, nearest_emoji
from mezzotint_engine.training.emoji.emoji_export import fit_latent_preview
from mezzotint_engine.training.emoji.emoji_recipe import Recipe, RecipeError, load_recipe
from mezzotint_engine.training.emoji.emoji_tokenizer import build_tokenizer, byte_alphabet, learn_merges
from mezzotint_engine.training.emoji.emoji_training_loop import (
    AveragedWeights,
    learning_rate_at,
    load_checkpoint,
    save_checkpoint,
)
from mezzotint_engine.training.emoji.emoji_unet_training import (
    BatchSource,
    averaged_denoiser,
    tokenize_captions,
    train_denoiser,
)
from mezzotint_engine.training.emoji.emoji_vae_training import build_vae, encode_all, standardise_latents

RECIPE_FILE = Path(__file__).parents[2] / "assets" / "models" / "emoji-64" / "recipe.toml"
CAPTIONED = [
    CaptionedEmoji(0x1F34E, "red apple", "food", "red apple", ()),
    CaptionedEmoji(0x1F680, "rocket", "vehicle", "rocket", ()),
    CaptionedEmoji(0x1F355, "slice of pizza", "food", "slice of pizza", ("pizza",)),
]


@pytest.fixture
def tiny_recipe() -> Recipe:
    recipe = load_recipe(RECIPE_FILE)
    return replace(
        recipe,
        text=replace(recipe.text, width=32, layers=1, heads=2, vocab_size=540, max_tokens=16),
        unet=replace(
            recipe.unet,
            channels=[16, 32, 32],
            head_channels=16,
            norm_groups=8,
            steps=2,
            batch=4,
            bfloat16=False,
        ),
    )


def test_recipe_with_a_wrong_key_is_refused_by_name(tmp_path: Path) -> None:
    wrong = tmp_path / "recipe.toml"
    wrong.write_text(
        RECIPE_FILE.read_text(encoding="utf-8").replace("batch = 16", "batches = 16"), encoding="utf-8"
    )
    with pytest.raises(RecipeError, match=r"\[vae\].*batch, batches"):
        load_recipe(wrong)


@pytest.mark.parametrize("text", ["[data", None])
def test_unreadable_recipe_is_one_sentence(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "recipe.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe(file)
    assert "\n" not in str(caught.value)


def test_learning_rate_warms_up_stays_and_falls_to_zero() -> None:
    rates = [learning_rate_at(step, 100, 1.0, 10, 0.2) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10] == rates[79] == 1.0
    assert rates[90] == pytest.approx(0.5)
    assert rates[100] == 0.0


def test_averaged_weights_swap_back_and_forth() -> None:
    layer = nn.Linear(2, 2)
    averaged = AveragedWeights([layer], decay=0.5)
    first = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight.add_(1.0)
    averaged.update(step=1000)
    averaged.swap()
    assert torch.allclose(layer.weight, first + 0.5)
    averaged.swap()
    assert torch.allclose(layer.weight, first + 1.0)


def test_checkpoint_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "c.pt"
    assert load_checkpoint(file) is None
    for step in (1, 2):
        save_checkpoint(file, {"step": step})
    assert load_checkpoint(file) == {"step": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


def test_merges_join_the_most_frequent_pair_first() -> None:
    assert learn_merges(["low low lot"], 2) == [("l", "o"), ("lo", "w</w>")]
    assert learn_merges(["ab"], 10) == [("a", "b</w>")]


def test_byte_alphabet_has_256_distinct_letters() -> None:
    letters = byte_alphabet()
    assert len(set(letters)) == 256
    assert letters[ord("a")] == "a"
    assert letters[ord(" ")] == "Ġ"


def test_batches_show_each_emoji_once_an_epoch_with_its_own_tokens(tiny_recipe: Recipe) -> None:
    tokenizer = build_tokenizer([emoji.caption for emoji in CAPTIONED], 540, 16)
    tokens = tokenize_captions(CAPTIONED, tokenizer)
    latents = torch.arange(3.0).view(3, 1, 1, 1, 1).expand(3, 2, 4, 16, 16)
    settings = replace(tiny_recipe.unet, batch=3, uncond_part=0.0, main_caption_part=1.0)
    latent, drawn = BatchSource(latents, tokens, settings).draw(torch.Generator().manual_seed(0))
    rows = latent[:, 0, 0, 0].long()
    assert sorted(rows.tolist()) == [0, 1, 2]
    assert torch.equal(drawn, tokens.main_NT[rows])


def test_training_goes_on_from_its_checkpoint(tiny_recipe: Recipe, tmp_path: Path) -> None:
    tokenizer = build_tokenizer([emoji.caption for emoji in CAPTIONED], 540, 16)
    latents = torch.randn(3, 2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    file = tmp_path / "unet.pt"
    train_denoiser(tiny_recipe, tokenizer, CAPTIONED, latents, file)
    first = averaged_denoiser(tiny_recipe, tokenizer, file)
    longer = replace(tiny_recipe, unet=replace(tiny_recipe.unet, steps=4))
    trained = train_denoiser(longer, tokenizer, CAPTIONED, latents, file)
    saved = averaged_denoiser(longer, tokenizer, file)
    state = load_checkpoint(file)
    assert state is not None
    assert state["step"] == 4
    for mine, theirs in zip(trained.unet.parameters(), saved.unet.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert not torch.equal(first.unet.conv_in.weight, saved.unet.conv_in.weight)


def test_standardised_latents_have_unit_scale_and_decode_as_before(tiny_recipe: Recipe) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 2, 64, 64, 3), dtype=np.uint8)
    vae = build_vae(replace(tiny_recipe.vae, channels=[8, 8, 8]), 64).eval().requires_grad_(False)
    before = vae.decode(encode_all(vae, pictures)[:, 0]).sample
    standardise_latents(vae, pictures)
    latents = encode_all(vae, pictures)
    assert torch.allclose(latents.mean((0, 1, 3, 4)), torch.zeros(4), atol=1e-3)
    assert torch.allclose(latents.std((0, 1, 3, 4)), torch.ones(4), atol=1e-2)
    assert torch.allclose(vae.decode(latents[:, 0]).sample, before, atol=1e-3)


def test_latent_preview_recovers_a_linear_map() -> None:
    latents = torch.randn(6, 1, 4, 2, 2, generator=torch.Generator().manual_seed(0)) * 0.1
    matrix = np.linspace(-0.3, 0.3, 12).reshape(4, 3)
    colours = np.einsum("nlhw,lc->nhwc", latents[:, 0].numpy(), matrix) + 0.5
    pictures = (colours.repeat(4, axis=1).repeat(4, axis=2) * 255.0)[:, None]
    preview = fit_latent_preview(latents, pictures, 1.0)
    assert preview["scale"] == 4
    assert np.allclose(np.array(preview["matrix"]), matrix, atol=1e-4)
    assert np.allclose(np.array(preview["bias"]), 0.5, atol=1e-4)


def test_nearest_emoji_and_contact_sheet() -> None:
    references = np.stack([np.full((4, 4, 3), level, dtype=np.uint8) for level in (0, 100, 250)])
    pictures = np.stack([np.full((4, 4, 3), level, dtype=np.uint8) for level in (240, 60, 10)])
    assert nearest_emoji(pictures, references).tolist() == [2, 1, 0]
    sheet = contact_sheet(pictures, columns=2)
    assert sheet.shape == (8, 8, 3)
    assert sheet[0, 0, 0] == 240
    assert sheet[7, 7, 0] == 255
