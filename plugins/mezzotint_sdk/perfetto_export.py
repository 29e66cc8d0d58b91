"""A trace for Perfetto and chrome://tracing: the Trace Event Format in JSON, written op by op.

Source of the format: "Trace Event Format", the Chromium project. Pictures (where there are several), phases,
steps and modules are slices that hold the ops that ran in a row below them; times are of a run under the
debugger and measure nothing else.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TextIO

from mezzotint_sdk.trace_reader import TraceReader
from mezzotint_sdk.trace_records import LadderMark, OpFlags, OpSite, TensorMeta

__all__ = ["export_perfetto"]

_ROWS = 4096  # read at a time
_COLUMNS = ["site", "mark", "started_us", "duration_us", "memory_delta", "flags", "thread"]
_TOLD = (
    OpFlags.NAN,
    OpFlags.INF,
    OpFlags.EDITED,
    OpFlags.SKIPPED,
    OpFlags.CAPTURE_FAILED,
    OpFlags.FAILED,
    OpFlags.BACKWARD,
)


def export_perfetto(reader: TraceReader, file: Path) -> int:
    """Write it; the number of ops. What stood in a file of this name stays until all is written.

    Raises OSError."""
    reader.follow()
    if file.exists() and not file.is_file():  # a pipe, /dev/stdout
        with file.open("w", encoding="utf-8") as out:
            return _write(reader, out)
    beside = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with beside.open("w", encoding="utf-8") as out:
            count = _write(reader, out)
        os.replace(beside, file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return count


def _write(reader: TraceReader, out: TextIO) -> int:
    rows = reader.rows
    out.write('{"displayTimeUnit":"ms","traceEvents":[\n')
    out.write(_event({"ph": "M", "name": "process_name", "args": {"name": "Mezzotint"}}, 0))
    events = _Events(reader, out)
    for begin in range(0, len(rows), _ROWS):
        for number, row in enumerate(rows[_COLUMNS][begin : begin + _ROWS].tolist(), begin):
            events.op(number, *row)
    events.close()
    out.write(f'\n],"metadata":{{"run":{json.dumps(reader.header.run_id)}}}}}')
    return len(rows)


class _Events:
    """Opens and closes slices as the ops' places change, on each thread for itself."""

    def __init__(self, reader: TraceReader, out: TextIO) -> None:
        self._reader = reader
        self._out = out
        self._open: dict[int, tuple[str, ...]] = {}
        self._now: dict[int, float] = {}
        self._facts: dict[int, str] = {}  # of a site, its JSON without the closing brace
        self._slices: dict[tuple[int, int], tuple[str, ...]] = {}
        self._several = any(mark.image for mark in reader.marks)
        self._memory = 0

    def op(
        self,
        number: int,
        site: int,
        mark: int,
        started_us: int,
        duration_us: float,
        memory_delta: int,
        flags: int,
        thread: int,
    ) -> None:
        now = self._now.get(thread)
        if now is None:
            self._write(
                _event({"ph": "M", "name": "thread_name", "args": {"name": f"thread {thread}"}}, thread)
            )
            now = 0.0
        begun = max(float(started_us), now)
        duration = duration_us if math.isfinite(duration_us) and duration_us > 0 else 0.0
        self._move(thread, self._slices_of(site, mark), begun)
        facts = self._facts.get(site)
        if facts is None:
            facts = self._facts[site] = json.dumps(_facts(self._reader.sites[site]))[:-1]
        more = f',"number":{number}'
        told = [str(one.name).lower() for one in _TOLD if flags & one] if flags else []
        if told:
            more += f',"told":"{", ".join(told)}"'
        if number in self._reader.notes:
            more += f',"note":{json.dumps(self._reader.notes[number])}'
        self._write(
            f',\n{{"ph":"X","pid":1,"tid":{thread},"cat":"op","ts":{begun!r},"dur":{duration!r},'
            f'"name":{json.dumps(self._reader.sites[site].op)},"args":{facts}{more}}}}}'
        )
        self._now[thread] = begun + duration
        if memory_delta:
            self._memory += memory_delta
            counted = {
                "ph": "C",
                "name": "allocated so far",
                "ts": begun + duration,
                "args": {"bytes": self._memory},
            }
            self._write(_event(counted, thread))

    def close(self) -> None:
        for thread in list(self._open):
            self._move(thread, (), self._now[thread])

    def _slices_of(self, site: int, mark: int) -> tuple[str, ...]:
        found = self._slices.get((site, mark))
        if found is None:
            marks = self._reader.marks
            place = marks[mark] if mark < len(marks) else LadderMark()
            found = _slices(place, self._reader.sites[site].module, several=self._several)
            self._slices[site, mark] = found
        return found

    def _move(self, thread: int, wanted: tuple[str, ...], at: float) -> None:
        stack = self._open.get(thread, ())
        if stack == wanted:
            return
        same = 0
        while same < min(len(stack), len(wanted)) and stack[same] == wanted[same]:
            same += 1
        ended = self._now.get(thread, at)
        for name in reversed(stack[same:]):
            self._write(_event({"ph": "E", "ts": ended, "name": name}, thread))
        for name in wanted[same:]:
            self._write(_event({"ph": "B", "ts": at, "name": name}, thread))
        self._open[thread] = wanted

    def _write(self, text: str) -> None:
        self._out.write(text)


def _event(facts: dict[str, object], thread: int) -> str:
    whole = json.dumps({**facts, "pid": 1, "tid": thread, "cat": "mezzotint"})
    return whole if facts["name"] == "process_name" else f",\n{whole}"


def _facts(site: OpSite) -> dict[str, object]:
    facts: dict[str, object] = {
        "inputs": [_told(meta) for meta in site.inputs],
        "outputs": [_told(meta) for meta in site.outputs],
        "source": f"{site.file}:{site.line}" if site.file else "",
        "flops": site.flops,
        "bytes": site.nbytes,
    }
    if site.kernel:
        facts["kernel"] = site.kernel
    return facts


def _told(meta: TensorMeta) -> str:
    return f"{meta.dtype} {'x'.join(map(str, meta.shape)) or '()'} {meta.device}"


def _slices(mark: LadderMark, module: str, *, several: bool) -> tuple[str, ...]:
    found = [f"picture {mark.image + 1}"] if several else []
    if mark.phase:
        found.append(mark.phase)
    if mark.step >= 0:
        found.append(f"step {mark.step + 1}")
    if module:
        parts = module.split(".")
        found += [".".join(parts[: length + 1]) for length in range(len(parts))]
    return tuple(found)
