from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mezzotint_sdk.divergence import compare_traces
from mezzotint_sdk.trace_reader import TraceReader
from mezzotint_sdk.trace_records import OP_ROW, LadderMark, OpFlags, OpSite, TensorMeta, TraceHeader
from mezzotint_sdk.trace_writer import TraceWriter

# op, module, inputs' and outputs' tensor ids, norm
Op = tuple[str, str, tuple[int, ...], tuple[int, ...], float]
CHAIN: list[Op] = [
    ("aten.mm.default", "net.first", (1,), (2,), 10.0),
    ("aten.relu.default", "net", (2,), (3,), 9.0),
    ("aten.mm.default", "net.second", (3,), (4,), 20.0),
    ("aten.add.Tensor", "net", (4, 1), (5,), 21.0),
]


def trace(
    file: Path, ops: Sequence[Op], *, dtype: str = "float32", statistics: bool = True, nan: int = -1
) -> TraceReader:
    writer = TraceWriter(file, TraceHeader())
    writer.mark(LadderMark(phase="forward", step=0))
    rows = np.zeros(len(ops), OP_ROW)
    ids = []
    for number, (op, module, into, given, norm) in enumerate(ops):
        rows["site"][number] = writer.site(
            OpSite(op=op, module=module, file="net.py", line=7, outputs=(TensorMeta((2,), dtype, "cpu"),))
        )
        rows["maximum"][number] = rows["norm"][number] = norm
        rows["flags"][number] = (OpFlags.STATISTICS if statistics else 0) | (
            OpFlags.NAN if number == nan else 0
        )
        ids.append((into, given))
    writer.ops(rows, ids)
    writer.close()
    reader = TraceReader(file)
    reader.follow()
    reader.close()
    return reader


def changed(number: int, factor: float) -> list[Op]:
    """From that op on everything is another."""
    return [
        (op, module, into, given, norm * factor if place >= number else norm)
        for place, (op, module, into, given, norm) in enumerate(CHAIN)
    ]


def test_the_same_run_twice_agrees(tmp_path: Path) -> None:
    found = compare_traces(trace(tmp_path / "a", CHAIN), trace(tmp_path / "b", CHAIN))
    assert found.first == -1
    assert not found.differs.any()
    assert "All 4 ops" in found.sentence


@pytest.mark.parametrize("number", range(4))
def test_the_first_op_whose_inputs_agree_is_the_culprit(tmp_path: Path, number: int) -> None:
    found = compare_traces(trace(tmp_path / "a", CHAIN), trace(tmp_path / "b", changed(number, 1.01)))
    assert found.pairs[found.first].tolist() == [number, number]
    assert list(found.differs) == [place >= number for place in range(4)]
    assert f"op {number}, {CHAIN[number][0]} in {CHAIN[number][1]}, net.py:7" in found.sentence


def test_half_precision_is_held_to_its_own_tolerance(tmp_path: Path) -> None:
    first = trace(tmp_path / "a", CHAIN)
    assert compare_traces(first, trace(tmp_path / "b", changed(1, 1.01), dtype="bfloat16")).first == -1
    assert compare_traces(first, trace(tmp_path / "c", changed(1, 1.2), dtype="bfloat16")).first == 1
    assert compare_traces(first, trace(tmp_path / "b", changed(1, 1.01)), tolerance=0.5).first == -1


def test_what_was_inserted_or_left_out_is_said_and_the_rest_is_aligned(tmp_path: Path) -> None:
    longer = [*CHAIN[:1], ("aten.clone.default", "net", (2,), (9,), 10.0), *changed(2, 2.0)[1:]]
    found = compare_traces(trace(tmp_path / "a", CHAIN[:4]), trace(tmp_path / "b", longer))
    assert found.inserted.tolist() == [1]
    assert found.missing.tolist() == []
    assert found.pairs.tolist() == [[0, 0], [1, 2], [2, 3], [3, 4]]
    assert found.first == 2
    assert compare_traces(trace(tmp_path / "b", longer), trace(tmp_path / "a", CHAIN)).missing.tolist() == [1]


def test_nan_in_one_run_alone_differs_however_close_the_rest_is(tmp_path: Path) -> None:
    found = compare_traces(trace(tmp_path / "a", CHAIN), trace(tmp_path / "b", CHAIN, nan=2))
    assert found.first == 2
    assert "NaN or Inf in one run alone" in found.sentence


def test_nothing_to_compare_and_nothing_in_common_are_said(tmp_path: Path) -> None:
    bare = trace(tmp_path / "a", CHAIN, statistics=False)
    assert "nothing to compare" in compare_traces(bare, bare).sentence
    other = trace(tmp_path / "b", [("aten.exp.default", "else", (1,), (2,), 1.0)])
    found = compare_traces(trace(tmp_path / "c", CHAIN), other)
    assert found.pairs.shape == (0, 2)
    assert "no op in common" in found.sentence


def test_saved_values_count_more_than_statistics(tmp_path: Path) -> None:
    readers = []
    for name, value in (("a", 1.0), ("b", 1.5)):
        writer = TraceWriter(tmp_path / name, TraceHeader(), value_bytes=1000)
        writer.mark(LadderMark())
        row = np.zeros(1, OP_ROW)
        meta = TensorMeta((2,), "float32", "cpu")
        row["site"] = writer.site(OpSite(op="aten.mm.default", outputs=(meta,)))
        writer.ops(row, [((), (1,))])
        writer.tensor(0, 0, np.array([1.0, value], np.float32), meta)
        writer.close()
        reader = TraceReader(tmp_path / name)
        reader.follow()
        readers.append(reader)
    found = compare_traces(readers[0], readers[1])
    assert found.errors[0] == pytest.approx(0.5 / 1.5)
    for reader in readers:
        reader.close()
