"""Changing and saving the tensor that is looked at: how each of it ends is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

from mezzotint_app.state.tensor_edits import edit_sentence, skip_sentence
from mezzotint_app.state.tensor_place import TensorPlace
from mezzotint_sdk.debug_messages import EditTensor, Saved, SaveTensor, SkipOp
from mezzotint_sdk.errors import MezzotintError

if TYPE_CHECKING:
    from mezzotint_sdk.debug_messages import DebugReply

__all__ = ["TensorChanges"]


class TensorChanges(QObject):
    said = Signal(str, str)  # "info" or "error", and what was done or why not, in one sentence

    def __init__(self, place: TensorPlace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._place = place

    def edit(self, ask: EditTensor) -> None:
        """Change a tensor of the stop."""
        if locked := self._place.edit_locked:
            self.said.emit("error", locked)
            return
        self._place.debug.ask(ask, lambda _reply: self._on_changed(edit_sentence(ask)), self._on_refused)

    def skip(self, ask: SkipOp) -> None:
        """Put something else in the place of the op's result."""
        stop = self._place.debug.stop
        if locked := self._place.locked:
            self.said.emit("error", locked)
            return
        op = stop.place.op if stop is not None else ""
        self._place.debug.ask(ask, lambda _reply: self._on_changed(skip_sentence(ask, op)), self._on_refused)

    def save(self, file: str) -> None:
        """Write the tensor that is looked at; the file's ending says in which form."""
        if self._place.debug.stop is None:
            self.said.emit("error", "Tensors can be saved while a run stands at a stop.")
            return
        ask = SaveTensor(name=self._place.name, file=file, op_number=self._place.op_number)

        def saved(reply: DebugReply) -> None:
            size = f", {_size_text(reply.nbytes)}" if isinstance(reply, Saved) else ""
            if isValid(self):
                self.said.emit("info", f"Saved {ask.name} as {file}{size}.")

        self._place.debug.ask(ask, saved, self._on_refused)

    def _on_changed(self, sentence: str) -> None:
        if isValid(self):
            self.said.emit("info", sentence)
            self._place.on_changed()

    def _on_refused(self, error: MezzotintError) -> None:
        if isValid(self):
            self.said.emit("error", error.message)


def _size_text(nbytes: int) -> str:
    if nbytes < 10_000:
        return f"{nbytes:,} bytes"
    return f"{nbytes / 1000:,.0f} kB" if nbytes < 10_000_000 else f"{nbytes / 1_000_000:,.1f} MB"
