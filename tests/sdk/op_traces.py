"""Traces as a model's forward leaves them, for the tests of the format and of what is made of it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mezzotint_sdk.trace_reader import TraceReader
from mezzotint_sdk.trace_records import (
    OP_ROW,
    TRACE_MAGIC,
    BlockKind,
    LadderMark,
    OpFlags,
    OpSite,
    TensorMeta,
    TraceHeader,
)
from mezzotint_sdk.trace_writer import Ids, TraceWriter

__all__ = [
    "FRAME",
    "HEADER",
    "SMALL_NOTE",
    "block",
    "forward_sites",
    "read_whole",
    "some_ids",
    "some_rows",
    "write_small",
]

FRAME = struct.Struct("<BII")  # kind, length, CRC-32

SMALL_NOTE = "edited: fill 0"
_OPS = (
    "convolution",
    "native_group_norm",
    "silu",
    "mm",
    "addmm",
    "view",
    "permute",
    "add.Tensor",
    "mul.Tensor",
)


def forward_sites(count: int) -> list[OpSite]:
    """Sites of a UNet: what an op tells, with the shapes, paths and lines that such a model has."""
    found = []
    for number in range(count):
        block, channels = number // 24, 64 * (1 + number // 150)
        shape = (2, channels, 64 >> (number // 200), 64 >> (number // 200))
        strides = (channels * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1)
        image = TensorMeta(shape, "float32", "cpu", strides)
        weight = TensorMeta(
            (channels, channels, 3, 3), "float32", "cpu", (channels * 9, 9, 3, 1), "Parameter"
        )
        found.append(
            OpSite(
                op=f"aten.{_OPS[number % len(_OPS)]}",
                module=f"unet.down_blocks.{block // 4}.resnets.{block % 4}.conv{number % 5}",
                module_class="Conv2d",
                file="/usr/lib/python3/site-packages/diffusers/models/resnet.py",
                line=100 + number % 250,
                function="ResnetBlock2D.forward",
                inputs=(image, weight),
                outputs=(image,),
                arguments="None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1",
                flops=1000 * number,
                nbytes=4096 * number,
            )
        )
    return found


def some_rows(count: int, *, sites: int, seed: int = 0, statistics: bool = False) -> np.ndarray[Any, Any]:
    random = np.random.default_rng(seed)
    rows = np.zeros(count, OP_ROW)
    rows["site"] = np.arange(count) % sites
    rows["duration_us"] = random.lognormal(3.0, 1.0, count)
    rows["started_us"] = np.cumsum(rows["duration_us"] + 4).astype(np.uint64)
    rows["memory_delta"] = random.integers(-4, 5, count) * 65536
    rows["flags"] = random.choice([0, OpFlags.VIEW, OpFlags.IN_PLACE], count)
    for name in ("minimum", "maximum", "mean", "norm"):
        rows[name] = random.normal(size=count) if statistics else np.nan
    rows["flags"] |= np.uint16(OpFlags.STATISTICS if statistics else 0)
    return rows


def some_ids(count: int, first: int = 0) -> list[Ids]:
    """Each op takes what the one before made, and one from further up, and makes a tensor."""
    return [((number, max(number - 7, 0)), (number + 1,)) for number in range(first, first + count)]


def write_small(path: Path) -> None:
    """All kinds of blocks, in two batches."""
    writer = TraceWriter(
        path, TraceHeader(run_id="r1", spec='{"steps":4}', versions={"torch": "2"}), value_bytes=4096
    )
    sites = forward_sites(3)
    for site in sites[:2]:
        writer.site(site)
    writer.mark(LadderMark(phase="encode"))
    writer.ops(some_rows(4, sites=2), some_ids(4))
    writer.tensor(5, 0, np.arange(6, dtype=np.float32).reshape(2, 3), TensorMeta((2, 3), "float32", "cpu"))
    writer.site(sites[2])
    rows = some_rows(3, sites=3, statistics=True)
    rows["mark"] = writer.mark(LadderMark(phase="denoise", step=0, steps=4, timestep=999.0, sigma=14.6))
    writer.ops(rows, some_ids(3, 4))
    writer.note(2, SMALL_NOTE)
    writer.close()


def read_whole(path: Path) -> TraceReader:
    """All of it, and the file closed."""
    reader = TraceReader(path)
    reader.follow()
    reader.close()
    return reader


def block(kind: int, payload: bytes, level: int = 6) -> bytes:
    """One block of a trace file, as the writer writes it."""
    packed = zlib.compress(payload, level)
    return FRAME.pack(kind, len(packed), zlib.crc32(packed, zlib.crc32(bytes([kind])))) + packed


HEADER = TRACE_MAGIC + block(BlockKind.HEADER, msgspec.msgpack.encode(TraceHeader()))
