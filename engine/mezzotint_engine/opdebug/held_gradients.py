"""The gradient beside the activation: of tensors that the user asked about, and of no others.

An op's own output gets its place in autograd's graph only after the op's handler has returned, so it is found
again at the next ops, and a hook on it copies its gradient when backward has come there. The hook gives
nothing back, so that what is computed stays the same.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from mezzotint_sdk.errors import BadInputError

__all__ = ["MAX_HELD_BYTES", "HeldGradients"]

MAX_HELD_BYTES = 1 << 30

Key = tuple[int, str]  # an op's number and the tensor's name there


class _Followed:
    def __init__(self, tensor: Tensor) -> None:
        self.tensor = weakref.ref(tensor)
        self.layout = _layout(tensor)
        self.gradient: Tensor | None = None
        self.refused = ""
        self.hook: Any = None


class HeldGradients:
    """Asked on the thread that stands; hooks are called on autograd's. `changed`: there is something to find
    at the next ops, or no longer."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._followed: dict[Key, _Followed] = {}
        self._waiting: list[_Followed] = []  # until they have a place in the graph
        self._held_bytes = 0
        self._lock = threading.Lock()

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def known(self, number: int, name: str = "out") -> Tensor:
        """Of a tensor that was asked about when the run stood there. Raises BadInputError where there is
        none."""
        followed = self._followed.get((number, name))
        if followed is None:
            raise BadInputError(
                f"The gradient of '{name}' at op {number} is not followed; ask for it where the run stands "
                "there in forward, before backward."
            )
        if followed.gradient is None:
            raise BadInputError(followed.refused or _not_yet(name, number))
        return followed.gradient

    def of(self, number: int, name: str, tensor: Tensor) -> Tensor:
        """Of a tensor of the stop; where it is not known yet it is followed from here on, and BadInputError
        says so."""
        if tensor.is_leaf and tensor.grad is not None:
            return tensor.grad.detach()
        for one in list(self._followed.values()):
            if one.gradient is not None and _same(one, tensor):
                return one.gradient
        if (number, name) not in self._followed:
            self._follow((number, name), tensor)
        return self.known(number, name)

    def _follow(self, key: Key, tensor: Tensor) -> None:
        floating = tensor.is_floating_point() or tensor.is_complex()
        if not floating or tensor.is_inference() or not torch.is_grad_enabled():
            why = "is no floating-point tensor" if not floating else "is computed without autograd here"
            raise BadInputError(f"'{key[1]}' {why}, so it has no gradient.")
        followed = self._followed[key] = _Followed(tensor)
        if tensor.requires_grad:
            self._hook(followed, tensor)
        else:
            self._waiting.append(followed)
            self._changed()

    def settle(self, inputs: Iterable[Tensor]) -> None:
        """At a later op: what waits has its place in the graph by now, itself or (a view) as an input."""
        given = [one for one in inputs if one.requires_grad]
        left = []
        for followed in self._waiting:
            own = followed.tensor()
            if own is not None and own.requires_grad:
                self._hook(followed, own)
                continue
            found = next((one for one in given if _layout(one) == followed.layout), None)
            if found is not None:
                self._hook(followed, found)
            elif own is None:
                followed.refused = "It is not part of what backward goes through, so it has no gradient."
            else:
                left.append(followed)
        if len(left) != len(self._waiting):
            self._waiting = left
            self._changed()

    def _hook(self, followed: _Followed, tensor: Tensor) -> None:
        def keep(gradient: Tensor) -> None:
            with self._lock, _disable_current_modes(), torch.no_grad():
                if self._held_bytes + gradient.nbytes > MAX_HELD_BYTES:
                    followed.refused = "There was no room to keep this gradient beside the others."
                    return
                if followed.gradient is None:
                    self._held_bytes += gradient.nbytes
                followed.gradient = gradient.detach().clone()

        # the tensor that a hook is on is the one to be known again by
        followed.tensor = weakref.ref(tensor)
        followed.hook = tensor.register_hook(keep)

    def clear(self) -> None:
        for followed in self._followed.values():
            if followed.hook is not None:
                followed.hook.remove()
        self._followed.clear()
        self._waiting.clear()
        self._held_bytes = 0


def _layout(tensor: Tensor) -> tuple[object, ...]:
    """Two live tensors that agree in this show the same numbers."""
    if tensor.layout is not torch.strided:
        return (id(tensor),)
    return (
        tensor.untyped_storage()._cdata,
        tensor.shape,
        tensor.stride(),
        tensor.storage_offset(),
        tensor.dtype,
    )


def _same(followed: _Followed, tensor: Tensor) -> bool:
    own = followed.tensor()  # once it is gone, its memory may be anybody's
    return own is not None and _layout(own) == _layout(tensor)


def _not_yet(name: str, number: int) -> str:
    return (
        f"The gradient of '{name}' is not known yet; it is kept from now on, so ask again in or after "
        f"backward (in expressions: gradient({number}, '{name}'))."
    )
