"""What can be set about a server from outside: options of the command, and variables of its environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal

from mezzotint_sdk.home import Home

__all__ = ["ServerOptions"]


def _seconds(variable: str, default: float) -> float:
    try:
        return max(0.0, float(os.environ.get(variable, default)))
    except ValueError:
        return default


def _transport() -> Literal["ipc", "tcp"]:
    import zmq

    asked = os.environ.get("MEZZOTINT_TRANSPORT", "")
    return "ipc" if zmq.has("ipc") and asked != "tcp" else "tcp"


@dataclass(frozen=True)
class ServerOptions:
    home: Home
    linger_s: float = 30.0  # negative: for good
    cancel_deadline_s: float = field(default_factory=lambda: _seconds("MEZZOTINT_CANCEL_DEADLINE", 5.0))
    term_grace_s: float = field(default_factory=lambda: _seconds("MEZZOTINT_TERM_GRACE", 0.7))
    # without a beat for that long a worker counts as not answering; it is never killed for it
    beat_timeout_s: float = field(default_factory=lambda: _seconds("MEZZOTINT_BEAT_TIMEOUT", 5.0))
    client_timeout_s: float = field(default_factory=lambda: _seconds("MEZZOTINT_CLIENT_TIMEOUT", 30.0))
    spare_delay_s: float = field(default_factory=lambda: _seconds("MEZZOTINT_SPARE_DELAY", 2.0))
    transport: Literal["ipc", "tcp"] = field(default_factory=_transport)
    # the module that is run as a worker: tests put one without torch in its place
    worker_module: str = field(
        default_factory=lambda: os.environ.get("MEZZOTINT_WORKER_MODULE", "mezzotint_engine.worker")
    )
    slot_limit_bytes: int = 2 * 1024**3
