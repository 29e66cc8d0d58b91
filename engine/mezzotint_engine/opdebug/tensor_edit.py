"""Changing a tensor of a stop: always by a replacement, never in place.

What is seen at a stop may be a view, a weight, or memory that other tensors share; writing into it would
change what nobody asked to be changed. A replacement has the shape, dtype and device of what it replaces.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from mezzotint_engine.models.memory_errors import is_out_of_memory
from mezzotint_engine.opdebug.tensor_expression import TensorExpression, as_number
from mezzotint_engine.opdebug.tensor_files import load_tensor
from mezzotint_engine.opdebug.tensor_index import picked
from mezzotint_sdk.debug_messages import EditTensor, SkipOp
from mezzotint_sdk.errors import BadInputError, MezzotintError, OutOfMemoryError

__all__ = ["edited", "straight_through", "substituted"]


def edited(
    tensor: torch.Tensor,
    ask: EditTensor,
    names: Mapping[str, object] | None = None,
    original: torch.Tensor | None = None,
    seed: int = 0,
) -> torch.Tensor:
    """The replacement, on no graph.

    `names`: for expressions; `original`: what `restore` gives back; `seed`: of the noise, whose generator is
    its own, so that the run's random numbers stay what they were. A channel is counted in dimension 1 of
    tensors with 4 or more dimensions, else in the last; a head in the third dimension from the end, as in
    (…, heads, tokens, size). `ask.other` names another dimension for either.

    Raises `BadInputError` with a sentence, and changes nothing then.
    """
    try:
        with torch.no_grad():
            if ask.kind == "restore":
                if original is None:
                    raise BadInputError(
                        f"'{ask.name}' was not changed at this stop; there is nothing to restore."
                    )
                return original
            _changeable(tensor)
            replacement = tensor.detach().clone()
            part = picked(replacement, ask.index)
            if ask.index.strip() and not part.dim():
                part = part.reshape(())  # one element: still a view of the replacement
            _change(part, ask, names or {}, seed)
            return replacement
    except MezzotintError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise OutOfMemoryError("There is no memory left for a changed copy of this tensor.") from None
        raise BadInputError(f"'{ask.name}' can't be changed so: {_first_line(error)}") from error


def substituted(
    ask: SkipOp, out: torch.Tensor, ins: Sequence[Any], names: Mapping[str, object] | None = None
) -> torch.Tensor:
    """What stands in the place of one output of an op that is skipped; `out` tells shape, dtype and device.

    "identity": the first input of its shape; "zeros"; "value": a number or an expression.
    Raises `BadInputError` with a sentence.
    """
    try:
        with torch.no_grad():
            if ask.kind == "identity":
                return _same_shape(out, ins)
            given = torch.zeros_like(out.detach())
            if ask.kind == "value":
                _put(given, ask.value, names or {})
            return given
    except MezzotintError:
        raise
    except Exception as error:
        raise BadInputError(f"The op can't be skipped so: {_first_line(error)}") from error


def _changeable(tensor: torch.Tensor) -> None:
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter):
        raise BadInputError(
            f"A {type(tensor).__name__} can't be changed here; change the tensors that it wraps."
        )
    if tensor.device.type == "meta":
        raise BadInputError("This tensor is on the meta device and has no values to change.")
    if tensor.layout is not torch.strided or tensor.is_quantized:
        raise BadInputError("A sparse or quantized tensor can't be changed here.")


def _change(part: torch.Tensor, ask: EditTensor, names: Mapping[str, object], seed: int) -> None:
    """Write into `part`, a view of the replacement."""
    match ask.kind:
        case "fill":
            _fill(part, _number("The value", ask.value, names))
        case "scale":
            if part.dtype is torch.bool:
                raise BadInputError("Truth values can't be scaled; fill them.")
            factor = _number("The factor", ask.value, names)
            _write(part, _worked(part) * factor)
        case "add_noise":
            _add_noise(part, _number("The standard deviation", ask.value, names), seed)
        case "clamp":
            low = _number("The low bound", ask.value, names) if ask.value.strip() else None
            high = _number("The high bound", ask.other, names) if ask.other.strip() else None
            if low is None and high is None:
                raise BadInputError("Give a low bound, a high bound, or both.")
            if low is not None and high is not None and low > high:
                raise BadInputError(f"The low bound {low:g} is above the high bound {high:g}.")
            _write(part, _worked(part).clamp(low, high))
        case "zero_channel":
            _zero_entry(part, "channel", ask, 1 if part.dim() >= 4 else part.dim() - 1)
        case "zero_head":
            if part.dim() < 3 and not ask.other.strip():
                raise BadInputError(
                    f"Heads are the third dimension from the end, (…, heads, tokens, size); this is "
                    f"{list(part.shape)}."
                )
            _zero_entry(part, "head", ask, part.dim() - 3)
        case "load":
            loaded = load_tensor(ask.value, ask.name)
            if ask.value.lower().endswith(".png") and part.dtype.is_floating_point and bool((part < 0).any()):
                loaded = loaded * 2 - 1  # where there are negative numbers, pictures are from -1 to 1
            _copy(part, loaded, "The file")
        case "expression":
            _put(part, ask.value, names)
        case _:
            raise BadInputError(f"There is no edit '{ask.kind}'.")


def _put(part: torch.Tensor, text: str, names: Mapping[str, object]) -> None:
    value = TensorExpression(text).value(names)
    if isinstance(value, torch.Tensor) and (value.dim() or value.is_complex()):
        _copy(part, value, "The expression")
        return
    if isinstance(value, complex) or (isinstance(value, torch.Tensor) and value.is_complex()):
        raise BadInputError("The expression gives a complex number; give a tensor or a real number.")
    number = as_number(value)
    if number is None:
        raise BadInputError(f"'{text.strip()[:80]}' gives neither a tensor nor a number.")
    _fill(part, number)


def _copy(part: torch.Tensor, value: torch.Tensor, what: str) -> None:
    if value.shape != part.shape and _without_ones(value) == _without_ones(part):
        value = value.reshape(part.shape)
    if value.shape != part.shape:
        raise BadInputError(
            f"{what} gives the shape {list(value.shape)}; this needs {list(part.shape)}, all of it."
        )
    value = value.detach()
    if value.is_complex() and not part.is_complex():
        raise BadInputError(f"{what} gives complex numbers, which {_kind(part)} can't hold.")
    if not _floats(part):
        if _floats(value) and part.numel() and not bool((value == value.round()).all()):
            raise BadInputError(f"{what} gives numbers that {_kind(part)} can't hold; round them first.")
        if part.numel():
            _check_range(part, value.min().item(), value.max().item())
    part.copy_(value.to(part.device))


def _fill(part: torch.Tensor, number: float) -> None:
    if part.dtype is torch.bool:
        if number not in (0, 1):
            raise BadInputError("Truth values are filled with 0 or 1.")
    elif not _floats(part):
        if not math.isfinite(number) or number != round(number):
            raise BadInputError(f"{_kind(part)} can't hold {number:g}; give a whole number.")
        _check_range(part, number, number)
        part.fill_(int(number))
        return
    part.fill_(number)


def _add_noise(part: torch.Tensor, deviation: float, seed: int) -> None:
    if not (part.dtype.is_floating_point or part.is_complex()):
        raise BadInputError(f"Noise can be added to floating point numbers; these are {_kind(part)}.")
    if not 0 <= deviation < math.inf:
        raise BadInputError("The standard deviation is a number from 0 on.")
    on = part.device if part.device.type in ("cpu", "cuda", "mps", "xpu") else torch.device("cpu")
    generator = torch.Generator(on)
    generator.manual_seed(seed)
    drawn = torch.complex64 if part.is_complex() else torch.float32
    noise = torch.randn(part.shape, generator=generator, dtype=drawn, device=on)
    _write(part, _worked(part) + noise.to(part.device) * deviation)


def _zero_entry(part: torch.Tensor, what: str, ask: EditTensor, dimension: int) -> None:
    if not part.dim():
        raise BadInputError(f"A single number has no {what}s.")
    if ask.other.strip():
        dimension = _whole("The dimension", ask.other)
        if not -part.dim() <= dimension < part.dim():
            raise BadInputError(f"There is no dimension {dimension}; the shape is {list(part.shape)}.")
    entry, size = _whole(f"The {what}", ask.value), part.shape[dimension]
    if not 0 <= entry < size:
        raise BadInputError(f"There are {size} {what}s here, counted from 0; there is no {what} {entry}.")
    part.select(dimension, entry).zero_()


def _worked(part: torch.Tensor) -> torch.Tensor:
    """In a dtype with arithmetic: float8 as float32, integers as float64."""
    if part.is_complex():
        return part
    if part.dtype.is_floating_point:
        return part.float() if part.dtype.itemsize == 1 else part
    return part.float() if part.device.type == "mps" else part.double()


def _write(part: torch.Tensor, value: torch.Tensor) -> None:
    if not _floats(part) and part.numel():
        value = value.round()
        _check_range(part, value.min().item(), value.max().item())
    part.copy_(value)


def _check_range(part: torch.Tensor, least: float, greatest: float) -> None:
    if part.dtype is torch.bool:
        low, high = 0, 1
    else:
        limits = torch.iinfo(part.dtype)
        low, high = limits.min, limits.max
    if not (low <= least and greatest <= high):
        raise BadInputError(f"{_kind(part)} holds {low} to {high}; this would be {least:g} to {greatest:g}.")


def _same_shape(out: torch.Tensor, ins: Sequence[Any]) -> torch.Tensor:
    for one in ins:
        if isinstance(one, torch.Tensor) and one.shape == out.shape and one.device == out.device:
            # A copy: what writes into the output later must not write into the input.
            return one.detach().to(out.dtype, copy=True)
    raise BadInputError(
        f"No input has the output's shape {list(out.shape)}, so it can't be passed on; use zeros or a value."
    )


def _number(what: str, text: str, names: Mapping[str, object]) -> float:
    try:
        return float(text)
    except ValueError:
        if not text.strip():
            raise BadInputError(f"{what} must be a number; nothing was given.") from None
    number = TensorExpression(text).number(names)
    if number is None:
        raise BadInputError(f"{what} must be a number; '{text.strip()[:80]}' is none.")
    return number


def _whole(what: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadInputError(f"{what} must be a whole number; '{text.strip()[:40]}' is none.") from None


def _floats(tensor: torch.Tensor) -> bool:
    return tensor.dtype.is_floating_point or tensor.is_complex()


def _kind(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _without_ones(tensor: torch.Tensor) -> list[int]:
    return [size for size in tensor.shape if size != 1]


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, _original: torch.Tensor, replacement: torch.Tensor) -> torch.Tensor:
        return replacement.view_as(replacement)

    @staticmethod
    def backward(_ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradients[0], None


def straight_through(original: torch.Tensor, replacement: torch.Tensor) -> torch.Tensor:
    """The replacement's values, with the gradient going on to what it replaces.

    For borders of modules, above autograd; at ops the debugger stands below it and needs nothing.
    """
    if not (original.requires_grad and torch.is_grad_enabled()):
        return replacement
    passed: torch.Tensor = _StraightThrough.apply(original, replacement.detach())
    return passed
