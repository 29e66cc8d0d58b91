"""Plays the op debugger of a run to an app's state: reports, and answers to what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mezzotint_app.state.app_state import AppState
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import Place, Stop
from mezzotint_sdk.errors import MezzotintError
from tests.app.app_records import run_record
from tests.app.fake_engine_client import FakeEngineClient

__all__ = ["RUN", "DebugScript", "place", "stop"]

RUN = "r1"
AskT = TypeVar("AskT")
Answer = m.DebugReply | MezzotintError


def place(**fields: Any) -> Place:
    given: dict[str, Any] = {
        "op_number": 1234,
        "op": "aten.mm.default",
        "module": "unet.mid_block.attn",
        "phase": "denoise",
        "step": 2,
        "steps": 8,
        "timestep": 601.0,
        "sigma": 2.1473,
    }
    return Place(**{**given, **fields})


def stop(stop_id: int = 1, **fields: Any) -> Stop:
    given: dict[str, Any] = {"reason": "step", "message": "Stopped at aten.mm (op 1,234).", "place": place()}
    return Stop(stop_id=stop_id, **{**given, **fields})


class DebugScript:
    """`reply` sets what an ask is answered with from now on; an ask without one waits for ever."""

    def __init__(self, client: FakeEngineClient, state: AppState) -> None:
        self.client = client
        self.state = state
        self.asks: list[Any] = []
        self._answers: dict[type, Callable[[Any], Answer | None]] = {}
        client.reply(m.AskDebugger, self._answer)

    def _answer(self, body: m.AskDebugger) -> Any:
        self.asks.append(body.ask)
        make = self._answers.get(type(body.ask))
        given: Any = make(body.ask) if make is not None else m.Obeyed()
        return given if isinstance(given, MezzotintError) else m.DebuggerSaid(reply=given)

    def reply(self, kind: type, answer: Answer | Callable[[Any], Answer]) -> None:
        if isinstance(answer, MezzotintError | m.Body):
            self._answers[kind] = lambda _ask: answer
        else:
            self._answers[kind] = answer

    def asked(self, kind: type[AskT]) -> list[AskT]:
        return [ask for ask in self.asks if isinstance(ask, kind)]

    def run(self, run_state: str = "running", run_id: str = RUN, **fields: Any) -> None:
        record = run_record(run_id, run_state, **{"debugged": True, "started": 2.0, **fields})
        self.client.emit_event(m.RunChanged(run=record))

    def report(self, report: m.DebugReport, run_id: str = RUN) -> None:
        self.client.emit_event(m.DebuggerReported(run_id=run_id, report=report))

    def watched(self, expression: str, ops: Sequence[float], values: Sequence[float]) -> None:
        """Points of a watch, as they come live: of a series of the run."""
        self.client.emit_event(
            m.MetricsAdded(
                run_id=RUN,
                name=f"watch/{expression}",
                unit="",
                steps=tuple(ops),
                values=tuple(values),
                times=(0.0,) * len(ops),
            )
        )

    def armed(self, trace: str = "", note: str = "") -> None:
        """A run goes on under the debugger."""
        self.run()
        self.report(m.Armed(trace=trace, note=note))

    def stopped(self, stop_id: int = 1, latent: Any = None, **fields: Any) -> Stop:
        if not self.state.debug.armed:
            self.armed()
        at = stop(stop_id, **fields)
        self.report(m.Stopped(stop=at, latent=latent))
        return at
