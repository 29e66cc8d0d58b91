"""`mezzotint trace`, on trace files that are written here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mezzotint_app.cli.main import main
from mezzotint_sdk.trace_records import OP_ROW, LadderMark, OpFlags, OpSite, TensorMeta, TraceHeader
from mezzotint_sdk.trace_writer import TraceWriter

NAMES = ("aten.mm.default", "aten.softmax.int", "aten.add.Tensor")


def make_trace(path: Path, *, wrong: int = -1, ops: int = 6, statistics: bool = True) -> Path:
    """Op n takes what op n-1 gave; from `wrong` on the numbers are other ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = TraceWriter(path, TraceHeader(run_id=path.stem))
    rows, ids = np.zeros(ops, OP_ROW), []
    mark = writer.mark(LadderMark(phase="denoise", step=0, steps=2))
    for number in range(ops):
        meta = TensorMeta((2, 3), "float32", "cpu")
        site = OpSite(
            op=NAMES[number % 3], module="unet.mid" if number % 3 else "unet", file="/x/model.py",
            line=10 + number % 3, inputs=(meta,), outputs=(meta,), flops=100,
        )  # fmt: skip
        rows["site"][number], rows["mark"][number] = writer.site(site), mark
        factor = 1.5 if 0 <= wrong <= number else 1.0
        rows["minimum"][number], rows["maximum"][number] = -factor, factor
        rows["norm"][number] = 2 * factor
        ids.append(((number,), (number + 1,)))
    rows["duration_us"] = np.arange(1, ops + 1) * 600
    rows["flags"] = OpFlags.STATISTICS if statistics else 0
    rows["flags"][ops - 1] |= OpFlags.NAN
    writer.ops(rows, ids)
    writer.note(0, "edited: fill 0")
    writer.close()
    return path


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return make_trace(tmp_path / "a.mzt")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], str]:
    status = main(["trace", *words])
    out = capsys.readouterr()
    return status, out.out.splitlines(), out.err


def test_show_lists_ops(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, err = said(capsys, "show", str(trace), "--limit", "2")
    assert (status, err) == (0, "")
    assert lines[0].split() == ["OP", "NAME", "TIME", "SHAPES", "STEP", "MODULE", "LINE"]
    assert lines[1].split()[:4] == ["0", "aten.mm.default", "600", "us"]
    assert lines[1].endswith("model.py:10 edited: fill 0")
    assert "1.20 ms" in lines[2]
    assert lines[-1] == "2 of 6 ops; --limit shows more."


def test_show_filters(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, _ = said(capsys, "show", str(trace), "--filter", "softmax | nan", "--json")
    assert status == 0
    facts = [json.loads(line) for line in lines]
    assert [one["number"] for one in facts] == [1, 4, 5]
    assert [one["nan"] for one in facts] == [False, False, True]
    assert (facts[0]["module"], facts[0]["line"], facts[0]["max"]) == ("unet.mid", 11, 1.0)
    assert facts[0]["outputs"] == [[[2, 3], "float32"]]
    assert said(capsys, "show", str(trace), "--filter", "conv")[1] == ["No op matches."]


@pytest.mark.parametrize(("by", "names"), [("module", ["unet", "unet.mid"]), ("line", ["/x/model.py:12"])])
def test_show_sums_up(trace: Path, capsys: pytest.CaptureFixture[str], by: str, names: list[str]) -> None:
    lines = said(capsys, "show", str(trace), "--totals", by, "--limit", str(len(names)), "--json")[1]
    facts = [json.loads(line) for line in lines]
    assert [one["name"] for one in facts] == names
    assert facts[0]["ops"] == (6 if by == "module" else 2)
    table = said(capsys, "show", str(trace), "--totals", by)[1]
    assert table[0].split()[0] == "TIME"
    assert table[1].endswith(names[0])


def test_a_bad_filter_is_a_sentence_with_its_place(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, err = said(capsys, "show", str(trace), "--filter", "op ==")
    assert (status, lines) == (2, [])
    assert err.startswith("mezzotint: ")
    assert "haracter" in err


def test_diff_finds_the_first_op_that_differs(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_trace(tmp_path / "b.mzt", wrong=3, ops=7)
    status, lines, _ = said(capsys, "diff", str(trace), str(other))
    assert status == 1
    assert lines[0].startswith("The first difference over the tolerance is op 3, aten.mm.default in unet")
    assert lines[1].startswith("The gravest is at op 5, aten.add.Tensor in unet.mid")
    assert lines[1].endswith("NaN or Inf in one run alone, or another shape.")
    lines = lines[1:]
    assert lines[1].startswith("Only in the second: 1 ops: 6 aten.mm.default")
    assert lines[3].split()[:2] == ["3", "3"]
    assert lines[3].endswith("<- first")
    facts = json.loads(said(capsys, "diff", str(trace), str(other), "--json")[1][0])
    assert (facts["different"], facts["first"], facts["inserted"]) == (True, 3, 1)


def test_diff_of_the_same_and_within_a_tolerance(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "diff", str(trace), str(trace))[0] == 0
    other = make_trace(tmp_path / "b.mzt", wrong=3)
    assert said(capsys, "diff", str(trace), str(other), "--tolerance", "0.6")[0] == 0
    assert said(capsys, "diff", str(trace), str(other), "--tolerance", "0.2")[0] == 1


def test_what_can_not_be_compared_is_neither_same_nor_different(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = make_trace(tmp_path / "b.mzt", statistics=False)
    status, lines, err = said(capsys, "diff", str(trace), str(bare))
    assert (status, lines) == (2, [])
    assert "record both runs with statistics" in err


def test_export_writes_what_perfetto_reads(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "p.json"
    assert said(capsys, "export", str(trace), str(out))[:2] == (0, [f"6 ops in {out}"])
    assert len(json.loads(out.read_text())["traceEvents"]) >= 6
    status, _, err = said(capsys, "export", str(trace), str(tmp_path / "no" / "p.json"))
    assert status == 6
    assert err.count("\n") == 1


def test_a_run_is_found_by_a_part_of_its_id(mezzotint_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("20260101-000000-abcdef", "20260101-000000-012345"):
        make_trace(mezzotint_home / "runs" / name / "debug" / "trace.mzt")
    assert said(capsys, "show", "abcdef")[0] == 0
    status, _, err = said(capsys, "show", "20260101")
    assert status == 2
    assert "2 runs with a trace fit" in err


def test_what_is_no_trace_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "x.mzt"
    other.write_bytes(b"GIF89a" * 10)
    for name in (str(other), str(tmp_path / "missing.mzt")):
        status, lines, err = said(capsys, "show", name)
        assert (status, lines) == (2, [])
        assert err.count("\n") == 1
        assert err.startswith("mezzotint: ")


def test_a_torn_end_is_read_up_to_there_and_damage_is_said(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = trace.read_bytes()
    torn = tmp_path / "torn.mzt"
    torn.write_bytes(data[:-3])
    assert said(capsys, "show", str(torn), "--json")[0] == 0
    damaged = bytearray(data)
    damaged[-1] ^= 0xFF
    torn.write_bytes(damaged)
    status, lines, err = said(capsys, "show", str(torn), "--json")
    assert (status, len(lines)) == (0, 6)
    assert "damaged" in err
