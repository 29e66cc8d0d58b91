from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mezzotint_sdk.perfetto_export import export_perfetto
from mezzotint_sdk.trace_reader import TraceReader
from mezzotint_sdk.trace_records import OP_ROW, LadderMark, OpFlags, TraceHeader
from mezzotint_sdk.trace_writer import TraceWriter
from tests.sdk.op_traces import forward_sites, some_ids, some_rows, write_small
from tests.sdk.test_divergence import CHAIN, trace


def exported(path: Path) -> list[dict[str, Any]]:
    reader = TraceReader(path)
    count = export_perfetto(reader, path.with_suffix(".json"))
    reader.close()

    def no_constant(name: str) -> float:
        raise AssertionError(f"{name} is no JSON")

    text = path.with_suffix(".json").read_text(encoding="utf-8")
    events: list[dict[str, Any]] = json.loads(text, parse_constant=no_constant)["traceEvents"]
    assert sum(event["ph"] == "X" for event in events) == count
    return events


def inside(events: list[dict[str, Any]], thread: int) -> dict[int, list[str]]:
    """Slices around each op of a thread; that they are closed and in the order of time is checked."""
    stack: list[str] = []
    found: dict[int, list[str]] = {}
    last = 0.0
    for event in events:
        if event["tid"] != thread or event["ph"] in "MC":
            continue
        assert event["ts"] >= last
        last = event["ts"] + event.get("dur", 0.0)
        match event["ph"]:
            case "B":
                stack.append(event["name"])
            case "E":
                assert stack.pop() == event["name"]
            case "X":
                found[event["args"]["number"]] = list(stack)
    assert stack == []
    return found


def test_slices_are_nested_and_closed(tmp_path: Path) -> None:
    trace(tmp_path / "a", CHAIN)
    around = inside(exported(tmp_path / "a"), 0)
    assert around[0] == ["forward", "step 1", "net", "net.first"]
    assert around[1] == ["forward", "step 1", "net"]
    assert len(around) == 4


def test_threads_pictures_and_steps_have_slices_of_their_own(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path / "a", TraceHeader(run_id="r"))
    writer.site(forward_sites(1)[0])
    rows = some_rows(8, sites=1)
    rows["mark"] = [
        writer.mark(LadderMark(image=number // 4, phase="denoise", step=number // 2 % 2))
        for number in range(8)
    ]
    rows["thread"] = [0, 1] * 4
    writer.ops(rows, some_ids(8))
    writer.close()
    events = exported(tmp_path / "a")
    module = ["unet", "unet.down_blocks", "unet.down_blocks.0", "unet.down_blocks.0.resnets"]
    module += ["unet.down_blocks.0.resnets.0", "unet.down_blocks.0.resnets.0.conv0"]
    for thread in (0, 1):
        around = inside(events, thread)
        assert sorted(around) == [thread, thread + 2, thread + 4, thread + 6]
        assert around[thread] == ["picture 1", "denoise", "step 1", *module]
        assert around[thread + 6] == ["picture 2", "denoise", "step 2", *module]


def test_ops_tell_what_is_known_of_them(tmp_path: Path) -> None:
    write_small(tmp_path / "a")
    by_number = {event["args"]["number"]: event for event in exported(tmp_path / "a") if event["ph"] == "X"}
    site = forward_sites(3)[2]
    assert by_number[6]["name"] == site.op
    facts = by_number[6]["args"]
    assert (facts["flops"], facts["bytes"], facts["source"]) == (
        site.flops,
        site.nbytes,
        f"{site.file}:{site.line}",
    )
    assert facts["outputs"] == ["float32 2x64x64x64 cpu"]
    assert by_number[2]["args"]["note"] == "edited: fill 0"


def test_odd_times_and_flags_are_still_json(tmp_path: Path) -> None:
    """A damaged or an unfinished op must not make the whole file unreadable."""
    writer = TraceWriter(tmp_path / "a", TraceHeader(run_id='"\\ü'))
    writer.site(forward_sites(1)[0])
    rows = some_rows(4, sites=1)
    rows["duration_us"] = [np.nan, np.inf, -5.0, 1.0]
    rows["started_us"] = [5, 3, 2**63, 0]
    rows["mark"] = 77
    rows["memory_delta"] = [0, 1024, -24, 0]
    rows["flags"] = [0, OpFlags.NAN | OpFlags.FAILED, 0, 0]
    writer.ops(rows, some_ids(4))
    writer.close()
    events = exported(tmp_path / "a")
    assert len(inside(events, 0)) == 4
    assert [event["args"]["bytes"] for event in events if event["ph"] == "C"] == [1024, 1000]
    assert [event["args"].get("told") for event in events if event["ph"] == "X"][1] == "nan, failed"


def test_an_empty_trace_is_an_empty_timeline(tmp_path: Path) -> None:
    TraceWriter(tmp_path / "a", TraceHeader()).close()
    assert [event["ph"] for event in exported(tmp_path / "a")] == ["M"]


def test_what_fails_leaves_the_old_file_and_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small(tmp_path / "a")
    (tmp_path / "out.json").write_text("old")
    reader = TraceReader(tmp_path / "a")
    monkeypatch.setattr("mezzotint_sdk.perfetto_export._facts", _full)
    with pytest.raises(OSError, match="full"):
        export_perfetto(reader, tmp_path / "out.json")
    reader.close()
    assert (tmp_path / "out.json").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "out.json"]


def _full(_site: object) -> dict[str, object]:
    raise OSError("the disk is full")


@pytest.mark.slow
def test_a_long_trace_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    peaks = []
    for count in (10_000, 60_000):
        writer = TraceWriter(tmp_path / str(count), TraceHeader())
        for site in forward_sites(50):
            writer.site(site)
        writer.mark(LadderMark(phase="denoise", step=0))
        rows = np.zeros(count, OP_ROW)
        rows["site"] = np.arange(count) % 50
        rows["started_us"] = np.arange(count) * 10
        writer.ops(rows, some_ids(count))
        writer.close()
        reader = TraceReader(tmp_path / str(count))
        reader.follow()
        tracemalloc.start()
        export_perfetto(reader, tmp_path / "out.json")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        reader.close()
    assert (tmp_path / "out.json").stat().st_size > 10_000_000
    assert peaks[1] < peaks[0] + 500_000
