"""Values that a trace has saved, looked at without the run: read and computed on another thread."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject

from mezzotint_app.state.array_look import look_at_array
from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_sdk.debug_messages import LookAtTensor
from mezzotint_sdk.debug_records import TensorFacts, TensorLook
from mezzotint_sdk.errors import BadInputError, InternalError, MezzotintError
from mezzotint_sdk.trace_records import OpFlags

if TYPE_CHECKING:
    from mezzotint_app.state.trace_state import TraceState

__all__ = ["SavedTensors"]

_OUTPUT = re.compile(r"outs\[(\d+)\]$")

OnLook = Callable[[TensorLook, np.ndarray | None], None]
OnError = Callable[[MezzotintError], None]


class SavedTensors(QObject):
    """The last array is kept, so that its pages and views need no reading."""

    def __init__(self, trace: TraceState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._trace = trace
        self._kept: tuple[tuple[str, int, int], np.ndarray] | None = None

    def has(self, op_number: int) -> bool:
        """Whether values of this op's outputs lie in the trace."""
        rows = self._trace.rows
        return 0 <= op_number < len(rows) and bool(int(rows["flags"][op_number]) & OpFlags.SAVED)

    def look(self, ask: LookAtTensor, facts: TensorFacts, on_look: OnLook, on_error: OnError) -> None:
        """Look at an output of an op in the past."""
        output = _output_of(ask.name)
        if output < 0:
            on_error(BadInputError(f"A trace saves outputs; look for “{ask.name}” at the op that made it."))
            return
        if not self.has(ask.op_number):
            on_error(BadInputError("The values of this op were not saved in the trace, only what is listed."))
            return
        key = (self._trace.path, ask.op_number, output)
        kept = self._kept[1] if self._kept is not None and self._kept[0] == key else None
        read = self._trace.tensor_reading(ask.op_number, output)

        def work() -> tuple[np.ndarray, TensorLook, np.ndarray | None]:
            array = kept if kept is not None else read()
            if array is None:
                raise BadInputError("The trace has no room left for this tensor: its values were not saved.")
            return array, *look_at_array(array, facts, ask.view)

        def done(found: tuple[np.ndarray, TensorLook, np.ndarray | None]) -> None:
            self._kept = (key, found[0])
            on_look(found[1], found[2])

        def failed(error: Exception) -> None:
            if not isinstance(error, MezzotintError):
                error = InternalError(f"The trace could not be read: {error}.", repr(error))
            on_error(error)

        BackgroundTask(work, done, failed, owner=self)


def _output_of(name: str) -> int:
    """Which output a name stands for; -1 for what is none."""
    if name == "out":
        return 0
    found = _OUTPUT.match(name)
    return int(found.group(1)) if found else -1
