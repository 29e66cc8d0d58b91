"""Breakpoints as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzotint_engine.opdebug.breakpoint_text import breakpoint_from_text, breakpoint_text
from mezzotint_sdk.debug_records import Breakpoint
from mezzotint_sdk.errors import BadInputError


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("aten.mm*", {"op": "aten.mm*"}),
        ("aten::mm", {"op": "aten.mm"}),
        ("mm", {"op": "mm"}),
        ("*softmax*", {"op": "*softmax*"}),
        ("unet.mid_block.*", {"module": "unet.mid_block.*"}),
        ("unet", {"module": "unet"}),
        ("attn1", {"module": "attn1"}),
        ("file.py:120", {"file": "file.py", "line": 120}),
        ("models/file.py", {"file": "models/file.py"}),
        (r"C:\models\file.py:7", {"file": r"C:\models\file.py", "line": 7}),
        ("step=3", {"step": 3}),
        ("step == 3", {"step": 3}),
        ("phase=decode", {"phase": "decode"}),
        ("decode", {"phase": "decode"}),
        ("backward", {"phase": "backward"}),
        ("nan", {"nan": True}),
        ("nan, inf", {"nan": True, "inf": True}),
        ("fp16", {"dtype": "float16"}),
        ("cuda:0", {"device": "cuda:0"}),
        ("[2,64,*]", {"shape": "2,64,*"}),
        ("shape=2,64,*, fp16", {"shape": "2,64,*", "dtype": "float16"}),
        ("shape=2x64", {"shape": "2x64"}),
        ("out.abs().max() > 1e3", {"expression": "out.abs().max() > 1e3"}),
        ("out.requires_grad", {"expression": "out.requires_grad"}),
        ("torch.equal(a, b)", {"expression": "torch.equal(a, b)"}),
        ("if torch.equal(a, b)", {"expression": "torch.equal(a, b)"}),
        (
            "op=aten.mm*, module=unet.*, step=3, if out.max() > 5",
            {"op": "aten.mm*", "module": "unet.*", "step": 3, "expression": "out.max() > 5"},
        ),
        ("aten.mm* and step=3 and nan", {"op": "aten.mm*", "step": 3, "nan": True}),
        (
            "mm and out.max() > 5 and out.min() < 0",
            {"op": "mm", "expression": "out.max() > 5 and out.min() < 0"},
        ),
        # Python's own precedence of `and` and `or` must survive the splitting.
        (
            "a.max() > 1 or b.max() > 2 and out.max() > 3",
            {"expression": "a.max() > 1 or b.max() > 2 and out.max() > 3"},
        ),
        (
            "out.max() > 1, out.min() < 0 or step > 2",
            {"expression": "(out.max() > 1) and (out.min() < 0 or step > 2)"},
        ),
        (
            "mm, before, ignore=5, temporary, disabled",
            {"op": "mm", "when": "before", "ignore": 5, "temporary": True, "enabled": False},
        ),
        ("log='x, {out.max()} and y', aten.mm", {"log": "x, {out.max()} and y", "op": "aten.mm"}),
        ("every op", {}),
    ],
)
def test_are_read(text: str, fields: dict[str, Any]) -> None:
    expected = Breakpoint(breakpoint_id=0, **fields)
    assert breakpoint_from_text(text) == expected
    assert breakpoint_from_text(breakpoint_text(expected)) == expected


def test_known_modules_come_before_ops() -> None:
    assert breakpoint_from_text("norm").op == "norm"
    assert breakpoint_from_text("norm", modules=("norm",)).module == "norm"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Say where to stop"),
        ("aten.mm,", "nothing before or after"),
        ("step=x", "step is a whole number"),
        ("colour=3", "has no 'colour'"),
        ("dtype=float17", "is no dtype"),
        ("shape=[2,x]", "is no shape"),
        ("out.max( > 3", "never closed"),
        ("log='abc", "never closed"),
        ("step=1, step=2", "gives step twice"),
        ("out.mul_(2).max() > 3", "in place"),
        ("op=", "says nothing"),
        ("at=somewhere", "is no source line"),
        ("this and that is", "no Python expression"),
    ],
)
def test_errors_are_one_sentence(text: str, says: str) -> None:
    with pytest.raises(BadInputError) as caught:
        breakpoint_from_text(text)
    assert says in caught.value.message
    assert "\n" not in caught.value.message


@given(st.text(alphabet=st.sampled_from("abm.*=:,'\"()[]{}<> 12_\\ifandstepnan!é"), max_size=40))
def test_any_text_gives_a_breakpoint_or_a_sentence(text: str) -> None:
    try:
        made = breakpoint_from_text(text)
    except BadInputError:
        return  # any other error fails the test
    assert breakpoint_from_text(breakpoint_text(made)) == made


_WORDS = st.text(alphabet="abcdefgh_*", min_size=1, max_size=8)


@given(
    st.builds(
        Breakpoint,
        breakpoint_id=st.just(0),
        op=st.just("") | _WORDS,
        module=st.just("") | _WORDS,
        phase=st.just("") | _WORDS.filter(lambda word: "*" not in word),
        step=st.integers(-1, 50),
        shape=st.sampled_from(["", "2,64,*", "...,3", "()"]),
        dtype=st.sampled_from(["", "float16"]),
        nan=st.booleans(),
        inf=st.booleans(),
        expression=st.sampled_from(
            ["", "out.max() > 5", "a.sum() > 1 or nan == 3, ", "torch.equal(a, b) and step"]
        ).map(lambda text: text.rstrip(", ")),
        when=st.sampled_from(["before", "after"]),
        ignore=st.integers(0, 9),
        temporary=st.booleans(),
        log=st.sampled_from(["", "it's {out.max()}, and more", 'say "x"', "a\\b"]),
        enabled=st.booleans(),
    )
)
def test_what_is_shown_can_be_typed_again(breakpoint: Breakpoint) -> None:
    assert breakpoint_from_text(breakpoint_text(breakpoint)) == breakpoint
