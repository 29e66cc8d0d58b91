"""Sites: all about an op that repeats from step to step (name, module, line, shapes), described once.

A site is keyed by what is cheap to read while the op runs; its description, which reads names, FLOPs and the
kernel of an attention, is made when the key is seen for the first time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from types import CodeType
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

from mezzotint_engine.opdebug.module_stack import ModuleInfo
from mezzotint_engine.opdebug.source_places import line_of
from mezzotint_engine.opdebug.tensor_expression import input_name
from mezzotint_sdk.trace_records import OpFlags, OpSite, TensorMeta

__all__ = ["TRAITS", "OpTraits", "allocated_bytes", "describe_site", "op_name", "tensors_in", "traits_of"]

MAX_ARGUMENT_CHARS = 300
_LINEAR_LIKE = {"aten.linear", "aten.matmul"}
_ATTENTION = "scaled_dot_product_attention"
_UNSAFE_VIEW = torch.ops.aten._unsafe_view.default  # a view whose schema doesn't say so
_INPUT_NAMES = tuple(input_name(position) for position in range(1000))


@dataclass(frozen=True, slots=True, eq=False)
class OpTraits:
    """What an overload always does, read once from its schema."""

    func: Any
    flags: int  # VIEW and IN_PLACE of `OpFlags`
    takes_lists: bool  # of tensors, as `cat` does
    call: Callable[..., Any]  # what the overload calls in its turn


TRAITS: dict[int, OpTraits] = {}  # by the overload's id: its hash is a call of Python


def op_name(func: Any) -> str:
    """ "aten.mm.default" """
    return str(func)


def traits_of(func: Any) -> OpTraits:
    known = TRAITS.get(id(func))
    if known is None:
        flags, takes_lists = 0, True
        schema = getattr(func, "_schema", None)
        if schema is not None:
            if any(argument.alias_info and argument.alias_info.is_write for argument in schema.arguments):
                flags |= OpFlags.IN_PLACE
            elif any(value.alias_info is not None for value in schema.returns):
                flags |= OpFlags.VIEW
            types = [str(argument.type) for argument in schema.arguments]
            takes_lists = any("List" in kind and "Tensor" in kind for kind in types)
        call = func._op if type(func) is torch._ops.OpOverload else func
        known = TRAITS[id(func)] = OpTraits(func, int(flags), takes_lists, call)
    return known


def tensors_in(args: Any, kwargs: Any) -> list[torch.Tensor]:
    """The tensors among an op's arguments, in order; lists (as of `cat`) are opened."""
    found: list[torch.Tensor] = []
    for value in (*args, *kwargs.values()) if kwargs else args:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found.extend(one for one in value if isinstance(one, torch.Tensor))
    return found


def meta_of(tensor: torch.Tensor) -> TensorMeta:
    try:
        strides = tensor.stride()
    except RuntimeError:  # sparse
        strides = ()
    plain = type(tensor) in (torch.Tensor, torch.nn.Parameter)
    kind = "" if plain else type(tensor).__name__
    return _meta(tensor.shape, tensor.dtype, tensor.device, strides, kind)


@lru_cache(maxsize=65536)
def _meta(
    shape: torch.Size, dtype: torch.dtype, device: torch.device, strides: tuple[int, ...], kind: str
) -> TensorMeta:
    return TensorMeta(
        shape=tuple(int(size) for size in shape),
        dtype=str(dtype).removeprefix("torch."),
        device=str(device),
        strides=tuple(strides),
        kind=kind,
    )


def describe_site(
    func: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    inputs: list[torch.Tensor],
    outputs: list[torch.Tensor],
    module: ModuleInfo,
    code: CodeType,
    instruction: int,
    backward: bool,
) -> OpSite:
    return OpSite(
        op=op_name(func),
        module=module.path,
        module_class=module.class_name,
        file=code.co_filename,
        line=line_of(code, instruction),
        function=code.co_qualname,
        inputs=tuple(meta_of(one) for one in inputs),
        outputs=tuple(meta_of(one) for one in outputs),
        arguments=arguments_text(args, kwargs),
        flops=_guarded(_flops, func, args, kwargs, outputs),
        nbytes=sum(one.numel() * one.element_size() for one in (*inputs, *outputs)),
        kernel=_kernel(op_name(func), args, kwargs),
        backward=backward,
    )


def allocated_bytes(traits: OpTraits, inputs: list[torch.Tensor], outputs: list[torch.Tensor]) -> int:
    """Of what an op made for its outputs; 0 where they lie in the memory of its inputs."""
    if traits.flags & OpFlags.IN_PLACE or traits.func is _UNSAFE_VIEW:
        return 0
    try:
        if traits.flags & OpFlags.VIEW:  # `reshape` and `contiguous` give a view or a copy, as it falls out
            known = {one.untyped_storage()._cdata for one in inputs}
            outputs = [one for one in outputs if one.untyped_storage()._cdata not in known]
        return sum(one.nbytes for one in outputs if not any(one is other for other in inputs))
    except (NotImplementedError, RuntimeError):  # sparse, or a subclass without storage
        return 0


def arguments_text(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Arguments as Python would write them; tensors by the names that expressions have for them."""
    names = iter(_INPUT_NAMES)

    def write(value: Any) -> str:
        if isinstance(value, torch.Tensor):
            return next(names)
        if isinstance(value, list | tuple):
            return f"[{', '.join(write(one) for one in value)}]"
        text = repr(value)
        return text if len(text) <= 80 else f"{text[:77]}..."

    parts = [write(value) for value in args]
    parts += [f"{name}={write(value)}" for name, value in kwargs.items()]
    text = ", ".join(parts)
    return text if len(text) <= MAX_ARGUMENT_CHARS else f"{text[: MAX_ARGUMENT_CHARS - 1]}…"


def _guarded(work: Callable[..., int], *given: Any) -> int:
    """A formula that doesn't fit an odd call costs its figure, not the record."""
    try:
        return int(work(*given))
    except Exception:  # formulas of third parties' ops as well
        return 0


def _flops(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: list[torch.Tensor]) -> int:
    packet = getattr(func, "overloadpacket", func)
    formula = flop_registry.get(packet)
    if formula is not None:
        out = outputs[0] if len(outputs) == 1 else tuple(outputs)
        return int(formula(*args, **kwargs, out_val=out))
    if str(packet) in _LINEAR_LIKE:
        # under inference_mode these arrive whole, which torch's counter doesn't know
        return 2 * prod(outputs[0].shape) * int(args[0].shape[-1])
    if str(packet) == f"aten.{_ATTENTION}":
        query, key, value = args[:3]
        *batch, rows, width = query.shape
        return 2 * prod(batch) * rows * key.shape[-2] * (width + value.shape[-1])
    return 0


def _kernel(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Which kernel an attention takes: its own name says so, or torch is asked what it chooses."""
    if _ATTENTION not in name and "_attention" not in name:
        return ""
    if f".{_ATTENTION}." in name:
        try:
            choice = torch._fused_sdp_choice(*args, **kwargs)
            return torch.nn.attention.SDPBackend(choice).name.lower()
        except Exception:  # not for this device or these arguments
            return ""
    return name.removeprefix("aten._scaled_dot_product_").partition(".")[0]
