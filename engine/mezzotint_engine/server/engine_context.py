"""The parts of a running server, handed to those who answer requests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from mezzotint_engine.server.artifact_store import ArtifactStore
from mezzotint_engine.server.background import Background
from mezzotint_engine.server.client_hub import ClientHub
from mezzotint_engine.server.database import Database
from mezzotint_engine.server.engine_log import EngineLog
from mezzotint_engine.server.job_queue import JobQueue
from mezzotint_engine.server.run_control import RunControl
from mezzotint_engine.server.run_store import RunStore
from mezzotint_engine.server.slot_ledger import SlotLedger
from mezzotint_engine.server.storage_watch import StorageWatch
from mezzotint_engine.server.worker_pool import WorkerPool
from mezzotint_sdk.home import Home
from mezzotint_sdk.records import ServerInfo
from mezzotint_sdk.version import __version__

__all__ = ["EngineContext"]


@dataclass
class EngineContext:
    home: Home
    log: EngineLog
    hub: ClientHub
    pool: WorkerPool
    ledger: SlotLedger
    database: Database
    runs: RunStore
    queue: JobQueue
    artifacts: ArtifactStore
    storage: StorageWatch
    background: Background
    control: RunControl
    stop: Callable[[str], None]
    set_linger: Callable[[float], None]
    process_started: float = field(default_factory=lambda: psutil.Process().create_time())

    def server_info(self) -> ServerInfo:
        return ServerInfo(
            pid=os.getpid(),
            engine_version=__version__,
            home=str(self.home.root),
            started=self.process_started,
            uptime_seconds=max(0.0, time.time() - self.process_started),
            warnings=self.storage.warnings,
            home_writable=self.storage.writable,
        )
