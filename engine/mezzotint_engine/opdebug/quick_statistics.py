"""Statistics of every op's outputs, quick enough to be taken while a model runs."""

from __future__ import annotations

import math

import torch

__all__ = ["has_inf", "has_nan"]

_NARROW = frozenset(
    value
    for value in vars(torch).values()
    if isinstance(value, torch.dtype) and str(value).startswith("torch.float8")
)


def _suspect(tensor: torch.Tensor) -> torch.Tensor | None:
    """The tensor (widened where need be) when its sum is no finite number, else None: no NaN, no Inf."""
    dtype = tensor.dtype
    if (
        not (dtype.is_floating_point or dtype.is_complex)
        or tensor.device.type == "meta"
        or not tensor.numel()
    ):
        return None
    if tensor.layout is not torch.strided or tensor.is_quantized:
        return None
    with torch.no_grad():
        wide = tensor.float() if dtype in _NARROW else tensor
        total = wide.sum(dtype=torch.float32) if dtype in (torch.float16, torch.bfloat16) else wide.sum()
        number = total.item()
    finite = (
        math.isfinite(number)
        if not isinstance(number, complex)
        else (math.isfinite(number.real) and math.isfinite(number.imag))
    )
    return None if finite else wide


def has_nan(tensor: torch.Tensor) -> bool:
    """Whether any element is NaN: one sum, and a second look at a suspect."""
    suspect = _suspect(tensor)
    return suspect is not None and bool(suspect.isnan().any())


def has_inf(tensor: torch.Tensor) -> bool:
    """Whether any element is infinite. A sum of finite numbers that overflows is looked at again."""
    suspect = _suspect(tensor)
    return suspect is not None and bool(suspect.isinf().any())
