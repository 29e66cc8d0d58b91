"""Draws the selected emoji from Debian's Noto Color Emoji on white, each in gentle variants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .emoji_selection import Emoji

FONT_PLACES = (
    Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"),
    Path("/usr/share/fonts/noto/NotoColorEmoji.ttf"),
    Path("/usr/share/fonts/google-noto-emoji/NotoColorEmoji.ttf"),
)
STRIKE_PX = 109  # the only size of the font's colour bitmaps; each bitmap is 136 by 128 pixels
CANVAS_PX = 136
WHITE = (255, 255, 255)


class EmojiFontError(RuntimeError):
    """The emoji font is missing or has no colour picture where one is needed."""


def find_font(asked: Path | None = None) -> Path:
    """The font file to draw from; raises `EmojiFontError` with the remedy when there is none."""
    for place in (asked,) if asked else FONT_PLACES:
        if place.is_file():
            return place
    raise EmojiFontError(
        f"The font {asked or 'NotoColorEmoji.ttf'} was not found: install the package "
        "fonts-noto-color-emoji, or name the file with --font."
    )


def draw_glyph(font: ImageFont.FreeTypeFont, character: str) -> Image.Image:
    """The font's bitmap of one emoji, centred on a white square of 136 pixels."""
    canvas = Image.new("RGBA", (CANVAS_PX, CANVAS_PX), (*WHITE, 255))
    layer = Image.new("RGBA", (2 * CANVAS_PX, 2 * CANVAS_PX), (0, 0, 0, 0))
    ImageDraw.Draw(layer).text((CANVAS_PX // 2, CANVAS_PX // 2), character, font=font, embedded_color=True)
    box = layer.getbbox()
    if box is None:
        raise EmojiFontError(f"The font has no colour picture of U+{ord(character):X}; use a complete font.")
    glyph = layer.crop(box)
    corner = ((CANVAS_PX - glyph.width) // 2, (CANVAS_PX - glyph.height) // 2)
    canvas.alpha_composite(glyph, (max(corner[0], 0), max(corner[1], 0)))
    return canvas.convert("RGB")


def vary(picture: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    """Turn, shrink and shift a picture a little: at strength 1 up to 6 degrees, 8 percent, 2.5 percent."""
    angle = math.radians(rng.uniform(-6.0, 6.0) * strength)
    zoom = 1.0 + rng.uniform(0.0, 0.08) * strength
    shift = rng.uniform(-0.025, 0.025, size=2) * strength * CANVAS_PX
    cos, sin, mid = zoom * math.cos(angle), zoom * math.sin(angle), CANVAS_PX / 2
    matrix = (
        cos,
        sin,
        mid - cos * (mid + shift[0]) - sin * (mid + shift[1]),
        -sin,
        cos,
        mid + sin * (mid + shift[0]) - cos * (mid + shift[1]),
    )
    return picture.transform(
        picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor=WHITE
    )


def render_pictures(
    selected: Sequence[Emoji], font_file: Path, size_px: int, variants: int, strength: float, seed: int
) -> np.ndarray:
    """Draw all emoji: uint8 of shape (emoji, variants, size, size, 3); variant 0 is the plain picture."""
    font = ImageFont.truetype(str(font_file), STRIKE_PX)
    rng = np.random.default_rng(seed)
    pictures = np.empty((len(selected), variants, size_px, size_px, 3), dtype=np.uint8)
    for row, emoji in enumerate(selected):
        plain = draw_glyph(font, emoji.character)
        for column in range(variants):
            varied = plain if column == 0 else vary(plain, rng, strength)
            pictures[row, column] = np.asarray(varied.resize((size_px, size_px), Image.Resampling.LANCZOS))
    return pictures
