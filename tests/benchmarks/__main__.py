"""Run the benchmarks, print a table, write `out/bench.json`. Exit status 1 when a target is missed."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import time
import traceback
from pathlib import Path

import msgspec
import psutil

from tests.benchmarks.comparison import Result

# name → module with `measure(quick) -> list[Result]`; imported one at a time: some need Qt, some torch
BENCHMARKS = {
    "job": "bench_app_job",
    "start": "bench_window_start",
    "gui": "bench_gui_block",
    "array": "bench_array_transfer",
    "same": "bench_same_spec",
    "memory": "bench_app_memory",
    "command": "bench_command_start",
    "optable": "bench_op_table",
    "debugger": "bench_op_debugger",
}


QUIET_PERCENT = 10.0  # an app of four processes suffers more from others than a script of one


def _line(result: Result) -> str:
    noise = f"±{result.spread * 100:.1f} %" if result.spread else ""
    value = f"{result.value:.3f}" if result.unit == "ratio" else f"{result.value:.3g} {result.unit}"
    target = f"≤ {result.target:g}" + ("" if result.unit == "ratio" else f" {result.unit}")
    return f"{result.what:<78} {value:>12} {noise:>9} {target:>12}  {result.verdict}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", choices=BENCHMARKS, action="append", help="run this one (may be repeated)")
    parser.add_argument(
        "--quick", action="store_true", help="few rounds: shows that it works, proves nothing"
    )
    parser.add_argument("--out", type=Path, default=Path("out/bench.json"))
    words = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

    results: list[Result] = []
    failures: dict[str, str] = {}
    began = time.time()
    busy: dict[str, float] = {}
    for name in words.only or BENCHMARKS:
        busy[name] = psutil.cpu_percent(interval=1.0)
        if busy[name] > QUIET_PERCENT:
            print(
                f"{name}: others use {busy[name]:.0f} % of the processors; the figures will be worse for it"
            )
        try:
            module = importlib.import_module(f"tests.benchmarks.{BENCHMARKS[name]}")
            measured: list[Result] = module.measure(words.quick)
        except Exception:  # one benchmark that breaks must not hide the others' numbers
            failures[name] = traceback.format_exc()
            print(f"{name}: could not be measured\n{failures[name]}", file=sys.stderr)
            continue
        results += measured
        for result in measured:
            print(_line(result), flush=True)
    words.out.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "machine": {
            "cpus": os.cpu_count(),
            "platform": platform.platform(),
            "python": platform.python_version(),
        },
        "busy_before_percent": busy,
        "load_at_end": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "began": began,
        "seconds": time.time() - began,
        "quick": words.quick,
        "results": results,
        "failures": failures,
    }
    words.out.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    print(f"Written to {words.out}.")
    return 1 if failures or any(result.verdict == "missed" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
