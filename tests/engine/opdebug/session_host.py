"""The debugger around any PyTorch code, without a worker: how it is held for what has no panel yet."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from mezzotint_engine.opdebug.debug_session import DebugSession
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import DebugPlan, Stop
from mezzotint_sdk.errors import error_from_info
from mezzotint_sdk.messages import DebugAnswered
from mezzotint_sdk.records import ArrayRef
from mezzotint_sdk.run_traces import TRACE_IN_RUN
from mezzotint_sdk.trace_reader import OpRow, TraceReader

T = TypeVar("T")


class QuietHost:
    """Keeps reports and series; hands no arrays over."""

    def __init__(self) -> None:
        self.reports: queue.Queue[Any] = queue.Queue()
        self.heard: list[Any] = []
        self.series: list[tuple[str, float, float]] = []

    def report(self, report: dm.DebugReport) -> None:
        self.reports.put(report)

    def paused(self) -> AbstractContextManager[None]:
        return contextlib.nullcontext()

    def measured(self, name: str, unit: str, step: float, value: float) -> None:
        self.series.append((name, step, value))

    def write_array(self, array: np.ndarray[Any, Any]) -> ArrayRef | None:
        return None

    def latent_picture(self, latent: torch.Tensor) -> np.ndarray[Any, Any] | None:
        return None

    def decode(self, latent: torch.Tensor) -> np.ndarray[Any, Any] | None:
        return None

    def prompt_tokens(self) -> tuple[str, ...]:
        return ()


class Debugged:
    """`run` does the work under the debugger, on this thread; `start` does it on another, to be talked to."""

    def __init__(self, folder: Path, models: Mapping[str, nn.Module], plan: DebugPlan | None) -> None:
        self.folder = folder
        self.host = QuietHost()
        self.session = DebugSession("run", folder, "{}", self.host)
        self._models = models
        self._thread: threading.Thread | None = None
        self._answers: queue.Queue[DebugAnswered] = queue.Queue()
        self.result: Any = None
        self.error: BaseException | None = None
        if plan is not None:
            self.session.want(plan)

    def run(self, work: Callable[[DebugSession], T]) -> T:
        self.session.attach(self._models)
        hook, sys.breakpointhook = sys.breakpointhook, self.session.breakpoint_hit
        self.session.ladder.enter_picture(0, 1)
        self.session.boundary()
        try:
            return work(self.session)
        except BaseException as error:
            self.session.run_failed(error)
            raise
        finally:
            sys.breakpointhook = hook
            self.session.close()

    def start(self, work: Callable[[DebugSession], Any]) -> None:
        def body() -> None:
            try:
                self.result = self.run(work)
            except BaseException as error:
                self.error = error

        self._thread = threading.Thread(target=body, name="debugged")
        self._thread.start()

    def join(self) -> Any:
        assert self._thread is not None
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error
        return self.result

    def stop(self) -> Stop:
        while True:
            report = self.host.reports.get(timeout=60)
            self.host.heard.append(report)
            if isinstance(report, dm.Stopped):
                return report.stop

    def ask(self, ask: dm.DebugAsk) -> Any:
        self.session.ask(1, ask, self._answers.put)
        answer = self._answers.get(timeout=60)
        if answer.error is not None:
            raise error_from_info(answer.error)
        return answer.reply

    def ops(self) -> list[OpRow]:
        reader = TraceReader(self.folder / TRACE_IN_RUN)
        try:
            count = reader.follow()
            assert not reader.damage
            return [reader.op(number) for number in range(count)]
        finally:
            reader.close()

    def failures(self) -> list[Any]:
        found = list(self.host.heard)
        while not self.host.reports.empty():
            found.append(self.host.reports.get())
        return [one for one in found if isinstance(one, dm.CaptureFailed)]
