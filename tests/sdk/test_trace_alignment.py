"""Ops outside of modules: which file called them tells what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mezzotint_sdk.trace_alignment import align_traces
from mezzotint_sdk.trace_reader import TraceReader
from mezzotint_sdk.trace_records import OP_ROW, OpSite, TraceHeader
from mezzotint_sdk.trace_writer import TraceWriter

PIPELINE = "/lib/diffusers/pipeline.py"


def trace(path: Path, ops: list[tuple[str, str, str]]) -> TraceReader:
    """(file, op, module) of each."""
    writer = TraceWriter(path, TraceHeader())
    rows = np.zeros(len(ops), OP_ROW)
    for number, (file, op, module) in enumerate(ops):
        rows["site"][number] = writer.site(OpSite(op=op, module=module, file=file))
    writer.ops(rows, [((), ())] * len(ops))
    writer.close()
    reader = TraceReader(path)
    reader.follow()
    reader.close()
    return reader


def run(path: Path, scheduler: str, pipeline: str = PIPELINE) -> TraceReader:
    step = f"/lib/diffusers/{scheduler}.py"
    return trace(
        path,
        [
            (step, "aten.mul.Tensor", ""),
            (pipeline, "aten.mul.Tensor", ""),
            ("/lib/torch/conv.py", "aten.conv2d.default", "unet.conv_in"),
            (step, "aten.mul.Tensor", ""),
        ],
    )


def test_another_scheduler_is_not_laid_upon_the_first(tmp_path: Path) -> None:
    found = align_traces(run(tmp_path / "a", "ddim"), run(tmp_path / "b", "euler"))
    assert found.pairs.tolist() == [[1, 1], [2, 2]]
    assert (found.missing.tolist(), found.inserted.tolist()) == ([0, 3], [0, 3])


def test_the_same_scheduler_elsewhere_is_the_same(tmp_path: Path) -> None:
    moved = run(tmp_path / "b", "ddim", "/home/me/env/diffusers/pipeline.py")
    assert len(align_traces(run(tmp_path / "a", "ddim"), moved).pairs) == 4


def test_two_scripts_with_other_names_are_compared_all_the_same(tmp_path: Path) -> None:
    first = trace(tmp_path / "a", [("/me/train.py", "aten.mm.default", "")])
    second = trace(tmp_path / "b", [("/me/train_fast.py", "aten.mm.default", "")])
    assert align_traces(first, second).pairs.tolist() == [[0, 0]]
