"""Arrays between processes of one machine, through preallocated mapped files ("slots").

The server owns the files and says who may write and read them (its ledger); here is how their bytes are
written and read. A slot begins with a header that names the generation of its content::

    bytes 0..8    magic
    bytes 8..16   generation that was begun, little-endian
    bytes 16..24  generation that is complete
    bytes 24..32  bytes of payload
    byte  4096    payload, in C order

A lease normally keeps a slot from being written while it is read. Where a lease was lost (its owner was
silent for too long) the generations tell: a reader checks them before and after it copies, and raises
`SlotExpiredError` rather than hand out a torn array.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mezzotint_sdk.errors import SlotExpiredError, StorageError
from mezzotint_sdk.records import ArrayRef

__all__ = ["PAYLOAD_OFFSET", "SlotReader", "SlotWriter", "create_slot_file"]

MAGIC = b"MZSLOT01"
PAYLOAD_OFFSET = 4096
MAX_MAPPINGS = 64  # open mappings kept by one reader or writer

_HEADER = struct.Struct("<8sQQQ")
_GENERATION = struct.Struct("<Q")
_BEGUN_AT = 8
_COMPLETE_AT = 16


def create_slot_file(path: Path, capacity: int) -> None:
    """Make a slot of `capacity` payload bytes, with all of its pages allocated.

    Allocated, not only sized: a sparse file in a full memory file system kills its writer with SIGBUS later,
    while allocating says so now. Raises StorageError.
    """
    size = PAYLOAD_OFFSET + capacity
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)
        else:
            zeros = bytes(1 << 20)
            for start in range(0, size, len(zeros)):
                os.write(descriptor, zeros[: min(len(zeros), size - start)])
        os.pwrite(descriptor, _HEADER.pack(MAGIC, 0, 0, 0), 0)
    except OSError as error:
        os.unlink(path)
        raise StorageError(f"No room for an array of {capacity} bytes in {path.parent}: {error}.") from error
    finally:
        os.close(descriptor)


class _Mappings:
    """Mapped slots by name, kept because page faults cost time; the least recently used go first."""

    def __init__(self, folder: Path, writable: bool) -> None:
        self._folder = folder
        self._writable = writable
        self._open: OrderedDict[str, mmap.mmap] = OrderedDict()

    def get(self, name: str) -> mmap.mmap:
        """Raises SlotExpiredError where there is no such slot."""
        mapping = self._open.get(name)
        if mapping is not None:
            self._open.move_to_end(name)
            return mapping
        if not name or os.sep in name or name.startswith("."):
            raise SlotExpiredError(f"{name!r} is not the name of a slot.")
        try:
            descriptor = os.open(self._folder / name, os.O_RDWR if self._writable else os.O_RDONLY)
        except OSError as error:
            raise SlotExpiredError(f"The mapped array {name} is gone.") from error
        try:
            mapping = self._map(descriptor)
        except (OSError, ValueError) as error:
            raise SlotExpiredError(f"The mapped array {name} can't be opened: {error}.") from error
        finally:
            os.close(descriptor)
        if len(mapping) < PAYLOAD_OFFSET or mapping[: len(MAGIC)] != MAGIC:
            mapping.close()
            raise SlotExpiredError(f"{name} is not a mapped array of ours.")
        self._open[name] = mapping
        while len(self._open) > MAX_MAPPINGS:
            _close(self._open.popitem(last=False)[1])
        return mapping

    def _map(self, descriptor: int) -> mmap.mmap:
        if not hasattr(mmap, "MAP_SHARED"):
            access = mmap.ACCESS_WRITE if self._writable else mmap.ACCESS_READ
            return mmap.mmap(descriptor, 0, access=access)
        # MAP_POPULATE (Linux) takes all page faults here, and none while an array is copied
        flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if self._writable else 0)
        return mmap.mmap(descriptor, 0, flags=flags, prot=protection)

    def close(self) -> None:
        while self._open:
            _close(self._open.popitem()[1])


def _close(mapping: mmap.mmap) -> None:
    try:
        mapping.close()
    except BufferError:
        # a view is still in use; the mapping goes with the last of them
        return


class SlotWriter:
    """Writes arrays into granted slots. One thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._mappings = _Mappings(folder, writable=True)

    def prepare(self, slot: str) -> None:
        """Map a granted slot ahead of its use, so that `write` takes no page faults."""
        self._mappings.get(slot)

    def write(self, slot: str, generation: int, array: np.ndarray) -> ArrayRef:
        """Copy `array` (any shape, any dtype but object, contiguous or not) into the slot.

        Raises ValueError where it does not fit, SlotExpiredError where the slot is gone.
        """
        if array.dtype.hasobject:
            raise ValueError("An array of Python objects can't be shared between processes.")
        mapping = self._mappings.get(slot)
        if array.nbytes > len(mapping) - PAYLOAD_OFFSET:
            raise ValueError(
                f"{array.nbytes} bytes don't fit into a slot of {len(mapping) - PAYLOAD_OFFSET}."
            )
        _GENERATION.pack_into(mapping, _BEGUN_AT, generation)
        target = np.ndarray(array.shape, dtype=array.dtype, buffer=mapping, offset=PAYLOAD_OFFSET)
        np.copyto(target, array)
        del target
        _HEADER.pack_into(mapping, 0, MAGIC, generation, generation, array.nbytes)
        return ArrayRef(slot, generation, array.nbytes, array.dtype.str, array.shape)

    def close(self) -> None:
        self._mappings.close()


class SlotReader:
    """Reads arrays out of slots. One thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._mappings = _Mappings(folder, writable=False)

    @contextmanager
    def view(self, ref: ArrayRef) -> Iterator[np.ndarray]:
        """The array as it lies in the slot, read-only, valid inside the `with` block alone.

        Raises SlotExpiredError at the start, or at the end when the slot was written meanwhile: what was
        computed from the view must then be thrown away.
        """
        mapping = self._mappings.get(ref.slot)
        self._check(mapping, ref)
        yield self._array(mapping, ref)
        self._check(mapping, ref)

    def copy(self, ref: ArrayRef) -> np.ndarray:
        """The array, copied. Raises SlotExpiredError."""
        with self.view(ref) as array:
            return array.copy()

    def copy_into(self, ref: ArrayRef, target: np.ndarray) -> None:
        """Copy the array into `target`: a warm buffer takes no page faults. Raises SlotExpiredError."""
        with self.view(ref) as array:
            np.copyto(target, array)

    def close(self) -> None:
        self._mappings.close()

    @staticmethod
    def _check(mapping: mmap.mmap, ref: ArrayRef) -> None:
        _, begun, complete, nbytes = _HEADER.unpack_from(mapping, 0)
        if begun != ref.generation or complete != ref.generation or nbytes != ref.nbytes:
            raise SlotExpiredError(f"The mapped array {ref.slot} was taken back before it was read.")

    @staticmethod
    def _array(mapping: mmap.mmap, ref: ArrayRef) -> np.ndarray:
        try:
            dtype = np.dtype(ref.dtype)
            if dtype.hasobject or any(length < 0 for length in ref.shape):
                raise ValueError("no array has that shape and dtype")
            array: np.ndarray = np.ndarray(ref.shape, dtype=dtype, buffer=mapping, offset=PAYLOAD_OFFSET)
        except (TypeError, ValueError) as error:
            raise SlotExpiredError(f"The mapped array {ref.slot} can't be read: {error}.") from error
        array.flags.writeable = False
        return array
