"""Prompts of any length and content, made fit for tokenizers without changing what is drawn.

Tokenizers use the first tokens only (77 for Stable Diffusion), but pipelines tokenize all of a prompt, twice:
a megabyte costs seconds. So only as much of the beginning is handed on as gives the same first tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mezzotint_sdk.prompt_text import well_formed

__all__ = ["clean_prompt", "shorten_prompt"]

# Shorter prompts are handed on as they are.
LONG_CHARS = 4096
MAX_TOKENS = 4096  # where a tokenizer claims no limit of its own
# Tokens beyond the limit that the shortened prompt must still have: what a cut within a long word changes
# lies there.
MARGIN_TOKENS = 64

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def clean_prompt(text: str) -> str:
    """The prompt as every tokenizer takes it: no lone surrogates, no control characters but white space."""
    return _CONTROLS.sub(" ", well_formed(text))


def shorten_prompt(text: str, tokenizers: Sequence[Any]) -> str:
    """A beginning of the prompt that gives each tokenizer the same first tokens as the whole."""
    length = LONG_CHARS
    while length < len(text):
        start = _cut(text, length)
        if all(_has_enough(tokenizer, start) for tokenizer in tokenizers):
            return start
        length *= 2
    return text


def _cut(text: str, length: int) -> str:
    """The first `length` characters or some more, up to white space if there is some near.

    Words stay whole.
    """
    space = re.compile(r"\s").search(text, length, length + LONG_CHARS)
    return text[: space.start() if space else length]


def _has_enough(tokenizer: Any, text: str) -> bool:
    limit = min(int(tokenizer.model_max_length), MAX_TOKENS)
    return len(tokenizer(text, truncation=False, verbose=False).input_ids) >= limit + MARGIN_TOKENS
