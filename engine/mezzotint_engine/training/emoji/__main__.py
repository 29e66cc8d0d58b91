"""Command line of the recipe: each stage reads what the stages before it left in the work folder."""

from __future__ import annotations

import argparse
import importlib.resources
import logging
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import CLIPTokenizer

from .emoji_captions import CaptionedEmoji, caption_emoji, training_captions, write_captions
from .emoji_evaluation import contact_sheet, evaluate_model
from .emoji_export import export_model, fit_latent_preview
from .emoji_glyphs import EmojiFontError, find_font, render_pictures
from .emoji_recipe import Recipe, RecipeError, load_recipe
from .emoji_selection import select_emoji
from .emoji_tokenizer import build_tokenizer
from .emoji_unet_training import averaged_denoiser, train_denoiser
from .emoji_vae_training import encode_all, load_trained_vae, standardise_latents, train_vae

log = logging.getLogger(__name__)
STAGES = ("data", "tokenizer", "vae", "unet", "export", "evaluate")
MODEL_FOLDER = Path(str(importlib.resources.files("mezzotint_assets"))) / "models" / "emoji-64"


class StageError(RuntimeError):
    """A stage lacks what an earlier stage makes."""


class RecipeRun:
    """The stages as methods; every one can be run again, training goes on from its last checkpoint."""

    def __init__(self, recipe: Recipe, work: Path, model_folder: Path, font: Path | None) -> None:
        self.recipe, self.work, self.model_folder, self.font = recipe, work, model_folder, font
        self.pictures_file = work / "pictures.npy"
        self.captioned: list[CaptionedEmoji] = caption_emoji(select_emoji())

    def data(self) -> None:
        """Draw the pictures and write the captions."""
        data = self.recipe.data
        pictures = render_pictures(
            select_emoji(), find_font(self.font), data.size_px, data.variants, data.variation, data.seed
        )
        np.save(self.pictures_file, pictures)
        write_captions(self.captioned, self.model_folder / "captions.json")
        log.info("drew %d emoji in %d variants each", *pictures.shape[:2])

    def tokenizer(self) -> None:
        """Learn the tokenizer from all captions."""
        texts = [emoji.caption for emoji in self.captioned]
        texts += [text for emoji in self.captioned for text in training_captions(emoji)]
        built = build_tokenizer(texts, self.recipe.text.vocab_size, self.recipe.text.max_tokens)
        folder = self.model_folder / "tokenizer"
        built.save_pretrained(folder)
        # Also as vocab.json and merges.txt, which older programs read.
        built.backend_tokenizer.model.save(str(folder))
        log.info("tokenizer of %d tokens", len(built))

    def vae(self) -> None:
        """Train the autoencoder, then compute all latents."""
        pictures = self._pictures()
        torch.manual_seed(self.recipe.data.seed)
        vae = train_vae(pictures, self.recipe.vae, self.recipe.data, self.work / "vae.pt")
        standardise_latents(vae, pictures)
        torch.save(vae.state_dict(), self.work / "vae_final.pt")
        torch.save(encode_all(vae, pictures), self.work / "latents.pt")

    def unet(self) -> None:
        """Train noise predictor and text encoder."""
        train_denoiser(self.recipe, self._tokenizer(), self.captioned, self._latents(), self.work / "unet.pt")

    def export(self) -> None:
        """Write the model folder from the newest checkpoints."""
        tokenizer = self._tokenizer()
        denoiser = averaged_denoiser(self.recipe, tokenizer, self._made("unet.pt", "unet"))
        vae = load_trained_vae(self.recipe.vae, self.recipe.data, self._made("vae_final.pt", "vae"))
        preview = fit_latent_preview(self._latents(), self._pictures(), vae.config.scaling_factor)
        size = export_model(vae, denoiser, tokenizer, self.recipe.noise, preview, self.model_folder)
        log.info("wrote %s: %.1f MB of weights", self.model_folder, size / 1e6)

    def evaluate(self) -> None:
        """Measure the model folder and say which captions fail."""
        pictures = self._pictures()[:, 0]
        evaluation = evaluate_model(self.model_folder, self.captioned, pictures, self.recipe.evaluation)
        Image.fromarray(contact_sheet(evaluation.pictures)).save(self.work / "evaluation.png")
        for index in np.flatnonzero(~evaluation.correct):
            wrong, asked = self.captioned[evaluation.nearest[index]], self.captioned[index]
            print(f"{asked.caption}: nearest is {wrong.caption}")
        correct, asked_for = int(evaluation.correct.sum()), len(self.captioned)
        print(f"nearest emoji is the one asked for: {correct} of {asked_for} ({correct / asked_for:.1%})")

    def _made(self, name: str, stage: str) -> Path:
        file = self.work / name
        if not file.is_file():
            raise StageError(f"{file} is missing: run the stage '{stage}' first.")
        return file

    def _pictures(self) -> np.ndarray:
        if not self.pictures_file.is_file():
            self.data()
        pictures: np.ndarray = np.load(self.pictures_file)
        return pictures

    def _latents(self) -> torch.Tensor:
        latents: torch.Tensor = torch.load(self._made("latents.pt", "vae"), weights_only=True)
        return latents

    def _tokenizer(self) -> CLIPTokenizer:
        folder = self.model_folder / "tokenizer"
        if not folder.is_dir():
            raise StageError(f"{folder} is missing: run the stage 'tokenizer' first.")
        return CLIPTokenizer.from_pretrained(folder)


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m mezzotint_engine.training.emoji", description="Train the bundled model emoji-64."
    )
    parser.add_argument("stage", choices=(*STAGES, "all"), help="what to do; 'all' does every stage in order")
    parser.add_argument("--work", type=Path, default=Path("out/emoji-64"), help="folder for checkpoints")
    parser.add_argument("--out", type=Path, default=MODEL_FOLDER, help="the model folder")
    parser.add_argument("--recipe", type=Path, help="settings (default: recipe.toml of the shipped model)")
    parser.add_argument("--font", type=Path, help="NotoColorEmoji.ttf, when it is in an unusual place")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch (default: 1)")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the stages; returns the exit status."""
    arguments = parse_arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    torch.set_num_threads(max(1, arguments.threads))
    try:
        recipe = load_recipe(arguments.recipe or MODEL_FOLDER / "recipe.toml")
        arguments.work.mkdir(parents=True, exist_ok=True)
        arguments.out.mkdir(parents=True, exist_ok=True)
        run = RecipeRun(recipe, arguments.work, arguments.out, arguments.font)
        for stage in STAGES if arguments.stage == "all" else (arguments.stage,):
            getattr(run, stage)()
    except (EmojiFontError, RecipeError, StageError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
