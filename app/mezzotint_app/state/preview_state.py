"""The live preview: the newest frame wins, frames are copied at most so often, and the cost is known.

This is the only receiver of `PreviewMade`, because whoever receives a preview must release its slot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from mezzotint_app.state.engine_state import EngineState
from mezzotint_app.state.pacer import Pacer
from mezzotint_app.state.runs_state import RunsState
from mezzotint_app.state.settings_state import SettingsState
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import MezzotintError, SlotExpiredError
from mezzotint_sdk.records import ArrayRef

if TYPE_CHECKING:
    from mezzotint_app.client.qt_bridge import EngineClient

__all__ = ["Frame", "PreviewState"]

SMOOTHING = 0.2  # weight of the newest value in the running mean of the cost


@dataclass(frozen=True)
class Frame:
    """One preview: RGB uint8, shape (height, width, 3)."""

    run_id: str
    image_index: int
    step: int
    pixels: np.ndarray


class PreviewState(QObject):
    """`frame` is the newest preview that was read; `frameArrived` tells its run id."""

    frameArrived = Signal(str)
    costChanged = Signal()

    def __init__(
        self,
        client: EngineClient,
        settings: SettingsState,
        engine: EngineState,
        runs: RunsState,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._client = client
        self._settings = settings
        self._engine = engine
        self._runs = runs
        self._newest: m.PreviewMade | None = None
        self._unread: list[ArrayRef] = []
        self._last_step: tuple[str, int, int] = ("", 0, 0)
        self._looked_at = True
        self.frame: Frame | None = None
        self.cost_ms_per_step = 0.0
        self.cost_share = 0.0  # of the time of a step, 0 to 1
        self._pacer = Pacer(settings.values.repaint_hz, self)
        self._pacer.due.connect(self._read)
        client.eventArrived.connect(self._on_event)
        client.snapshotArrived.connect(self._on_snapshot)
        client.connectionChanged.connect(self._on_connection)
        settings.changed.connect(self._on_setting)

    def set_looked_at(self, looked_at: bool) -> None:
        """Say whether anybody shows the preview; frames that nobody sees are not copied."""
        self._looked_at = looked_at
        if looked_at and self._newest is not None:
            self._pacer.request()

    def stop(self) -> None:
        """Read no more previews."""
        self._newest = None
        self._pacer.stop()

    def _on_snapshot(self, _snapshot: m.Snapshot) -> None:
        self._engine.set_preview_rate(self._settings.values.preview_hz)

    def _on_connection(self, connection: str, _sentence: str) -> None:
        if connection != "connected":
            self._newest = None  # slots of an engine that is gone are gone with it
            self._unread.clear()
            self._pacer.stop()

    def _on_setting(self, name: str) -> None:
        if name == "preview_hz":
            self._engine.set_preview_rate(self._settings.values.preview_hz)
        elif name == "repaint_hz":
            self._pacer.set_hz(self._settings.values.repaint_hz)

    def _on_event(self, event: m.Event) -> None:
        if isinstance(event, m.PreviewMade):
            if self._newest is not None:
                self._unread.append(self._newest.array)
            self._newest = event
            self._count_cost(event)
            self._pacer.request()

    def _count_cost(self, event: m.PreviewMade) -> None:
        run_id, image_index, step = self._last_step
        same = (run_id, image_index) == (event.run_id, event.image_index)
        steps = max(1, event.step - step) if same else 1
        self._last_step = (event.run_id, event.image_index, event.step)
        cost_ms = event.cost_ms / steps
        weight = SMOOTHING if same and self.cost_ms_per_step else 1.0
        self.cost_ms_per_step += weight * (cost_ms - self.cost_ms_per_step)
        progress = self._runs.progress(event.run_id)
        if progress is not None and progress.steps_per_second > 0:
            self.cost_share = min(1.0, self.cost_ms_per_step / 1000 * progress.steps_per_second)
        self.costChanged.emit()

    def _read(self) -> None:
        event, self._newest = self._newest, None
        if event is not None and self._looked_at:
            try:
                pixels = self._client.read_array(event.array)
            except SlotExpiredError:
                pass  # the writer was faster; a newer frame is on its way, or the run has ended
            except MezzotintError:
                pass  # the connection went away under our hands, and that is told elsewhere
            else:
                self.frame = Frame(event.run_id, event.image_index, event.step, pixels)
                self.frameArrived.emit(event.run_id)
        elif event is not None:
            self._unread.append(event.array)
        if self._unread:
            refs, self._unread = tuple(self._unread), []
            self._client.call(m.ReleaseSlots(refs=refs), None, lambda error: None)
