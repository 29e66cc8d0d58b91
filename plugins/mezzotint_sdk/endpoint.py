"""How a client finds the engine of a home: a small file in the private run-time folder.

Where the platform has ipc sockets they lie in that folder, which only its owner may enter. Elsewhere the
engine listens on loopback with CURVE, and the file holds the keys.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from mezzotint_sdk.home import Home

__all__ = ["MAX_SOCKET_PATH", "EngineFile", "read_engine_file", "write_engine_file"]

MAX_SOCKET_PATH = 107  # bytes, Linux' sun_path; zmq's message for a longer one says nothing of use


class EngineFile(msgspec.Struct, frozen=True, kw_only=True):
    pid: int
    started: float  # seconds since the epoch; with the pid it tells a live engine from a reused pid
    protocol: int
    engine_version: str
    client_endpoint: str  # "ipc:///..." or "tcp://127.0.0.1:port"
    server_public_key: str = ""  # CURVE, Z85; set on tcp only
    client_public_key: str = ""
    client_secret_key: str = ""


def write_engine_file(home: Home, engine: EngineFile) -> None:
    """Written beside and renamed: a reader sees the old or the new file, never half of one."""
    beside = home.engine_file.with_suffix(f".{os.getpid()}.tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(msgspec.json.encode(engine))
    os.replace(beside, home.engine_file)


def read_engine_file(home: Home) -> EngineFile | None:
    """None where there is no readable file; whether that engine still lives is for the caller to find out."""
    path: Path = home.engine_file
    try:
        return msgspec.json.decode(path.read_bytes(), type=EngineFile)
    except (OSError, msgspec.MsgspecError):
        return None
