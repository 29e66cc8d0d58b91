"""Edits give replacements: right values, same kind of tensor, nothing else touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mezzotint_engine.opdebug.tensor_edit import edited, straight_through, substituted
from mezzotint_sdk.debug_messages import EditTensor, SkipOp
from mezzotint_sdk.errors import BadInputError

ALL_DTYPES = [
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.int64,
    torch.uint8,
    torch.bool,
]


def _edit(tensor: torch.Tensor, kind: Any, value: str = "", **fields: Any) -> torch.Tensor:
    names = fields.pop("names", {"out": tensor})
    seed = fields.pop("seed", 0)
    original = fields.pop("original", None)
    return edited(tensor, EditTensor(name="out", kind=kind, value=value, **fields), names, original, seed)


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=str)
def test_a_replacement_is_of_the_same_kind(dtype: torch.dtype) -> None:
    tensor = torch.ones(2, 3, 4).to(dtype).permute(2, 0, 1)
    before = tensor.clone()
    new = _edit(tensor, "fill", "0", index="1")
    assert (new.shape, new.dtype, new.device, new.stride()) == (
        tensor.shape,
        dtype,
        tensor.device,
        tensor.stride(),
    )
    assert new.data_ptr() != tensor.data_ptr()
    assert torch.equal(tensor.float(), before.float())
    assert new.float().sum() == tensor.float().sum() - 6


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("fill", {"value": "7"}, lambda t: torch.full_like(t, 7)),
        ("fill", {"value": "out.max()"}, lambda t: torch.full_like(t, float(t.max()))),
        ("fill", {"value": "nan", "index": "0, 0, 0, 0"}, None),
        ("scale", {"value": "-2"}, lambda t: t * -2),
        ("clamp", {"value": "-0.5", "other": "0.5"}, lambda t: t.clamp(-0.5, 0.5)),
        ("clamp", {"value": "", "other": "0"}, lambda t: t.clamp(max=0)),
        ("expression", {"value": "torch.relu(out)"}, lambda t: t.relu()),
        ("expression", {"value": "3"}, lambda t: torch.full_like(t, 3)),
        ("expression", {"value": "out[0] * 0", "index": "0"}, lambda t: torch.cat([t[:1] * 0, t[1:]])),
    ],
)
def test_edits_compute_what_they_say(kind: str, fields: dict[str, str], expected: Any) -> None:
    tensor = torch.randn(2, 4, 3, 3)
    new = _edit(tensor, kind, **fields)
    if expected is None:
        assert int(new.isnan().sum()) == 1
    else:
        assert torch.equal(new, expected(tensor))


def test_channels_and_heads() -> None:
    picture, tokens = torch.ones(2, 4, 3, 3), torch.ones(2, 5, 6)
    assert torch.equal(_edit(picture, "zero_channel", "2").sum((0, 2, 3)), torch.tensor([18.0, 18, 0, 18]))
    assert torch.equal(_edit(tokens, "zero_channel", "5").sum((0, 1)), torch.tensor([10.0] * 5 + [0]))
    heads = _edit(torch.ones(2, 3, 5, 4), "zero_head", "1")
    assert torch.equal(heads.sum((0, 2, 3)), torch.tensor([40.0, 0, 40]))
    other = _edit(torch.ones(2, 5, 3, 4), "zero_head", "1", other="2")
    assert torch.equal(other.sum((0, 1, 3)), torch.tensor([40.0, 0, 40]))


def test_noise_has_a_generator_of_its_own() -> None:
    tensor = torch.zeros(50, 40)
    state = torch.random.get_rng_state()
    first, again, other = (_edit(tensor, "add_noise", "2", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert float(first.std()) == pytest.approx(2, rel=0.1)
    assert _edit(tensor.to(torch.float8_e5m2), "add_noise", "1").dtype is torch.float8_e5m2


def test_whole_numbers_are_rounded_and_kept_in_range() -> None:
    assert _edit(torch.tensor([3, 5]), "scale", "0.5").tolist() == [2, 2]
    with pytest.raises(BadInputError, match="uint8 holds 0 to 255; this would be 300 to 300"):
        _edit(torch.tensor([100], dtype=torch.uint8), "scale", "3")


@pytest.mark.parametrize(
    ("tensor", "kind", "fields", "says"),
    [
        (torch.ones(3), "fill", {"value": ""}, "nothing was given"),
        (torch.ones(3), "fill", {"value": "weight"}, "not known here"),
        (torch.ones(3), "fill", {"value": "out"}, "must be a number"),
        (torch.ones(3, dtype=torch.int64), "fill", {"value": "0.5"}, "give a whole number"),
        (torch.ones(3, dtype=torch.int8), "fill", {"value": "128"}, "int8 holds -128 to 127"),
        (torch.ones(3, dtype=torch.bool), "fill", {"value": "2"}, "0 or 1"),
        (torch.ones(3, dtype=torch.bool), "scale", {"value": "2"}, "Truth values"),
        (torch.ones(3, dtype=torch.int64), "add_noise", {"value": "1"}, "floating point"),
        (torch.ones(3), "add_noise", {"value": "-1"}, "from 0 on"),
        (torch.ones(3), "clamp", {"value": "2", "other": "1"}, "is above"),
        (torch.ones(3), "clamp", {}, "a low bound, a high bound"),
        (torch.ones(2, 3, 2, 2), "zero_channel", {"value": "3"}, "There are 3 channels"),
        (torch.ones(2, 3), "zero_head", {"value": "0"}, "third dimension from the end"),
        (torch.ones(2, 3), "zero_channel", {"value": "x"}, "whole number"),
        (torch.ones(2, 3), "expression", {"value": "out[0]"}, r"gives the shape \[3\]; this needs \[2, 3\]"),
        (torch.ones(2), "expression", {"value": "'x'"}, "neither a tensor nor a number"),
        (torch.ones(2), "expression", {"value": "out.mul_(3)"}, "in place"),
        (torch.ones(2), "expression", {"value": "out * 1j"}, "complex"),
        (torch.ones(2, dtype=torch.int64), "expression", {"value": "out * 0.5"}, "round them first"),
        (torch.ones(2), "restore", {}, "nothing to restore"),
        (torch.ones(2), "fill", {"value": "1", "index": "5"}, "is outside"),
        (torch.empty(2, device="meta"), "fill", {"value": "1"}, "meta device"),
        (torch.eye(2).to_sparse(), "fill", {"value": "1"}, "sparse"),
        (torch.ones(2), "load", {"value": "/nowhere/x.npy"}, "There is no file"),
    ],
)
def test_bad_edits_get_a_sentence(tensor: torch.Tensor, kind: str, fields: dict[str, str], says: str) -> None:
    with pytest.raises(BadInputError, match=says) as caught:
        _edit(tensor, kind, **fields)
    assert "\n" not in caught.value.message


def test_files_are_loaded(tmp_path: Path) -> None:
    file = tmp_path / "x.npy"
    np.save(file, np.arange(6, dtype=np.float64).reshape(1, 2, 3))
    assert torch.equal(_edit(torch.zeros(2, 3), "load", str(file)), torch.arange(6.0).view(2, 3))
    assert torch.equal(_edit(torch.zeros(2, 3).int(), "load", str(file)), torch.arange(6).view(2, 3).int())
    with pytest.raises(BadInputError, match="The file gives the shape"):
        _edit(torch.zeros(3, 2), "load", str(file))


def test_restoring_gives_the_original() -> None:
    original = torch.randn(3)
    assert _edit(original * 0, "restore", original=original) is original


def test_an_expression_never_shares_memory_with_what_it_reads() -> None:
    source = torch.ones(3)
    new = _edit(torch.zeros(3), "expression", "a", names={"a": source})
    new.add_(1)
    assert torch.equal(source, torch.ones(3))


@pytest.mark.parametrize("mode", ["grad", "inference"])
def test_gradients_and_inference_mode(mode: str) -> None:
    with torch.inference_mode(mode == "inference"):
        tensor = torch.ones(3)
        tensor.requires_grad_(mode == "grad")
        new = _edit(tensor, "scale", "2")
        assert torch.equal(new, torch.full((3,), 2.0))
        assert not new.requires_grad
        assert new.is_inference() == (mode == "inference")


def test_gradients_go_on_to_what_was_replaced() -> None:
    weight = torch.ones(3, requires_grad=True)
    out = weight * 4
    passed = straight_through(out, torch.zeros(3))
    assert torch.equal(passed, torch.zeros(3))
    (passed * 2).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [8.0, 8.0, 8.0]
    with torch.no_grad():
        assert not straight_through(out, torch.zeros(3)).requires_grad


def test_what_stands_in_for_a_skipped_op() -> None:
    a, b = torch.randn(3), torch.randn(2, 3)
    out = torch.randn(2, 3, dtype=torch.float64)
    same = substituted(SkipOp(kind="identity"), out, [a, b])
    assert torch.equal(same, b.double())
    assert same.data_ptr() != b.data_ptr()
    assert torch.equal(substituted(SkipOp(kind="zeros"), out, []), torch.zeros_like(out))
    assert torch.equal(substituted(SkipOp(kind="value", value="2"), out, []), torch.full_like(out, 2))
    assert torch.equal(substituted(SkipOp(kind="value", value="b * 2"), out, [], {"b": b}), b.double() * 2)
    with pytest.raises(BadInputError, match="No input has the output's shape"):
        substituted(SkipOp(kind="identity"), out, [a])
