"""Statistics of every op's output: right for each dtype, shared by views, never stale, nothing waits on a
device."""

from __future__ import annotations

import math

import pytest
import torch

from mezzotint_engine.opdebug import quick_statistics
from mezzotint_engine.opdebug.quick_statistics import QuickStatistics, Sample, has_inf, has_nan, sample_of

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]


def _reference(tensor: torch.Tensor) -> tuple[float, float, float, float]:
    wide = tensor.detach().double()
    return wide.min().item(), wide.max().item(), wide.mean().item(), wide.norm().item()


@pytest.mark.parametrize("dtype", [*FLOATS, torch.int64, torch.int8, torch.uint8, torch.bool], ids=str)
@pytest.mark.parametrize("shape", [(), (5,), (64, 200), (3, 1, 4)], ids=str)
def test_are_right_for_each_dtype(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = (
        (torch.randn(shape) * 3).abs().to(dtype)
        if not dtype.is_signed
        else (torch.randn(shape) * 3).to(dtype)
    )
    sample = QuickStatistics().take(0, tensor)
    assert sample is not None
    assert sample[:4] == pytest.approx(_reference(tensor), rel=1e-4, abs=1e-5)
    assert (sample.nan, sample.inf) == (False, False)


def test_complex_numbers_count_by_their_absolute_value() -> None:
    sample = sample_of(torch.tensor([3 + 4j, 1j]))
    assert sample[:4] == pytest.approx((1.0, 5.0, 3.0, math.sqrt(26)))


@pytest.mark.parametrize("dtype", FLOATS[:5], ids=str)
@pytest.mark.parametrize(("nan", "inf"), [(True, False), (False, True), (True, True)])
def test_see_nan_and_inf_and_measure_the_rest(dtype: torch.dtype, nan: bool, inf: bool) -> None:
    if dtype is torch.float8_e4m3fn and inf:
        pytest.skip("this dtype has no infinity")
    values = [1.0, -2.0, 4.0] + [math.nan] * nan + [-math.inf] * inf
    tensor = torch.tensor(values).to(dtype)
    assert sample_of(tensor) == Sample(-2.0, 4.0, 1.0, pytest.approx(math.sqrt(21)), nan, inf)
    assert (has_nan(tensor), has_inf(tensor)) == (nan, inf)


def test_a_finite_sum_that_overflows_is_no_infinity() -> None:
    for tensor in (torch.full((100,), 6e4, dtype=torch.float16), torch.full((100,), 3e38)):
        sample = sample_of(tensor)
        assert not sample.inf
        assert not has_inf(tensor)
        assert not has_nan(tensor)
        assert sample.mean == pytest.approx(tensor[0].item(), rel=1e-3)
        assert sample.norm == pytest.approx(tensor[0].item() * 10, rel=1e-3)


def test_nothing_finite_leaves_no_number() -> None:
    sample = sample_of(torch.tensor([math.nan, math.inf]))
    assert (sample.nan, sample.inf) == (True, True)
    assert all(math.isnan(value) for value in sample[:4])


@pytest.mark.parametrize(
    "tensor",
    [torch.empty(0, 3), torch.empty(4, device="meta"), torch.eye(3).to_sparse()],
    ids=["empty", "meta", "sparse"],
)
def test_what_has_no_statistics_gives_none(tensor: torch.Tensor) -> None:
    statistics = QuickStatistics()
    assert statistics.take(0, tensor) is None
    assert statistics.flush() == []


def test_a_view_of_all_shares_without_reading_again(monkeypatch: pytest.MonkeyPatch) -> None:
    statistics = QuickStatistics()
    base = torch.randn(6, 10)
    sample = statistics.take(0, base)
    monkeypatch.setattr(quick_statistics, "sample_of", lambda _: pytest.fail("looked at the elements again"))
    for view in (base.view(60), base.t(), base.reshape(2, 3, 10).permute(2, 0, 1), base.detach(), base[None]):
        assert statistics.take(1, view) == sample


def test_expanded_tensors_are_read_once_and_counted_often() -> None:
    row = torch.randn(1, 10)
    sample = QuickStatistics().take(0, row.expand(9, 10))
    assert sample is not None
    assert sample[:4] == pytest.approx(_reference(row.expand(9, 10)), rel=1e-5)
    whole = torch.ones(1).expand(5, 7)
    assert QuickStatistics().take(0, whole) == Sample(1.0, 1.0, 1.0, pytest.approx(math.sqrt(35)))


@pytest.mark.parametrize("change", ["in place", "through a view", "another part of the storage", "freed"])
def test_shared_statistics_are_never_stale(change: str) -> None:
    statistics = QuickStatistics()
    tensor = torch.zeros(8, 8)
    statistics.take(0, tensor)
    match change:
        case "in place":
            tensor.add_(1)
        case "through a view":
            tensor[0].fill_(1)
        case "another part of the storage":
            tensor = torch.ones(4, 16).as_strided((8, 8), (1, 8))
        case _:
            for _ in range(50):  # an allocator likes to hand the same memory out again
                del tensor
                tensor = torch.full((8, 8), 5.0)
    sample = statistics.take(1, tensor)
    assert sample is not None
    assert sample[:4] == pytest.approx(_reference(tensor))


def test_what_was_written_to_an_inference_tensor_is_forgotten() -> None:
    with torch.inference_mode():
        statistics = QuickStatistics()
        tensor = torch.zeros(8)
        statistics.take(0, tensor)
        tensor.add_(2)
        statistics.forget(tensor)
        sample = statistics.take(1, tensor)
    assert sample is not None
    assert sample.maximum == 2.0


def test_neither_gradients_nor_values_are_touched() -> None:
    tensor = torch.randn(100, requires_grad=True)
    before, version = tensor.detach().clone(), tensor._version
    QuickStatistics().take(0, tensor)
    assert torch.equal(tensor, before)
    assert tensor._version == version
    assert tensor.grad_fn is None


def test_as_staged_on_a_device_they_come_with_the_flush() -> None:
    # The staging itself needs no device of its own kind; CPU tensors stand in for a device's.
    staged = quick_statistics._Staged(torch.device("cpu"))
    tensors = [
        torch.randn(7, 9),
        torch.randn(50).half(),
        torch.arange(6),
        torch.randn(4).bfloat16(),
        torch.tensor([1.0, math.inf]),
        torch.tensor([1.0, math.nan]),
        torch.tensor([True, False]),
    ]
    for key, tensor in enumerate(tensors):
        staged.add(key, tensor, 1.0)
    found = dict(staged.fetch())
    for key in (0, 1, 2, 3):
        assert found[key][:4] == pytest.approx(_reference(tensors[key]), rel=1e-2, abs=1e-3)
    assert (found[4].nan, found[4].inf, found[4].minimum) == (False, True, 1.0)
    assert found[5].nan
    assert found[6][:2] == (0.0, 1.0)
