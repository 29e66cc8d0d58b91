"""The server as a whole: puts its parts together, keeps time, and ends in good order."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from types import FrameType

from mezzotint_engine.server.artifact_store import ArtifactStore
from mezzotint_engine.server.background import Background
from mezzotint_engine.server.client_hub import Client, ClientHub
from mezzotint_engine.server.database import Database
from mezzotint_engine.server.engine_context import EngineContext
from mezzotint_engine.server.engine_log import EngineLog
from mezzotint_engine.server.home_lock import HomeLock
from mezzotint_engine.server.job_queue import JobQueue
from mezzotint_engine.server.kill_ladder import end_left_behind
from mezzotint_engine.server.poll_loop import PollLoop
from mezzotint_engine.server.recovery import purge_deleted, recover_runs
from mezzotint_engine.server.request_handler import RequestHandler
from mezzotint_engine.server.run_control import RunControl
from mezzotint_engine.server.run_store import RunStore
from mezzotint_engine.server.server_options import ServerOptions
from mezzotint_engine.server.slot_ledger import SlotLedger, clean_slots_folder
from mezzotint_engine.server.storage_watch import StorageWatch
from mezzotint_engine.server.transport import Transport
from mezzotint_engine.server.worker_pool import WorkerPool
from mezzotint_sdk.endpoint import EngineFile, write_engine_file
from mezzotint_sdk.errors import MezzotintError, StorageError
from mezzotint_sdk.messages import PROTOCOL_VERSION, EngineStopping, Logged, ServerChanged
from mezzotint_sdk.records import LogRecord
from mezzotint_sdk.version import __version__

__all__ = ["EngineServer"]

FLUSH_S = 1 / 15
CHECK_S = 0.1
CLIENTS_S = 0.5
STORAGE_S = 3.0
STOP_GRACE_S = 3.0
DEBUG_LINES_A_SECOND = 50
FIRST_WORKER_S = 2.0  # a client that only asks something is gone by then, and no worker was started for it


class EngineServer:
    """`run` returns when the engine has ended; the constructor raises MezzotintError when it can't begin."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._linger_s = options.linger_s
        self._idle_since = time.monotonic()
        self._stopping = False
        self._debug_second, self._debug_lines = 0.0, 0
        self._closers: list[Callable[[], None]] = []
        home = options.home
        try:
            self._prepare_folders()
            lock = HomeLock(home)
            self._closers += [lock.release, lock.remove_runtime_folder, self._remove_copies]
            self._log = EngineLog(home.logs if home.logs.is_dir() else None)
            self._closers.append(self._log.close)
            self._clean_up_after_a_crash()
            self._context = self._build()
        except BaseException:
            self._close()
            raise

    def _prepare_folders(self) -> None:
        home = self._options.home
        try:
            home.ensure()
        except OSError as error:
            try:
                home.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
                if hasattr(os, "getuid") and home.runtime.lstat().st_uid != os.getuid():
                    raise PermissionError(f"{home.runtime} belongs to another user")
                os.listdir(home.root)
            except OSError as second:
                raise StorageError(
                    f"The data folder {home.root} can't be used: {second.strerror or second}."
                ) from error

    def _clean_up_after_a_crash(self) -> None:
        home = self._options.home
        if home.engine_file.exists():  # we hold the lock, so whoever wrote it is gone, and not in good order
            count = end_left_behind(str(home.root))
            self._log.warning(
                "server", f"the last engine ended without notice; {count} left-behind workers ended"
            )
            home.engine_file.unlink(missing_ok=True)
        if removed := clean_slots_folder(home.slots):
            self._log.info("server", f"{removed} mapped arrays left behind were removed")

    def _build(self) -> EngineContext:
        options, home, log = self._options, self._options.home, self._log
        storage = StorageWatch(home)
        database = self._open_database(storage)
        if database.read_only:
            storage = StorageWatch(home, read_only=True)
        self._closers.append(database.close)
        runs, artifacts = RunStore(database), ArtifactStore(database, home)
        queue = JobQueue(database, runs)
        if not database.read_only:
            recover_runs(home, runs, artifacts, log)
            purge_deleted(home, runs, artifacts, log)
        transport = Transport(home, options.transport)
        self._closers.append(transport.close)
        self._transport = transport
        self._loop = PollLoop(lambda error: log.exception("server", "the engine's loop met an error", error))
        self._closers.append(self._loop.close)
        ledger = SlotLedger(home.slots, options.slot_limit_bytes)
        self._closers.append(ledger.close)
        hub = ClientHub(transport.clients, ledger, log, options.client_timeout_s)
        background = Background(self._loop)
        self._closers.append(background.close)
        pool = WorkerPool(options, self._loop, transport, hub, ledger, background, log)
        control = RunControl(options, self._loop, hub, pool, ledger, runs, queue, artifacts, storage, log)
        context = EngineContext(
            home,
            log,
            hub,
            pool,
            ledger,
            database,
            runs,
            queue,
            artifacts,
            storage,
            background,
            control,
            stop=self.stop,
            set_linger=self._set_linger,
        )
        hub.on_call = RequestHandler(context).handle
        # later, not in the middle of an event that is being published
        hub.on_change = lambda: self._loop.post(self._clients_changed)
        storage.on_change = self._storage_changed
        log.on_line = self._publish_line
        return context

    def _open_database(self, storage: StorageWatch) -> Database:
        home = self._options.home
        if storage.writable:
            return Database(home.database)
        try:
            # full is not read-only: a database that is there opens, and takes writes again when there is room
            return Database(home.database)
        except StorageError as error:
            self._log.warning("server", f"{error.message} It is opened for reading only.")
            return Database(home.database, read_only=True, copy_folder=home.runtime)

    # --- running ------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until stopped. For the main thread, which takes SIGTERM and SIGINT."""
        context, loop = self._context, self._loop
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        loop.watch(self._transport.clients, context.hub.read)
        loop.watch(self._transport.workers, context.pool.read)
        loop.every(FLUSH_S, context.hub.flush)
        loop.every(CHECK_S, self._check)
        loop.every(CLIENTS_S, context.hub.check_liveness)
        loop.every(STORAGE_S, self._check_storage)
        loop.call_later(FIRST_WORKER_S, context.pool.keep_warm)
        loop.post(context.control.dispatch)
        try:
            self._write_engine_file()
            self._log.info(
                "server", f"engine {__version__} serves {self._options.home.root} as process {os.getpid()}"
            )
            loop.run()
        finally:
            self._options.home.engine_file.unlink(missing_ok=True)
            self._close()

    def _write_engine_file(self) -> None:
        transport = self._transport
        try:
            write_engine_file(
                self._options.home,
                EngineFile(
                    pid=os.getpid(),
                    started=self._context.process_started,
                    protocol=PROTOCOL_VERSION,
                    engine_version=__version__,
                    client_endpoint=transport.client_endpoint,
                    server_public_key=transport.server_keys.public,
                    client_public_key=transport.client_keys.public,
                    client_secret_key=transport.client_keys.secret,
                ),
            )
        except OSError as error:
            raise StorageError(
                f"{self._options.home.runtime} can't be written: {error.strerror or error}."
            ) from error

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._loop.post(lambda: self.stop(signal.Signals(number).name))

    def stop(self, reason: str) -> None:
        """End in good order: workers are asked to stop, and killed when they don't."""
        if self._stopping:
            return
        self._stopping = True
        self._log.info("server", f"the engine ends: {reason}")
        self._context.hub.publish(EngineStopping(reason=reason))
        self._context.pool.shut_down()
        self._loop.call_later(STOP_GRACE_S, self._context.pool.end_rest)

    def _close(self) -> None:
        while self._closers:
            closer = self._closers.pop()
            try:
                closer()
            except (OSError, MezzotintError) as error:
                self._log.exception("server", "ending met an error", error)

    def _remove_copies(self) -> None:
        runtime = self._options.home.runtime
        for name in ("read-only-copy.db", "read-only-copy.db-wal", "read-only-copy.db-shm"):
            (runtime / name).unlink(missing_ok=True)

    # --- keeping time -------------------------------------------------------------------------------------

    def _check(self) -> None:
        context = self._context
        context.pool.check()
        if self._stopping:
            if not context.pool.workers:
                context.hub.flush()
                self._loop.stop()
            return
        context.control.dispatch()
        self._keep_warm()
        active, waiting = len(context.control.active()), 0 if context.queue.paused else context.queue.length()
        context.pool.maybe_start_spare(active, waiting)
        if active or waiting or context.hub.clients:
            self._idle_since = time.monotonic()
        elif 0 <= self._linger_s < time.monotonic() - self._idle_since:
            self.stop(f"nobody has used it for {self._linger_s:g} s")

    def _set_linger(self, seconds: float) -> None:
        self._linger_s = seconds

    def _check_storage(self) -> None:
        context = self._context
        if not context.storage.check():
            return
        try:
            context.runs.flush_unsaved()
            for artifact in context.artifacts.flush_unsaved():
                context.control.announce_artifact(artifact)
        except StorageError as error:
            self._log.warning("server", f"Some results can't be recorded yet: {error.message}")

    def _storage_changed(self) -> None:
        context = self._context
        if context.storage.writable:
            self._log.info("server", "the data folder can be written again")
        else:
            self._log.warning("server", context.storage.problem)
        context.hub.publish(ServerChanged(server=context.server_info()))

    def _clients_changed(self) -> None:
        self._context.pool.refresh_previews()
        self._keep_warm()

    def _keep_warm(self) -> None:
        if any(_will_work(client) for client in self._context.hub.clients) and not self._stopping:
            self._context.pool.keep_warm()

    def _publish_line(self, line: LogRecord) -> None:
        now = time.monotonic()
        if now - self._debug_second >= 1.0:
            self._debug_second, self._debug_lines = now, 0
        self._debug_lines += line.level == "debug"
        # the rest is in the file: a worker that chatters must not fill the queues of all windows
        if line.level != "debug" or self._debug_lines <= DEBUG_LINES_A_SECOND:
            self._loop.post(lambda: self._context.hub.publish(Logged(line=line), line.run_id))


def _will_work(client: Client) -> bool:
    """One that listens to events shows runs: a worker is started ahead. One that doesn't only asks."""
    return client.hello.wants_events
