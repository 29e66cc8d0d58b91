"""Breakpoints: set, matched at ops and borders, counted, forgotten."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import torch

from mezzotint_engine.opdebug.breakpoints import BreakpointBook, BreakpointTest
from mezzotint_engine.opdebug.tensor_expression import names_of_op
from mezzotint_sdk.debug_records import Breakpoint
from mezzotint_sdk.errors import BadInputError, NotFoundError


@dataclass
class Output:
    shape: tuple[int, ...] = (2, 64, 320)
    dtype: str = "float16"
    device: str = "cuda:0"


@dataclass
class Site:
    op: str = "aten.mm.default"
    module: str = "unet.mid_block.attentions.0.attn1.to_q"
    file: str = "/home/me/diffusers/models/attention_processor.py"
    line: int = 120
    outputs: tuple[Output, ...] = field(default_factory=lambda: (Output(),))


def _test(**fields: Any) -> BreakpointTest:
    return BreakpointTest(Breakpoint(breakpoint_id=1, **fields))


@pytest.mark.parametrize(
    ("fields", "may"),
    [
        ({}, True),
        ({"op": "aten.mm*"}, True),
        ({"op": "aten::mm"}, True),
        ({"op": "mm"}, True),
        ({"op": "aten.mm.default"}, True),
        ({"op": "m"}, False),
        ({"op": "aten.bmm*"}, False),
        ({"op": "*", "module": "unet.mid_block.*"}, True),
        ({"op": "*", "module": "unet.mid_block"}, True),
        ({"op": "*", "module": "attn1"}, True),
        ({"op": "*", "module": "unet.*.to_q"}, True),
        ({"op": "*", "module": "unet.up_blocks*"}, False),
        ({"op": "*", "module": "attn2"}, False),
        ({"file": "attention_processor.py", "line": 120}, True),
        ({"file": "models/attention_processor.py"}, True),
        ({"file": "processor.py"}, False),
        ({"file": "attention_processor.py", "line": 121}, False),
        ({"shape": "2,64,*"}, True),
        ({"shape": "[2, 64, 320]"}, True),
        ({"shape": "2x...x320"}, True),
        ({"shape": "..., 320"}, True),
        ({"shape": "2,..."}, True),
        ({"shape": "2,64"}, False),
        ({"shape": "()"}, False),
        ({"shape": "2,64,*", "dtype": "fp16"}, True),
        ({"dtype": "torch.float16"}, True),
        ({"dtype": "bfloat16"}, False),
        ({"device": "cuda"}, True),
        ({"device": "cuda*"}, True),
        ({"device": "cpu"}, False),
        ({"module": "unet.*"}, False),  # stops at the module's border instead
    ],
)
def test_a_site_may_match(fields: dict[str, Any], may: bool) -> None:
    assert _test(**fields).may_match_site(Site()) is may


def test_conditions_on_an_output_hold_for_the_same_output() -> None:
    site = Site(outputs=(Output(shape=(2,), dtype="float32"), Output(shape=(3,), dtype="float16")))
    assert _test(shape="3", dtype="float16").may_match_site(site)
    assert not _test(shape="2", dtype="float16").may_match_site(site)


@pytest.mark.parametrize(
    ("fields", "border"),
    [
        ({"module": "unet.*"}, True),
        ({"module": "unet.*", "step": 3, "phase": "denoise"}, True),
        ({"module": "unet.*", "expression": "out.max() > 5"}, True),
        ({"module": "unet.*", "op": "*"}, False),
        ({"module": "unet.*", "nan": True}, False),
        ({"module": "unet.*", "shape": "1"}, False),
        ({"module": "unet.*", "file": "x.py", "line": 1}, False),
        ({"op": "mm"}, False),
        ({"step": 3}, False),
    ],
)
def test_a_module_without_a_condition_on_ops_needs_its_border_alone(
    fields: dict[str, Any], border: bool
) -> None:
    book = BreakpointBook([Breakpoint(breakpoint_id=1, **fields)])
    assert len(book.module_borders) == border
    assert book.needs_ops is not border
    assert book.module_globs() == (("unet.*",) if border else ())


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("unet.mid_block", "unet.mid_block", True),
        ("unet.mid_block", "unet.mid_block.resnets", False),
        ("unet.*.attn1", "unet.down_blocks.0.attn1", True),
        ("attn1", "unet.down_blocks.0.attn1", True),
        ("unet", "unet", True),
        ("attn", "unet.down_blocks.0.attn1", False),
    ],
)
def test_a_border_is_of_the_module_itself(glob: str, path: str, matches: bool) -> None:
    assert _test(module=glob).may_match_module(path) is matches


def _names(*outs: torch.Tensor, ins: tuple[torch.Tensor, ...] = ()) -> dict[str, object]:
    return names_of_op(ins, outs)


def test_nan_appears_when_no_input_has_it() -> None:
    clean, bad = torch.ones(3), torch.tensor([1.0, math.nan])
    test = _test(nan=True)
    assert test.matches(_names(bad, ins=(clean,)), "denoise", 0)
    assert not test.matches(_names(bad, ins=(clean, bad)), "denoise", 0)
    assert not test.matches(_names(clean, ins=(clean,)), "denoise", 0)
    assert not test.matches(_names(torch.tensor([math.inf]), ins=()), "denoise", 0)
    assert not test.matches(_names(bad, ins=(clean,)), "denoise", 0, nan=False), "what is known is believed"
    assert _test(nan=True, inf=True).matches(_names(torch.tensor([math.inf])), "denoise", 0)
    assert test.needs_values


def test_values_are_looked_at_last() -> None:
    test = _test(step=3, phase="denoise", expression="out.max() > 5")
    names = _names(torch.tensor([6.0]))
    assert test.matches(names, "denoise", 3)
    assert not test.matches({}, "denoise", 2)
    assert not test.failure, "a wrong step must not evaluate"
    assert not test.matches(_names(torch.tensor([5.0])), "denoise", 3)


def test_an_expression_that_fails_does_not_hold_and_is_told_once() -> None:
    book = BreakpointBook([Breakpoint(breakpoint_id=4, expression="out.max() > 5")])
    (test,) = book.compiled
    assert not test.matches(_names(torch.empty(0)), "", 0)
    assert not test.matches(_names(torch.empty(0)), "", 0)
    ((number, sentence),) = book.take_failures()
    assert number == 4
    assert "out.max() > 5" in sentence
    assert book.take_failures() == ()


def test_a_step_alone_stops_at_its_first_op_of_each_picture() -> None:
    test = _test(step=1)
    seen = [test.matches({}, "denoise", step, image=image) for image in (0, 1) for step in (0, 1, 1, 2)]
    assert seen == [False, True, False, False] * 2
    phase = _test(phase="decode")
    assert [phase.matches({}, name, 0) for name in ("denoise", "decode", "decode", "save")] == [
        False,
        True,
        False,
        False,
    ]


def test_a_source_line_stops_once_for_the_ops_it_does_in_a_row() -> None:
    test = _test(file="x.py", line=3)
    assert [test.matches({}, "", 0, op_number=n) for n in (5, 6, 7, 12, 13)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    each = _test(file="x.py", line=3, op="*")
    assert each.matches({}, "", 0, op_number=5)
    assert each.matches({}, "", 0, op_number=6)


def test_outputs_are_seen_after_the_op() -> None:
    assert _test(op="mm", when="before").when == "before"
    assert _test(op="mm", when="before", expression="a.max() > 3").when == "before"
    for fields in ({"expression": "out.max() > 3"}, {"nan": True}, {"shape": "3"}, {"log": "{out}"}):
        assert _test(op="mm", when="before", **fields).when == "after"


def test_hits_are_counted_ignored_and_end_a_temporary_one() -> None:
    book = BreakpointBook([Breakpoint(breakpoint_id=1, op="mm", ignore=2, temporary=True)])
    (test,) = book.compiled
    book.take_changed()
    assert book.hit(test, {}) is None
    assert book.hit(test, {}) is None
    assert book.get(1).hits == 2
    assert book.take_changed()
    assert not book.take_changed()
    hit = book.hit(test, {})
    assert hit is not None
    assert hit.stop
    assert hit.breakpoint.hits == 3
    assert book.list() == ()
    assert not book.needs_ops
    assert book.hit(test, {}) is None, "it is gone"


def test_logpoints_print_and_go_on() -> None:
    book = BreakpointBook([Breakpoint(breakpoint_id=1, op="mm", log="max {out.max()}")])
    hit = book.hit(book.compiled[0], _names(torch.tensor([2.0])))
    assert hit is not None
    assert (hit.stop, hit.text) == (False, "max 2")


def test_ignoring_counts_from_now() -> None:
    book = BreakpointBook([Breakpoint(breakpoint_id=1)])
    book.hit(book.compiled[0], {})
    book.ignore_next(1, 1)
    assert [book.hit(book.compiled[0], {}) is not None for _ in range(2)] == [False, True]
    assert book.get(1).hits == 3


def test_setting_keeps_counts_of_what_is_unchanged() -> None:
    book = BreakpointBook([Breakpoint(breakpoint_id=7, op="mm"), Breakpoint(breakpoint_id=0, op="bmm")])
    assert [one.breakpoint_id for one in book.list()] == [7, 8]
    for test in book.compiled:
        book.hit(test, {})
    version = book.version
    book.set([Breakpoint(breakpoint_id=7, op="mm"), Breakpoint(breakpoint_id=8, op="addmm")])
    assert [one.hits for one in book.list()] == [1, 0]
    assert book.version > version


def test_adding_changing_removing() -> None:
    book = BreakpointBook()
    first, second = book.add(Breakpoint(breakpoint_id=0)), book.add(Breakpoint(breakpoint_id=1, step=2))
    assert (first.breakpoint_id, second.breakpoint_id) == (1, 2)
    book.change(2, enabled=False)
    assert [test.breakpoint_id for test in book.compiled] == [1]
    assert book.needs_ops_at("denoise", 9)
    book.remove(1)
    book.change(2, enabled=True)
    assert book.needs_ops_at("denoise", 2)
    assert not book.needs_ops_at("denoise", 9)
    with pytest.raises(NotFoundError, match="no breakpoint 1; there are: 2"):
        book.remove(1)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"dtype": "float17"}, "'float17' is no dtype"),
        ({"shape": "2,x4"}, "is no shape"),
        ({"shape": "2,-1"}, "is no shape"),
        ({"line": 3}, "needs its file"),
        ({"expression": "out.max("}, "no Python expression"),
        ({"log": "{out.max("}, "can't be read"),
    ],
)
def test_a_bad_one_is_refused_and_nothing_changes(fields: dict[str, Any], says: str) -> None:
    book = BreakpointBook([Breakpoint(breakpoint_id=1)])
    with pytest.raises(BadInputError, match=f"^Breakpoint 2: .*{says}"):
        book.set([Breakpoint(breakpoint_id=3), Breakpoint(breakpoint_id=2, **fields)])
    with pytest.raises(BadInputError, match="Two breakpoints have the number 5"):
        book.set([Breakpoint(breakpoint_id=5), Breakpoint(breakpoint_id=5)])
    assert [one.breakpoint_id for one in book.list()] == [1]


def test_hits_from_several_threads_are_all_counted() -> None:
    book = BreakpointBook([Breakpoint(breakpoint_id=1)])
    (test,) = book.compiled
    threads = [threading.Thread(target=lambda: [book.hit(test, {}) for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert book.get(1).hits == 2000


def test_breakpoints_travel() -> None:
    one = BreakpointBook().add(Breakpoint(breakpoint_id=0, op="aten.mm*", shape="2,64,*"))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Breakpoint) == one
