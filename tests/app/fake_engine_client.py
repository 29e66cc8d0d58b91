"""An engine client that a test scripts: it records what is asked, and answers what the test said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from mezzotint_app.client.qt_bridge import EngineClient
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import MezzotintError, SlotExpiredError
from mezzotint_sdk.records import ArrayRef, ServerInfo

__all__ = ["FakeEngineClient", "make_snapshot"]

Answer = Any  # a Reply, a MezzotintError, or a function from the request to one of them
BodyT = TypeVar("BodyT", bound=m.Body)


def make_snapshot(**changes: Any) -> m.Snapshot:
    """An empty engine's snapshot, with some fields as the test wants them."""
    server = ServerInfo(pid=1, engine_version="0.1.0", home="/nowhere", started=0.0, uptime_seconds=1.0)
    fields: dict[str, Any] = {
        "seq": 0,
        "server": server,
        "runs": (),
        "workers": (),
        "devices": (),
        "queue_paused": False,
        "artifact_total": 0,
        "preview_hz": 10.0,
    }
    return m.Snapshot(**{**fields, **changes})


class FakeEngineClient(EngineClient):
    """Answers come at once, inside `call`, where a reply was scripted; else the call waits for `answer`."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[m.Body] = []
        self.arrays: dict[tuple[str, int], np.ndarray] = {}
        self.released: list[ArrayRef] = []
        self.restarts = 0
        self._answers: dict[type[m.Body], Answer] = {}
        self._waiting: list[
            tuple[m.Body, Callable[[Any], None] | None, Callable[[MezzotintError], None] | None]
        ] = []

    # --- as state and panels see it ---------------------------------------------------------------------

    def call(
        self,
        body: m.Request,
        on_reply: Callable[[Any], None] | None = None,
        on_error: Callable[[MezzotintError], None] | None = None,
    ) -> None:
        self.calls.append(body)
        self._waiting.append((body, on_reply, on_error))
        if type(body) in self._answers:
            self.answer(type(body), self._answers[type(body)])

    def read_array(self, ref: ArrayRef) -> np.ndarray:
        self.released.append(ref)
        try:
            return self.arrays.pop((ref.slot, ref.generation))
        except KeyError:
            raise SlotExpiredError("The preview was taken back before it was read.") from None

    def restart_engine(self) -> None:
        self.restarts += 1

    # --- as the test drives it --------------------------------------------------------------------------

    def reply(self, body_type: type[m.Body], answer: Answer) -> None:
        """From now on answer each request of this type so, and those that wait, too."""
        self._answers[body_type] = answer
        while any(type(body) is body_type for body, _, _ in self._waiting):
            self.answer(body_type, answer)

    def answer(self, body_type: type[m.Body], answer: Answer) -> None:
        """Answer the oldest waiting request of this type, once."""
        places = [place for place, (body, _, _) in enumerate(self._waiting) if type(body) is body_type]
        assert places, f"no {body_type.__name__} is waiting for an answer"
        body, on_reply, on_error = self._waiting.pop(places[0])
        is_function = callable(answer) and not isinstance(answer, (m.Body, MezzotintError))
        given = answer(body) if is_function else answer
        if isinstance(given, MezzotintError):
            if on_error is not None:
                on_error(given)
        elif on_reply is not None:
            on_reply(given)

    def calls_of(self, body_type: type[BodyT]) -> list[BodyT]:
        return [body for body in self.calls if isinstance(body, body_type)]

    def last_call(self, body_type: type[BodyT]) -> BodyT:
        found = self.calls_of(body_type)
        assert found, f"{body_type.__name__} was never asked"
        return found[-1]

    def emit_event(self, event: m.Event) -> None:
        self.eventArrived.emit(event)

    def emit_snapshot(self, snapshot: m.Snapshot | None = None, **changes: Any) -> None:
        self.snapshotArrived.emit(snapshot if snapshot is not None else make_snapshot(**changes))

    def emit_connection(self, state: str, sentence: str = "") -> None:
        self.connectionChanged.emit(state, sentence)

    def connect_engine(self, **changes: Any) -> None:
        """What a real client does at its start: connected, then a snapshot."""
        self.emit_connection("connected", "The engine is ready.")
        self.emit_snapshot(**changes)

    def add_array(self, array: np.ndarray, slot: str = "slot-0", generation: int = 1) -> ArrayRef:
        """Lay an array into a slot; the reference goes into a PreviewMade."""
        self.arrays[(slot, generation)] = array
        return ArrayRef(slot, generation, array.nbytes, str(array.dtype), array.shape)
