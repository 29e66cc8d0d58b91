"""Arrays out of the engine's mapped slots."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.array_slots import SlotReader
from mezzotint_sdk.errors import SlotExpiredError
from mezzotint_sdk.records import ArrayRef

__all__ = ["SlotAccess"]


class SlotAccess:
    """Copies arrays out of slots; the folder is known after the handshake. Mappings stay open while warm."""

    def __init__(self) -> None:
        self._folder = ""
        self._reader: SlotReader | None = None

    def use(self, folder: str) -> None:
        if folder != self._folder:
            self.close()
            self._folder = folder
            self._reader = SlotReader(Path(folder)) if folder else None

    def copy(self, ref: ArrayRef) -> npt.NDArray[np.generic]:
        """Raises SlotExpiredError when the lease is over, or there is no engine any more."""
        if self._reader is None:
            raise SlotExpiredError("There is no engine whose arrays could be read.")
        return self._reader.copy(ref)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
