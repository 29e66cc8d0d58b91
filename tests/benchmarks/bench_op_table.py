"""The op table with a million ops: how long a filter takes, and how long scrolling holds up the window.

The trace is written with the SDK's writer and opened as a user opens one. A filter counts from the call to
the table with its new rows; of several the slowest is the figure. Scrolling is by rows, by pages and by jumps
anywhere, each followed by all painting that it causes, in colours.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QApplication

from mezzotint_app.look.style_sheet import install_look
from mezzotint_app.opdebug.op_table_panel import OpTablePanel
from mezzotint_app.state.app_state import build_app_state
from mezzotint_app.state.trace_state import TraceState
from mezzotint_sdk.trace_records import OP_ROW, OpFlags
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.opdebug.trace_files import TraceMaker
from tests.benchmarks.comparison import Result

FILTER_MS, SCROLL_MS = 200.0, 50.0
FILTERS = (
    "softmax",
    "nan | inf",
    'module ~ "unet.down_blocks.*"',
    "op ~ *mm* & time > 20",
    "norm > 0.5 | step >= 10",
    "!view & memory > 0",
    "shape ~ 2,64,* & dtype == float32",
    "",
)
LIMIT_S = 60.0


def measure(quick: bool) -> list[Result]:
    count = 100_000 if quick else 1_000_000
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    install_look(app)
    with tempfile.TemporaryDirectory() as folder:
        path = _write(Path(folder) / "million.mzt", count)
        state = build_app_state(FakeEngineClient(), Path(folder) / "settings.json")
        panel = OpTablePanel(state)
        panel.resize(1320, 840)
        panel.show()
        began = time.perf_counter()
        state.trace.open_file(str(path))
        _until(app, lambda: state.trace.shown_count == count)
        opened_ms = (time.perf_counter() - began) * 1000
        filters = {text or "(all)": _filter_ms(app, state.trace, text) for text in FILTERS}
        panel.table.set_heat("time")
        scrolls = _scroll_ms(app, panel, 60)
        panel.hide()
        state.close()
        panel.deleteLater()
        app.processEvents()
    slowest, worst = max(filters.values()), max(scrolls)
    return [
        Result(
            name="op_table_filter",
            what=f"op table of {count:,} rows: the slowest of {len(FILTERS)} filters, to its rows shown",
            value=slowest,
            target=FILTER_MS,
            unit="ms",
            verdict="met" if slowest <= FILTER_MS else "missed",
            details={**filters, "open_ms": opened_ms},
        ),
        Result(
            name="op_table_scroll",
            what=f"op table of {count:,} rows: longest block of the GUI while scrolling",
            value=worst,
            target=SCROLL_MS,
            unit="ms",
            verdict="met" if worst <= SCROLL_MS else "missed",
            details={"median_ms": sorted(scrolls)[len(scrolls) // 2], "scrolls": float(len(scrolls))},
        ),
    ]


def _write(path: Path, count: int) -> Path:
    maker = TraceMaker(path, statistics=True).steps(0, 20)
    random = np.random.default_rng(0)
    while maker.count < count:
        rows = np.zeros(min(500 * len(maker.sites), count - maker.count), OP_ROW)
        rows["site"] = np.resize(np.arange(len(maker.sites)), len(rows))
        rows["mark"] = random.integers(0, 20, len(rows))
        rows["duration_us"] = random.lognormal(3.0, 1.0, len(rows))
        rows["memory_delta"] = random.integers(-1000, 1000, len(rows))
        rows["norm"] = random.random(len(rows))
        rows["flags"] = int(OpFlags.STATISTICS)
        rows["flags"][random.random(len(rows)) < 0.001] |= int(OpFlags.NAN)
        maker.put(rows)
    return maker.done()


def _until(app: QApplication, is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not is_so():
        app.processEvents()
        if time.monotonic() > end:
            raise TimeoutError("the op table did not show its rows")


def _filter_ms(app: QApplication, trace: TraceState, text: str) -> float:
    """From the call to the table that has its new rows and is painted."""
    told: list[bool] = []
    connection = trace.shown_changed.connect(lambda: told.append(True))
    began = time.perf_counter()
    trace.set_filter(text)
    if trace.filter_problem:
        raise ValueError(trace.filter_problem)
    _until(app, lambda: bool(told))
    app.processEvents()
    took = (time.perf_counter() - began) * 1000
    trace.shown_changed.disconnect(connection)
    return took


def _scroll_ms(app: QApplication, panel: OpTablePanel, times: int) -> list[float]:
    bar = panel.table.verticalScrollBar()
    random = np.random.default_rng(1)
    rows = range(5_000, 5_000 + times)
    pages = range(0, times * bar.pageStep(), bar.pageStep())
    jumps = random.integers(0, bar.maximum(), times)
    took = []
    for value in (*rows, *pages, *jumps):
        began = time.perf_counter()
        bar.setValue(int(value))
        app.processEvents()
        took.append((time.perf_counter() - began) * 1000)
    return took
