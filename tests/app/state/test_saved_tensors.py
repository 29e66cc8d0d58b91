"""Values out of a real trace file, looked at without any engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pytestqt.qtbot import QtBot

from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.tensor_view_state import TensorViewState
from mezzotint_sdk.trace_records import OP_ROW, OpFlags, OpSite, TensorMeta, TraceHeader
from mezzotint_sdk.trace_writer import TraceWriter

VALUES = np.arange(300 * 5, dtype=np.float32).reshape(300, 5)


def write_trace(path: Path) -> None:
    meta = TensorMeta(VALUES.shape, "float32", "cpu")
    writer = TraceWriter(path, TraceHeader(run_id="run"), value_bytes=1 << 20)
    rows = np.zeros(3, OP_ROW)
    rows["site"] = writer.site(OpSite(op="aten.mul.Tensor", inputs=(meta,), outputs=(meta,)))
    rows["mark"] = 0
    rows["flags"][1] = OpFlags.SAVED
    writer.ops(rows, [((1,), (2,))] * 3)
    assert writer.tensor(1, 0, VALUES, meta)
    writer.close()


def test_a_saved_tensor_is_read_page_by_page(qtbot: QtBot, app_state: AppState, tmp_path: Path) -> None:
    write_trace(tmp_path / "trace.mzt")
    view = TensorViewState(app_state.debug, app_state.trace)
    view.set_looked_at(True)
    app_state.trace.open_file(str(tmp_path / "trace.mzt"))
    qtbot.waitUntil(lambda: len(app_state.trace.rows) == 3, timeout=5000)
    app_state.debug.select_op(1)
    qtbot.waitUntil(lambda: view.pages.rows == 300, timeout=5000)
    assert view.facts is not None
    assert view.facts.shape == (300, 5)
    view.want_cell(299, 4)
    qtbot.waitUntil(lambda: view.pages.value(299, 4) == 299 * 5 + 4, timeout=5000)
    app_state.debug.select_op(2)
    assert view.problem == "The values of this op were not saved in the trace, only what is listed."
    app_state.debug.select_op(1)
    qtbot.waitUntil(lambda: not view.problem and view.look is not None, timeout=5000)
    app_state.trace.close_trace()
    assert view.look is None, "nothing is left of a trace that was closed"
