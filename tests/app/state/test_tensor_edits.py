"""Edits as data: the form's fields become a request, or a sentence about the field that is wrong."""

from __future__ import annotations

import pytest

from mezzotint_app.state.tensor_edits import (
    EDITS,
    edit_ask,
    edit_sentence,
    skip_ask,
    skip_sentence,
)
from mezzotint_sdk.debug_messages import EditTensor
from mezzotint_sdk.errors import BadInputError

FORMS = {form.kind: form for form in EDITS}


def ask(kind: str, value: str = "", other: str = "", index: str = "") -> EditTensor:
    return edit_ask(FORMS[kind], "out", value, other, index, (2, 4, 8))  # type: ignore[index]


def test_each_edit_that_needs_no_words_of_the_user_starts_with_values_that_are_right() -> None:
    for form in EDITS:
        if form.value_is in ("number", "whole"):
            made = edit_ask(form, "out", form.start, form.other_start, "", (2, 4, 8))
            assert made.kind == form.kind
            assert edit_sentence(made).endswith(".")


@pytest.mark.parametrize(
    ("kind", "value", "other", "index", "sentence"),
    [
        ("scale", "", "", "", "Factor must be a number, or an expression that gives one."),
        ("add_noise", "-1", "", "", "The standard deviation must be 0 or more."),
        ("add_noise", "nan", "", "", "The standard deviation must be 0 or more."),
        ("clamp", "2", "1", "", "The low bound 2 is above the high bound 1."),
        ("clamp", "", "", "", "Give a low bound, a high bound, or both."),
        ("zero_channel", "1.5", "", "", "Channel must be a whole number from 0 on."),
        (
            "zero_head",
            "1",
            "x",
            "",
            "The dimension must be a whole number; leave it empty for the usual one.",
        ),
        ("load", "", "", "", "Choose a .npy, .safetensors or .png file."),
        ("expression", " ", "", "", "Write an expression, like out.clamp(-1, 1)."),
        ("fill", "0", "", "0, 7", "Dimension 1 has entries 0 to 3; 7 is outside."),
    ],
)
def test_a_wrong_field_is_explained(kind: str, value: str, other: str, index: str, sentence: str) -> None:
    with pytest.raises(BadInputError) as caught:
        ask(kind, value, other, index)
    assert caught.value.message == sentence


def test_what_an_edit_did_is_said_in_words() -> None:
    assert edit_sentence(ask("fill", "nan")) == "Filled out with nan."
    assert edit_sentence(ask("scale", "2", index="0, 1")) == "Multiplied out[0, 1] by 2."
    assert edit_sentence(ask("clamp", "", "3")) == "Clamped out: at most 3."
    assert edit_sentence(ask("clamp", "-1", "3")) == "Clamped out: at least -1 and at most 3."
    assert edit_sentence(ask("restore")) == "Restored out to what the op gave."


def test_numbers_may_be_expressions_that_the_engine_reads() -> None:
    assert ask("add_noise", "out.std()").value == "out.std()"
    assert ask("clamp", "a.min()", "1").value == "a.min()"
    assert ask("zero_channel", "2", "-1", "0").other == "-1"


def test_skipping_with_a_value_needs_one() -> None:
    with pytest.raises(BadInputError):
        skip_ask("value", "  ")
    assert skip_sentence(skip_ask("value", "a * 2"), "aten.mm") == "Skipped aten.mm: it gives a * 2."
    assert skip_sentence(skip_ask("zeros", "5"), "") == "Skipped the op: it gives zeros."
    assert skip_ask("identity", "5").value == ""
