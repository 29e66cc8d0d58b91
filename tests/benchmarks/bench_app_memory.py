"""Resident memory of the app after 1,000 pictures, against after 100."""

from __future__ import annotations

import gc
import tempfile
import time
from pathlib import Path

import psutil

from mezzotint_sdk.home import Home
from tests.benchmarks.comparison import Result
from tests.benchmarks.window_under_test import WindowUnderTest
from tests.e2e.live_engine import emoji_spec

TARGET = 1.1


def measure(quick: bool) -> list[Result]:
    first, last, batch = (20, 60, 10) if quick else (100, 1000, 50)
    sizes: dict[int, int] = {}
    with tempfile.TemporaryDirectory() as folder, WindowUnderTest(Home(Path(folder) / "home")) as window:
        window.window.docks.go_to("gallery")
        made = 0
        while made < last:
            window.draw(emoji_spec(steps=1, count=batch, seed=made))
            made += batch
            if made in (first, last):
                settled = time.monotonic() + 1.0
                window.wait_until(lambda end=settled: time.monotonic() > end, "thumbnails")  # type: ignore[misc]
                gc.collect()
                sizes[made] = psutil.Process().memory_info().rss
    value = sizes[last] / sizes[first]
    return [
        Result(
            name="memory",
            what=f"memory of the app after {last:,} pictures, against after {first:,}",
            value=value,
            target=TARGET,
            verdict="met" if value <= TARGET else "missed",
            details={"first_mib": sizes[first] / 2**20, "last_mib": sizes[last] / 2**20},
        )
    ]
