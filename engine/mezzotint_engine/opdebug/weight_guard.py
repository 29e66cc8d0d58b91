"""Notices that weights were changed by hand, so that a model that stays loaded doesn't carry that into later
runs.

A sum over the bits of each weight is taken before the console first runs what could change one, and once more
when the run has ended: a few milliseconds for each 100 million weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

__all__ = ["WeightGuard"]

Prints = dict[tuple[str, str], tuple[object, ...]]
WHOLE = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes of an element


class WeightGuard:
    def __init__(self) -> None:
        self._before: Prints | None = None

    def watch(self, models: Mapping[str, nn.Module]) -> None:
        """From now on; the first call counts."""
        if self._before is None:
            self._before = _prints(models)

    def changed(self, models: Mapping[str, nn.Module]) -> bool:
        """Whether a weight or buffer is another than when `watch` was first called. False if it never was."""
        return self._before is not None and _prints(models) != self._before


def _prints(models: Mapping[str, nn.Module]) -> Prints:
    with _disable_current_modes(), torch.no_grad():
        return {
            (part, name): (tuple(weight.shape), weight.dtype, _sum_of_bits(weight))
            for part, model in models.items()
            for name, weight in chain(model.named_parameters(), model.named_buffers())
        }


def _sum_of_bits(weight: Tensor) -> object:
    """NaN equals itself in it. Of what has no plain memory (a subclass, a tensor on meta) its identity."""
    plain = weight.data
    if type(plain) is not Tensor or plain.is_meta or plain.layout != torch.strided or plain.is_quantized:
        return id(weight)
    if plain.is_complex():
        plain = torch.view_as_real(plain)
    return int(plain.contiguous().view(WHOLE[plain.element_size()]).sum(dtype=torch.int64))
