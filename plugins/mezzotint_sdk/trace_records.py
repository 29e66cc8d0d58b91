"""What a trace of ops is made of."""

from __future__ import annotations

import enum

import msgspec
import numpy as np

__all__ = [
    "FREE_BYTES",
    "MAX_BLOCK_BYTES",
    "MAX_RATIO",
    "OP_ROW",
    "PLAIN_ROW",
    "TRACE_MAGIC",
    "BlockKind",
    "LadderMark",
    "OpFlags",
    "OpSite",
    "SavedTensor",
    "TensorMeta",
    "TraceHeader",
]

TRACE_MAGIC = b"MZTRACE2"
MAX_BLOCK_BYTES = 256 * 1024 * 1024

# A reader keeps all but the tensors' values in memory, so a small file must not unpack to a large one: all
# blocks together, those with values aside, have at most FREE_BYTES and MAX_RATIO times the file so far.
FREE_BYTES = 4 * 1024 * 1024
MAX_RATIO = 100


class BlockKind(enum.IntEnum):
    """What a block of the file holds; see `trace_writer`."""

    HEADER = 1
    SITES = 2
    MARKS = 3
    OPS = 4
    STATISTICS = 5
    NOTE = 6
    TENSOR = 7


class TensorMeta(msgspec.Struct, frozen=True):
    """A tensor without its values. `kind`: name of a subclass."""

    shape: tuple[int, ...]
    dtype: str
    device: str
    strides: tuple[int, ...] = ()
    kind: str = ""


class OpSite(msgspec.Struct, frozen=True, kw_only=True):
    """All about an op that repeats from step to step."""

    op: str
    module: str = ""
    module_class: str = ""
    file: str = ""
    line: int = 0
    function: str = ""
    inputs: tuple[TensorMeta, ...] = ()
    outputs: tuple[TensorMeta, ...] = ()
    arguments: str = ""
    flops: int = 0
    nbytes: int = 0
    kernel: str = ""
    backward: bool = False


class LadderMark(msgspec.Struct, frozen=True, kw_only=True):
    """Where on the ladder ops are."""

    image: int = 0
    phase: str = ""
    step: int = -1
    steps: int = 0
    timestep: float | None = None
    sigma: float | None = None


class SavedTensor(msgspec.Struct, frozen=True):
    """Whose values a block holds; `dtype` is numpy's, `meta` what the tensor was."""

    op_number: int
    output: int
    dtype: str
    shape: tuple[int, ...]
    meta: TensorMeta


class OpFlags(enum.IntFlag):
    """What is special about an op."""

    NAN = 1
    INF = 2
    STATISTICS = 4
    EDITED = 8
    SKIPPED = 16
    CAPTURE_FAILED = 32
    VIEW = 64
    IN_PLACE = 128
    BACKWARD = 256
    HELD = 512
    BORDER = 1024
    FAILED = 2048
    SAVED = 4096


class TraceHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Whose trace it is. `spec`: the run's, as JSON; `started`: seconds since the epoch."""

    run_id: str = ""
    spec: str = ""
    started: float = 0.0
    versions: dict[str, str] = {}
    note: str = ""


OP_ROW = np.dtype(
    [
        ("site", "<u4"),
        ("mark", "<u4"),
        ("started_us", "<u8"),
        ("duration_us", "<f4"),
        ("memory_delta", "<i8"),
        ("flags", "<u2"),
        ("thread", "u1"),
        ("minimum", "<f4"),
        ("maximum", "<f4"),
        ("mean", "<f4"),
        ("norm", "<f4"),
    ]
)
"""One op. Times in microseconds since the recording began, memory in bytes; statistics are NaN where not
taken."""

PLAIN_ROW = np.dtype([(name, OP_ROW[name]) for name in (OP_ROW.names or ())[:7]])
"""The same without statistics."""
