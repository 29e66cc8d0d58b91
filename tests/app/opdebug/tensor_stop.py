"""A debugger at a stop, played in the test: tensors are numpy arrays, and answers come from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from mezzotint_sdk.debug_messages import (
    DebugAsk,
    GetStop,
    LookAtTensor,
    Obeyed,
    Saved,
    SaveTensor,
    Standing,
    TensorShown,
)
from mezzotint_sdk.debug_records import Breakpoint, Place, Stop, TensorFacts, TensorLook, TensorStatistics
from mezzotint_sdk.errors import BadInputError, MezzotintError
from mezzotint_sdk.records import ArrayRef
from mezzotint_sdk.trace_records import OP_ROW, OpFlags, OpSite

OnReply = Callable[[Any], None]
OnError = Callable[[MezzotintError], None]


def facts(name: str, array: np.ndarray, role: str = "input", **changes: Any) -> TensorFacts:
    fields: dict[str, Any] = {
        "name": name,
        "role": role,
        "shape": array.shape,
        "strides": tuple(stride // array.itemsize for stride in array.strides),
        "dtype": str(array.dtype),
        "device": "cpu",
        "nbytes": array.nbytes,
        "tensor_id": id(array),
        "storage_id": id(array),
        "version": 0,
    }
    return TensorFacts(**{**fields, **changes})


def statistics(array: np.ndarray) -> TensorStatistics:
    numbers = array.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    return TensorStatistics(
        count=numbers.size,
        nan=int(np.isnan(numbers).sum()),
        inf=int(np.isinf(numbers).sum()),
        zeros=int((numbers == 0).sum()),
        minimum=float(finite.min()) if finite.size else None,
        maximum=float(finite.max()) if finite.size else None,
        mean=float(finite.mean()) if finite.size else None,
        std=float(finite.std()) if finite.size else None,
        norm=float(np.linalg.norm(finite)) if finite.size else None,
    )


class TensorStop(QObject):
    """Speaks as `DebugState` does. With `holds_back` answers wait for `answer_next`."""

    stop_changed = Signal()
    armed_changed = Signal()
    selection_changed = Signal()
    watches_changed = Signal()
    failed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.run_id = "run"
        self.armed = True
        self.stop: Stop | None = None
        self.breakpoints: tuple[Breakpoint, ...] = ()
        self.selected_op = -1
        self.selected_tensor = ""
        self.arrays: dict[str, np.ndarray] = {}
        self.labels: tuple[str, ...] = ()
        self.standing: Standing | None = None
        self.refusal: MezzotintError | None = None
        self.asked: list[DebugAsk] = []
        self.holds_back = False
        self.released: list[ArrayRef] = []
        self._waiting: list[tuple[DebugAsk, OnReply | None, OnError | None]] = []
        self._slots: dict[str, np.ndarray] = {}

    # --- as DebugState ----------------------------------------------------------------------------------

    def select_tensor(self, name: str) -> None:
        self.selected_tensor = name
        self.selection_changed.emit()

    def select_op(self, number: int) -> None:
        self.selected_op = number
        self.selection_changed.emit()

    def ask(self, ask: DebugAsk, on_reply: OnReply | None = None, on_error: OnError | None = None) -> None:
        self.asked.append(ask)
        self._waiting.append((ask, on_reply, on_error))
        if not self.holds_back:
            self.answer_next()

    def read_array(self, ref: ArrayRef) -> np.ndarray:
        self.released.append(ref)
        return self._slots.pop(ref.slot)

    # --- as the test drives it --------------------------------------------------------------------------

    def stand(
        self, arrays: dict[str, np.ndarray], *, storage: dict[str, int] | None = None, **stop: Any
    ) -> None:
        """Stop at an op with these tensors; those whose names begin with "out" are its outputs."""
        self.arrays = arrays
        tensors = tuple(
            facts(
                name,
                array,
                "output" if name.startswith("out") else "input",
                **({"storage_id": storage[name]} if storage and name in storage else {}),
            )
            for name, array in arrays.items()
        )
        number = stop.pop("op_number", 10)
        fields: dict[str, Any] = {
            "stop_id": (self.stop.stop_id if self.stop is not None else 0) + 1,
            "reason": "step",
            "message": "Stepped over.",
            "place": Place(op_number=number, op="aten.mul.Tensor"),
            "tensors": tensors,
        }
        self.stop = Stop(**{**fields, **stop})
        self.stop_changed.emit()

    def go_on(self) -> None:
        self.stop = None
        self.stop_changed.emit()

    def asks(self, kind: type) -> list[Any]:
        return [ask for ask in self.asked if isinstance(ask, kind)]

    def answer_next(self) -> None:
        """Answer the oldest question that waits."""
        ask, on_reply, on_error = self._waiting.pop(0)
        try:
            if self.refusal is not None:
                raise self.refusal
            reply = self._reply(ask)
        except MezzotintError as error:
            if on_error is not None:
                on_error(error)
            return
        if on_reply is not None:
            on_reply(reply)

    def _reply(self, ask: DebugAsk) -> Any:
        match ask:
            case LookAtTensor():
                return TensorShown(look=self._look(ask))
            case SaveTensor():
                return Saved(file=ask.file, nbytes=128)
            case GetStop() if self.standing is not None:
                return self.standing
            case _:
                return Obeyed()

    def _ref(self, array: np.ndarray) -> ArrayRef:
        slot = f"slot-{len(self.asked)}-{len(self._slots)}"
        self._slots[slot] = array
        return ArrayRef(slot, 1, array.nbytes, str(array.dtype), array.shape)

    def _value(self, name: str) -> np.ndarray:
        if name in self.arrays:
            return self.arrays[name]
        try:
            return np.asarray(eval(name, {"np": np}, dict(self.arrays)))
        except Exception as error:
            raise BadInputError(f"“{name}” failed: {error}.") from None

    def _look(self, ask: LookAtTensor) -> TensorLook:
        view, whole = ask.view, self._value(ask.name)
        picked = whole[eval(f"np.s_[{view.index}]", {"np": np})] if view.index else whole
        if view.against:
            other = self._value(view.against)
            picked = picked - (other[eval(f"np.s_[{view.index}]", {"np": np})] if view.index else other)
        table = picked.reshape(-1, picked.shape[-1]) if picked.ndim else picked.reshape(1, 1)
        rows, columns = table.shape
        given: dict[str, Any] = {"slice_shape": picked.shape, "rows": rows, "columns": columns}
        numbers = np.where(np.isfinite(table.astype(np.float64)), table, 0)
        ends = {"low": float(numbers.min(initial=0)), "high": float(numbers.max(initial=0))}
        match view.kind:
            case "numbers":
                page = table[view.first_row :, view.first_column :][: view.rows, : view.columns]
                kept = page.astype(np.int64 if page.dtype.kind in "iub" else np.float64)
                given["array"] = self._ref(kept)
            case "heat_map":
                tall, wide = -(-rows // view.rows), -(-columns // view.columns)
                thin = table.astype(np.float32)[::tall, ::wide]
                given |= {"array": self._ref(thin), **ends}
            case "attention":
                maps = picked.reshape(-1, *picked.shape[-2:])
                if view.head >= len(maps):
                    raise BadInputError(f"There are {len(maps)} heads; {view.head} is none of them.")
                one = maps[view.head].astype(np.float32)
                given |= {
                    "array": self._ref(one),
                    "rows": one.shape[0],
                    "columns": one.shape[1],
                    "heads": len(maps),
                    "labels": self.labels,
                    **ends,
                }
            case "histogram":
                finite = picked[np.isfinite(picked.astype(np.float64))]
                counts, edges = np.histogram(finite, bins=view.bins)
                given |= {
                    "histogram": tuple(float(count) for count in counts),
                    "edges": tuple(float(edge) for edge in edges),
                }
            case "picture" | "channels" | "latent":
                if picked.ndim != 3:
                    raise BadInputError(f"A picture needs three dimensions; the slice has {picked.ndim}.")
                pixels = np.clip(picked[:3] * 127 + 127, 0, 255).astype(np.uint8)
                while len(pixels) < 3:
                    pixels = np.concatenate([pixels, pixels[:1]])
                given["array"] = self._ref(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        found = next((one for one in self.stop.tensors if one.name == ask.name), None) if self.stop else None
        return TensorLook(
            facts=found or facts(ask.name, whole),
            kind=view.kind,
            statistics=statistics(picked),
            **given,
        )


class SavedTrace(QObject):
    """A trace as `TraceState` shows it: sites by op number, and some saved values."""

    opened = Signal()

    def __init__(
        self, sites: dict[int, OpSite], saved: dict[tuple[int, int], np.ndarray] | None = None
    ) -> None:
        super().__init__()
        self.sites = sites
        self.saved = saved or {}
        self.is_file = False
        self.path = "trace.mzt"
        self.reads = 0
        self.rows = np.zeros(max(sites) + 1, OP_ROW)
        for number, _output in self.saved:
            self.rows["flags"][number] = int(OpFlags.SAVED)

    def site_of(self, number: int) -> OpSite | None:
        return self.sites.get(number)

    def tensor_reading(self, number: int, output: int) -> Callable[[], np.ndarray | None]:
        def read() -> np.ndarray | None:
            self.reads += 1
            return self.saved.get((number, output))

        return read
