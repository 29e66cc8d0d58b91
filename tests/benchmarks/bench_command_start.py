"""`mezzotint --version` and `--help`: median seconds until the process has ended."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from tests.benchmarks.comparison import Result

TARGET_S = 0.3


def _seconds(word: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "mezzotint_app", word], check=True, capture_output=True)
    return time.perf_counter() - began


def measure(quick: bool) -> list[Result]:
    results = []
    for word in ("--version", "--help"):
        _seconds(word)
        values = [_seconds(word) for _ in range(3 if quick else 15)]
        value = statistics.median(values)
        results.append(
            Result(
                name=f"command{word}",
                what=f"mezzotint {word}",
                value=value,
                target=TARGET_S,
                unit="s",
                verdict="met" if value <= TARGET_S else "missed",
                details={"seconds": values},
            )
        )
    return results
