"""Values as the console prints them: never more than fits on a screen or two, however large they are."""

from __future__ import annotations

import pprint
import reprlib
import traceback

import torch

__all__ = ["describe", "pretty", "said", "shown"]

MAX_SHOWN = 4_000  # characters of one value
MAX_ITEMS = 1_000  # of a container, before it is cut without being written out


def shown(value: object, *, short: bool = False) -> str:
    """A value as text: tensors with their facts, long things cut. Never raises."""
    try:
        if isinstance(value, torch.Tensor):
            return _tensor_text(value, short)
        text = reprlib.repr(value) if short or _is_long(value) else repr(value)
    except RecursionError:
        return "*** repr() failed: it goes round in circles"
    except Exception as error:
        return f"*** repr() failed: {said(error)}"
    return _cut(text)


def pretty(value: object) -> str:
    """The same, on lines of their own where it is a container."""
    if isinstance(value, torch.Tensor) or _is_long(value):
        return shown(value)
    try:
        return _cut(pprint.pformat(value, width=110))
    except Exception as error:
        return f"*** repr() failed: {said(error)}"


def describe(value: torch.Tensor) -> str:
    """Dtype, shape and device: "float32[2, 64] on cpu"."""
    return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)} on {value.device}"


def said(error: BaseException) -> str:
    """An exception in one line: its type and what it says."""
    try:
        lines = "".join(traceback.format_exception_only(error)).strip().splitlines()
    except Exception:  # its own __str__ fails
        return type(error).__name__
    # a syntax error shows its place on lines of their own, before what it says
    line = lines[-1].strip() if isinstance(error, SyntaxError) else lines[0].strip()
    return _cut(line)


def _tensor_text(value: torch.Tensor, short: bool) -> str:
    if short or value.device.type == "meta":
        return describe(value)
    # torch's own summary looks at the corners alone, however large the tensor is
    with torch.no_grad():
        return _cut(repr(value)) + (f"\n{describe(value)}" if value.numel() > 1 else "")


def _is_long(value: object) -> bool:
    """So long that writing it out to cut it would take time and memory for nothing."""
    if isinstance(value, str | bytes | bytearray):
        return len(value) > 10 * MAX_SHOWN
    # others may compute their length, or have none
    return isinstance(value, list | tuple | dict | set | frozenset) and len(value) > MAX_ITEMS


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
