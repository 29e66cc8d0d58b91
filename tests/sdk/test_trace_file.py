"""The trace file: what was written is read, whatever end the writer came to; bad bytes are a sentence."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mezzotint_sdk.trace_reader import BadTraceError, TraceReader
from mezzotint_sdk.trace_records import (
    MAX_BLOCK_BYTES,
    OP_ROW,
    TRACE_MAGIC,
    BlockKind,
    LadderMark,
    OpFlags,
    TensorMeta,
    TraceHeader,
)
from mezzotint_sdk.trace_writer import TraceWriter
from tests.sdk.op_traces import (
    FRAME,
    HEADER,
    SMALL_NOTE,
    block,
    forward_sites,
    read_whole,
    some_ids,
    some_rows,
    write_small,
)

META = TensorMeta((2, 3), "float32", "cpu")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("small") / "trace.mzt"
    write_small(path)
    return path.read_bytes()


# --- round trip


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "trace.mzt"
    header = TraceHeader(run_id="r", spec="{}", started=1.5, versions={"torch": "2.13"}, note="n")
    writer = TraceWriter(path, header)
    sites = forward_sites(7)
    assert [writer.site(site) for site in sites] == list(range(7))
    assert writer.site(forward_sites(7)[3]) == 3
    marks = [LadderMark(phase="denoise", step=step, steps=2, timestep=1.0, sigma=None) for step in range(2)]
    plain, told = some_rows(20, sites=7), some_rows(30, sites=7, seed=1, statistics=True)
    plain["mark"] = writer.mark(marks[0])
    told["mark"] = writer.mark(marks[1])
    writer.ops(plain, some_ids(20))
    writer.ops(told[:0], [])
    writer.ops(told, some_ids(30, 20))
    writer.close()
    writer.close()
    reader = read_whole(path)
    assert (reader.header, reader.sites, reader.marks, reader.damage) == (header, sites, marks, "")
    for name in OP_ROW.names or ():
        np.testing.assert_array_equal(reader.rows[name], np.concatenate([plain, told])[name])
    op = reader.op(21)
    assert (op.number, op.site, op.mark) == (21, sites[1], marks[1])
    assert (op.inputs, op.outputs, op.note) == ((21, 14), (22,), "")
    assert op.norm == told["norm"][1]
    ids, starts, inputs = reader.tensor_ids
    assert ids[starts[21] : starts[22]].tolist() == [21, 14, 22]
    assert inputs.tolist() == [2] * 50
    for outside in (-1, 50):
        with pytest.raises(IndexError):
            reader.op(outside)


def test_ops_without_tensors_and_with_many_keep_theirs(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path / "t", TraceHeader())
    writer.site(forward_sites(1)[0])
    ids = [((), ()), (tuple(range(1000)), ()), ((), (7,)), ((2**32 - 1,), (1, 2))]
    writer.ops(some_rows(4, sites=1), ids)
    writer.close()
    reader = read_whole(tmp_path / "t")
    assert [(reader.op(number).inputs, reader.op(number).outputs) for number in range(4)] == ids


def test_notes_of_an_op_follow_each_other(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path / "t", TraceHeader())
    writer.site(forward_sites(1)[0])
    writer.ops(some_rows(2, sites=1), some_ids(2))
    writer.note(1, "edited: scale 2")
    writer.note(1, "skipped – übersprungen")
    writer.note(9, "of an op that isn't there yet")
    writer.close()
    reader = read_whole(tmp_path / "t")
    assert reader.op(1).note == "edited: scale 2; skipped – übersprungen"
    assert reader.op(0).note == ""


# --- values


@pytest.mark.parametrize(
    "kind", ["bool", "int8", "uint8", "int64", "float16", "float32", "float64", "complex64"]
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)])
def test_values_come_back_as_they_were(tmp_path: Path, kind: str, shape: tuple[int, ...]) -> None:
    values = np.asarray(np.random.default_rng(0).normal(size=shape) * 9).astype(kind)
    writer = TraceWriter(tmp_path / "t", TraceHeader(), value_bytes=1 << 16)
    assert writer.tensor(4, 1, values, TensorMeta(shape, kind, "cuda:0"))
    writer.close()
    reader = TraceReader(tmp_path / "t")
    reader.follow()
    found = reader.tensor(4, 1)
    assert found is not None
    np.testing.assert_array_equal(found, values)
    assert (found.dtype, found.shape) == (values.dtype, shape)
    assert (reader.tensor(4, 0), reader.tensor(5, 1)) == (None, None)
    assert reader.saved_tensors == ((4, 1),)
    reader.close()


def test_the_budget_for_values_is_kept(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path / "t", TraceHeader(), value_bytes=100)
    values = np.zeros(10, np.float32)
    assert [writer.tensor(number, 0, values, META) for number in range(4)] == [True, True, False, False]
    assert writer.tensor(9, 0, values[:5], META), "what still fits is kept"
    writer.close()
    assert read_whole(tmp_path / "t").saved_tensors == ((0, 0), (1, 0), (9, 0))
    without = TraceWriter(tmp_path / "u", TraceHeader())
    assert not without.tensor(0, 0, values, META)
    without.close()


def test_what_are_no_numbers_is_not_kept(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path / "t", TraceHeader(), value_bytes=1000)
    with pytest.raises(TypeError, match="object"):
        writer.tensor(0, 0, np.array([None, "a"]), META)
    writer.close()
    assert read_whole(tmp_path / "t").saved_tensors == ()


@pytest.mark.parametrize("values_first", [False, True])
def test_rows_whose_values_were_kept_are_marked(tmp_path: Path, values_first: bool) -> None:
    """The recorder writes rows in batches, and values at once: they come before their row or after it."""
    writer = TraceWriter(tmp_path / "t", TraceHeader(), value_bytes=1000)
    writer.site(forward_sites(1)[0])
    rows = some_rows(3, sites=1)
    rows["flags"] = OpFlags.VIEW
    parts: list[Callable[[], object]] = [
        lambda: writer.ops(rows, some_ids(3)),
        lambda: writer.tensor(1, 0, np.zeros(2, np.float32), META),
    ]
    for part in reversed(parts) if values_first else parts:
        part()
    writer.close()
    flags = read_whole(tmp_path / "t").rows["flags"].tolist()
    assert flags == [OpFlags.VIEW, OpFlags.VIEW | OpFlags.SAVED, OpFlags.VIEW]


# --- growing and torn


def test_a_trace_torn_at_any_byte_shows_what_was_whole(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "trace.mzt"
    path.write_bytes(small)
    whole = read_whole(path)
    counts, refused = set(), []
    for end in range(len(small)):
        path.write_bytes(small[:end])
        try:
            reader = read_whole(path)
        except BadTraceError:
            refused.append(end)
            continue
        assert reader.damage == "", end
        count = len(reader.rows)
        counts.add(count)
        np.testing.assert_array_equal(reader.rows["site"], whole.rows["site"][:count])
        for number in range(count):
            assert reader.op(number).site == whole.op(number).site
    assert counts == {0, 4, 7}
    begin = len(TRACE_MAGIC) + FRAME.size + FRAME.unpack_from(small, len(TRACE_MAGIC))[1]
    assert refused == list(range(begin)), "without a whole header"
    assert whole.notes == {2: SMALL_NOTE}


def test_a_torn_trace_that_grows_is_read_on(small: bytes, tmp_path: Path) -> None:
    """Byte by byte: never an error, and in the end all of it."""
    path = tmp_path / "trace.mzt"
    begin = len(TRACE_MAGIC) + FRAME.size + FRAME.unpack_from(small, len(TRACE_MAGIC))[1]
    path.write_bytes(small[:begin])
    reader = TraceReader(path)
    seen = []
    with path.open("ab", buffering=0) as file:
        for number in range(begin, len(small)):
            file.write(small[number : number + 1])
            seen.append(reader.follow())
    assert sorted(set(seen)) == [0, 4, 7]
    assert seen == sorted(seen)
    assert (reader.damage, reader.notes) == ("", {2: SMALL_NOTE})
    values = reader.tensor(5, 0)
    assert values is not None
    assert values.tolist() == [[0, 1, 2], [3, 4, 5]]
    reader.close()


APPENDING = """
import sys
from pathlib import Path
from mezzotint_sdk.trace_records import TraceHeader
from mezzotint_sdk.trace_writer import TraceWriter
from tests.sdk.op_traces import forward_sites, some_ids, some_rows
writer = TraceWriter(Path(sys.argv[1]), TraceHeader())
print("begun", flush=True)
sites = forward_sites(200)
for batch in range(200):
    rows = some_rows(37, sites=1, seed=batch)
    rows["site"] = writer.site(sites[batch])
    writer.ops(rows, some_ids(37, 37 * batch))
    if batch % 20 == 19:
        writer.flush()
        print(37 * (batch + 1), flush=True)
        sys.stdin.readline()
writer.note(7399, "the end")
writer.close()
"""


def test_a_trace_is_followed_while_another_process_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "trace.mzt"
    child = subprocess.Popen(
        [sys.executable, "-c", APPENDING, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "begun\n"
        reader = TraceReader(path)
        seen, views = 0, []
        for _ in range(10):
            deadline = time.monotonic() + 60
            told = 0
            while not told:  # while it writes, too, not only when it waits
                assert time.monotonic() < deadline
                count = reader.follow()
                assert count >= seen
                seen = count
                views.append((count, reader.rows, reader.rows.copy()))
                if _readable(child.stdout.fileno()):
                    told = int(child.stdout.readline())
            assert reader.follow() == told
            child.stdin.write("\n")
            child.stdin.flush()
        assert child.wait(60) == 0
        assert reader.follow() == 7400
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()
    assert (reader.damage, reader.notes) == ("", {7399: "the end"})
    assert reader.rows["site"].tolist() == np.repeat(np.arange(200), 37).tolist()
    assert reader.op(7000).outputs == (7001,)
    for count, view, copy in views:
        assert len(view) == count
        np.testing.assert_array_equal(view["started_us"], copy["started_us"])
    reader.close()


def _readable(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0.002)[0])


# --- damage


def test_damage_ends_what_is_read_and_is_said(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "trace.mzt"
    for place in range(len(TRACE_MAGIC), len(small)):
        path.write_bytes(small[:place] + bytes([small[place] ^ 0x41]) + small[place + 1 :])
        try:
            reader = read_whole(path)
        except BadTraceError:
            continue
        assert len(reader.rows) in (0, 4, 7)
        for number in range(len(reader.rows)):
            reader.op(number)
        if reader.damage:
            assert reader.damage.endswith(".")
            assert "damaged" in reader.damage
    path.write_bytes(small[:-5] + bytes([small[-5] ^ 1]) + small[-4:])
    reader = read_whole(path)
    assert (len(reader.rows), reader.notes) == (7, {})
    assert "trace.mzt is damaged at byte" in reader.damage


@pytest.mark.parametrize("start", [b"", b"MZ", b"MZTRACE9" + bytes(50), b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_what_is_no_trace_is_told_from_one(start: bytes, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(start)
    with pytest.raises(BadTraceError, match=r"^picture\.png is not a trace of Mezzotint\.$"):
        TraceReader(tmp_path / "picture.png")


def test_a_trace_without_a_header_and_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(HEADER[:-1])
    with pytest.raises(BadTraceError, match="has no header"):
        TraceReader(tmp_path / "t")
    (tmp_path / "t").write_bytes(TRACE_MAGIC + block(BlockKind.SITES, b"\x90"))
    with pytest.raises(BadTraceError, match="has no header"):
        TraceReader(tmp_path / "t")
    with pytest.raises(OSError, match="nowhere"):
        TraceReader(tmp_path / "nowhere")


def test_blocks_of_a_newer_writer_are_passed_over(small: bytes, tmp_path: Path) -> None:
    begin = len(TRACE_MAGIC) + FRAME.size + FRAME.unpack_from(small, len(TRACE_MAGIC))[1]
    (tmp_path / "t").write_bytes(small[:begin] + block(99, b"what may come") + small[begin:])
    reader = read_whole(tmp_path / "t")
    assert (len(reader.rows), reader.damage) == (7, "")


# --- size


def test_what_packs_too_well_is_written_so_that_it_can_be_read(tmp_path: Path) -> None:
    """A million equal rows, and a tensor of zeros: both are honest."""
    writer = TraceWriter(tmp_path / "t", TraceHeader(), value_bytes=MAX_BLOCK_BYTES)
    writer.site(forward_sites(1)[0])
    rows = np.zeros(1_000_000, OP_ROW)
    writer.ops(rows, [((), ())] * len(rows))
    assert writer.tensor(0, 0, np.zeros(1 << 24, np.uint8), META)
    writer.close()
    reader = TraceReader(tmp_path / "t")
    assert (reader.follow(), reader.damage) == (1_000_000, "")
    values = reader.tensor(0, 0)
    assert values is not None
    assert values.size == 1 << 24
    reader.close()


def test_a_forward_takes_at_most_100_bytes_an_op(tmp_path: Path) -> None:
    """2,000 ops at 600 places of a model, in batches as the recorder writes them; descriptors only."""
    path = tmp_path / "trace.mzt"
    writer = TraceWriter(path, TraceHeader(run_id="r", spec="{}"))
    for site in forward_sites(600):
        writer.site(site)
    writer.mark(LadderMark(phase="denoise", step=0, steps=20))
    rows = some_rows(2000, sites=600)
    for begin in range(0, 2000, 500):
        writer.ops(rows[begin : begin + 500], some_ids(500, begin))
    writer.close()
    assert len(read_whole(path).rows) == 2000
    assert os.path.getsize(path) / 2000 <= 100
