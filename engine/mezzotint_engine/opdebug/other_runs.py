"""What other runs kept, and files, as tensors beside those of a stop: `run('a1b2')` and `load('x.npy')`.

An op of another run is found by what it is and not by when it came: the same op in the same module at the
same sampler step, the k-th of them there if it is the k-th here. So runs can be compared whose numbers of ops
differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mezzotint_engine.opdebug.tensor_files import load_tensor
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.run_traces import LEAST_ID, TRACE_IN_RUN, traces_of_runs
from mezzotint_sdk.trace_alignment import uncompiled_path
from mezzotint_sdk.trace_reader import TraceReader

__all__ = ["OtherRuns"]


class OtherRuns:
    """`trace`: of the run itself, runs/<id>/debug/trace.mzt; others lie beside it."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace
        self._runs = trace.parents[len(TRACE_IN_RUN.parts)]

    def names(self, op_number: int, device: torch.device | None) -> Mapping[str, object]:
        """Functions for expressions at this op. Tensors come to `device`, where the op's own are."""

        def run(name: str, output: int = 0) -> torch.Tensor:
            return self._value(str(name), op_number, output).to(device)

        def load(file: str) -> torch.Tensor:
            return load_tensor(str(file)).to(device)

        return {"run": run, "load": load}

    def _value(self, name: str, op_number: int, output: int) -> torch.Tensor:
        """Raises BadInputError, BadTraceError."""
        path = self._path(name)
        other = _opened(path)
        try:
            number = self._counterpart(other, op_number)
            if number < 0:
                raise BadInputError(
                    f"The run {name} has no op that corresponds to op {op_number} of this one."
                )
            found = other.tensor(number, output)
            if found is None:
                raise BadInputError(
                    f"The run {name} kept no values of its op {number}; record it with values: "
                    "--keep PATTERN of 'mezzotint debug', or values in 'Compare runs'."
                )
            return torch.from_numpy(found)
        finally:
            other.close()

    def _counterpart(self, other: TraceReader, op_number: int) -> int:
        """Of an op of this run, in the other; -1 where there is none."""
        own = _opened(self._trace)
        try:
            if not 0 <= op_number < len(own.rows):
                raise BadInputError(
                    "The op at this stop was not recorded; only recorded ops can be compared."
                )
            row = own.rows[op_number]
            site, mark = own.sites[row["site"]], own.marks[row["mark"]]
            key = (site.op, uncompiled_path(site.module), mark.image, mark.phase, mark.step)
            place = int(np.searchsorted(_alike(own, key), op_number))
        finally:
            own.close()
        there = _alike(other, key)
        return int(there[place]) if place < len(there) else -1

    def _path(self, name: str) -> Path:
        file = Path(name).expanduser()
        if file.suffix == ".mzt":
            if not file.is_file():
                raise BadInputError(f"There is no trace file {name}.")
            return file
        found = [one for one in traces_of_runs(self._runs, name) if one != self._trace]
        if len(found) != 1:
            several = f"{len(found)} runs with a trace fit" if found else "No run that was debugged fits"
            raise BadInputError(
                f"{several} {name!r}; give more of the id (at least {LEAST_ID} characters), or a .mzt file."
            )
        return found[0]


def _opened(path: Path) -> TraceReader:
    try:
        reader = TraceReader(path)
    except OSError as error:
        raise BadInputError(f"{path} can't be read: {error.strerror or error}.") from None
    reader.follow()
    return reader


def _alike(reader: TraceReader, key: tuple[str, str, int, str, int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Numbers of the ops with that name, module, picture, phase and step, in their order."""
    op, module, *place = key
    sites = [
        n for n, site in enumerate(reader.sites) if site.op == op and uncompiled_path(site.module) == module
    ]
    marks = [n for n, mark in enumerate(reader.marks) if [mark.image, mark.phase, mark.step] == place]
    rows = reader.rows
    return np.flatnonzero(np.isin(rows["site"], sites) & np.isin(rows["mark"], marks))
