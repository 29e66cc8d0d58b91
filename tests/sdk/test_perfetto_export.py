from __future__ import annotations

import json
from pathlib import Path

from mezzotint_sdk.perfetto_export import export_perfetto
from mezzotint_sdk.trace_reader import TraceReader
from tests.sdk.test_divergence import CHAIN, trace


def test_slices_are_nested_and_closed(tmp_path: Path) -> None:
    trace(tmp_path / "a", CHAIN)
    reader = TraceReader(tmp_path / "a")
    assert export_perfetto(reader, tmp_path / "out.json") == 4
    reader.close()
    events = json.loads((tmp_path / "out.json").read_text())["traceEvents"]
    open_slices: list[str] = []
    inside: dict[str, list[str]] = {}
    for event in events:
        match event["ph"]:
            case "B":
                open_slices.append(event["name"])
            case "E":
                assert open_slices.pop() == event["name"]
            case "X":
                inside[event["args"]["number"]] = list(open_slices)
    assert open_slices == []
    assert inside[0] == ["picture 1", "forward", "step 1", "net", "net.first"]
    assert inside[1] == ["picture 1", "forward", "step 1", "net"]
    assert [event["ts"] for event in events] == sorted(event["ts"] for event in events)
