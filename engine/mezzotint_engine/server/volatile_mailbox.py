"""What a client is going to be told about this moment: the newest of each kind, older ones are dropped."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from mezzotint_sdk.messages import Event, MetricsAdded, PreviewMade, RunProgressed, WorkerBeat
from mezzotint_sdk.records import ArrayRef

__all__ = ["VolatileMailbox"]

MAX_POINTS = 5000  # of one series while a client is slow; all points are in the series' file


class VolatileMailbox:
    """`on_dropped` is given the arrays of previews that a newer one has replaced."""

    def __init__(self, on_dropped: Callable[[ArrayRef], None]) -> None:
        self._on_dropped = on_dropped
        self._events: dict[tuple[str, ...], Event] = {}

    def __bool__(self) -> bool:
        return bool(self._events)

    def put(self, event: Event) -> None:
        match event:
            case RunProgressed():
                self._events[("progress", event.run_id)] = event
            case PreviewMade():
                key = ("preview", event.run_id)
                replaced = self._events.get(key)
                if isinstance(replaced, PreviewMade):
                    self._on_dropped(replaced.array)
                self._events[key] = event
            case MetricsAdded():
                series = ("metrics", event.run_id, event.name)
                earlier = self._events.get(series)
                self._events[series] = _joined(earlier, event) if isinstance(earlier, MetricsAdded) else event
            case WorkerBeat():
                self._events[("beat", event.worker_id)] = event
            case _:
                raise ValueError(f"{type(event).__name__} is not a volatile event")

    def send_all(self, send: Callable[[Event], bool]) -> None:
        """Hand each event to `send`; those that it does not take stay."""
        for key, event in list(self._events.items()):
            if send(event):
                del self._events[key]

    def forget_run(self, run_id: str) -> None:
        """Drop what is waiting about a run, but the points: these belong to its plots."""
        self._events.pop(("progress", run_id), None)
        preview = self._events.pop(("preview", run_id), None)
        if isinstance(preview, PreviewMade):
            self._on_dropped(preview.array)

    def clear(self) -> None:
        for event in self._events.values():
            if isinstance(event, PreviewMade):
                self._on_dropped(event.array)
        self._events.clear()


def _joined(earlier: MetricsAdded, later: MetricsAdded) -> MetricsAdded:
    return msgspec.structs.replace(
        later,
        steps=(earlier.steps + later.steps)[-MAX_POINTS:],
        values=(earlier.values + later.values)[-MAX_POINTS:],
        times=(earlier.times + later.times)[-MAX_POINTS:],
    )
