from __future__ import annotations

import pytest
from transformers import CLIPTokenizer

from mezzotint_engine.models.catalog import bundled_models_folder
from mezzotint_engine.pipelines.prompt_shortening import clean_prompt, shorten_prompt


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(bundled_models_folder() / "emoji-64" / "tokenizer")


LONG = {
    "words": "red apple, green " * 20_000,
    "one word": "x" * 300_000,
    "mixed": "ab" * 150_000,
    "white space first": " \n\t" * 100_000 + "cat face",
    "scripts": "苹果🍎ünï код " * 20_000,
    "no white space": "🍎苹果" * 80_000,
    "punctuation": ".,:;!" * 60_000,
    "digits": "1234567890" * 30_000,
    "combining": "e\u0301" * 100_000,
}


@pytest.mark.parametrize("name", LONG)
def test_the_first_tokens_stay_the_same(tokenizer: CLIPTokenizer, name: str) -> None:
    text = LONG[name]
    short = shorten_prompt(text, [tokenizer])
    assert text.startswith(short)
    if name != "white space first":
        assert len(short) < 20_000
    limit = tokenizer.model_max_length

    def tokens(prompt: str) -> list[int]:
        return list(tokenizer(prompt, truncation=True, max_length=limit).input_ids)

    assert tokens(short) == tokens(text)


def test_ordinary_prompts_are_handed_on_as_they_are(tokenizer: CLIPTokenizer) -> None:
    text = "a red apple on a table, " * 100
    assert shorten_prompt(text, [tokenizer]) is text


def test_what_tokenizers_choke_on_is_replaced() -> None:
    assert clean_prompt("a\x00b\x1b[31m\tc\n") == "a b [31m\tc\n"
    assert clean_prompt("half \ud83d") == "half \ufffd"
