"""A trace for Perfetto and chrome://tracing: the Trace Event Format in JSON, written op by op.

Source of the format: "Trace Event Format", the Chromium project. Steps, phases and modules are slices that
hold the
ops that ran in a row below them; times are of a run under the debugger and measure nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO

from mezzotint_sdk.trace_reader import OpRow, TraceReader

__all__ = ["export_perfetto"]


def export_perfetto(reader: TraceReader, file: Path) -> int:
    """Write it; the number of ops. Raises OSError."""
    count = reader.follow()
    with file.open("w", encoding="utf-8") as out:
        events = _Events(out)
        for number in range(count):
            events.op(reader.op(number))
        events.close(reader.header.run_id)
    return count


class _Events:
    """Opens and closes slices as the ops' places change, on each thread for itself."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._open: dict[int, list[str]] = {}
        self._now: dict[int, float] = {}
        self._first = True
        out.write('{"displayTimeUnit":"ms","traceEvents":[')

    def op(self, op: OpRow) -> None:
        thread, begun = op.thread, float(op.started_us)
        begun = max(begun, self._now.get(thread, 0.0))
        self._move(thread, _slices(op), begun)
        arguments = {
            "number": op.number,
            "shapes": [list(meta.shape) for meta in op.site.inputs],
            "gives": [list(meta.shape) for meta in op.site.outputs],
            "source": f"{op.site.file}:{op.site.line}",
            "flops": op.site.flops,
            "bytes": op.site.nbytes,
        }
        if op.site.kernel:
            arguments["kernel"] = op.site.kernel
        duration = max(op.duration_us, 0.0)
        self._write({"ph": "X", "ts": begun, "dur": duration, "name": op.site.op, "args": arguments}, thread)
        self._now[thread] = begun + duration

    def close(self, run_id: str) -> None:
        for thread in list(self._open):
            self._move(thread, [], self._now.get(thread, 0.0))
        self._out.write(f'],"metadata":{{"run":{json.dumps(run_id)}}}}}')

    def _move(self, thread: int, wanted: list[str], at: float) -> None:
        stack = self._open.setdefault(thread, [])
        same = 0
        while same < min(len(stack), len(wanted)) and stack[same] == wanted[same]:
            same += 1
        while len(stack) > same:
            self._write({"ph": "E", "ts": self._now.get(thread, at), "name": stack.pop()}, thread)
        for name in wanted[same:]:
            self._write({"ph": "B", "ts": at, "name": name}, thread)
            stack.append(name)

    def _write(self, event: dict[str, Any], thread: int) -> None:
        event |= {"pid": 1, "tid": thread, "cat": "mezzotint"}
        self._out.write(("" if self._first else ",\n") + json.dumps(event))
        self._first = False


def _slices(op: OpRow) -> list[str]:
    mark = op.mark
    found = [f"picture {mark.image + 1}"]
    if mark.phase:
        found.append(mark.phase)
    if mark.step >= 0:
        found.append(f"step {mark.step + 1}")
    if op.site.module:
        parts = op.site.module.split(".")
        found += [".".join(parts[: length + 1]) for length in range(len(parts))]
    return found
