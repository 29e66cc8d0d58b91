"""Whatever bytes a trace file holds: at worst a sentence, and never more memory than it deserves."""

from __future__ import annotations

import struct
import tempfile
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mezzotint_sdk.divergence import compare_traces
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.perfetto_export import export_perfetto
from mezzotint_sdk.trace_reader import TraceReader
from mezzotint_sdk.trace_records import (
    FREE_BYTES,
    TRACE_MAGIC,
    BlockKind,
    SavedTensor,
    TensorMeta,
)
from tests.sdk.op_traces import FRAME, HEADER, block, read_whole, write_small

pytestmark = pytest.mark.slow

META = TensorMeta((2, 3), "float32", "cpu")


# --- any bytes at all


def everything(path: Path) -> None:
    """Whatever a user of the reader does with a file, errors of the sentence kind aside."""
    try:
        reader = TraceReader(path)
    except BadInputError:
        return
    try:
        count = reader.follow()
        assert count == len(reader.rows) == len(reader.tensor_ids[2])
        for number in range(min(count, 50)):
            reader.op(number)
        for number, output in reader.saved_tensors[:50]:
            with suppress(BadInputError):
                reader.tensor(number, output)
        assert compare_traces(reader, reader).sentence
        export_perfetto(reader, path.with_suffix(".json"))
    finally:
        reader.close()


def given_bytes(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.mzt"
        path.write_bytes(data)
        everything(path)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_at_worst_a_sentence(data: bytes, with_header: bool) -> None:
    given_bytes((HEADER if with_header else TRACE_MAGIC) + data)
    given_bytes(data)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 7) | st.integers(0, 255), st.binary(max_size=200), st.integers(0, 9)),
        max_size=5,
    )
)
@example([(BlockKind.OPS, struct.pack("<I", 0), 1), (BlockKind.STATISTICS, struct.pack("<I", 2**32 - 1), 1)])
@example([(BlockKind.SITES, b"\xdd\xff\xff\xff\xff", 1)])
@example([(BlockKind.NOTE, b"1234567", 1)])
@example([(BlockKind.TENSOR, b"\xff\xff\xff\xff", 1)])
def test_blocks_with_any_content_are_at_worst_a_sentence(blocks: list[tuple[int, bytes, int]]) -> None:
    """Frames and check sums are right here, so that what is inside is reached."""
    given_bytes(HEADER + b"".join(block(*one) for one in blocks))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_valid_trace_with_changed_content_is_at_worst_a_sentence(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_small(Path(folder) / "t")
        whole = (Path(folder) / "t").read_bytes()
    changed, offset = TRACE_MAGIC, len(TRACE_MAGIC)
    while offset < len(whole):
        kind, length, _ = FRAME.unpack_from(whole, offset)
        offset += FRAME.size
        payload = bytearray(zlib.decompress(whole[offset : offset + length]))
        offset += length
        for place in data.draw(st.lists(st.integers(0, len(payload) - 1), max_size=3)):
            payload[place] = data.draw(st.integers(0, 255))
        cut = data.draw(st.sampled_from([0, 0, 0, 1, 4]))
        changed += block(kind, bytes(payload[: len(payload) - cut]), 1)
    given_bytes(changed)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from(
        ["<f4", "O", "|O", "V0", "U3", "c1", "f0", "i4,f8", "(2,)f4", "", "<M8[s]", "a5", "()", "x"]
    )
    | st.text(max_size=6),
    st.lists(st.integers(-2, 4) | st.integers(-(2**63), 2**64 - 1), max_size=4),
    st.binary(max_size=64),
)
@example(0, 0, "V0", [3, 1_753_380_096, 1_753_446_017], b"")
def test_values_that_claim_anything_are_at_worst_a_sentence(
    number: int, output: int, kind: str, shape: list[int], values: bytes
) -> None:
    head = msgspec.msgpack.encode(SavedTensor(number, output, kind, tuple(shape), META))
    tensor = block(BlockKind.TENSOR, struct.pack("<I", len(head)) + head + values)
    given_bytes(HEADER + tensor)


# --- bombs


BOMB = 200 * 1024 * 1024
BOMBS = {
    "header": (BlockKind.HEADER, bytes(BOMB)),
    "sites": (BlockKind.SITES, b"\xdd" + struct.pack(">I", BOMB // 5) + b"\x81\xa2op\xa0" * (BOMB // 5)),
    "marks": (BlockKind.MARKS, b"\xdd" + struct.pack(">I", BOMB) + b"\x80" * BOMB),
    "rows": (BlockKind.OPS, struct.pack("<I", BOMB // 40) + bytes(BOMB // 40 * 37)),
    "note": (BlockKind.NOTE, bytes(BOMB)),
    "values": (BlockKind.TENSOR, struct.pack("<I", BOMB - 4) + bytes(BOMB - 4)),
    "later": (200, bytes(BOMB)),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_file_does_not_become_a_large_one(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "t"
    bomb = block(*BOMBS[kind])
    path.write_bytes((TRACE_MAGIC if kind == "header" else HEADER) + bomb)
    assert path.stat().st_size < BOMB // 500
    tracemalloc.start()
    try:
        everything(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * FREE_BYTES + 101 * path.stat().st_size


def test_small_bombs_add_up(tmp_path: Path) -> None:
    """Each within what a block may have, all together not."""
    note = block(BlockKind.NOTE, bytes(1024 * 1024), 9)
    (tmp_path / "t").write_bytes(HEADER + note * 300)
    reader = read_whole(tmp_path / "t")
    assert "damaged" in reader.damage
    assert sum(map(len, reader.notes.values())) < 2 * FREE_BYTES + 100 * 300 * len(note)


def test_a_list_that_says_to_be_longer_than_its_bytes_is_not_begun(tmp_path: Path) -> None:
    dense = b"\xdd" + struct.pack(">I", 600_000) + b"\x81\xa2op\xa0" * 600_000  # within FREE_BYTES
    (tmp_path / "t").write_bytes(HEADER + block(BlockKind.SITES, dense))
    reader = read_whole(tmp_path / "t")
    assert "damaged" in reader.damage
    assert reader.sites == []
