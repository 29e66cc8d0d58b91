"""`mezzotint status`: the engine, its workers and the queue."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

from mezzotint_app.cli import exit_status
from mezzotint_app.cli.engine_access import EngineAccess
from mezzotint_app.cli.run_facts import RUN_HEADER, run_facts, run_row
from mezzotint_app.cli.tables import format_bytes, print_table
from mezzotint_sdk import messages as m

__all__ = ["run"]


def run(arguments: Namespace) -> int:
    with EngineAccess(keep=arguments.keep_engine) as access:
        status: m.Status = access.call(m.GetStatus())
    if arguments.json:
        print(json.dumps(_facts(status)))
    else:
        _print(status)
    return exit_status.OK


def _facts(status: m.Status) -> dict[str, Any]:
    server = status.server
    return {
        "server": {
            "pid": server.pid,
            "uptime": round(server.uptime_seconds, 3),
            "started": server.started,
            "version": server.engine_version,
            "home": server.home,
            "home_writable": server.home_writable,
            "warnings": list(server.warnings),
        },
        "workers": [
            {
                "worker_id": worker.worker_id,
                "pid": worker.pid,
                "device": worker.device,
                "state": worker.state,
                "memory": worker.memory_bytes,
                "device_memory": worker.device_bytes,
                "run_id": worker.run_id,
            }
            for worker in status.workers
        ],
        "queue": [run_facts(run) for run in status.queue],
        "queue_paused": status.queue_paused,
    }


def _print(status: m.Status) -> None:
    server = status.server
    hours, seconds = divmod(int(server.uptime_seconds), 3600)
    up = f"{hours}:{seconds // 60:02}:{seconds % 60:02}"
    print(f"Engine {server.engine_version}, process {server.pid}, up {up}, home {server.home}")
    for warning in server.warnings:
        print(f"Warning: {warning}")
    if status.workers:
        print()
        rows = [
            (
                worker.worker_id,
                str(worker.pid),
                worker.state,
                worker.device or "-",
                format_bytes(worker.memory_bytes),
                worker.run_id or "-",
            )
            for worker in status.workers
        ]
        print_table(("WORKER", "PROCESS", "STATE", "DEVICE", "MEMORY", "RUN"), rows)
    print()
    if status.queue:
        print_table(RUN_HEADER, [run_row(run) for run in status.queue])
    else:
        print("Nothing is running or queued.")
    if status.queue_paused:
        print("The queue is paused.")
