"""The op debugger's questions, from clients to the worker that has the run, and its answers back.

The server reads none of them but for two things: arrays in answers and reports are leased to those who get
them, and a run in which something was edited or skipped is noted as touched.

No question times out: a thread that stands at a stop may compute for long. A question ends with its answer,
or with its run or worker.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import msgspec

from mezzotint_engine.server.client_hub import Client, ClientHub
from mezzotint_engine.server.engine_log import EngineLog
from mezzotint_engine.server.pool_worker import Worker
from mezzotint_engine.server.slot_ledger import SlotLedger
from mezzotint_engine.server.worker_pool import WorkerPool
from mezzotint_sdk.errors import BadInputError, EngineError, ErrorInfo, InternalError
from mezzotint_sdk.messages import (
    DebugAnswered,
    DebugAsk,
    DebugAsked,
    DebuggerReported,
    DebuggerSaid,
    DebugReply,
    DebugReport,
    EditTensor,
    JobDebugged,
    Refused,
    SkipOp,
    Stopped,
    TensorShown,
    WentOn,
)
from mezzotint_sdk.records import ArrayRef

__all__ = ["DebugRelay", "touches"]

MAX_OPEN_CALLS = 256  # of one run


@dataclass(frozen=True)
class _OpenCall:
    client: Client
    request_id: int
    worker: Worker
    run_id: str
    ask: DebugAsk


class DebugRelay:
    def __init__(self, hub: ClientHub, pool: WorkerPool, ledger: SlotLedger, log: EngineLog) -> None:
        self._hub = hub
        self._pool = pool
        self._ledger = ledger
        self._log = log
        self._call_ids = itertools.count(1)
        self._open: dict[int, _OpenCall] = {}

    def ask(self, client: Client, request_id: int, worker: Worker, run_id: str, ask: DebugAsk) -> None:
        """Hand the question on; it is answered later. Raises BadInputError, EngineError."""
        if not worker.is_live:
            raise EngineError(f"The worker of run {run_id} is being ended; its debugger can't be asked.")
        if worker.silent:
            raise EngineError(
                f"The worker of run {run_id} is not answering; wait until it does, or cancel the run."
            )
        if sum(call.run_id == run_id for call in self._open.values()) >= MAX_OPEN_CALLS:
            raise BadInputError(
                f"{MAX_OPEN_CALLS} questions to the debugger of run {run_id} are open already; "
                "wait for their answers."
            )
        call_id = next(self._call_ids)
        self._open[call_id] = _OpenCall(client, request_id, worker, run_id, ask)
        self._pool.send(worker, DebugAsked(call_id=call_id, run_id=run_id, ask=ask))

    def answered(self, worker: Worker, message: DebugAnswered) -> bool:
        """Pass an answer on. True when it shows that something of the run was edited or skipped."""
        call = self._open.get(message.call_id)
        if call is None or call.worker is not worker:
            self._free_unread(worker, message.reply)  # the run is over, and its questions were refused
            return False
        del self._open[message.call_id]
        self._hub.answer(call.client, call.request_id, self._reply(call, message))
        is_edit = isinstance(call.ask, SkipOp) or (
            isinstance(call.ask, EditTensor) and call.ask.kind != "restore"
        )
        return is_edit and message.error is None

    def _reply(self, call: _OpenCall, message: DebugAnswered) -> DebuggerSaid | Refused:
        if message.error is not None:
            self._free_unread(call.worker, message.reply)
            return Refused(error=message.error)
        if message.reply is None:
            return Refused(error=InternalError("The debugger gave an empty answer.").info())
        array = array_of(message.reply)
        if array is not None and not self._ledger.publish(call.worker.worker_id, array):
            sentence = "The debugger answered with an array that is not its own."
            self._log.warning("wire", f"{sentence[:-1]}: {call.worker.worker_id}, slot {array.slot}")
            return Refused(error=InternalError(sentence).info())
        # one who has gone leases nothing, so that the slot is free again
        is_read = array is not None and self._hub.is_there(call.client)
        if array is not None and is_read and not self._hub.lease(call.client, array):
            sentence = "Too many arrays of the debugger are not released yet; release some of them first."
            return Refused(error=BadInputError(sentence).info())
        return DebuggerSaid(reply=message.reply)

    def _free_unread(self, worker: Worker, reply: DebugReply | None) -> None:
        array = None if reply is None else array_of(reply)
        if array is not None:
            self._ledger.publish(worker.worker_id, array)  # leased by nobody: free

    def reported(self, worker: Worker, message: JobDebugged, *, is_over: bool) -> None:
        """Tell the clients. The latent's picture goes to those who want previews; the others get the rest."""
        report = message.report
        latent = report.latent if isinstance(report, Stopped) else None
        bare = report
        if isinstance(report, Stopped) and latent is not None:
            bare = msgspec.structs.replace(report, latent=None)
            if not self._ledger.publish(worker.worker_id, latent):
                self._log.warning(
                    "wire", f"{worker.worker_id} sent a stop's picture in a slot that is not its own"
                )
                report, latent = bare, None
        if is_over:
            return
        self._hub.publish(
            DebuggerReported(run_id=message.run_id, report=report),
            message.run_id,
            array=latent,
            bare=DebuggerReported(run_id=message.run_id, report=bare),
        )

    def run_ended(self, run_id: str, state: str, *, worker_lost: bool) -> None:
        """Refuse what is still open."""
        how = "its worker has ended" if worker_lost else f"it is {state}"
        error = ErrorInfo("bad_input", f"Run {run_id} has left the debugger without an answer: {how}.")
        for call_id, call in list(self._open.items()):
            if call.run_id == run_id:
                del self._open[call_id]
                self._hub.answer(call.client, call.request_id, Refused(error=error))


def array_of(reply: DebugReply) -> ArrayRef | None:
    """The array that an answer carries."""
    return reply.look.array if isinstance(reply, TensorShown) else None


def touches(report: DebugReport) -> bool:
    """Whether it says that something was edited or skipped."""
    match report:
        case Stopped():
            return report.stop.touched
        case WentOn():
            return report.touched
        case _:
            return False
