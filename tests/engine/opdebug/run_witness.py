"""What every op of a run gave, for comparison with what stepping back finds."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mezzotint_engine.opdebug.capture import OpEvent
from mezzotint_engine.opdebug.debug_session import DebugSession

__all__ = ["RunWitness"]


class RunWitness:
    """Keeps what every op of the run itself gave, to be compared with what a look back finds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outputs: dict[int, list[torch.Tensor]] = {}
        ran, refresh = DebugSession.op_ran, DebugSession._refresh

        def op_ran(session: DebugSession, event: OpEvent) -> Any:
            out = ran(session, event)
            given = event.outputs if not isinstance(out, torch.Tensor) else [out]
            self.outputs[event.number] = [one.clone() for one in given]
            return out

        def each(session: DebugSession) -> None:
            refresh(session)
            session.wants_each = True

        monkeypatch.setattr(DebugSession, "op_ran", op_ran)
        monkeypatch.setattr(DebugSession, "_refresh", each)

    def agrees(self, number: int, found: list[torch.Tensor]) -> bool:
        known = self.outputs[number]
        return len(known) == len(found) and all(
            one.dtype == other.dtype and one.shape == other.shape and _bits(one) == _bits(other)
            for one, other in zip(known, found, strict=True)
        )


def _bits(tensor: torch.Tensor) -> bytes:
    return tensor.detach().contiguous().numpy().tobytes()
