"""What a trace of ops is made of."""

from __future__ import annotations

import enum

import msgspec
import numpy as np

__all__ = ["OP_ROW", "LadderMark", "OpFlags", "OpSite", "TensorMeta", "TraceHeader"]


class TensorMeta(msgspec.Struct, frozen=True):
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


class OpFlags(enum.IntFlag):
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
    run_id: str = ""
    spec: str = ""


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
