"""What is told of a stop's tensors, and how one of them is replaced inside of what holds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from mezzotint_engine.opdebug.tensor_expression import input_name
from mezzotint_sdk.debug_records import TensorFacts

__all__ = ["facts_of", "replaced", "stop_tensors", "tensors_of"]

MAX_DEPTH = 6


def facts_of(tensor: torch.Tensor, name: str, role: str, *, edited: bool = False) -> TensorFacts:
    plain = type(tensor) in (torch.Tensor, torch.nn.Parameter)
    strided = tensor.layout is torch.strided
    try:
        storage = tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError):  # sparse, or a subclass without storage
        storage = 0
    return TensorFacts(
        name=name,
        role="output" if role == "output" else "input",
        shape=tuple(int(size) for size in tensor.shape),
        strides=tuple(tensor.stride()) if strided else (),
        dtype=str(tensor.dtype).removeprefix("torch."),
        device=str(tensor.device),
        nbytes=tensor.numel() * tensor.element_size(),
        tensor_id=id(tensor),
        storage_id=storage,
        # inference tensors have no version counter
        version=-1 if tensor.is_inference() else int(tensor._version),
        requires_grad=bool(tensor.requires_grad),
        held=tensor.device.type != "meta",
        kind="" if plain else type(tensor).__name__,
        edited=edited,
    )


def stop_tensors(
    inputs: Iterable[torch.Tensor], outputs: Iterable[torch.Tensor], edited: Iterable[str] = ()
) -> tuple[TensorFacts, ...]:
    """Facts of a stop's tensors under the names that expressions have for them."""
    changed = set(edited)
    found = []
    for position, tensor in enumerate(inputs):
        name = input_name(position)
        found.append(facts_of(tensor, name, "input", edited=name in changed))
    for position, tensor in enumerate(outputs):
        name = "out" if position == 0 else f"outs[{position}]"
        found.append(facts_of(tensor, name, "output", edited=name in changed))
    return tuple(found)


def tensors_of(value: Any, depth: int = 0) -> list[torch.Tensor]:
    """The tensors inside of what a module takes or gives: tuples, lists, dictionaries, model outputs."""
    if isinstance(value, torch.Tensor):
        return [value]
    if depth >= MAX_DEPTH:
        return []
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [one for inner in value for one in tensors_of(inner, depth + 1)]
    return []


def replaced(value: Any, swaps: Mapping[int, torch.Tensor], depth: int = 0) -> Any:
    """`value` with tensors replaced, by the id of the one that goes. Containers are made anew, never
    changed."""
    if isinstance(value, torch.Tensor):
        return swaps.get(id(value), value)
    if depth >= MAX_DEPTH:
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(replaced(one, swaps, depth + 1) for one in value))
    if isinstance(value, list | tuple):
        return type(value)([replaced(one, swaps, depth + 1) for one in value])
    if isinstance(value, dict):
        # also the outputs of transformers and diffusers, which are ordered dictionaries with fields
        return type(value)({key: replaced(one, swaps, depth + 1) for key, one in value.items()})
    return value
