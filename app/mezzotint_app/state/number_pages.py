"""Pages of a table of numbers that is far larger than what is in view: asked for when seen, few are kept."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

__all__ = ["PAGE", "NumberPages"]

PAGE = 256  # rows and columns of a page: 512 KiB of float64
KEPT_PAGES = 64
MOST_WANTED = 12  # what is scrolled past quickly is not worth asking for

PageKey = tuple[int, int]


class NumberPages:
    """Pages by (row // PAGE, column // PAGE). The newest wish is answered first."""

    def __init__(self) -> None:
        self._pages: OrderedDict[PageKey, np.ndarray] = OrderedDict()
        self._wanted: list[PageKey] = []
        self._refused: set[PageKey] = set()
        self.rows = 0
        self.columns = 0

    def clear(self) -> None:
        self._pages.clear()
        self._wanted.clear()
        self._refused.clear()
        self.rows = self.columns = 0

    def put(self, key: PageKey, page: np.ndarray) -> None:
        self._pages[key] = page
        self._pages.move_to_end(key)
        while len(self._pages) > KEPT_PAGES:
            self._pages.popitem(last=False)
        if key in self._wanted:
            self._wanted.remove(key)

    def refuse(self, key: PageKey) -> None:
        """It could not be had: don't ask for it again and again."""
        self._refused.add(key)

    def value(self, row: int, column: int) -> float | int | None:
        """A number of the table; None where its page is not here yet."""
        page = self._pages.get((row // PAGE, column // PAGE))
        if page is None or row % PAGE >= page.shape[0] or column % PAGE >= page.shape[1]:
            return None
        found: float | int = page[row % PAGE, column % PAGE].item()
        return found

    def want(self, row: int, column: int) -> bool:
        """Ask for the page of a cell. Whether that is a new wish."""
        key = (row // PAGE, column // PAGE)
        if key in self._pages or key in self._wanted or key in self._refused:
            return False
        self._wanted.append(key)
        del self._wanted[:-MOST_WANTED]
        return True

    def next_wanted(self) -> PageKey | None:
        """The newest wish, taken off the list."""
        return self._wanted.pop() if self._wanted else None

    @property
    def has(self) -> frozenset[PageKey]:
        return frozenset(self._pages)
