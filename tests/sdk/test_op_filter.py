from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.op_filter import OpFilter
from mezzotint_sdk.trace_records import OP_ROW, LadderMark, OpFlags, OpSite, TensorMeta
from mezzotint_sdk.trace_totals import line_totals, module_totals


def meta(*shape: int, dtype: str = "float32", device: str = "cpu") -> TensorMeta:
    return TensorMeta(shape, dtype, device)


SITES = [
    OpSite(
        op="aten.mm.default",
        module="unet.mid_block.attn",
        module_class="Linear",
        file="/lib/diffusers/attention.py",
        line=12,
        function="Attention.forward",
        inputs=(meta(2, 64), meta(64, 8)),
        outputs=(meta(2, 8),),
        flops=2048,
        nbytes=3_000_000,
    ),
    OpSite(
        op="aten._scaled_dot_product_flash_attention.default",
        module="unet.mid_block.attn",
        file="/lib/diffusers/attention.py",
        line=20,
        outputs=(meta(2, 4, 64, 8, dtype="float16", device="cuda:1"),),
        kernel="flash_attention",
    ),
    OpSite(op="aten.view.default", module="vae", file="/lib/vae.py", line=3, outputs=(meta(),)),
]
MARKS = [
    LadderMark(phase="encode"),
    LadderMark(phase="denoise", step=3),
    LadderMark(phase="denoise", step=12, image=1),
]


def rows() -> np.ndarray[Any, Any]:
    made = np.zeros(4, OP_ROW)
    for name in ("minimum", "maximum", "mean", "norm"):
        made[name] = np.nan
    made["site"] = [0, 1, 2, 0]
    made["mark"] = [0, 1, 1, 2]
    made["duration_us"] = [10, 600, 1, 2500]
    made["flags"] = [0, OpFlags.NAN | OpFlags.STATISTICS, OpFlags.VIEW, OpFlags.BACKWARD]
    made["maximum"][1] = 5e3
    made["memory_delta"] = [0, 4096, 0, -4096]
    return made


def found(text: str) -> list[int]:
    return [int(number) for number in OpFilter(text).matching(rows(), SITES, MARKS)]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("mm", [0, 3]),
        ("MID_BLOCK", [0, 1, 3]),
        ("nan", [1]),
        ("!view", [0, 1, 3]),
        ("nan | inf", [1]),
        ('module ~ "unet.mid*"', [0, 1, 3]),
        ("op == mm", [0, 3]),
        ("op = aten.mm", [0, 3]),
        ("op == aten.mm.default", [0, 3]),
        ("op != mm", [1, 2]),
        ("op ~ *mm* & time > 500", [3]),
        ("time > 2ms", [3]),
        ("time <= 1", [2]),
        ("bytes > 1M", [0, 3]),
        ("flops == 2048", [0, 3]),
        ("line >= 12 & line < 20", [0, 3]),
        ("file == attention.py", [0, 1, 3]),
        ("function ~ attention.*", [0, 3]),
        ("class == linear", [0, 3]),
        ("shape ~ 2,*", [0, 3]),
        ("shape == 2,...,8", [0, 1, 3]),
        ('shape == "()"', [2]),
        ("in_shape == 64x8", [0, 3]),
        ("dtype == float16", [1]),
        ("device == cuda", [1]),
        ("kernel ~ flash*", [1]),
        ("step >= 10", [3]),
        ("step >= 0 & phase == denoise", [1, 2, 3]),
        ("image == 1", [3]),
        ("max > 1e3", [1]),
        ("max < 1e9", [1]),
        ("memory < 0", [3]),
        ("number == 2", [2]),
        ("backward", [3]),
        ("mm & (nan | time > 2000)", [3]),
        ("!(mm | view)", [1]),
        ("mm | view & nan", [0, 3]),
        ('"mm"', [0, 3]),
    ],
)
def test_what_matches(text: str, numbers: list[int]) -> None:
    assert found(text) == numbers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("mm &", "At character 5: a condition is missing"),
        ("mm nan", "At character 4: write & or |"),
        ("(mm", "bracket of character 1 is not closed"),
        ("mm)", "At character 3"),
        ('module ~ "unet', "quotation mark"),
        ("colour == 3", "no field 'colour'"),
        ("time > soon", "'soon' is no number"),
        ("time ~ 5", "time is a number"),
        ("op > mm", "op is a text"),
        ("nan == 1", "nan is true or not"),
        ("time >", "what time is compared with is missing"),
        ("shape == 2,b", "'b' is no size"),
    ],
)
def test_errors_say_where_and_what(text: str, said: str) -> None:
    with pytest.raises(BadInputError, match="(?i)" + said.replace("(", r"\(").replace("|", r"\|")) as error:
        OpFilter(text)
    assert "\n" not in error.value.message


@given(st.text(alphabet='amnopet"~&|!()=<>0123456789.*, ', max_size=40))
def test_any_text_is_a_filter_or_our_error(text: str) -> None:
    try:
        chosen = OpFilter(text)
    except BadInputError:
        return
    assert chosen.matcher(SITES, MARKS)(rows()).shape == (4,)


def test_sites_are_judged_once_each_however_many_rows_there_are() -> None:
    class Counted(list[OpSite]):
        asked = 0

        def __iter__(self) -> Any:
            for site in super().__iter__():
                Counted.asked += 1
                yield site

    many = np.zeros(1_000_000, OP_ROW)
    matches = OpFilter('module ~ "*mid*" & op ~ *mm*').matcher(Counted(SITES), MARKS)
    assert matches(many).all()
    assert Counted.asked == 2 * len(SITES)


def test_numbers_of_rows_from_the_middle() -> None:
    matches = OpFilter("number == 3 & !nan").matcher(SITES, MARKS, first=2)
    assert list(matches(rows()[2:])) == [False, True]


def test_totals_by_module_and_line() -> None:
    modules = module_totals(rows(), SITES)
    assert modules["unet"].ops == 3
    assert modules["unet"].time_us == pytest.approx(3110)
    assert modules["unet"].self_time_us == 0
    assert modules["unet.mid_block.attn"].self_time_us == pytest.approx(3110)
    assert modules["unet"].flops == 4096
    assert modules["vae"].ops == 1
    lines = line_totals(rows(), SITES)
    assert lines["/lib/diffusers/attention.py", 12].ops == 2
    assert lines["/lib/diffusers/attention.py", 12].memory_delta == -4096
