"""Which op of one trace is which of another: by where they are, never by when they came.

An op's place is picture, phase, step, module, and its name. For ops outside of modules the file that called
them stands for the module: what another scheduler does is another thing. Where a place holds as many ops in
both traces, they are paired in their order there. Where it doesn't, something was inserted or left out: then
the module's ops are laid beside each other as two texts are, so that the one that is too many is named and
not merely the last of them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.trace_reader import TraceReader
from mezzotint_sdk.trace_records import LadderMark

__all__ = ["Alignment", "align_traces", "uncompiled_path"]

Numbers = npt.NDArray[np.int64]

_MAX_CELLS = 200_000  # of one module's comparison as texts; larger ones are paired in their order
_MAX_CELLS_OF_ALL = 20_000_000  # which bounds the time of two traces that have little in common
_COMPILED = "_orig_mod"  # what torch.compile puts into the path of a module


def uncompiled_path(module: str) -> str:
    """A module's path without what torch.compile puts into it."""
    return ".".join(part for part in module.split(".") if part != _COMPILED)


@dataclass(frozen=True)
class Alignment:
    """`pairs`, shape (n, 2): number in the first and in the second trace, in the order of the first.
    `missing` are the numbers of ops that only the first has, `inserted` of those that only the second has."""

    pairs: Numbers
    missing: Numbers
    inserted: Numbers


def align_traces(first: TraceReader, second: TraceReader) -> Alignment:
    names, by_file = _Names(), _by_file(first, second)
    left, right = _Places(first, names, by_file), _Places(second, names, by_file)
    alike, unlike = _compared_counts(left.keys, right.keys)
    one, other = _in_order(left.keys, alike), _in_order(right.keys, alike)
    pairs = np.stack([one, other], axis=1)
    if len(unlike):
        pairs = np.concatenate([pairs, _laid_beside(left, right, unlike)])
        pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    else:
        pairs = pairs[np.argsort(one, kind="stable")]
    return Alignment(pairs, _without(len(left.keys), pairs[:, 0]), _without(len(right.keys), pairs[:, 1]))


class _Names:
    """Numbers for what the traces have in common; the same in both."""

    def __init__(self) -> None:
        self._of: dict[Any, int] = {}

    def number(self, name: Any) -> int:
        return self._of.setdefault(name, len(self._of))


def _by_file(first: TraceReader, second: TraceReader) -> bool:
    """Whether files tell ops outside of modules apart: not of two scripts that have none in common."""
    files = [{Path(site.file).name for site in one.sites if not site.module} for one in (first, second)]
    return bool(files[0] & files[1])


class _Places:
    """Of each op of a trace: `keys` (place and name), `modules` (place alone), `tokens` (name and shapes)."""

    def __init__(self, reader: TraceReader, names: _Names, by_file: bool) -> None:
        rows = reader.rows
        marks = [
            names.number((one.image, one.phase, one.step)) for one in (*reader.marks, LadderMark())
        ]  # the last one for rows whose mark isn't there
        of_mark = np.array(marks, np.int64)[np.minimum(rows["mark"], len(reader.marks))] << 32
        ops, modules, tokens = [], [], []
        for site in reader.sites:
            module = uncompiled_path(site.module)
            if by_file and not module:
                module = f"/{Path(site.file).name}"  # no module's path begins so
            shapes = tuple(meta.shape for meta in site.outputs)
            ops.append(names.number((module, site.op, site.backward)))
            modules.append(names.number(module))
            tokens.append(names.number((site.op, site.backward, shapes)))
        table = np.array([ops, modules, tokens], np.int64).reshape(3, -1)[:, rows["site"]]
        self.keys: Numbers = of_mark | table[0]
        self.modules: Numbers = of_mark | table[1]
        self.tokens: Numbers = table[2]

    def groups(self, wanted: Numbers) -> dict[int, Numbers]:
        """Numbers of the ops of each of these modules, in their order."""
        chosen = np.flatnonzero(np.isin(self.modules, wanted))
        order = chosen[np.argsort(self.modules[chosen], kind="stable")]
        found, begins = np.unique(self.modules[order], return_index=True)
        return dict(zip(found.tolist(), np.split(order, begins[1:]), strict=True)) if len(found) else {}


def _compared_counts(left: Numbers, right: Numbers) -> tuple[Numbers, Numbers]:
    """Keys that both have: as many times, and not as many times."""
    one, one_counts = np.unique(left, return_counts=True)
    other, other_counts = np.unique(right, return_counts=True)
    both, at_one, at_other = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    same = one_counts[at_one] == other_counts[at_other]
    return both[same], both[~same]


def _in_order(keys: Numbers, wanted: Numbers) -> Numbers:
    chosen = np.flatnonzero(np.isin(keys, wanted))
    return chosen[np.argsort(keys[chosen], kind="stable")].astype(np.int64)


def _without(count: int, numbers: Numbers) -> Numbers:
    alone = np.ones(count, np.bool_)
    alone[numbers] = False
    return np.flatnonzero(alone).astype(np.int64)


def _laid_beside(left: _Places, right: _Places, unlike: Numbers) -> Numbers:
    wanted = np.unique(left.modules[np.isin(left.keys, unlike)])
    others = right.groups(wanted)
    keys = set(unlike.tolist())
    known: dict[tuple[bytes, bytes], list[tuple[int, int]]] = {}  # steps are alike
    cells = 0
    pairs: list[tuple[int, int]] = []
    for module, one in left.groups(wanted).items():
        other = others[module]
        texts = (left.tokens[one].tobytes(), right.tokens[other].tobytes())
        matches = known.get(texts)
        if matches is None:
            matches, cost = _matches(left.tokens[one], right.tokens[other], _MAX_CELLS_OF_ALL - cells)
            known[texts] = matches
            cells += cost
        pairs += _pairs_of_module(one, other, left.keys, right.keys, keys, matches)
    return np.array(pairs, np.int64).reshape(-1, 2)


def _matches(one: Numbers, other: Numbers, cells_left: int) -> tuple[list[tuple[int, int]], int]:
    """Places in both that match, and what it cost. Equal ends are quickly found and make the middle small."""
    shorter = min(len(one), len(other))
    unequal = np.flatnonzero(one[:shorter] != other[:shorter])
    head = int(unequal[0]) if len(unequal) else shorter
    rest = shorter - head
    unequal = np.flatnonzero(one[len(one) - rest :][::-1] != other[len(other) - rest :][::-1])
    tail = int(unequal[0]) if len(unequal) else rest
    found = [(place, place) for place in range(head)]
    found += [(len(one) - 1 - back, len(other) - 1 - back) for back in range(tail)]
    middle, beside = one[head : len(one) - tail].tolist(), other[head : len(other) - tail].tolist()
    cost = len(middle) * len(beside)
    if 0 < cost <= min(_MAX_CELLS, cells_left):
        for block in SequenceMatcher(None, middle, beside, autojunk=False).get_matching_blocks():
            found += [(head + block.a + step, head + block.b + step) for step in range(block.size)]
    return found, cost


def _pairs_of_module(
    one: Numbers,
    other: Numbers,
    left_keys: Numbers,
    right_keys: Numbers,
    wanted: set[int],
    matches: list[tuple[int, int]],
) -> list[tuple[int, int]]:
    """The matches, and of ops with the same name that matched nothing those that can be paired in order."""
    pairs = []
    matched, also = set(), set()
    for place, partner in matches:
        number = int(one[place])
        if int(left_keys[number]) in wanted:
            pairs.append((number, int(other[partner])))
            matched.add(number)
            also.add(int(other[partner]))
    waiting: dict[int, list[int]] = defaultdict(list)
    for number in other.tolist():
        key = int(right_keys[number])
        if key in wanted and number not in also:
            waiting[key].append(number)
    for queue in waiting.values():
        queue.reverse()
    for number in one.tolist():
        queue = waiting.get(int(left_keys[number]), []) if number not in matched else []
        if queue:
            pairs.append((number, queue.pop()))
    return pairs
