"""Breakpoints in words, and which are the same place."""

from __future__ import annotations

from typing import Any

import pytest

from mezzotint_app.state.breakpoint_conditions import condition_text, find_same, manner_text, next_id
from mezzotint_sdk.debug_records import Breakpoint


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "every op"),
        ({"op": "aten.mm*", "module": "unet.*", "step": 3}, "aten.mm* in unet.*, step 3"),
        ({"module": "unet.*", "nan": True, "inf": True}, "module unet.*, NaN appears, Inf appears"),
        ({"file": "/a/b.py", "line": 7, "phase": "denoise"}, "b.py:7, phase denoise"),
        ({"file": "C:\\a\\b.py"}, "b.py"),
        ({"shape": "[2, *]", "dtype": "float16", "device": "cuda*"}, "shape [2, *], float16, cuda*"),
        ({"expression": "out.max() > 1"}, "if out.max() > 1"),
    ],
)
def test_where_it_stops(fields: dict[str, Any], text: str) -> None:
    assert condition_text(Breakpoint(breakpoint_id=1, **fields)) == text


def test_how_it_stops() -> None:
    one = Breakpoint(breakpoint_id=1, when="before", temporary=True, ignore=1200, log="max {out.max()}")
    assert manner_text(one) == "before it runs, once, lets 1,200 pass, prints “max {out.max()}”"
    assert manner_text(Breakpoint(breakpoint_id=1)) == ""


def test_the_same_place_is_found_whatever_else_is_set() -> None:
    points = (
        Breakpoint(breakpoint_id=3, op="aten.mm", step=1),
        Breakpoint(breakpoint_id=7, op="aten.mm", enabled=False, hits=3),
    )
    assert find_same(points, {"op": "aten.mm"}) is points[1]
    assert find_same(points, {"op": "aten.add"}) is None
    assert next_id(points) == 8
    assert next_id(()) == 1
