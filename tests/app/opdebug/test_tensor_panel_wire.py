"""The tensor panel over the real wire: state, bridge, sockets and slots, with an engine that a test plays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from mezzotint_app.client.qt_bridge import QtBridge
from mezzotint_app.opdebug.tensor_panel import TensorPanel
from mezzotint_app.state.app_state import AppState, build_app_state
from mezzotint_sdk import messages as m
from mezzotint_sdk.array_slots import SlotWriter, create_slot_file
from mezzotint_sdk.debug_records import Place, Stop, TensorLook
from mezzotint_sdk.errors import ErrorInfo
from mezzotint_sdk.home import Home
from tests.app.client.engine_peer import WELCOME, EnginePeer
from tests.app.opdebug.tensor_stop import facts, statistics

WAIT_MS = 20_000
OUT = np.arange(600 * 8, dtype=np.float32).reshape(600, 8)


class Debugger:
    """Answers looks at `OUT` from mapped slots, and refuses to fill."""

    def __init__(self, home: Home, peer: EnginePeer) -> None:
        home.slots.mkdir()
        self._folder = home.slots
        self._writer = SlotWriter(home.slots)
        self._looks = 0
        peer.on_call = self._answer

    def _answer(self, call: m.Call) -> m.Reply | bool | None:
        match call.body:
            case m.Hello():
                return msgspec.structs.replace(WELCOME, slots_folder=str(self._folder))
            case m.AskDebugger(ask=m.LookAtTensor() as ask):
                return m.DebuggerSaid(reply=m.TensorShown(look=self._look(ask)))
            case m.AskDebugger(ask=m.EditTensor()):
                return m.Refused(error=ErrorInfo("bad_input", "float8 can't hold this."))
            case m.AskDebugger():
                return m.DebuggerSaid(reply=m.Obeyed())
            case m.GetSnapshot() | m.Goodbye():
                return None
            case _:
                return False  # of what else the window asks nothing is needed here

    def _look(self, ask: m.LookAtTensor) -> TensorLook:
        view = ask.view
        page = OUT[view.first_row :, view.first_column :][: view.rows, : view.columns]
        self._looks += 1
        slot = f"s{self._looks}"
        create_slot_file(self._folder / slot, 1 << 20)
        ref = self._writer.write(slot, 1, np.ascontiguousarray(page, np.float64))
        return TensorLook(
            facts=facts("out", OUT, "output"),
            kind=view.kind,
            statistics=statistics(OUT),
            slice_shape=OUT.shape,
            rows=OUT.shape[0],
            columns=OUT.shape[1],
            array=ref,
        )

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
def peer(mezzotint_home: Path) -> Iterator[EnginePeer]:
    with EnginePeer(Home(mezzotint_home)) as peer:
        yield peer


@pytest.fixture
def debugger(mezzotint_home: Path, peer: EnginePeer) -> Iterator[Debugger]:
    debugger = Debugger(Home(mezzotint_home), peer)
    yield debugger
    debugger.close()


@pytest.fixture
def state(qtbot: QtBot, mezzotint_home: Path, peer: EnginePeer, debugger: Debugger) -> Iterator[AppState]:
    bridge = QtBridge(Home(mezzotint_home))
    state = build_app_state(bridge, mezzotint_home / "settings.json")
    with qtbot.waitSignal(bridge.snapshotArrived, timeout=WAIT_MS):
        bridge.start()
    yield state
    state.close()
    bridge.close()


def stopped(stop_id: int) -> m.DebuggerReported:
    stop = Stop(
        stop_id=stop_id,
        reason="step",
        message="Stepped over.",
        place=Place(op_number=5, op="aten.mul.Tensor"),
        tensors=(facts("out", OUT, "output"),),
    )
    return m.DebuggerReported(run_id="run", report=m.Stopped(stop=stop))


def test_pages_come_through_slots_that_are_released(qtbot: QtBot, state: AppState, peer: EnginePeer) -> None:
    panel = TensorPanel(state)
    panel.resize(420, 700)
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    peer.publish(stopped(1))
    numbers = panel.numbers.numbers
    qtbot.waitUntil(lambda: numbers.rowCount() == 600, timeout=WAIT_MS)
    assert numbers.index(3, 2).data() == "26"
    panel.numbers.table.scrollTo(numbers.index(599, 0))
    qtbot.waitUntil(lambda: numbers.index(599, 7).data() == "4799", timeout=WAIT_MS)
    looks = [call for call in peer.calls if isinstance(call.body, m.AskDebugger)]
    qtbot.waitUntil(
        lambda: len([call for call in peer.calls if isinstance(call.body, m.ReleaseSlots)]) >= len(looks),
        timeout=WAIT_MS,
    )
    panel.actions_bar.begin_edit("fill")
    panel.form.apply()
    qtbot.waitUntil(lambda: panel.form.error.text() == "float8 can't hold this.", timeout=WAIT_MS)
    panel.actions_bar.begin_skip("zeros")
    qtbot.waitUntil(lambda: panel.said.text().startswith("Skipped aten.mul"), timeout=WAIT_MS)
    peer.publish(m.DebuggerReported(run_id="run", report=m.WentOn(stop_id=1)))
    qtbot.waitUntil(panel.stale.isVisible, timeout=WAIT_MS)
    assert numbers.index(3, 2).data() == "26", "the last values stay in view"
