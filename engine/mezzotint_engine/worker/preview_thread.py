"""Previews off the critical path.

The job leaves a copy of its latent, one thread turns the newest into a picture.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mezzotint_engine.pipelines.latent_preview import LatentPreview
from mezzotint_sdk.array_slots import SlotWriter
from mezzotint_sdk.errors import MezzotintError
from mezzotint_sdk.messages import JobPreviewed, SlotGranted, SlotWanted

__all__ = ["PreviewThread", "PreviewTarget"]

SLOT_SECONDS = 2.0


@dataclass(frozen=True)
class PreviewTarget:
    """What the previews of one run need to know. `measured(step, cost_ms)` takes what each cost."""

    run_id: str
    folder: Path
    family: str
    width: int
    height: int
    measured: Callable[[float, float], None]


@dataclass(frozen=True)
class _Offer:
    target: PreviewTarget
    latent: Any
    image_index: int
    step: int
    global_step: int
    copy_ms: float


class PreviewThread:
    """Latest wins: what was not drawn when the next latent comes is forgotten.

    `send` hands a message to the control thread, which calls `slot_granted` with the server's answer.
    """

    def __init__(self, send: Callable[[SlotWanted | JobPreviewed], None], log: Callable[[str], None]) -> None:
        self._send = send
        self._log = log
        self._changed = threading.Condition()
        self._offer: _Offer | None = None
        self._slot: SlotGranted | None = None
        self._closed = False
        self._writer: SlotWriter | None = None
        self._hz = 0.0
        self._last = float("-inf")
        self._maps: dict[tuple[Path, str, int], LatentPreview | None] = {}
        self._thread = threading.Thread(target=self._run, name="previews", daemon=True)

    def start(self, slots_folder: str, hz: float) -> None:
        self._writer = SlotWriter(Path(slots_folder))
        self._hz = hz
        self._thread.start()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(5.0)
        if self._writer is not None:
            self._writer.close()

    # --- control thread

    def set_rate(self, hz: float) -> None:
        self._hz = hz

    def slot_granted(self, slot: SlotGranted) -> None:
        with self._changed:
            self._slot = slot
            self._changed.notify_all()

    # --- job's thread

    def due(self) -> bool:
        return self._hz > 0 and time.monotonic() - self._last >= 1.0 / self._hz

    def offer(
        self, target: PreviewTarget, latent: Any, image_index: int, step: int, global_step: int
    ) -> None:
        """Take a latent (a tensor, ours to keep). On a device it is copied from there by our thread."""
        begun = time.perf_counter()
        self._last = time.monotonic()
        if latent.device.type == "cpu":
            latent = latent.numpy()
        offer = _Offer(target, latent, image_index, step, global_step, (time.perf_counter() - begun) * 1e3)
        with self._changed:
            self._offer = offer
            self._changed.notify_all()

    def forget(self) -> None:
        """The run is over: what was not drawn of it never will be."""
        with self._changed:
            self._offer = None

    # --- our thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._offer is not None)
                if self._closed:
                    return
                offer, self._offer = self._offer, None
            assert offer is not None
            try:
                self._make(offer)
            except (MezzotintError, OSError, ValueError, RuntimeError) as error:
                self._log(f"A preview could not be made: {error}")

    def _make(self, offer: _Offer) -> None:
        target = offer.target
        begun = time.perf_counter()
        latent = offer.latent if isinstance(offer.latent, np.ndarray) else offer.latent.cpu().numpy()
        key = (target.folder, target.family, latent.shape[0])
        if key not in self._maps:
            self._maps[key] = LatentPreview.of_model(*key)
        preview = self._maps[key]
        if preview is None:
            return
        picture = preview.picture(latent, target.width, target.height)
        spent = time.perf_counter() - begun
        slot = self._wait_for_slot(picture.nbytes)
        if slot is None or self._writer is None:
            return
        begun = time.perf_counter()
        array = self._writer.write(slot.slot, slot.generation, picture)
        cost_ms = offer.copy_ms + (spent + time.perf_counter() - begun) * 1e3
        target.measured(offer.global_step, cost_ms)
        self._send(
            JobPreviewed(
                run_id=target.run_id,
                image_index=offer.image_index,
                step=offer.step,
                array=array,
                cost_ms=cost_ms,
            )
        )

    def _wait_for_slot(self, nbytes: int) -> SlotGranted | None:
        """A slot of the server's; None when there is none, or no answer in time."""
        with self._changed:
            # an answer that came too late for the preview that asked is ours all the same
            late = self._slot is not None and self._slot.nbytes >= nbytes
            if not late:
                self._slot = None
        if not late:
            self._send(SlotWanted(nbytes=nbytes))
        with self._changed:
            self._changed.wait_for(lambda: self._slot is not None or self._closed, SLOT_SECONDS)
            slot, self._slot = self._slot, None
        return slot if slot is not None and slot.nbytes >= nbytes else None
