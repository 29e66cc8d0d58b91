"""Thumbnails in memory within a budget of bytes: what wasn't looked at longest goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["ThumbnailCache"]

T = TypeVar("T")


class ThumbnailCache(Generic[T]):
    """Key → value, with the size of each in bytes. The newest stays, even if it alone is over the budget."""

    def __init__(self, max_bytes: int) -> None:
        self._items: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._max_bytes = max_bytes
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._items

    @property
    def max_bytes(self) -> int:
        return self._max_bytes

    def set_max_bytes(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._evict()

    def get(self, key: Hashable) -> T | None:
        """The value, which counts as looked at now; None where there is none."""
        item = self._items.get(key)
        if item is None:
            return None
        self._items.move_to_end(key)
        return item[0]

    def put(self, key: Hashable, value: T, nbytes: int) -> None:
        self.drop(key)
        self._items[key] = (value, nbytes)
        self.nbytes += nbytes
        self._evict()

    def drop(self, key: Hashable) -> None:
        item = self._items.pop(key, None)
        if item is not None:
            self.nbytes -= item[1]

    def clear(self) -> None:
        self._items.clear()
        self.nbytes = 0

    def _evict(self) -> None:
        while self.nbytes > self._max_bytes and len(self._items) > 1:
            _, (_, nbytes) = self._items.popitem(last=False)
            self.nbytes -= nbytes
