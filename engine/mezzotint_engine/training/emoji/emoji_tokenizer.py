"""Builds the tokenizer: CLIP's byte-level BPE, lower-casing, with merges learnt from the captions alone.

All 256 bytes are in the vocabulary, so that any text of any script has tokens and nothing is ever unknown.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable

from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
# CLIP's own way to cut text into words, for the lower-case ASCII of captions.
_WORD = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+")


def byte_alphabet() -> list[str]:
    """The 256 printable characters that stand for bytes in byte-level BPE, in order of the byte."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    letters, spare = [], 0x100
    for byte in range(256):
        if byte in printable:
            letters.append(chr(byte))
        else:
            letters.append(chr(spare))
            spare += 1
    return letters


def learn_merges(texts: Iterable[str], count: int) -> list[tuple[str, str]]:
    """The `count` most frequent merges in `texts` (fewer when all words are whole); ties go by spelling."""
    words = Counter(word for text in texts for word in _WORD.findall(text.lower()))
    split = {word: (*word[:-1], word[-1] + WORD_END) for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in split.items():
            for pair in itertools.pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        split = {word: _merge(parts, best) for word, parts in split.items()}
    return merges


def _merge(parts: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    merged: list[str] = []
    position = 0
    while position < len(parts):
        if parts[position : position + 2] == pair:
            merged.append(pair[0] + pair[1])
            position += 2
        else:
            merged.append(parts[position])
            position += 1
    return tuple(merged)


def build_tokenizer(texts: Iterable[str], vocab_size: int, max_tokens: int) -> CLIPTokenizer:
    """A `CLIPTokenizer` of at most `vocab_size` tokens that pads and cuts to `max_tokens`."""
    alphabet = byte_alphabet()
    tokens = alphabet + [letter + WORD_END for letter in alphabet]
    merges = learn_merges(texts, vocab_size - len(tokens) - 2)
    tokens += [left + right for left, right in merges]
    tokens += [START, END]
    vocab = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(
        vocab=vocab,
        merges=merges,
        model_max_length=max_tokens,
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
    )
