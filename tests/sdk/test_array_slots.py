"""Arrays written in one place and read in another, and what is read when somebody was too late."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mezzotint_sdk.array_slots import PAYLOAD_OFFSET, SlotReader, SlotWriter, create_slot_file
from mezzotint_sdk.errors import SlotExpiredError, StorageError
from mezzotint_sdk.records import ArrayRef

CAPACITY = 256 * 1024


@pytest.fixture
def slots(tmp_path: Path) -> Path:
    create_slot_file(tmp_path / "00000", CAPACITY)
    return tmp_path


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(
        dtype=st.one_of(hnp.scalar_dtypes(), hnp.boolean_dtypes()),
        shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6),
    )
)
def test_any_array_arrives_as_it_was(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    folder = tmp_path_factory.mktemp("slots")
    create_slot_file(folder / "a", CAPACITY)
    writer, reader = SlotWriter(folder), SlotReader(folder)
    arrived = reader.copy(writer.write("a", 7, array))
    assert arrived.dtype == array.dtype
    assert arrived.shape == array.shape
    assert arrived.tobytes() == np.ascontiguousarray(array).tobytes()
    writer.close()
    reader.close()


def test_an_array_that_is_not_contiguous(slots: Path) -> None:
    array = np.arange(600).reshape(20, 30)[::2, ::-3].T
    assert not array.flags.c_contiguous
    assert np.array_equal(SlotReader(slots).copy(SlotWriter(slots).write("00000", 1, array)), array)


def test_an_array_of_another_process(slots: Path) -> None:
    code = (
        "import sys, numpy as np; from pathlib import Path; from mezzotint_sdk.array_slots import SlotWriter;"
        "SlotWriter(Path(sys.argv[1])).write('00000', 3, np.arange(1000))"
    )
    subprocess.run([sys.executable, "-c", code, str(slots)], check=True, timeout=60)
    ref = ArrayRef("00000", 3, 8000, "<i8", (1000,))
    assert np.array_equal(SlotReader(slots).copy(ref), np.arange(1000))


def test_a_slot_that_was_granted_again_is_expired(slots: Path) -> None:
    writer, reader = SlotWriter(slots), SlotReader(slots)
    old = writer.write("00000", 1, np.zeros(10))
    new = writer.write("00000", 2, np.ones(10))
    with pytest.raises(SlotExpiredError, match="taken back"):
        reader.copy(old)
    assert reader.copy(new).sum() == 10


def test_a_slot_that_is_written_while_it_is_read_is_expired_at_the_end(slots: Path) -> None:
    writer, reader = SlotWriter(slots), SlotReader(slots)
    ref = writer.write("00000", 1, np.zeros(10))
    view = reader.view(ref)
    assert view.__enter__().sum() == 0
    writer.write("00000", 2, np.ones(10))
    with pytest.raises(SlotExpiredError):
        view.__exit__(None, None, None)


def test_a_view_is_read_only_and_copies_nothing(slots: Path) -> None:
    writer, reader = SlotWriter(slots), SlotReader(slots)
    ref = writer.write("00000", 1, np.zeros((4, 5), np.float32))
    with reader.view(ref) as array:
        assert not array.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
    target = np.empty((4, 5), np.float32)
    reader.copy_into(ref, target)
    assert not target.any()


def test_what_does_not_fit_is_refused(slots: Path) -> None:
    writer = SlotWriter(slots)
    with pytest.raises(ValueError, match="don't fit"):
        writer.write("00000", 1, np.zeros(CAPACITY + 1, np.uint8))
    with pytest.raises(ValueError, match="Python objects"):
        writer.write("00000", 1, np.array([object()]))
    with pytest.raises(SlotExpiredError, match="gone"):
        writer.write("99999", 1, np.zeros(1))


@pytest.mark.parametrize("name", ["", "../engine.json", ".hidden", "a/b"])
def test_a_name_never_leads_out_of_the_folder(slots: Path, name: str) -> None:
    with pytest.raises(SlotExpiredError, match="not the name"):
        SlotReader(slots).copy(ArrayRef(name, 1, 1, "|u1", (1,)))


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [("nonsense", (1,)), ("|u1", (CAPACITY * 2,)), ("|u1", (-1,)), ("|O", (1,)), ("<f8", (2**62, 2**62))],
)
def test_a_reference_that_fits_no_array_gives_our_error(
    slots: Path, dtype: str, shape: tuple[int, ...]
) -> None:
    SlotWriter(slots).write("00000", 1, np.zeros(8, np.uint8))
    with pytest.raises(SlotExpiredError):
        SlotReader(slots).copy(ArrayRef("00000", 1, 8, dtype, shape))


def test_a_file_that_is_no_slot(slots: Path) -> None:
    (slots / "text").write_bytes(b"x" * 5000)
    (slots / "empty").write_bytes(b"")
    (slots / "short").write_bytes(b"MZSLOT01")
    for name in ("text", "empty", "short"):
        with pytest.raises(SlotExpiredError):
            SlotReader(slots).copy(ArrayRef(name, 1, 1, "|u1", (1,)))


def test_a_slot_is_allocated_in_full(slots: Path) -> None:
    status = (slots / "00000").stat()
    assert status.st_size == PAYLOAD_OFFSET + CAPACITY
    assert status.st_blocks * 512 >= CAPACITY, "sparse: its writer would be killed when memory is short"
    assert status.st_mode & 0o077 == 0


def test_no_room_for_a_slot_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No room"):
        create_slot_file(tmp_path / "huge", 1 << 60)
    assert os.listdir(tmp_path) == []
