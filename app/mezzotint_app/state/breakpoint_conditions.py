"""Breakpoints as the window tells of them, and finds them again: texts, and which ones are the same place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from mezzotint_sdk.debug_records import Breakpoint

__all__ = [
    "at_line",
    "condition_text",
    "find_same",
    "kept_breakpoints",
    "manner_text",
    "next_id",
    "says_more",
]

# What says where and when to stop; the rest says what happens then.
CONDITIONS = (
    "op",
    "module",
    "file",
    "line",
    "phase",
    "step",
    "shape",
    "dtype",
    "device",
    "nan",
    "inf",
    "expression",
)
_BLANK = Breakpoint(breakpoint_id=0)


def next_id(breakpoints: Iterable[Breakpoint]) -> int:
    return max((one.breakpoint_id for one in breakpoints), default=0) + 1


def find_same(breakpoints: Iterable[Breakpoint], conditions: dict[str, Any]) -> Breakpoint | None:
    """The one with exactly these conditions (names of fields and their values), and no others."""
    wanted = {name: getattr(_BLANK, name) for name in CONDITIONS} | conditions
    return next(
        (one for one in breakpoints if all(getattr(one, name) == wanted[name] for name in wanted)), None
    )


def at_line(breakpoints: Iterable[Breakpoint], file: str, line: int) -> list[Breakpoint]:
    """Those of a source line, whatever else must hold; a breakpoint says the end of its file's path."""
    return [one for one in breakpoints if one.file and one.line == line and file.endswith(one.file)]


def says_more(one: Breakpoint) -> bool:
    """Whether more must hold than that its line is reached."""
    bare = msgspec.structs.replace(one, file="", line=0)
    return bool(one.ignore) or any(getattr(bare, name) != getattr(_BLANK, name) for name in CONDITIONS)


def kept_breakpoints(breakpoints: Iterable[Breakpoint]) -> tuple[Breakpoint, ...]:
    """As they are saved: without hits, and without those that are gone after their first one."""
    return tuple(msgspec.structs.replace(one, hits=0) for one in breakpoints if not one.temporary)


def condition_text(one: Breakpoint) -> str:
    """Where it stops, for a list: "aten.mm* in unet.mid_block.*, step 3, NaN appears"."""
    parts = []
    if one.op:
        parts.append(f"{one.op} in {one.module}" if one.module else one.op)
    elif one.module:
        parts.append(f"module {one.module}")
    if one.file:
        name = one.file.replace("\\", "/").rpartition("/")[2]
        parts.append(f"{name}:{one.line}" if one.line else name)
    elif one.line:
        parts.append(f"line {one.line}")
    if one.phase:
        parts.append(f"phase {one.phase}")
    if one.step >= 0:
        parts.append(f"step {one.step}")
    if one.shape:
        parts.append(f"shape [{one.shape.strip('[]() ')}]")
    parts += [text for text in (one.dtype, one.device) if text]
    parts += [text for text, is_set in (("NaN appears", one.nan), ("Inf appears", one.inf)) if is_set]
    if one.expression:
        parts.append(f"if {one.expression}")
    return ", ".join(parts) or "every op"


def manner_text(one: Breakpoint) -> str:
    """What else it says: "before, once, after 5 hits, prints '…'"; "" for nothing."""
    parts = []
    if one.when == "before":
        parts.append("before it runs")
    if one.temporary:
        parts.append("once")
    if one.ignore:
        parts.append(f"lets {one.ignore:,} pass")
    if one.log:
        parts.append(f"prints “{one.log}”")
    return ", ".join(parts)
