"""Who may write and who may read each mapped slot: free → writing (a worker) → published (readers) → free.

The ledger lives in the server alone. When an owner dies, by whatever signal, everything it held is freed
here.
"""

from __future__ import annotations

import itertools
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from mezzotint_sdk.array_slots import PAYLOAD_OFFSET, create_slot_file
from mezzotint_sdk.errors import StorageError
from mezzotint_sdk.messages import SlotGranted
from mezzotint_sdk.records import ArrayRef

__all__ = ["SlotLedger", "clean_slots_folder"]

KIB, MIB = 1024, 1024**2
SIZE_CLASSES = (256 * KIB, 4 * MIB, 64 * MIB)
SMALL_BYTES = 4 * MIB  # slots up to that are made at once
# left free in the memory file system, which other programs use as well
RESERVE_BYTES = 16 * MIB


def clean_slots_folder(folder: Path) -> int:
    """Remove what a killed server left behind, and make the folder; gives the number of files removed."""
    removed = len(list(folder.iterdir())) if folder.is_dir() else 0
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return removed


def capacity_for(nbytes: int) -> int:
    """The size class for an array; above the largest class, whole multiples of it."""
    for size in SIZE_CLASSES:
        if nbytes <= size:
            return size
    return -(-nbytes // SIZE_CLASSES[-1]) * SIZE_CLASSES[-1]


@dataclass
class _Slot:
    name: str
    capacity: int
    generation: int = 0
    writer: str = ""  # worker id while it may write
    readers: set[str] = field(default_factory=set)

    @property
    def is_free(self) -> bool:
        return not self.writer and not self.readers


class SlotLedger:
    """Readers are named by the caller: a client's key, or what holds a slot on its behalf."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._slots: dict[str, _Slot] = {}
        self._numbers = itertools.count()
        self._reserved_bytes = 0

    @property
    def total_bytes(self) -> int:
        return sum(slot.capacity for slot in self._slots.values())

    def states(self) -> dict[str, int]:
        """How many slots are free, being written, published."""
        free = sum(slot.is_free for slot in self._slots.values())
        writing = sum(bool(slot.writer) for slot in self._slots.values())
        return {"free": free, "writing": writing, "published": len(self._slots) - free - writing}

    def grant(self, worker_id: str, nbytes: int, purpose: str = "") -> SlotGranted:
        """A slot for `worker_id` to write `nbytes` into; with generation 0 when there is none to be had."""
        capacity = capacity_for(max(1, nbytes))
        slot = self._free_slot(capacity)
        if slot is None and capacity <= SMALL_BYTES:
            slot = self._grown(capacity)
        if slot is None:
            return SlotGranted(slot="", generation=0, nbytes=0, purpose=purpose)
        slot.generation += 1
        slot.writer = worker_id
        return SlotGranted(slot=slot.name, generation=slot.generation, nbytes=slot.capacity, purpose=purpose)

    def _free_slot(self, capacity: int) -> _Slot | None:
        return next(
            (slot for slot in self._slots.values() if slot.is_free and slot.capacity == capacity), None
        )

    def _grown(self, capacity: int) -> _Slot | None:
        if not self._has_room(capacity):
            return None
        name = self._new_name()
        if not self.make_file(name, capacity):
            return None
        slot = self._slots[name] = _Slot(name, capacity)
        return slot

    def _new_name(self) -> str:
        return f"{next(self._numbers):05d}"

    def _has_room(self, capacity: int) -> bool:
        missing = self.total_bytes + self._reserved_bytes + capacity - self._limit_bytes
        if missing > 0:
            self._shrink(missing)
        if self.total_bytes + self._reserved_bytes + capacity > self._limit_bytes:
            return False
        try:
            return self._space() >= capacity + RESERVE_BYTES
        except OSError:
            return False

    # --- large slots: making one of 64 MiB takes some 10 ms, which the I/O thread must not wait for --------

    def reserve_large(self, capacity: int) -> str:
        """The name for a new large slot; "" when none is needed, or there is no room for it.

        The caller then runs `make_file` on another thread, and tells `finish_large` about it.
        """
        if capacity <= SMALL_BYTES or self._free_slot(capacity) is not None or not self._has_room(capacity):
            return ""
        self._reserved_bytes += capacity
        return self._new_name()

    def make_file(self, name: str, capacity: int) -> bool:
        """Touches no state of the ledger; any thread may call it."""
        try:
            create_slot_file(self._folder / name, capacity)
        except (StorageError, OSError):
            return False
        return True

    def finish_large(self, name: str, capacity: int, *, made: bool) -> None:
        self._reserved_bytes -= capacity
        if made:
            self._slots[name] = _Slot(name, capacity)

    def _space(self) -> int:
        return shutil.disk_usage(self._folder).free - PAYLOAD_OFFSET

    def _shrink(self, nbytes: int) -> None:
        """Give up free slots, the largest first: a size that is not used any more must not block another."""
        for slot in sorted(self._slots.values(), key=lambda s: -s.capacity):
            if nbytes <= 0:
                return
            if slot.is_free:
                del self._slots[slot.name]
                os.unlink(self._folder / slot.name)
                nbytes -= slot.capacity

    def publish(self, worker_id: str, ref: ArrayRef) -> bool:
        """The worker has written `ref`: it gives up the slot. False when it was not its to write."""
        slot = self._slots.get(ref.slot)
        if slot is None or slot.writer != worker_id or slot.generation != ref.generation:
            return False
        slot.writer = ""
        return ref.nbytes <= slot.capacity

    def lease(self, reader: str, ref: ArrayRef) -> None:
        slot = self._slots.get(ref.slot)
        if slot is not None and slot.generation == ref.generation:
            slot.readers.add(reader)

    def release(self, reader: str, ref: ArrayRef) -> bool:
        slot = self._slots.get(ref.slot)
        if slot is None or slot.generation != ref.generation or reader not in slot.readers:
            return False
        slot.readers.discard(reader)
        return True

    def leases_of(self, reader: str) -> int:
        return sum(reader in slot.readers for slot in self._slots.values())

    def free_reader(self, reader: str) -> None:
        for slot in self._slots.values():
            slot.readers.discard(reader)

    def free_writer(self, worker_id: str) -> None:
        for slot in self._slots.values():
            if slot.writer == worker_id:
                slot.writer = ""

    def close(self) -> None:
        self._slots.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
