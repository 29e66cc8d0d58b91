"""Slots for whoever in the worker has an array to hand over, besides the previews: asked for by name, waited
for."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mezzotint_sdk.array_slots import SlotWriter
from mezzotint_sdk.messages import SlotGranted, SlotWanted
from mezzotint_sdk.records import ArrayRef

__all__ = ["SlotWishes"]

ANSWER_SECONDS = 5.0


class SlotWishes:
    """`write` is called on any thread but the control thread, which brings the grants."""

    def __init__(self, send: Callable[[SlotWanted], None]) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._open: set[str] = set()
        self._granted: dict[str, SlotGranted] = {}
        self._writer: SlotWriter | None = None

    def start(self, slots_folder: str) -> None:
        self._writer = SlotWriter(Path(slots_folder))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def grant(self, granted: SlotGranted) -> None:
        """A grant that nobody waits for any more stays with this worker's lease and ends with it."""
        with self._changed:
            if granted.purpose in self._open:
                self._granted[granted.purpose] = granted
                self._changed.notify_all()

    def write(self, array: np.ndarray[Any, Any]) -> ArrayRef | None:
        """Put `array` into a slot. None: there is none to be had, or no answer in time."""
        if self._writer is None:
            return None
        array = np.ascontiguousarray(array)
        purpose = f"debugger-{next(self._numbers)}"
        with self._changed:
            self._open.add(purpose)
        try:
            self._send(SlotWanted(nbytes=max(1, array.nbytes), purpose=purpose))
            with self._changed:
                self._changed.wait_for(lambda: purpose in self._granted, ANSWER_SECONDS)
                slot = self._granted.pop(purpose, None)
        finally:
            with self._changed:
                self._open.discard(purpose)
        if slot is None or slot.nbytes < array.nbytes:
            return None
        return self._writer.write(slot.slot, slot.generation, array)
