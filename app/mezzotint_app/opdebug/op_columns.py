"""The columns of the op table as data: what each says of an op, how wide it is, and how it is sorted.

Texts of what repeats from step to step (op, module, shapes, …) are made once a site and kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from mezzotint_app.plots.measures import format_value
from mezzotint_sdk.trace_records import LadderMark, OpFlags, OpSite, TensorMeta

__all__ = [
    "COLUMNS",
    "STATISTICS",
    "Column",
    "OpTexts",
    "count_text",
    "flags_text",
    "memory_text",
    "op_text",
    "shapes_text",
    "source_text",
    "time_text",
]


@dataclass(frozen=True)
class Column:
    """`elide`: which end of a long text gives way. `help` is the header's tooltip."""

    key: str
    title: str
    width_px: int
    help: str
    is_number: bool = False
    elide: str = "right"  # right | left


COLUMNS: tuple[Column, ...] = (
    Column("number", "#", 62, "Number of the op in this run, from 0; the filter calls it number", True),
    Column("mark", "!", 38, "What to know at a glance: NaN, Inf, edited, skipped, failed"),
    Column("op", "Op", 180, "The op as the dispatcher calls it"),
    Column("module", "Module", 200, "The module that called it, by its path", elide="left"),
    Column(
        "time", "Time", 70, "Its own time; of ops that one stepped through not comparable with others", True
    ),
    Column("shapes", "Shapes", 200, "Shapes of its tensors: inputs → outputs"),
    Column("source", "Source", 160, "The line of Python that called it; in backward that of the forward"),
    Column("dtype", "Dtype", 80, "Element types: inputs → outputs"),
    Column("device", "Device", 56, "Where it ran"),
    Column("memory", "Memory", 76, "Memory newly allocated for what it gives", True),
    Column("flops", "FLOPs", 66, "Floating point operations, as counted from its shapes", True),
    Column("bytes", "Bytes", 74, "Bytes of its inputs and outputs", True),
    Column("kernel", "Kernel", 110, "Kernel that was chosen, for attention"),
    Column("step", "Step", 120, "Sampler step or iteration, from 1, and phase"),
    Column("min", "Min", 78, "Least element of the output", True),
    Column("max", "Max", 78, "Greatest element of the output", True),
    Column("mean", "Mean", 78, "Mean of the output", True),
    Column("norm", "Norm", 78, "Euclidean norm of the output", True),
)
STATISTICS = {"min": "minimum", "max": "maximum", "mean": "mean", "norm": "norm"}  # column → field of a row

_MARKS = (
    (OpFlags.NAN, "NaN", "NaN appeared in an output"),
    (OpFlags.INF, "Inf", "Inf appeared in an output"),
    (OpFlags.FAILED, "fail", "it raised an exception"),
    (OpFlags.CAPTURE_FAILED, "lost", "the debugger failed at it; the run went on"),
    (OpFlags.EDITED, "edit", "its result was edited"),
    (OpFlags.SKIPPED, "skip", "it was skipped"),
)
_NOTES = (
    (OpFlags.BACKWARD, "backward"),
    (OpFlags.VIEW, "a view: shares memory with its input"),
    (OpFlags.IN_PLACE, "in place"),
    (OpFlags.BORDER, "border of a compiled region"),
    (OpFlags.HELD, "its tensors are held"),
    (OpFlags.SAVED, "its values are in the trace"),
)
_COUNTS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def op_text(name: str) -> str:
    """An op's name without the overload that says nothing."""
    return name.removesuffix(".default")


def source_text(site: OpSite) -> str:
    return f"{PurePath(site.file).name}:{site.line}" if site.file else ""


def time_text(microseconds: float) -> str:
    return format_value(microseconds / 1000, "ms")


def count_text(count: float) -> str:
    """A count with a decimal prefix: 12.3 M."""
    for factor, prefix in _COUNTS:
        if abs(count) >= factor:
            scaled = count / factor
            return f"{scaled:.{0 if abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2}f} {prefix}"
    return f"{count:.0f}"


def memory_text(delta: int) -> str:
    return "" if delta == 0 else ("+" if delta > 0 else "−") + format_value(abs(delta), "bytes")


def statistic_text(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"


def flags_text(flags: int) -> str:
    """The mark of a row: the worst thing that is to be said of it."""
    return next((mark for flag, mark, _ in _MARKS if flags & flag), "")


def flags_help(flags: int) -> list[str]:
    told = [sentence for flag, _, sentence in _MARKS if flags & flag]
    return told + [sentence for flag, sentence in _NOTES if flags & flag]


def _shape(meta: TensorMeta) -> str:
    return "×".join(map(str, meta.shape)) if meta.shape else "scalar"


def shapes_text(site: OpSite) -> str:
    inputs = ", ".join(map(_shape, site.inputs))
    outputs = ", ".join(map(_shape, site.outputs))
    return f"{inputs} → {outputs}" if inputs and outputs else inputs or (f"→ {outputs}" if outputs else "")


def _unique(metas: Sequence[TensorMeta], field: str) -> str:
    return ", ".join(dict.fromkeys(getattr(meta, field) for meta in metas))


def _change(site: OpSite, field: str) -> str:
    before, after = _unique(site.inputs, field), _unique(site.outputs, field)
    return before if before == after or not after else f"{before} → {after}" if before else after


class OpTexts:
    """Texts of sites and marks, made when they are first seen."""

    def __init__(self, sites: Sequence[OpSite], marks: Sequence[LadderMark]) -> None:
        self._sites = sites
        self._marks = marks
        self._of_sites: dict[int, dict[str, str]] = {}
        self._of_marks: dict[int, str] = {}

    def site(self, number: int) -> dict[str, str]:
        known = self._of_sites.get(number)
        if known is None:
            site = self._sites[number]
            known = self._of_sites[number] = {
                "op": op_text(site.op),
                "module": site.module,
                "source": source_text(site),
                "shapes": shapes_text(site),
                "dtype": _change(site, "dtype"),
                "device": _change(site, "device"),
                "flops": count_text(site.flops) if site.flops else "",
                "bytes": format_value(site.nbytes, "bytes") if site.nbytes else "",
                "kernel": site.kernel,
            }
        return known

    def mark(self, number: int) -> str:
        known = self._of_marks.get(number)
        if known is None:
            known = self._of_marks[number] = self._mark(number)
        return known

    def _mark(self, number: int) -> str:
        if number >= len(self._marks):
            return ""
        mark = self._marks[number]
        steps = f" of {mark.steps}" if mark.steps else ""
        parts = [f"{mark.step + 1}{steps}" if mark.step >= 0 else "", mark.phase]
        return " · ".join(part for part in parts if part)

    def cell(self, row: np.void, number: int, key: str) -> str:
        """The text of one cell; `row` is of OP_ROW, `number` its place in the trace."""
        match key:
            case "number":
                return f"{number:,}"
            case "time":
                return time_text(float(row["duration_us"]))
            case "memory":
                return memory_text(int(row["memory_delta"]))
            case "mark":
                return flags_text(int(row["flags"]))
            case "step":
                return self.mark(int(row["mark"]))
            case "min" | "max" | "mean" | "norm":
                return statistic_text(float(row[STATISTICS[key]]))
            case _:
                return self.site(int(row["site"]))[key]

    def tooltip(self, row: np.void, number: int) -> str:
        """All that is known of an op, in a few lines."""
        site = self._sites[int(row["site"])]
        where = self.mark(int(row["mark"]))
        lines = [
            f"{number:,}  {site.op}" + (f"   ({where})" if where else ""),
            f"{site.module}  {site.module_class}".strip(),
            f"{site.file}:{site.line} in {site.function}" if site.file else "",
            shapes_text(site),
            site.arguments[:300],
            "; ".join(flags_help(int(row["flags"]))),
        ]
        return "\n".join(line for line in lines if line)
