"""A breakpoint out of a few typed words, for a person to look over: the engine, which knows more, reads them
for good when a run stands at a stop."""

from __future__ import annotations

import re

from mezzotint_sdk.debug_records import Breakpoint

__all__ = ["guess_breakpoint"]

_SOURCE = re.compile(r"(?P<file>[^\s:]+\.py)(?::(?P<line>\d+))?$")
_STEP = re.compile(r"step\s*={1,2}\s*(?P<step>\d+)$")
_EXPRESSION = re.compile(r"[<>=(]|\bout\b|\bouts\b|\bins\b")


def guess_breakpoint(text: str) -> Breakpoint:
    """`nan`, `inf`, `file.py:120`, `step=3`, an op (`aten.mm*`), an expression, else a module."""
    text = text.strip()
    blank = Breakpoint(breakpoint_id=0)
    if not text:
        return blank
    if text.lower() in ("nan", "inf"):
        return Breakpoint(breakpoint_id=0, nan=text.lower() == "nan", inf=text.lower() == "inf")
    if found := _SOURCE.match(text):
        return Breakpoint(breakpoint_id=0, file=found["file"], line=int(found["line"] or 0))
    if found := _STEP.match(text):
        return Breakpoint(breakpoint_id=0, step=int(found["step"]))
    if text.startswith("if "):
        return Breakpoint(breakpoint_id=0, expression=text[3:].strip())
    if text.startswith("aten.") or "::" in text or (text.startswith("*") and "." not in text):
        return Breakpoint(breakpoint_id=0, op=text)
    if _EXPRESSION.search(text):
        return Breakpoint(breakpoint_id=0, expression=text)
    return Breakpoint(breakpoint_id=0, module=text) if "." in text else Breakpoint(breakpoint_id=0, op=text)
