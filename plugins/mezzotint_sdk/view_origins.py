"""Which op made the numbers that a view shows: a view makes none, so what differs in it differs there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.trace_reader import TraceReader
from mezzotint_sdk.trace_records import OpFlags, OpSite

__all__ = ["view_origins"]


def view_origins(reader: TraceReader) -> npt.NDArray[np.int64]:
    """Of each op that gives a view, the op that made what it is a view of; -1 for other ops, for one that
    gives another dtype (torch calls a cast a view, too), and where the memory was written to in between."""
    rows = reader.rows
    origins = np.full(len(rows), -1, np.int64)
    plain = np.array([_keeps_numbers(site) for site in reader.sites], np.bool_)
    if not len(rows):
        return origins
    views = ((rows["flags"] & OpFlags.VIEW) != 0) & plain[rows["site"]]
    if not views.any():
        return origins
    writes = ((rows["flags"] & OpFlags.IN_PLACE) != 0).tolist()
    ids, starts, inputs = (column.tolist() for column in reader.tensor_ids)
    maker: dict[int, int] = {}
    memory: dict[int, int] = {}  # of a tensor: the first one that has the same memory
    written: dict[int, int] = {}  # of a memory: the op that wrote to it last
    for number, is_view in enumerate(views.tolist()):
        begin, middle, end = starts[number], starts[number] + inputs[number], starts[number + 1]
        root = 0
        if (is_view or writes[number]) and middle > begin:
            root = memory.get(ids[begin], ids[begin])
        if is_view and middle > begin:
            made = maker.get(ids[begin], -1)
            if written.get(root, -1) <= made:
                origins[number] = made
        elif writes[number]:
            for one in ids[begin:middle]:  # which of them, only the op's signature knows
                written[memory.get(one, one)] = number
        for one in ids[middle:end]:
            maker[one] = number
            memory[one] = root or one
    return origins


def _keeps_numbers(site: OpSite) -> bool:
    return bool(site.inputs and site.outputs) and site.inputs[0].dtype == site.outputs[0].dtype
