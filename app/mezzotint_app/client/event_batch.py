"""Events between the connection's thread and the window's: volatile ones coalesced, so that no flood comes.

Qt-free, so that it can be tested by itself. Order is kept; where a newer volatile event replaces an older
one, it stands where the newer one came.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Hashable
from typing import Any

from mezzotint_sdk import messages as m
from mezzotint_sdk.records import ArrayRef

__all__ = ["EventBatch"]


class EventBatch:
    """Things put in on one thread and taken out on another. `put` tells whether the taker must be woken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: dict[Hashable, Any] = {}  # in order; volatile events under a key of what they tell about
        self._numbers = itertools.count()
        self._is_awake = False
        self._dropped: list[ArrayRef] = []

    def put(self, item: object) -> bool:
        """Add an event, or anything else, which is then never coalesced."""
        with self._lock:
            match item:
                case m.RunProgressed(run_id=run_id):
                    self._replace(("progress", run_id), item)
                case m.WorkerBeat(worker_id=worker_id):
                    self._replace(("beat", worker_id), item)
                case m.PreviewMade(run_id=run_id):
                    old = self._replace(("preview", run_id), item)
                    if old is not None:
                        self._dropped.append(old.array)
                case m.MetricsAdded(run_id=run_id, name=name):
                    # Points add up; where they stand among other events doesn't matter.
                    self._items.setdefault(("metrics", run_id, name), []).append(item)
                case _:
                    self._items[next(self._numbers)] = item
            must_wake = not self._is_awake
            self._is_awake = True
            return must_wake

    def take(self) -> list[Any]:
        """All that is there, in order; after it the next `put` wakes again."""
        with self._lock:
            items, self._items = self._items, {}
            self._is_awake = False
        return [_joined(item) if isinstance(item, list) else item for item in items.values()]

    def take_dropped(self) -> tuple[ArrayRef, ...]:
        """Arrays of previews that were replaced unseen: their slots must be released."""
        with self._lock:
            dropped, self._dropped = tuple(self._dropped), []
        return dropped

    def _replace(self, key: Hashable, item: Any) -> Any:
        old = self._items.pop(key, None)
        self._items[key] = item
        return old


def _joined(parts: list[m.MetricsAdded]) -> m.MetricsAdded:
    if len(parts) == 1:
        return parts[0]
    return m.MetricsAdded(
        run_id=parts[0].run_id,
        name=parts[0].name,
        unit=parts[0].unit,
        steps=tuple(itertools.chain.from_iterable(part.steps for part in parts)),
        values=tuple(itertools.chain.from_iterable(part.values for part in parts)),
        times=tuple(itertools.chain.from_iterable(part.times for part in parts)),
    )
