"""The server's workers: started, spoken to, watched, ended. What that means for runs: `run_control.py`."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from concurrent.futures import Future

import psutil

from mezzotint_engine.server import placement
from mezzotint_engine.server.background import Background
from mezzotint_engine.server.client_hub import ClientHub
from mezzotint_engine.server.engine_log import EngineLog
from mezzotint_engine.server.poll_loop import PollLoop
from mezzotint_engine.server.pool_worker import Worker, worker_record, worker_state
from mezzotint_engine.server.server_options import ServerOptions
from mezzotint_engine.server.slot_ledger import SlotLedger, capacity_for
from mezzotint_engine.server.transport import Transport
from mezzotint_engine.server.worker_end import end_worker
from mezzotint_engine.server.worker_environment import worker_environment
from mezzotint_engine.server.worker_link import WorkerLink
from mezzotint_engine.server.worker_process import WorkerProcess, exit_sentence
from mezzotint_sdk.errors import EngineError, NotFoundError
from mezzotint_sdk.messages import (
    PROTOCOL_VERSION,
    Beat,
    BeatSeen,
    DevicesChanged,
    FromWorker,
    SetPreviews,
    Shutdown,
    SlotWanted,
    ToWorker,
    WorkerBeat,
    WorkerChanged,
    WorkerHello,
    WorkerLogged,
    WorkerWelcome,
)
from mezzotint_sdk.records import DeviceInfo, WorkerRecord

__all__ = ["WorkerPool"]

MAX_START_FAILURES = 2


class WorkerPool:
    """`on_message(worker, message)` gets what the pool doesn't deal with itself; `on_gone(worker, sentence)`
    is told of each worker that has ended, after all of its processes have; `on_start_failed` hears when none
    can be started.
    """

    def __init__(
        self,
        options: ServerOptions,
        loop: PollLoop,
        transport: Transport,
        hub: ClientHub,
        ledger: SlotLedger,
        background: Background,
        log: EngineLog,
    ) -> None:
        self._options = options
        self._loop = loop
        self._transport = transport
        self._link = WorkerLink(transport, log)
        self._hub = hub
        self._ledger = ledger
        self._background = background
        self._log = log
        self._workers: dict[str, Worker] = {}
        self._numbers = itertools.count(1)
        self._start_failures = 0
        self._next_start = 0.0
        self._preview_hz = 4.0
        self._idle_since = time.monotonic()
        self.devices: tuple[DeviceInfo, ...] = ()
        self.closing = False
        self.on_message: Callable[[Worker, FromWorker], None] = lambda worker, message: None
        self.on_gone: Callable[[Worker, str], None] = lambda worker, sentence: None
        self.on_start_failed: Callable[[str, str], None] = lambda sentence, detail: None

    # --- facts --------------------------------------------------------------------------------------------

    @property
    def workers(self) -> list[Worker]:
        return list(self._workers.values())

    def records(self) -> tuple[WorkerRecord, ...]:
        return tuple(worker_record(worker, worker_state(worker, self.workers)) for worker in self.workers)

    def idle_worker(self, active_runs: int) -> Worker | None:
        return placement.choose_worker(self.workers, active_runs)

    @property
    def is_killing(self) -> bool:
        return any(worker.kill_reason for worker in self.workers)

    def _show_changes(self) -> None:
        for worker in self.workers:
            state = worker_state(worker, self.workers)
            if state != worker.shown:
                worker.shown = state
                self._hub.publish(WorkerChanged(worker=worker_record(worker, state)), worker.run_id)

    # --- starting -----------------------------------------------------------------------------------------

    def ensure_worker(self) -> None:
        """Start a worker unless one lives, or starts."""
        if (
            self.closing
            or any(worker.is_live for worker in self.workers)
            or time.monotonic() < self._next_start
        ):
            return
        self._start()

    def keep_warm(self) -> None:
        """Have a worker ready for whoever is about to use one; not for ever when none can be started."""
        if self._start_failures < MAX_START_FAILURES:
            self.ensure_worker()

    def maybe_start_spare(self, active_runs: int, waiting_runs: int) -> None:
        live = [worker for worker in self.workers if worker.is_live]
        if active_runs or waiting_runs:
            self._idle_since = time.monotonic()
        if (
            self.closing
            or self.is_killing
            or not placement.spare_wanted(
                live_workers=len(live),
                idle_workers=sum(worker.is_idle for worker in live),
                active_runs=active_runs,
                waiting_runs=waiting_runs,
                idle_s=time.monotonic() - self._idle_since,
                delay_s=self._options.spare_delay_s,
                available_bytes=psutil.virtual_memory().available,
            )
        ):
            return
        self._start()

    def _start(self) -> None:
        worker_id = f"w{next(self._numbers)}-{os.urandom(2).hex()}"
        home = str(self._options.home.root)
        arguments = ["--endpoint", self._transport.worker_endpoint, "--worker-id", worker_id]
        environment = worker_environment(os.environ, home, self._transport.worker_environment())
        try:
            process = WorkerProcess(
                self._options.worker_module,
                arguments,
                environment,
                self._options.home.runtime,
                lambda line: self._log.debug("worker", f"{worker_id}: {line}"),
            )
        except EngineError as error:
            self._start_failed(error.message, "")
            return
        self._log.debug("worker", f"started {worker_id} as process {process.pid}")
        now = time.monotonic()
        self._workers[worker_id] = Worker(worker_id, process, started=now, heard=now)
        self._show_changes()

    def _start_failed(self, sentence: str, detail: str) -> None:
        self._start_failures += 1
        self._next_start = time.monotonic() + min(5.0, 0.5 * self._start_failures)
        self._log.error("worker", sentence, detail=detail)
        if self._start_failures >= MAX_START_FAILURES:
            self.on_start_failed(sentence, detail)

    # --- talking ------------------------------------------------------------------------------------------

    def read(self) -> None:
        for identity, message in self._link.received():
            self._receive(identity, message)

    def _receive(self, identity: bytes, message: FromWorker) -> None:
        if isinstance(message, WorkerHello):
            self._welcome(identity, message)
            return
        worker = next((w for w in self.workers if w.identity == identity), None)
        if worker is None:
            self._log.warning("wire", f"{type(message).__name__} came from a worker that is not known")
            return
        worker.heard = time.monotonic()
        match message:
            case Beat():
                worker.memory_bytes, worker.device_bytes = message.memory_bytes, message.device_bytes
                self.send(worker, BeatSeen())
                self._hub.publish_volatile(
                    WorkerBeat(
                        worker_id=worker.worker_id,
                        memory_bytes=message.memory_bytes,
                        device_bytes=message.device_bytes,
                    )
                )
            case SlotWanted():
                self._grant_slot(worker, message)
            case WorkerLogged() if not message.line.run_id:
                self._log.add(message.line)
            case _:
                self.on_message(worker, message)
        if worker.silent:
            worker.silent = False
            self._show_changes()

    def _welcome(self, identity: bytes, hello: WorkerHello) -> None:
        worker = self._workers.get(hello.worker_id)
        if worker is None or worker.hello is not None:
            self._log.warning(
                "wire", f"A worker that was not started by this server said hello ({hello.worker_id})"
            )
            return
        worker.identity, worker.heard = identity, time.monotonic()
        if hello.protocol != PROTOCOL_VERSION:
            sentence = f"The worker speaks protocol {hello.protocol}, the engine {PROTOCOL_VERSION}."
            self.kill(worker, sentence, force=True)
            self._start_failed(sentence, "")
            return
        worker.hello = hello
        best = placement.best_device(hello.devices)
        worker.device = best.name if best else "cpu"
        self._start_failures = 0
        self._idle_since = time.monotonic()
        if worker.is_live:
            self.send(
                worker,
                WorkerWelcome(slots_folder=str(self._options.home.slots), preview_hz=self.effective_hz),
            )
        if hello.devices != self.devices:
            self.devices = hello.devices
            self._hub.publish(DevicesChanged(devices=hello.devices))
        self._show_changes()
        self.on_message(worker, hello)

    def send(self, worker: Worker, message: ToWorker) -> None:
        self._link.send(worker, message)

    def _grant_slot(self, worker: Worker, wanted: SlotWanted) -> None:
        """Exactly one SlotGranted for each SlotWanted; a large new slot is made on another thread first."""
        nbytes, purpose = wanted.nbytes, wanted.purpose
        capacity = capacity_for(nbytes)
        name = self._ledger.reserve_large(capacity)
        if not name:
            self.send(worker, self._ledger.grant(worker.worker_id, nbytes, purpose))
            return

        def finish(done: Future[bool]) -> None:
            self._ledger.finish_large(name, capacity, made=not done.cancelled() and done.result())
            if worker.worker_id in self._workers:
                self.send(worker, self._ledger.grant(worker.worker_id, nbytes, purpose))

        self._background.read(lambda: self._ledger.make_file(name, capacity), finish)

    # --- previews -----------------------------------------------------------------------------------------

    @property
    def preview_hz(self) -> float:
        return self._preview_hz

    def set_preview_hz(self, hz: float) -> None:
        self._preview_hz = hz
        self.refresh_previews()

    @property
    def effective_hz(self) -> float:
        """Previews that nobody looks at are not made."""
        return self._preview_hz if self._hub.wants_previews else 0.0

    def refresh_previews(self) -> None:
        """Tell the workers the rate, after it or the number of onlookers has changed."""
        for worker in self.workers:
            if worker.is_idle or worker.run_id:
                self.send(worker, SetPreviews(hz=self.effective_hz))

    # --- watching and ending ------------------------------------------------------------------------------

    def check(self) -> None:
        """A few times a second: who has ended, who is silent."""
        now = time.monotonic()
        for worker in self.workers:
            self._link.flush(worker)
            if worker.kill_reason:
                continue
            if worker.process.poll() is not None:
                self._ended(worker)
            elif worker.hello is not None and not worker.silent:
                worker.silent = now - worker.heard > self._options.beat_timeout_s
        self._show_changes()

    def _ended(self, worker: Worker) -> None:
        """It has ended by itself: what is left of its tree goes as well, then its run is told."""
        how = exit_sentence(worker.process.poll())
        worker.kill_reason = (
            f"The worker process {how} in the middle of this run; the next one runs in a new worker."
        )
        if worker.hello is None and not worker.ending and not self.closing:
            lines = worker.process.last_lines()
            self._start_failed(f"A worker process {how} while it started.", lines)
        self._end(worker, 0.0)

    def kill(self, worker: Worker, reason: str, *, force: bool = False) -> None:
        """End the worker with all of its processes; `on_gone` is called when they are gone."""
        if worker.kill_reason:
            return
        worker.kill_reason = reason
        self._show_changes()
        self._end(worker, 0.0 if force else self._options.term_grace_s)

    def _end(self, worker: Worker, grace_s: float) -> None:
        end_worker(worker, grace_s, self._loop, self._log, self._remove)

    def _remove(self, worker: Worker) -> None:
        self._workers.pop(worker.worker_id, None)
        self._ledger.free_writer(worker.worker_id)
        record = worker_record(worker, "gone")
        self._hub.publish(WorkerChanged(worker=record), worker.run_id)
        self._idle_since = time.monotonic()
        self.on_gone(worker, worker.kill_reason)
        self._show_changes()

    def by_id(self, worker_id: str) -> Worker:
        """Raises NotFoundError."""
        if (worker := self._workers.get(worker_id)) is None:
            raise NotFoundError(f"There is no worker {worker_id}; it may have ended already.")
        return worker

    def set_run(self, worker: Worker, run_id: str) -> None:
        worker.run_id = run_id
        self._idle_since = time.monotonic()
        self._show_changes()

    def shut_down(self) -> None:
        """Ask all workers to end; `end_rest` later kills those that have not."""
        self.closing = True
        for worker in self.workers:
            if worker.kill_reason:
                continue
            worker.ending = True
            if worker.hello is None:
                self.kill(worker, "The engine was stopped.", force=True)
            else:
                self.send(worker, Shutdown(reason="stop"))
        self._show_changes()

    def end_rest(self) -> None:
        for worker in self.workers:
            self.kill(worker, "The engine was stopped.", force=True)
