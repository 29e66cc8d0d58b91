"""Which ops are shown, in which order, and their sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from mezzotint_app.state.shown_ops import Rows, Snapshot, choose_ops, joined, sort_order
from mezzotint_sdk.trace_records import OP_ROW, OpSite, TensorMeta

SITES = (
    OpSite(op="aten.mm", module="m.b", file="/x/two.py", line=9, flops=100, nbytes=40),
    OpSite(op="aten.add", module="m.a", file="/x/one.py", line=30, nbytes=8),
    OpSite(
        op="aten.add",
        module="m.a",
        file="/x/one.py",
        line=4,
        nbytes=8,
        outputs=(TensorMeta((2,), "f4", "cpu"),),
    ),
)


def rows(**columns: Any) -> Rows:
    made = np.zeros(len(next(iter(columns.values()))), OP_ROW)
    for name in ("minimum", "maximum", "mean", "norm"):
        made[name] = np.nan
    for name, values in columns.items():
        made[name] = values
    return made


def listed(numbers: np.ndarray | None) -> list[int]:
    assert numbers is not None
    return [int(number) for number in numbers]


TRACE = Snapshot(
    rows(
        site=[0, 1, 2, 0, 1],
        duration_us=[5, 1, 2, 9, 3],
        memory_delta=[0, 8, -8, 0, 4],
        flags=[0, 0, 1, 0, 0],
    ),
    SITES,
    (),
)


def test_all_of_them_need_no_list_and_are_summed() -> None:
    shown = choose_ops(TRACE)
    assert shown.indices is None
    assert shown.count == 5
    assert (shown.sums.time_us, shown.sums.flops, shown.sums.nbytes) == (20.0, 200.0, 2 * 40 + 3 * 8)


def test_only_what_matches_counts() -> None:
    shown = choose_ops(TRACE, lambda these: these["memory_delta"] != 0)
    assert listed(shown.indices) == [1, 2, 4]
    assert shown.sums.time_us == 6.0
    assert shown.sums.flops == 0.0


def test_sorted_by_numbers_both_ways_and_stable() -> None:
    assert listed(choose_ops(TRACE, None, "time", True).indices) == [3, 0, 4, 2, 1]
    assert listed(choose_ops(TRACE, None, "time", False).indices) == [1, 2, 4, 0, 3]
    assert listed(choose_ops(TRACE, None, "memory", True).indices) == [1, 4, 0, 3, 2]
    assert listed(choose_ops(TRACE, None, "flops", True).indices) == [0, 3, 1, 2, 4]
    assert listed(choose_ops(TRACE, None, "number", True).indices) == [4, 3, 2, 1, 0]


def test_sorted_by_texts() -> None:
    assert listed(choose_ops(TRACE, None, "op", False).indices) == [1, 2, 4, 0, 3]
    assert listed(choose_ops(TRACE, None, "module", True).indices) == [0, 3, 1, 2, 4]
    # lines of a file by their number, not by its digits: 4 comes before 30
    assert listed(choose_ops(TRACE, None, "source", False).indices) == [2, 1, 4, 0, 3]


def test_marked_ops_come_first() -> None:
    assert listed(choose_ops(TRACE, None, "mark", False).indices)[0] == 2


def test_what_has_no_value_is_last_both_ways() -> None:
    some = rows(site=[0, 0, 0], norm=[np.nan, 2.0, 1.0])
    assert listed(sort_order(some, SITES, "norm", False)) == [2, 1, 0]
    assert listed(sort_order(some, SITES, "norm", True)) == [1, 2, 0]


def test_a_filter_goes_with_sorting() -> None:
    shown = choose_ops(TRACE, lambda these: these["site"] != 2, "time", True)
    assert listed(shown.indices) == [3, 0, 4, 1]


def test_rows_that_came_later_join_what_was_shown() -> None:
    def cheap(these: Rows) -> Any:
        return these["duration_us"] < 4

    first = choose_ops(Snapshot(TRACE.rows[:2], SITES, ()), cheap)
    both = joined(first, choose_ops(TRACE, cheap, first=first.upto))
    whole = choose_ops(TRACE, cheap)
    assert listed(both.indices) == listed(whole.indices) == [1, 2, 4]
    assert both.upto == 5
    assert both.sums == whole.sums
    plain = joined(choose_ops(Snapshot(TRACE.rows[:2], SITES, ())), choose_ops(TRACE, first=2))
    assert plain.indices is None
    assert plain.count == 5


def test_nothing_is_shown_of_an_empty_trace() -> None:
    shown = choose_ops(Snapshot(np.empty(0, OP_ROW), (), ()), None, "op", True)
    assert shown.count == 0
    assert shown.sums.count == 0
