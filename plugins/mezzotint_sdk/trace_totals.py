"""What ops cost in sum: by module with all that is below it, and by line of Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mezzotint_sdk.trace_records import OpSite

__all__ = ["LineTotal", "ModuleTotal", "line_totals", "module_totals"]

Rows = np.ndarray[Any, Any]


@dataclass
class ModuleTotal:
    """Of a module and all below it; `self_time_us` of its own ops alone. `path` "" is outside of all
    modules."""

    path: str
    ops: int = 0
    time_us: float = 0.0
    self_time_us: float = 0.0
    flops: float = 0.0
    nbytes: float = 0.0
    memory_delta: int = 0


@dataclass
class LineTotal:
    file: str
    line: int
    function: str = ""
    ops: int = 0
    time_us: float = 0.0
    flops: float = 0.0
    nbytes: float = 0.0
    memory_delta: int = 0


@dataclass(frozen=True)
class _OfSite:
    site: OpSite
    ops: int
    time_us: float
    memory: int


def module_totals(rows: Rows, sites: Sequence[OpSite]) -> dict[str, ModuleTotal]:
    """By path, every module that called an op or lies above one that did."""
    found: dict[str, ModuleTotal] = {}
    for one in _per_site(rows, sites):
        path = one.site.module
        found.setdefault(path, ModuleTotal(path)).self_time_us += one.time_us
        while True:
            _add(found.setdefault(path, ModuleTotal(path)), one)
            if "." not in path:
                break
            path = path.rpartition(".")[0]
    return found


def line_totals(rows: Rows, sites: Sequence[OpSite]) -> dict[tuple[str, int], LineTotal]:
    """By (file, line)."""
    found: dict[tuple[str, int], LineTotal] = {}
    for one in _per_site(rows, sites):
        site = one.site
        _add(found.setdefault((site.file, site.line), LineTotal(site.file, site.line, site.function)), one)
    return found


def _per_site(rows: Rows, sites: Sequence[OpSite]) -> Iterator[_OfSite]:
    """Rows are summed in numpy; only sites are looked at one by one."""
    numbers, count = rows["site"], len(sites)
    ops = np.bincount(numbers, minlength=count)
    times = np.bincount(numbers, weights=rows["duration_us"], minlength=count)
    memory = np.bincount(numbers, weights=rows["memory_delta"], minlength=count)
    for number in np.flatnonzero(ops):
        yield _OfSite(sites[int(number)], int(ops[number]), float(times[number]), int(memory[number]))


def _add(total: ModuleTotal | LineTotal, one: _OfSite) -> None:
    total.ops += one.ops
    total.time_us += one.time_us
    total.flops += one.site.flops * one.ops
    total.nbytes += one.site.nbytes * one.ops
    total.memory_delta += one.memory
