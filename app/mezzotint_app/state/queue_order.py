"""What moving runs in the queue means, as plain lists: a new order, and the requests that bring it about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["moves_for", "shifted", "with_moved"]


def with_moved(order: Sequence[str], ids: Iterable[str], before: str = "") -> list[str]:
    """The order with `ids` (those of them that are in it) put together before another one; "" is the end."""
    wanted = set(ids)
    moved = [run_id for run_id in order if run_id in wanted]
    # dropped on one of themselves: before the next one that stays
    if before in wanted:
        rest = order[order.index(before) :] if before in order else ()
        before = next((run_id for run_id in rest if run_id not in wanted), "")
    left = [run_id for run_id in order if run_id not in wanted]
    place = left.index(before) if before in left else len(left)
    return left[:place] + moved + left[place:]


def shifted(order: Sequence[str], ids: Iterable[str], by: int) -> list[str]:
    """The order with each of `ids` one place up (-1) or down (1); what is at the end already stays."""
    wanted = set(ids)
    new = list(order)
    places = range(len(new)) if by < 0 else range(len(new) - 1, -1, -1)
    for place in places:
        other = place + by
        if new[place] in wanted and 0 <= other < len(new) and new[other] not in wanted:
            new[place], new[other] = new[other], new[place]
    return new


def moves_for(new_order: Sequence[str], ids: Iterable[str]) -> list[tuple[str, str]]:
    """(run id, before) for each of `ids`, in the order to be asked for: from the last to the first, so that
    each lands before one that already stands right."""
    wanted = set(ids)
    following = dict(zip(new_order, [*new_order[1:], ""], strict=True))
    return [(run_id, following[run_id]) for run_id in reversed(new_order) if run_id in wanted]
