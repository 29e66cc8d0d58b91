"""`mezzotint trace show|diff|export`: traces of the op debugger, read without an engine."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mezzotint_app.cli import exit_status
from mezzotint_app.cli.tables import format_bytes, print_table
from mezzotint_app.cli.trace_diff_text import difference_facts, print_difference
from mezzotint_sdk.divergence import compare_traces
from mezzotint_sdk.errors import BadInputError, NotFoundError, StorageError
from mezzotint_sdk.home import Home
from mezzotint_sdk.op_filter import OpFilter
from mezzotint_sdk.perfetto_export import export_perfetto
from mezzotint_sdk.run_traces import traces_of_runs
from mezzotint_sdk.trace_reader import OpRow, TraceReader
from mezzotint_sdk.trace_records import OpFlags, TensorMeta
from mezzotint_sdk.trace_totals import LineTotal, ModuleTotal, line_totals, module_totals

__all__ = ["DIFFERENT", "opened_trace", "run"]

DIFFERENT = 1  # exit status of `diff`, as that of diff(1)
_MARKS = (
    (OpFlags.NAN, "NaN"),
    (OpFlags.INF, "Inf"),
    (OpFlags.FAILED, "failed"),
    (OpFlags.CAPTURE_FAILED, "?"),
)


def run(arguments: Namespace) -> int:
    match arguments.action:
        case "show":
            with opened_trace(arguments.file) as reader:
                return _show(reader, arguments)
        case "diff":
            with opened_trace(arguments.first) as first, opened_trace(arguments.second) as second:
                return _diff(first, second, arguments)
        case _:
            with opened_trace(arguments.file) as reader:
                return _export(reader, arguments)


@contextmanager
def opened_trace(name: str) -> Iterator[TraceReader]:
    """A file, or the trace of a run by its id or the end of it. Raises NotFoundError, BadInputError."""
    path = Path(name).expanduser()
    if not path.is_file():
        path = _trace_of_run(name)
    try:
        reader = TraceReader(path)
    except OSError as error:
        raise NotFoundError(f"{path} can't be read: {error.strerror or error}.") from None
    try:
        reader.follow()
        if reader.damage:
            print(f"mezzotint: {reader.damage}", file=sys.stderr)
        yield reader
    finally:
        reader.close()


def _trace_of_run(name: str) -> Path:
    found = traces_of_runs(Home.default().runs, name) if os.sep not in name else []
    if len(found) > 1:
        raise BadInputError(f"{len(found)} runs with a trace fit '{name}'; give more of the id.")
    if not found:
        raise NotFoundError(f"There is no trace file {name}, and no run of that id that was debugged.")
    return found[0]


# --- show


def _show(reader: TraceReader, arguments: Namespace) -> int:
    chosen = None
    if arguments.filter.strip():
        chosen = OpFilter(arguments.filter).matching(reader.rows, reader.sites, reader.marks)
    if arguments.totals:
        rows = reader.rows if chosen is None else reader.rows[chosen]
        by_module = arguments.totals == "module"
        totals: list[ModuleTotal | LineTotal] = list(
            module_totals(rows, reader.sites).values()
            if by_module
            else line_totals(rows, reader.sites).values()
        )
        totals.sort(key=lambda one: -one.time_us)
        _print_totals(totals[: arguments.limit], arguments)
        return exit_status.OK
    numbers = range(len(reader.rows)) if chosen is None else [int(number) for number in chosen]
    shown = [reader.op(number) for number in numbers[: arguments.limit]]
    if arguments.json:
        for op in shown:
            print(json.dumps(_facts(op)))
        return exit_status.OK
    if not shown:
        print("No op matches." if chosen is not None else "No op was recorded.")
        return exit_status.OK
    header = ("OP", "NAME", "TIME", "SHAPES", "STEP", "MODULE", "LINE")
    print_table(header, [_row(op) for op in shown])
    if len(numbers) > len(shown):
        print(f"{len(shown):,} of {len(numbers):,} ops; --limit shows more.")
    return exit_status.OK


def _row(op: OpRow) -> tuple[str, ...]:
    site, mark = op.site, op.mark
    shapes = f"{_shapes(site.inputs)} -> {_shapes(site.outputs)}"
    place = f"{mark.phase} {mark.step}" if mark.step >= 0 else mark.phase
    told = [word for flag, word in _MARKS if op.flags & flag]
    line = f"{Path(site.file).name}:{site.line}" if site.file else ""
    words = [line, *told, *([site.kernel] if site.kernel else []), *([op.note] if op.note else [])]
    return str(op.number), site.op, _time(op.duration_us), shapes, place, site.module, " ".join(words)


def _shapes(metas: tuple[TensorMeta, ...]) -> str:
    return " ".join("x".join(map(str, meta.shape)) or "()" for meta in metas[:4]) or "-"


def _time(microseconds: float) -> str:
    return f"{microseconds / 1000:.2f} ms" if microseconds >= 1000 else f"{microseconds:.0f} us"


def _facts(op: OpRow) -> dict[str, object]:
    site, mark = op.site, op.mark

    def number(value: float) -> float | None:
        return value if value == value else None  # NaN: not taken; JSON has none

    return {
        "number": op.number,
        "op": site.op,
        "module": site.module,
        "file": site.file,
        "line": site.line,
        "phase": mark.phase,
        "step": mark.step,
        "image": mark.image,
        "inputs": [[list(meta.shape), meta.dtype] for meta in site.inputs],
        "outputs": [[list(meta.shape), meta.dtype] for meta in site.outputs],
        "device": site.outputs[0].device if site.outputs else "",
        "time_us": round(op.duration_us, 3),
        "flops": site.flops,
        "bytes": site.nbytes,
        "kernel": site.kernel,
        "nan": bool(op.flags & OpFlags.NAN),
        "inf": bool(op.flags & OpFlags.INF),
        "min": number(op.minimum),
        "max": number(op.maximum),
        "mean": number(op.mean),
        "norm": number(op.norm),
        "note": op.note,
    }


def _print_totals(totals: list[ModuleTotal | LineTotal], arguments: Namespace) -> None:
    rows = []
    for one in totals:
        name = (
            (one.path or "(outside of modules)") if isinstance(one, ModuleTotal) else f"{one.file}:{one.line}"
        )
        if arguments.json:
            facts = {"name": name, "ops": one.ops, "time_us": round(one.time_us, 3)}
            print(json.dumps({**facts, "flops": one.flops, "bytes": one.nbytes}))
        rows.append(
            (_time(one.time_us), f"{one.ops:,}", f"{one.flops:.3g}", format_bytes(int(one.nbytes)), name)
        )
    if not arguments.json:
        print_table(
            ("TIME", "OPS", "FLOPS", "BYTES", "MODULE" if arguments.totals == "module" else "LINE"), rows
        )


# --- diff and export


def _diff(first: TraceReader, second: TraceReader, arguments: Namespace) -> int:
    found = compare_traces(first, second, arguments.tolerance)
    if np.isnan(found.errors).all():  # neither equal nor different: the sentence says what to record
        raise BadInputError(found.sentence)
    if arguments.json:
        print(json.dumps(difference_facts(found)))
    else:
        print_difference(found, first, second, arguments.limit)
    return DIFFERENT if found.is_different else exit_status.OK


def _export(reader: TraceReader, arguments: Namespace) -> int:
    out = Path(arguments.out).expanduser()
    try:
        count = export_perfetto(reader, out)
    except OSError as error:
        raise StorageError(f"{out} can't be written: {error.strerror or error}.") from None
    print(json.dumps({"file": str(out), "ops": count}) if arguments.json else f"{count:,} ops in {out}")
    return exit_status.OK
