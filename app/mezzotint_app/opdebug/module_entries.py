"""The tree of modules as data: from what the engine lists, from what a trace has seen, or from both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mezzotint_sdk.debug_records import ModuleNode
from mezzotint_sdk.trace_records import OpSite
from mezzotint_sdk.trace_totals import ModuleTotal

__all__ = ["OUTSIDE", "ModuleEntry", "module_entries", "sorted_entries"]

OUTSIDE = "(outside of modules)"
NO_TOTAL = ModuleTotal(path="")


@dataclass(eq=False)
class ModuleEntry:
    """One module with its totals, and where it stands among the others."""

    path: str
    name: str
    class_name: str = ""
    parameters: int = 0
    nbytes: int = 0
    dtype: str = ""
    device: str = ""
    is_compiled: bool = False
    is_eager: bool = False  # though it is compiled
    file: str = ""
    line: int = 0
    total: ModuleTotal = field(default_factory=lambda: NO_TOTAL)
    parent: ModuleEntry | None = None
    children: list[ModuleEntry] = field(default_factory=list)
    row: int = 0

    def take_facts(self, newer: ModuleEntry) -> None:
        """What is said of the module now; its place in the tree stays."""
        self.class_name, self.parameters, self.nbytes = newer.class_name, newer.parameters, newer.nbytes
        self.dtype, self.device, self.is_compiled = newer.dtype, newer.device, newer.is_compiled
        self.is_eager = newer.is_eager
        self.file, self.line, self.total = newer.file, newer.line, newer.total


def module_entries(
    nodes: Iterable[ModuleNode], sites: Iterable[OpSite], totals: Mapping[str, ModuleTotal]
) -> list[ModuleEntry]:
    """The roots. Order is that of the engine's list, then that in which modules were first called."""
    known: dict[str, ModuleEntry] = {}
    roots: list[ModuleEntry] = []

    def entry(path: str) -> ModuleEntry:
        found = known.get(path)
        if found is None:
            above, _, name = path.rpartition(".")
            parent = entry(above) if above else None
            found = known[path] = ModuleEntry(path, name or OUTSIDE, parent=parent)
            among = parent.children if parent is not None else roots
            found.row = len(among)
            among.append(found)
        return found

    for node in nodes:
        made = entry(node.path)
        made.class_name, made.parameters, made.nbytes = node.class_name, node.parameters, node.nbytes
        made.dtype, made.device, made.is_compiled = node.dtype, node.device, node.compiled
        made.is_eager = node.eager
        made.file, made.line = node.file, node.line
    for site in sites:
        made = entry(site.module)
        made.class_name = made.class_name or site.module_class
        if not made.file:
            made.file, made.line = site.file, site.line
    for path, total in totals.items():
        if path or "" in known:
            entry(path).total = total
    return roots


def sorted_entries(entries: list[ModuleEntry], key: str, descending: bool) -> list[ModuleEntry]:
    """The same tree with the children of each module in order of a total's field, or of their name."""

    def value(made: ModuleEntry) -> tuple[int, float | str]:
        found = getattr(made.total, key, None)
        return (0, float(found)) if found is not None else (1, getattr(made, key, ""))

    ordered = sorted(entries, key=value, reverse=descending)
    for row, made in enumerate(ordered):
        made.row = row
        made.children = sorted_entries(made.children, key, descending)
    return ordered
