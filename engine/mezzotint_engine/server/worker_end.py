"""Ends a worker with all of its processes on a thread of its own: waiting must not hold up the server."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mezzotint_engine.server.engine_log import EngineLog
from mezzotint_engine.server.kill_ladder import end_tree, wait_for_device
from mezzotint_engine.server.poll_loop import PollLoop
from mezzotint_engine.server.pool_worker import Worker

__all__ = ["end_worker"]

DEVICE_TIMEOUT_S = 5.0


def end_worker(
    worker: Worker, grace_s: float, loop: PollLoop, log: EngineLog, then: Callable[[Worker], None]
) -> None:
    """`then` is called on the loop's thread when the processes are gone and the device's memory is back."""

    def end() -> None:
        gone = end_tree(worker.process.pid, grace_s)
        freed = wait_for_device(worker.process.pid, worker.device, DEVICE_TIMEOUT_S)
        loop.post(lambda: finish(gone, freed))

    def finish(gone: bool, freed: bool) -> None:
        if not gone:
            log.error("worker", f"Process {worker.process.pid} can't be killed; a driver may hold it.")
        elif not freed:
            log.warning(
                "worker", f"The memory of {worker.device} is not back yet after {worker.worker_id} ended."
            )
        if gone:
            worker.process.close()
        then(worker)

    threading.Thread(target=end, name=f"end-{worker.worker_id}", daemon=True).start()
