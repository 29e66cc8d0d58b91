from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    file: Path,
    ops: Sequence[Op],
    *,
    dtype: str = "float32",
    statistics: bool = True,
    nan: int = -1,
    shape: tuple[int, ...] = (2,),
) -> TraceReader:
    writer = TraceWriter(file, TraceHeader())
    writer.mark(LadderMark(phase="forward", step=0))
    rows = np.zeros(len(ops), OP_ROW)
    ids = []
    for number, (op, module, into, given, norm) in enumerate(ops):
        rows["site"][number] = writer.site(
            OpSite(op=op, module=module, file="net.py", line=7, outputs=(TensorMeta(shape, dtype, "cpu"),))
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


def kept(
    file: Path, values: Sequence[np.ndarray[Any, Any]], *, dtype: str = "", ops: int = 1, at: int = 0
) -> TraceReader:
    """Ops with equal statistics; the outputs of op `at` were kept."""
    writer = TraceWriter(file, TraceHeader(), value_bytes=1 << 20)
    writer.mark(LadderMark())
    rows = np.zeros(ops, OP_ROW)
    rows["flags"] = OpFlags.STATISTICS
    metas = tuple(TensorMeta(one.shape, dtype or one.dtype.name, "cpu") for one in values)
    last = writer.site(OpSite(op="aten.mm.default", outputs=metas))
    if ops > 1:
        rows["site"][:-1] = writer.site(OpSite(op="aten.clone.default", outputs=metas))
    rows["site"][-1] = last
    writer.ops(rows, [((), (1,))] * ops)
    for output, one in enumerate(values):
        writer.tensor(at, output, one, metas[output])
    writer.close()
    reader = TraceReader(file)
    reader.follow()
    return reader


def error_of(folder: Path, one: Sequence[Any], other: Sequence[Any], kind: str = "float32") -> float:
    readers = [
        kept(folder / name, [np.array(values, kind) for values in outputs])
        for name, outputs in (("a", one), ("b", other))
    ]
    found = compare_traces(readers[0], readers[1])
    for reader in readers:
        reader.close()
    return float(found.errors[0])


def test_saved_values_count_more_than_statistics(tmp_path: Path) -> None:
    assert error_of(tmp_path, [[1.0, 1.0]], [[1.0, 1.5]]) == pytest.approx(0.5 / 1.5)
    assert error_of(tmp_path, [[1.0, 1.5]], [[1.0, 1.5]]) == 0
    assert error_of(tmp_path, [[]], [[]]) == 0


def test_all_outputs_that_were_kept_are_compared(tmp_path: Path) -> None:
    assert error_of(tmp_path, [[1.0], [4.0]], [[1.0], [5.0]]) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ([np.nan, 1], [np.nan, 1], True),
        ([np.nan, 1], [1, np.nan], False),
        ([np.inf, 1], [np.inf, 1], True),
        ([np.inf, 1], [-np.inf, 1], False),
        ([np.inf, 1], [3, 1], False),
    ],
)
def test_nan_and_inf_agree_only_in_the_same_place(
    tmp_path: Path, one: list[float], other: list[float], agree: bool
) -> None:
    assert error_of(tmp_path, [one], [other]) == (0 if agree else np.inf)


def test_beside_inf_finite_values_still_count(tmp_path: Path) -> None:
    assert error_of(tmp_path, [[np.inf, 4.0]], [[np.inf, 5.0]]) == pytest.approx(0.2)


def test_complex_values_and_truth_values(tmp_path: Path) -> None:
    assert error_of(tmp_path, [[3 + 4j]], [[3 - 4j]], "complex64") == pytest.approx(8 / 5)
    assert error_of(tmp_path, [[1, 1, 0, 0]], [[1, 0, 0, 0]], "bool") == 0.25


def test_values_are_found_where_ops_have_other_numbers(tmp_path: Path) -> None:
    """Something was inserted before: the kept op is 0 here and 1 there."""
    first = kept(tmp_path / "a", [np.array([1.0])])
    second = kept(tmp_path / "b", [np.array([2.0])], ops=2, at=1)
    found = compare_traces(first, second)
    assert (found.pairs.tolist(), found.inserted.tolist()) == ([[0, 1]], [0])
    assert found.errors[0] == 0.5
    for reader in (first, second):
        reader.close()


def test_values_that_are_damaged_leave_the_statistics(tmp_path: Path) -> None:
    first = kept(tmp_path / "a", [np.arange(64.0)])
    second = kept(tmp_path / "b", [np.arange(64.0) + 1])
    data = bytearray((tmp_path / "b").read_bytes())
    data[-20:] = bytes(20)  # under the reader's hands: its check sum was right when it followed
    with (tmp_path / "b").open("r+b") as file:
        file.write(data)
    assert compare_traces(first, second).errors[0] == 0
    for reader in (first, second):
        reader.close()


# --- tolerances


@pytest.mark.parametrize(
    ("dtype", "factor", "differs"),
    [
        ("float64", 1 + 1e-8, False),  # statistics are float32 and can't tell
        ("float64", 1 + 1e-5, True),
        ("int64", 1.0, False),
        ("int64", 1 + 1e-6, True),
        ("bool", 1 + 1e-6, True),
        ("uint8", 1 + 1e-6, True),
        ("float8_e5m2", 1.4, False),
        ("complex64", 1.001, True),
    ],
)
def test_tolerances_by_dtype(tmp_path: Path, dtype: str, factor: float, differs: bool) -> None:
    found = compare_traces(
        trace(tmp_path / "a", CHAIN, dtype=dtype), trace(tmp_path / "b", changed(0, factor), dtype=dtype)
    )
    assert bool(found.differs.any()) is differs


@pytest.mark.parametrize(
    ("dtype", "factor", "differs"),
    [
        ("float32", 1.01, False),
        ("bool", 1.01, False),
        ("uint8", 1.006, False),  # one level of a picture
        ("int64", 1.001, True),  # a token is another, however near its number
    ],
)
def test_what_was_rounded_once_stays_rounded(
    tmp_path: Path, dtype: str, factor: float, differs: bool
) -> None:
    def mixed(name: str, norm: float) -> TraceReader:
        writer = TraceWriter(tmp_path / name, TraceHeader())
        rows = np.zeros(3, OP_ROW)
        for number, kind in enumerate(("bfloat16", "float32", dtype)):
            meta = TensorMeta((2,), kind, "cpu")
            rows["site"][number] = writer.site(OpSite(op=f"aten.op{number}.default", outputs=(meta,)))
        rows["flags"], rows["norm"] = OpFlags.STATISTICS, [10, 10, norm]
        writer.ops(rows, [((), (1,)), ((1,), (2,)), ((2,), (3,))])
        writer.close()
        reader = TraceReader(tmp_path / name)
        reader.follow()
        reader.close()
        return reader

    found = compare_traces(mixed("a", 10), mixed("b", 10 * factor))
    assert found.differs.tolist() == [False, False, differs]


# --- alignment


def repeated(count: int, extra: int = -1, op: str = "aten.add.Tensor") -> list[Op]:
    """add and mul by turns in one module, where one more may be put in."""
    ops: list[Op] = [
        (("aten.add.Tensor", "aten.mul.Tensor")[number % 2], "net", (number,), (number + 1,), 1.0 + number)
        for number in range(count)
    ]
    if extra >= 0:
        ops.insert(extra, (op, "net", (extra,), (900,), 77.0))
        if extra < count:
            name, module, _, given, norm = ops[extra + 1]
            ops[extra + 1] = (name, module, (900,), given, norm)
    return ops


@pytest.mark.parametrize("place", [0, 1, 6, 13, 20])
def test_of_many_ops_of_one_name_the_inserted_one_is_named(tmp_path: Path, place: int) -> None:
    """By occurrence alone, all after it would be compared with their neighbour's."""
    longer = trace(tmp_path / "b", repeated(20, place, "aten.mul.Tensor"))
    found = compare_traces(trace(tmp_path / "a", repeated(20)), longer)
    # beside an op of its own name either of the two may be the one that is too many
    assert abs(int(found.inserted[0]) - place) <= 1
    assert (len(found.inserted), len(found.missing), len(found.pairs)) == (1, 0, 20)
    aside = np.flatnonzero(found.differs)
    assert len(aside) <= 1
    back = compare_traces(longer, trace(tmp_path / "a", repeated(20)))
    assert len(back.missing) == 1
    assert abs(int(back.missing[0]) - place) <= 1


def test_an_op_that_only_one_run_has_is_named_where_it_feeds_the_first_difference(tmp_path: Path) -> None:
    plain = repeated(6)
    scaled = repeated(6, 3, "aten.div.Tensor")
    scaled[4:] = [(op, module, into, given, norm * 3) for op, module, into, given, norm in scaled[4:]]
    first, second = trace(tmp_path / "a", plain), trace(tmp_path / "b", scaled)
    assert "op 3 of the second run, aten.div.Tensor, which the first hasn't, feeds it" in (
        compare_traces(first, second).sentence
    )
    assert "op 3 of the first run, aten.div.Tensor, which the second hasn't, feeds it" in (
        compare_traces(second, first).sentence
    )


def test_steps_and_threads_that_came_in_another_order_are_aligned(tmp_path: Path) -> None:
    def run(name: str, order: list[int]) -> TraceReader:
        writer = TraceWriter(tmp_path / name, TraceHeader())
        marks = [writer.mark(LadderMark(phase="denoise", step=step)) for step in range(4)]
        rows = np.zeros(4, OP_ROW)
        rows["site"] = writer.site(
            OpSite(op="aten.mm.default", outputs=(TensorMeta((1,), "float32", "cpu"),))
        )
        rows["mark"] = [marks[step] for step in order]
        rows["norm"], rows["flags"] = order, OpFlags.STATISTICS
        writer.ops(rows, [((), ())] * 4)
        writer.close()
        reader = TraceReader(tmp_path / name)
        reader.follow()
        reader.close()
        return reader

    found = compare_traces(run("a", [0, 1, 2, 3]), run("b", [2, 0, 3, 1]))
    assert found.pairs.tolist() == [[0, 1], [1, 3], [2, 0], [3, 2]]
    assert found.first == -1


def test_a_compiled_module_is_the_same_module(tmp_path: Path) -> None:
    compiled = [(op, module.replace("net", "net._orig_mod"), *rest) for op, module, *rest in CHAIN]
    found = compare_traces(trace(tmp_path / "a", CHAIN), trace(tmp_path / "b", compiled))  # type: ignore[arg-type]
    assert len(found.pairs) == 4


# --- views, and what sums can't tell


def passed(
    file: Path,
    extremes: Sequence[float],
    *,
    op: str = "aten.chunk.default",
    arguments: str = "2",
    writes: bool = False,
    dtype: str = "float32",
) -> TraceReader:
    """A product, (what is written into it,) a view of it, and an op on that, with these largest numbers."""
    writer = TraceWriter(file, TraceHeader())
    meta = TensorMeta((2,), "float32", "cpu")
    kinds = [
        ("aten.mm.default", 0, (1,), (2,)),
        (op, OpFlags.VIEW, (2,), (3,)),
        ("aten.exp.default", 0, (3,), (4,)),
    ]
    if writes:
        kinds.insert(1, ("aten.fill_.Scalar", OpFlags.IN_PLACE, (2,), (5,)))
    rows = np.zeros(len(kinds), OP_ROW)
    for number, (name, flags, _, _) in enumerate(kinds):
        is_view = bool(flags & OpFlags.VIEW)
        given = TensorMeta((2,), dtype if is_view else "float32", "cpu")
        site = OpSite(op=name, inputs=(meta,), outputs=(given,), arguments=arguments if is_view else "")
        rows["site"][number] = writer.site(site)
        rows["flags"][number] = OpFlags.STATISTICS | flags
    rows["maximum"] = extremes
    writer.ops(rows, [(into, given) for _, _, into, given in kinds])
    writer.close()
    reader = TraceReader(file)
    reader.follow()
    reader.close()
    return reader


def test_a_part_with_small_numbers_is_no_less_exact_than_the_whole(tmp_path: Path) -> None:
    first, second = passed(tmp_path / "a", [100, 1, 3]), passed(tmp_path / "b", [100, 1.005, 3])
    found = compare_traces(first, second)
    assert found.errors[1] == pytest.approx(0.005 / 100)
    assert found.first == -1


def test_what_differs_in_a_view_was_made_by_the_op_before(tmp_path: Path) -> None:
    """The statistics of the whole show nothing of it: its largest number lies in another part."""
    found = compare_traces(passed(tmp_path / "a", [100, 1, 3]), passed(tmp_path / "b", [100, 2, 5]))
    assert found.errors[0] == pytest.approx(0.01)
    assert "op 0, aten.mm.default" in found.sentence


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"arguments": "3"}, 1),  # another part is seen
        ({"writes": True}, 2),  # …, which is not the fault of who made the memory
        ({"op": "aten.to.dtype", "dtype": "bfloat16"}, 1),  # a cast makes numbers
    ],
)
def test_a_view_is_to_blame_where_it_is_another(tmp_path: Path, change: dict[str, Any], culprit: int) -> None:
    writes = bool(change.get("writes"))
    before = [100, 100] if writes else [100]
    name = change.get("op", "aten.chunk.default")
    first = passed(tmp_path / "a", [*before, 1, 3], writes=writes, op=name)
    found = compare_traces(first, passed(tmp_path / "b", [*before, 9, 30], **change))
    assert found.first == culprit
    assert found.errors[0] == 0


@pytest.mark.parametrize(
    ("elements", "device", "noise"), [(2, "cpu", False), (1 << 16, "cpu", True), (2, "cuda:0", True)]
)
def test_sums_in_another_order_are_no_difference(
    tmp_path: Path, elements: int, device: str, noise: bool
) -> None:
    def summed(name: str, mean: float, where: str) -> TraceReader:
        writer = TraceWriter(tmp_path / name, TraceHeader())
        rows = np.zeros(1, OP_ROW)
        rows["site"] = writer.site(
            OpSite(op="aten.mm.default", outputs=(TensorMeta((elements,), "float32", where),))
        )
        rows["flags"], rows["maximum"], rows["mean"] = OpFlags.STATISTICS, 1.0, mean
        writer.ops(rows, [((), (1,))])
        writer.close()
        reader = TraceReader(tmp_path / name)
        reader.follow()
        reader.close()
        return reader

    found = compare_traces(summed("a", 0.1, "cpu"), summed("b", 0.1 + 3e-8, device), tolerance=0.0)
    assert bool(found.differs.any()) is not noise


# --- the sentence


def test_a_difference_within_the_tolerance_is_told_with_its_place_and_size(tmp_path: Path) -> None:
    first = trace(tmp_path / "a", CHAIN)
    near = [
        (*op[:4], op[4] * factor) for op, factor in zip(CHAIN, (1, 1.00001, 1.00005, 1.00002), strict=True)
    ]
    found = compare_traces(first, trace(tmp_path / "b", near))
    assert found.first == -1
    assert "All 4 ops that can be compared agree within the tolerance." in found.sentence
    assert (
        "By their statistics they differ from op 1 on, aten.relu.default in net, net.py:7: by 1e-05."
        in found.course
    )
    assert "The largest difference is 5e-05, at op 2, aten.mm.default in net.second" in found.course
    assert (found.first_unequal, found.largest) == (1, 2)
    exact = compare_traces(first, trace(tmp_path / "b", near), tolerance=0.0)
    assert "The first difference is op 1" in exact.sentence
    assert "from op" not in exact.course
    same = compare_traces(first, first)
    assert "their statistics show no difference" in same.sentence
    assert same.course == ""


def test_values_that_agree_agree_to_the_last_bit(tmp_path: Path) -> None:
    first, second = kept(tmp_path / "a", [np.arange(6.0)]), kept(tmp_path / "b", [np.arange(6.0)])
    found = compare_traces(first, second)
    assert "agrees to the last bit" in found.sentence
    assert not found.is_different
    for reader in (first, second):
        reader.close()


def test_another_shape_is_a_difference_also_without_statistics(tmp_path: Path) -> None:
    first = trace(tmp_path / "a", CHAIN, statistics=False)
    found = compare_traces(first, trace(tmp_path / "b", CHAIN, statistics=False, shape=(3, 2)))
    assert found.first == 0
    assert "its output is [2] in the first run and [3, 2] in the second" in found.sentence


def test_what_is_known_of_the_inputs_is_said(tmp_path: Path) -> None:
    first = trace(tmp_path / "a", CHAIN)
    assert "its inputs are from before the recording" in (
        compare_traces(first, trace(tmp_path / "b", changed(0, 2))).sentence
    )
    assert "its inputs agree, its output" in (
        compare_traces(first, trace(tmp_path / "b", changed(2, 2))).sentence
    )
    near = changed(1, 1.00009)
    near[2:] = changed(2, 1.0002)[2:]
    assert "its inputs just agree, within 9e-05" in (
        compare_traces(first, trace(tmp_path / "c", near)).sentence
    )
    random: list[Op] = [("aten.randn.default", "", (), (1,), 3.0)]
    other: list[Op] = [("aten.randn.default", "", (), (1,), 4.0)]
    found = compare_traces(trace(tmp_path / "d", random), trace(tmp_path / "e", other))
    assert "it has no inputs" in found.sentence


def test_two_empty_traces_have_nothing_in_common(tmp_path: Path) -> None:
    found = compare_traces(trace(tmp_path / "a", []), trace(tmp_path / "b", []))
    assert (found.compared, found.without_statistics, found.first) == (0, False, -1)
    assert "no op in common" in found.sentence
