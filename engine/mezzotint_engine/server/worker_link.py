"""The server's socket to its workers: bytes to messages and back, with what a worker doesn't read yet."""

from __future__ import annotations

from collections.abc import Iterator

import zmq

from mezzotint_engine.server.engine_log import EngineLog
from mezzotint_engine.server.pool_worker import Worker
from mezzotint_engine.server.transport import Transport
from mezzotint_sdk.errors import BadMessageError
from mezzotint_sdk.messages import FromWorker, ToWorker
from mezzotint_sdk.wire_codec import FROM_WORKER, TO_WORKER

__all__ = ["WorkerLink"]

BATCH = 200


class WorkerLink:
    def __init__(self, transport: Transport, log: EngineLog) -> None:
        self._transport = transport
        self._log = log

    def received(self) -> Iterator[tuple[bytes, FromWorker]]:
        """What has come, each with its sender's identity; never more than a batch, so that others get a
        turn."""
        for _ in range(BATCH):
            try:
                identity, *frames = self._transport.workers.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                if len(frames) != 1:
                    raise BadMessageError(f"A message has one frame, not {len(frames)}.")
                message = FROM_WORKER.decode(frames[0])
            except BadMessageError as error:
                self._log.warning("wire", f"A worker sent bytes that are no message: {error}")
                continue
            yield identity, message

    def send(self, worker: Worker, message: ToWorker) -> None:
        """Send, or keep for `flush`; a worker that has not said hello yet gets nothing."""
        if not worker.identity:
            return
        worker.unsent.append(TO_WORKER.encode(message))
        self.flush(worker)

    def flush(self, worker: Worker) -> None:
        while worker.unsent:
            try:
                self._transport.workers.send_multipart([worker.identity, worker.unsent[0]], zmq.NOBLOCK)
            except zmq.Again:
                return  # its pipe is full: it doesn't read; tried again at the next check
            except zmq.ZMQError as error:
                if error.errno != zmq.EHOSTUNREACH:
                    raise
                worker.unsent.clear()  # its connection is closed: its process has ended, or is about to
                return
            del worker.unsent[0]
