"""Slices, and tensors as tables that are read in blocks."""

from __future__ import annotations

import pytest
import torch

from mezzotint_engine.opdebug import tensor_table
from mezzotint_engine.opdebug.tensor_index import picked, read_index
from mezzotint_engine.opdebug.tensor_table import TensorTable, blocks_of
from mezzotint_sdk.errors import BadInputError


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("", ()),
        ("[]", ()),
        ("0, :, 3", (0, slice(None), 3)),
        ("[..., -1]", (..., -1)),
        ("1:3", (slice(1, 3),)),
        ("::2, 1,", (slice(None, None, 2), 1)),
    ],
)
def test_indices_are_read(text: str, index: tuple[object, ...]) -> None:
    assert read_index(text) == index
    assert torch.equal(picked(torch.arange(60).view(3, 4, 5), text), torch.arange(60).view(3, 4, 5)[index])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x", "'x' is no index"),
        ("0,,1", "'' is no index"),
        ("::-1", "can't be read backwards"),
        ("..., ...", "one ..."),
        ("3", "entries 0 to 2; 3 is outside"),
        ("..., -6", "Dimension 2 has entries 0 to 4; -6 is outside"),
        ("0,0,0,0", "4 parts, but the tensor has 3 dimensions"),
        ("__import__('os')", "is no index"),
    ],
)
def test_bad_indices_get_a_sentence(text: str, says: str) -> None:
    with pytest.raises(BadInputError, match=says.replace("(", r"\(")):
        picked(torch.zeros(3, 4, 5), text)


@pytest.mark.parametrize("shape", [(), (7,), (3, 4), (2, 3, 4), (0, 3), (2, 1, 3, 5)], ids=str)
@pytest.mark.parametrize("permuted", [False, True])
def test_any_tensor_is_a_table(shape: tuple[int, ...], permuted: bool) -> None:
    tensor = torch.randn(shape)
    if permuted:
        tensor = tensor.permute(tuple(reversed(range(len(shape)))))
    expected = (
        tensor.reshape(-1, tensor.shape[-1] if shape else 1) if tensor.numel() else tensor.reshape(0, 1)
    )
    table = TensorTable(tensor)
    if tensor.numel():
        assert (table.rows, table.columns) == tuple(expected.shape)
        assert torch.equal(table.block(0, table.rows, 0, table.columns), expected)
        assert torch.equal(table.block(1, 2, 1, 2), expected[1:3, 1:3])
    assert [block for _, _, block in blocks_of(table)] == [] if not tensor.numel() else True


def test_blocks_cover_each_cell_once_at_multiples_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_table, "CPU_BLOCK", 24)
    tensor = torch.arange(13 * 11, dtype=torch.float32).view(13, 11)
    for row_step, column_step in ((1, 1), (2, 1), (5, 3), (13, 2)):
        seen = torch.full((13, 11), -1.0)
        for row, column, block in blocks_of(TensorTable(tensor), row_step, column_step):
            assert row % row_step == 0
            assert column % column_step == 0
            target = seen[row : row + block.shape[0], column : column + block.shape[1]]
            assert bool((target == -1).all())
            target.copy_(block)
        assert torch.equal(seen, tensor)


def test_whole_numbers_stay_exact() -> None:
    big = torch.tensor([[2**62 + 1, -3]])
    assert TensorTable(big).numbers(0, 1, 0, 2).tolist() == [[2**62 + 1, -3]]
    assert TensorTable(big, big - 1).numbers(0, 1, 0, 2).tolist() == [[1, 1]]
    assert TensorTable(torch.tensor([True, False])).numbers(0, 1, 0, 2).dtype is torch.int64
    assert TensorTable(torch.tensor([2**63], dtype=torch.uint64)).numbers(0, 1, 0, 1).tolist() == [[2.0**63]]
