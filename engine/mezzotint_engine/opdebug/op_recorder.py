"""Rows of the capture become rows of the trace file, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np
import torch

from mezzotint_engine.opdebug.capture import Row
from mezzotint_engine.opdebug.op_sites import meta_of
from mezzotint_engine.opdebug.quick_statistics import Sample
from mezzotint_sdk.trace_records import OP_ROW, LadderMark, OpFlags, OpSite

if TYPE_CHECKING:
    from mezzotint_sdk.trace_writer import TraceWriter

__all__ = ["OpRecorder"]


class OpRecorder:
    """Writes one trace. Its own failure (a full disk) ends the recording, never the run: `failed` says
    why."""

    def __init__(self, writer: TraceWriter) -> None:
        self._writer = writer
        self._start_ns = perf_counter_ns()
        self.failed: Exception | None = None

    def site(self, site: OpSite) -> int:
        return self._writer.site(site)

    def mark(self, mark: LadderMark) -> int:
        return self._writer.mark(mark)

    def rows(self, rows: Sequence[Row]) -> None:
        if self.failed is not None:
            return
        # by columns: NumPy reads a row of mixed values four times as slowly
        site, mark, began, duration, memory, flags, thread, into, given, samples = zip(*rows, strict=True)
        packed = np.zeros(len(rows), dtype=OP_ROW)
        packed["site"], packed["mark"] = site, mark
        packed["started_us"] = np.maximum(np.array(began, np.int64) - self._start_ns, 0) // 1000
        packed["duration_us"] = np.array(duration, np.int64) * 1e-3
        packed["memory_delta"], packed["flags"], packed["thread"] = memory, flags, thread
        for name in ("minimum", "maximum", "mean", "norm"):
            packed[name] = np.nan
        taken = [place for place, sample in enumerate(samples) if isinstance(sample, Sample)]
        if taken:
            table = np.array([samples[place] for place in taken], dtype=np.float64)
            with np.errstate(over="ignore"):  # float64 extremes are infinite in the file's float32
                for column, name in enumerate(("minimum", "maximum", "mean", "norm")):
                    packed[name][taken] = table[:, column]
            marks = table[:, 4] * OpFlags.NAN + table[:, 5] * OpFlags.INF + OpFlags.STATISTICS
            packed["flags"][taken] |= marks.astype("<u2")
        try:
            self._writer.ops(packed, list(zip(into, given, strict=True)))
        except Exception as error:  # disk full above all; the debugger's own trouble never ends a run
            self.failed = error

    def values(self, op_number: int, output: torch.Tensor, index: int = 0) -> None:
        """Keep the values of an op's output, as far as the trace's budget goes."""
        if self.failed is not None or output.layout is not torch.strided or output.device.type == "meta":
            return
        plain = output.detach().to("cpu")
        if plain.dtype is torch.bfloat16 or (plain.dtype.is_floating_point and plain.element_size() == 1):
            plain = plain.float()  # which numpy has
        try:
            self._writer.tensor(op_number, index, plain.contiguous().numpy(), meta_of(output))
        except (OSError, TypeError) as error:
            self.failed = error

    def note(self, op_number: int, text: str) -> None:
        if self.failed is None:
            self._writer.note(op_number, text)

    def flush(self) -> None:
        try:
            self._writer.flush()
        except OSError as error:
            self.failed = error

    def close(self) -> None:
        try:
            self._writer.close()
        except OSError as error:
            self.failed = error
