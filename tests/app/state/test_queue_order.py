"""Moving runs: the requests bring about exactly the order that was meant."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mezzotint_app.state.queue_order import moves_for, shifted, with_moved

ORDER = ["a", "b", "c", "d", "e"]


def carried_out(order: list[str], moves: list[tuple[str, str]]) -> list[str]:
    """What the engine makes of the requests, one after the other."""
    now = list(order)
    for run_id, before in moves:
        now.remove(run_id)
        now.insert(now.index(before) if before else len(now), run_id)
    return now


def test_with_moved() -> None:
    assert with_moved(ORDER, ["d"], "b") == ["a", "d", "b", "c", "e"]
    assert with_moved(ORDER, ["a", "c"], "") == ["b", "d", "e", "a", "c"]
    assert with_moved(ORDER, ["b", "c"], "b") == ORDER, "dropped on itself"
    assert with_moved(ORDER, ["b", "unknown"], "a") == ["b", "a", "c", "d", "e"]


def test_shifted() -> None:
    assert shifted(ORDER, ["c"], -1) == ["a", "c", "b", "d", "e"]
    assert shifted(ORDER, ["c", "d"], 1) == ["a", "b", "e", "c", "d"]
    assert shifted(ORDER, ["a", "b"], -1) == ORDER, "what is on top stays, in its order"
    assert shifted(ORDER, ["e", "c"], 1) == ["a", "b", "d", "c", "e"]


@given(
    st.permutations(ORDER),
    st.sets(st.sampled_from(ORDER), min_size=1),
    st.sampled_from([*ORDER, ""]),
)
def test_moves_bring_the_order_about(order: list[str], ids: set[str], before: str) -> None:
    wanted = with_moved(order, ids, before)
    assert carried_out(order, moves_for(wanted, ids)) == wanted
    for by in (-1, 1):
        wanted = shifted(order, ids, by)
        # runs that were passed moved by themselves, so only the chosen ones need asking
        assert carried_out(order, moves_for(wanted, ids)) == wanted
