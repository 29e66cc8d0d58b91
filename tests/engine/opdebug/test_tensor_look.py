"""Looking at tensors: what is shown is right, nothing is changed, nothing big is copied."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

from mezzotint_engine.opdebug import tensor_table
from mezzotint_engine.opdebug.attention_maps import AttentionSource, attention_of_call
from mezzotint_engine.opdebug.tensor_look import Look, Lookers, look
from mezzotint_sdk.debug_records import TensorFacts, TensorView
from mezzotint_sdk.errors import BadInputError

KINDS = ("numbers", "heat_map", "picture", "channels", "histogram", "attention")
DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.int64,
    torch.int8,
    torch.uint8,
    torch.uint16,
    torch.uint64,
    torch.bool,
    torch.complex64,
]
Kind = Literal["numbers", "heat_map", "picture", "channels", "latent", "attention", "histogram"]


def _look(tensor: torch.Tensor, kind: Kind = "numbers", lookers: Lookers = Lookers(), **view: Any) -> Look:  # noqa: B008
    return look(tensor, TensorFacts(name="out"), TensorView(kind=kind, **view), lookers)


def _pixels(found: Look) -> np.ndarray:
    assert found.array is not None
    assert found.array.dtype == np.uint8
    assert found.array.shape[2] == 3
    return found.array


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_shows_every_dtype_and_layout(dtype: torch.dtype, kind: Kind) -> None:
    base = torch.randn(2, 4, 20, 30) * 3
    base = (base.abs() if dtype in (torch.uint8, torch.uint16, torch.uint64) else base).to(dtype)
    for tensor in (base, base.permute(0, 3, 1, 2), base[:, ::2], base[:1].expand(3, 4, 20, 30)):
        found = _look(tensor, kind, rows=16, columns=16)
        assert found.look.kind == kind
        assert found.look.statistics.count > 0
        assert (found.array is None) == (kind == "histogram")


def test_statistics_are_those_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_table, "CPU_BLOCK", 50)  # many blocks, of which the results are joined
    tensor = torch.randn(20, 30) * 5 + 1000
    tensor[0, :4] = 0
    found = _look(tensor).look.statistics
    wide = tensor.double()
    assert (found.count, found.nan, found.inf, found.zeros) == (600, 0, 0, 4)
    assert (found.minimum, found.maximum) == (wide.min().item(), wide.max().item())
    assert found.mean == pytest.approx(wide.mean().item(), rel=1e-12)
    assert found.std == pytest.approx(wide.std().item(), rel=1e-9)
    assert found.norm == pytest.approx(wide.norm().item(), rel=1e-9)


def test_statistics_leave_out_what_is_no_number() -> None:
    found = _look(torch.tensor([math.nan, math.inf, -math.inf, 1.0, 3.0])).look
    statistics = found.statistics
    assert (statistics.nan, statistics.inf, statistics.count) == (1, 2, 5)
    assert (statistics.minimum, statistics.maximum, statistics.mean) == (1.0, 3.0, 2.0)
    assert _look(torch.tensor([math.nan])).look.statistics.mean is None
    assert _look(torch.tensor([2.0])).look.statistics.std is None


def test_numbers_are_a_window_of_the_slice_as_a_table() -> None:
    tensor = torch.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5)
    found = _look(tensor, index="1", first_row=5, first_column=2, rows=3, columns=2)
    assert (found.look.slice_shape, found.look.rows, found.look.columns) == ((3, 4, 5), 12, 5)
    assert found.array is not None
    assert found.array.dtype == np.int64
    assert found.array.tolist() == tensor[1].reshape(12, 5)[5:8, 2:4].tolist()
    beyond = _look(tensor, first_row=1000)
    assert beyond.array is not None
    assert beyond.array.size == 0


def test_statistics_come_with_the_first_page_of_numbers_only() -> None:
    tensor = torch.arange(1000.0).reshape(100, 10)
    assert _look(tensor).look.statistics.maximum == 999
    found = _look(tensor, first_row=50, rows=10)
    assert found.look.statistics.maximum is None, (
        "scrolling through a big tensor would read all of it each time"
    )
    assert found.array is not None
    assert found.array[0, 0] == 500


@pytest.mark.parametrize("permuted", [False, True])
def test_a_heat_map_keeps_what_is_farthest_from_zero(permuted: bool) -> None:
    tensor = torch.randn(3, 100, 70) * 0.01
    tensor[1, 50, 33] = -7.0
    tensor[2, 99, 69] = 5.0
    if permuted:
        tensor = tensor.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    found = _look(tensor, "heat_map", rows=16, columns=8)
    assert found.array is not None
    assert found.array.dtype == np.float32
    assert found.array.shape[0] <= 16
    assert found.array.shape[1] <= 8
    tall, wide = -(-300 // 16), -(-70 // 8)
    assert found.array[150 // tall, 33 // wide] == -7.0
    assert found.array[-1, -1] == 5.0
    assert (found.look.low, found.look.high) == (-7.0, 5.0)
    assert f"{tall} × {wide}" in found.look.note


def test_a_single_nan_is_seen_in_a_heat_map_and_in_pictures() -> None:
    tensor = torch.rand(400, 300)
    tensor[123, 45] = math.nan
    heat = _look(tensor, "heat_map", rows=20, columns=20)
    assert heat.array is not None
    assert np.isnan(heat.array[123 // 20, 45 // 15])
    assert int(np.isnan(heat.array).sum()) == 1
    assert heat.look.statistics.nan == 1
    pixels = _pixels(_look(tensor, "picture", rows=400, columns=400))
    assert pixels[123, 45].tolist() == [255, 0, 255]


def test_pictures_know_the_usual_ranges_and_layouts() -> None:
    unit = torch.zeros(3, 14, 15)
    unit[0] = 1
    assert _pixels(_look(unit, "picture"))[2, 2].tolist() == [255, 0, 0]
    assert _pixels(_look(unit.permute(1, 2, 0), "picture"))[2, 2].tolist() == [255, 0, 0]
    assert _pixels(_look(unit[None] * 2 - 1, "picture"))[2, 2].tolist() == [255, 0, 0]
    assert _pixels(_look((unit * 200).byte(), "picture"))[2, 2].tolist() == [200, 0, 0]
    found = _look(unit * 500, "picture")
    assert _pixels(found)[2, 2].tolist() == [255, 0, 0]
    assert "500 is white" in found.look.note
    assert _pixels(_look(torch.eye(6), "picture")).shape == (6, 6, 3)
    big = _pixels(_look(torch.rand(3, 1000, 500), "picture", rows=100, columns=100))
    assert big.shape == (100, 50, 3)


def test_channels_stand_in_a_grid() -> None:
    tensor = torch.zeros(6, 8, 8)
    tensor[4, 0, 0] = 1
    found = _look(tensor, "channels", rows=200, columns=200)
    assert max(_pixels(found).shape[:2]) <= 200
    assert (_pixels(found) == 255).any()
    many = _look(torch.randn(5000, 4, 4), "channels", rows=64, columns=64)
    assert "of 5000 channels are shown" in many.look.note
    assert max(_pixels(many).shape[:2]) <= 64


def test_a_latent_goes_through_the_decoder() -> None:
    def decode(latent: torch.Tensor) -> Image.Image:
        assert latent.shape == (1, 4, 8, 8)
        latent.zero_()  # a decoder may do what it likes with its copy
        return Image.new("RGB", (64, 64), (1, 2, 3))

    latent = torch.randn(2, 4, 8, 8)
    before = latent.clone()
    found = _look(latent, "latent", Lookers(decode_latent=decode), index="1")
    assert _pixels(found)[5, 5].tolist() == [1, 2, 3]
    assert torch.equal(latent, before)
    array = _look(
        latent, "latent", Lookers(decode_latent=lambda _: np.full((16, 16, 3), 0.5)), rows=8, columns=8
    )
    assert _pixels(array).shape == (8, 8, 3)
    without = _look(latent, "latent")
    assert without.array is None
    assert "no decoder" in without.look.note

    def fail(_: torch.Tensor) -> None:
        raise RuntimeError("expected 16 channels")

    with pytest.raises(BadInputError, match="expected 16 channels"):
        _look(latent, "latent", Lookers(decode_latent=fail))


def test_histograms_count_every_finite_element() -> None:
    tensor = torch.randn(5000).half()
    tensor[:3] = torch.tensor([math.nan, math.inf, -math.inf])
    found = _look(tensor, "histogram", bins=32).look
    assert sum(found.histogram) == 4997
    assert len(found.edges) == len(found.histogram) + 1 == 33
    expected, _ = np.histogram(tensor[3:].double().numpy(), 32, (found.edges[0], found.edges[-1]))
    assert np.abs(np.array(found.histogram) - expected).sum() <= 4  # rounding at bins' edges
    whole = _look(torch.tensor([3, 3, 5]), "histogram").look
    assert whole.histogram == (2.0, 0.0, 1.0)
    assert whole.edges == (2.5, 3.5, 4.5, 5.5)
    same = _look(torch.ones(9), "histogram", bins=4).look
    assert sum(same.histogram) == 9
    assert _look(torch.tensor([math.nan]), "histogram").look.histogram == ()


def test_histograms_count_where_no_kernel_may(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = torch.tensor([0.0, 0.1, 0.5, 0.99, 1.0])
    expected = _look(tensor, "histogram", bins=4).look.histogram

    def refuse(*_: object) -> None:
        raise RuntimeError("does not have a deterministic implementation")

    monkeypatch.setattr(torch, "histc", refuse)
    assert _look(tensor, "histogram", bins=4).look.histogram == expected


def test_attention_maps_are_read_from_weights() -> None:
    weights = torch.randn(2, 3, 5, 7).softmax(-1)
    found = _look(weights, "attention", Lookers(tokens=tuple("abcdefg")), index="1", head=2)
    assert (found.look.heads, found.look.rows, found.look.columns) == (3, 5, 7)
    assert found.look.labels == tuple("abcdefg")
    assert np.array_equal(found.array, weights[1, 2].numpy())
    clamped = _look(weights, "attention", head=9)
    assert np.array_equal(clamped.array, weights[0, 2].numpy())
    assert "There are 3 heads" in clamped.look.note
    assert _look(weights, "attention", Lookers(tokens=("a",))).look.labels == ()


class _Calls(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[AttentionSource] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        source = attention_of_call(func, args, kwargs or {})
        if source is not None:
            self.sources.append(source)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("masking", ["none", "causal", "bool", "added"])
def test_attention_maps_are_computed_from_queries_and_keys(
    masking: str, inference: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensor_table, "CPU_BLOCK", 20)
    query, key = torch.randn(2, 4, 6, 6), torch.randn(2, 4, 6, 6)
    value = torch.eye(6).expand(2, 4, 6, 6).contiguous()  # so that the output is the map itself
    mask: torch.Tensor | None = None
    if masking == "bool":
        mask = torch.rand(2, 1, 6, 6) > 0.3
        mask[..., 0] = True
    elif masking == "added":
        mask = torch.randn(6, 6)
    with torch.inference_mode(inference), _Calls() as calls:
        expected = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, mask, is_causal=masking == "causal"
        )
    assert calls.sources
    found = _look(expected, "attention", Lookers(attention=calls.sources[0]), index="1", head=3)
    assert found.look.heads == 4
    assert found.array == pytest.approx(expected[1, 3].numpy(), abs=1e-5)
    assert "Computed" in found.look.note


def test_grouped_queries_share_their_keys() -> None:
    query, key = torch.randn(1, 4, 5, 8), torch.randn(1, 2, 5, 8)
    found = _look(query, "attention", Lookers(attention=AttentionSource(query, key)), head=3)
    expected = (query[0, 3] @ key[0, 1].T / math.sqrt(8)).softmax(-1)
    assert found.array == pytest.approx(expected.numpy(), abs=1e-6)


def test_big_maps_are_thinned_and_middling_ones_cross_whole() -> None:
    assert _look(torch.rand(2, 1024, 77), "attention").array.shape == (1024, 77)  # type: ignore[union-attr]
    thin = _look(torch.rand(1, 2000, 1000), "attention")
    assert thin.array is not None
    assert max(thin.array.shape) <= 256
    assert "thinned" in thin.look.note


def test_differences_are_shown() -> None:
    left, right = torch.rand(6, 7), torch.rand(6, 7)
    facts, names = TensorFacts(name="out"), {"out": left, "b": right}
    found = look(left, facts, TensorView(index="2:4", against="b * 1"), names=names)
    assert found.array == pytest.approx((left - right)[2:4].double().numpy(), abs=1e-6)
    assert found.look.statistics.maximum == pytest.approx((left - right)[2:4].max().item(), abs=1e-6)
    same = look(left, facts, TensorView(kind="picture"), against=left.clone())
    assert (_pixels(same) == 128).all()
    for against, says in (
        ("b[0]", "two tensors of one shape"),
        ("3", "is no tensor"),
        ("c", "not known here"),
    ):
        with pytest.raises(BadInputError, match=says):
            look(left, facts, TensorView(against=against), names=names)


@pytest.mark.parametrize(
    ("kind", "tensor", "says"),
    [
        ("picture", torch.ones(5), "needs height and width"),
        ("channels", torch.ones(5), "channels, height, width"),
        ("attention", torch.ones(5), "queries and keys"),
        ("numbers", torch.ones(5), "7 is outside"),
    ],
)
def test_what_cant_be_shown_gets_a_sentence(kind: Kind, tensor: torch.Tensor, says: str) -> None:
    with pytest.raises(BadInputError, match=says):
        _look(tensor, kind, index="7" if kind == "numbers" else "")


@pytest.mark.parametrize("kind", KINDS)
def test_empty_and_valueless_tensors_say_so(kind: Kind) -> None:
    meta = _look(torch.empty(2, 3, 4, device="meta"), kind)
    assert meta.array is None
    assert "meta device" in meta.look.note
    if kind not in ("attention",):
        assert "empty" in _look(torch.empty(3, 0, 2), kind).look.note
    assert _look(torch.eye(4).to_sparse(), kind).look.statistics.count == 16


class _Ops(TorchDispatchMode):
    """Every op, and the bytes of the biggest new tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.biggest = 0
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func._schema.name)
        given = func(*args, **(kwargs or {}))
        known = {one.untyped_storage()._cdata for one in _tensors(args)}
        for one in _tensors(given):
            if one.untyped_storage()._cdata not in known:
                self.biggest = max(self.biggest, one.untyped_storage().nbytes())
        return given


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _tensors(one)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("permuted", [False, True])
def test_no_copy_of_a_big_tensor_is_made(kind: Kind, permuted: bool) -> None:
    tensor = torch.rand(64, 256, 512)  # 32 MiB
    if permuted:
        tensor = tensor.permute(2, 0, 1)
    with _Ops() as ops:
        found = _look(tensor, kind)
    assert ops.biggest <= 4 * 2**20
    assert found.array is None or found.array.nbytes <= 2**20


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["grad", "no_grad", "inference", "autocast", "deterministic"])
def test_looking_changes_nothing(kind: Kind, mode: str) -> None:
    with torch.inference_mode(mode == "inference"):
        tensor = torch.randn(2, 4, 16, 16)
    if mode == "grad":
        tensor.requires_grad_()
    before, state = tensor.detach().clone(), torch.random.get_rng_state()
    with (
        torch.inference_mode(mode == "inference"),
        torch.set_grad_enabled(mode == "grad"),
        torch.autocast("cpu", torch.bfloat16, enabled=mode == "autocast"),
    ):
        torch.use_deterministic_algorithms(mode == "deterministic")
        try:
            shown = _look(tensor, kind)
        finally:
            torch.use_deterministic_algorithms(False)
        assert torch.is_grad_enabled() == (mode == "grad")
    plain = _look(before, kind)
    assert torch.equal(tensor.detach(), before)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert mode == "inference" or tensor._version == 0
    assert shown.look.histogram == plain.look.histogram
    assert shown.array is plain.array is None or np.array_equal(shown.array, plain.array)
