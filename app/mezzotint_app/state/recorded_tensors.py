"""Tensors of an op in the past, as far as the trace describes them."""

from __future__ import annotations

import math
import re

from mezzotint_sdk.debug_records import TensorFacts
from mezzotint_sdk.trace_records import OpSite, TensorMeta

__all__ = ["recorded_tensors"]

LETTERS = 26
_BITS = re.compile(r"(\d+)")


def recorded_tensors(site: OpSite) -> tuple[TensorFacts, ...]:
    """Inputs `a, b, …`, then outputs `out, outs[1], …`: the names that expressions have for them."""
    inputs = [
        _facts(chr(ord("a") + place) if place < LETTERS else f"in{place}", "input", meta)
        for place, meta in enumerate(site.inputs)
    ]
    outputs = [
        _facts("out" if place == 0 else f"outs[{place}]", "output", meta)
        for place, meta in enumerate(site.outputs)
    ]
    return (*inputs, *outputs)


def _facts(name: str, role: str, meta: TensorMeta) -> TensorFacts:
    return TensorFacts(
        name=name,
        role="output" if role == "output" else "input",
        shape=meta.shape,
        strides=meta.strides,
        dtype=meta.dtype,
        device=meta.device,
        nbytes=math.prod(meta.shape) * _element_bytes(meta.dtype),
        kind=meta.kind,
    )


def _element_bytes(dtype: str) -> int:
    """Of torch's names, whose first number is the bits: float8_e4m3fn, bfloat16, complex64; bool has none."""
    found = _BITS.search(dtype)
    return max(1, int(found.group(1)) // 8) if found else 1
