"""The debugger from end to end: command line, engine, worker, the bundled model; and the traces that it
leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mezzotint_app.state.watch_feed import SERIES
from mezzotint_sdk.metric_file import MetricReader

pytestmark = pytest.mark.slow

LIMIT_S = 120.0


@pytest.fixture
def command(mezzotint_home: Path) -> object:
    """Run `mezzotint` with what is typed; the finished process."""
    environment = {**os.environ, "MEZZOTINT_HOME": str(mezzotint_home)}

    def run(*words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "mezzotint_app", *words],
            input=typed,
            capture_output=True,
            text=True,
            env=environment,
            timeout=LIMIT_S,
        )

    return run


def test_step_look_edit_and_compare(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    script = "b unet.mid_block, temporary\nc\nstats out\nout = out * 0.5\nop 3\nback 2\nc\nphase\nc\n"
    words = ("debug", "bundled:emoji-64", "--prompt", "red apple", "--steps", "3", "--seed", "3")
    extra = ("--record", "statistics", "--json")
    edited = command(
        *words, *extra, "--trace", str(tmp_path / "a.mzt"), "--out", str(tmp_path / "a.png"), typed=script
    )
    assert edited.returncode == 0, edited.stderr
    assert "unet.mid_block" in edited.stdout
    assert "norm" in edited.stdout
    assert "Looking back at" in edited.stdout
    assert "decode" in edited.stdout
    facts = json.loads(edited.stdout.splitlines()[-1])
    assert facts["state"] == "finished"
    assert facts["touched"] is True
    plain = command(
        *words, *extra, "--trace", str(tmp_path / "b.mzt"), "--out", str(tmp_path / "b.png"), typed="c\n"
    )
    assert plain.returncode == 0, plain.stderr
    assert json.loads(plain.stdout.splitlines()[-1])["touched"] is False
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()

    shown = command(
        "trace", "show", str(tmp_path / "b.mzt"), "--filter", "op ~ *conv2d* & step == 1", "--json"
    )
    ops = [json.loads(line) for line in shown.stdout.splitlines()]
    assert ops
    assert {op["step"] for op in ops} == {1}
    assert all(op["module"].startswith("unet") for op in ops)
    totals = command("trace", "show", str(tmp_path / "b.mzt"), "--totals", "module", "--limit", "3")
    assert "unet" in totals.stdout
    same = command("trace", "diff", str(tmp_path / "b.mzt"), str(tmp_path / "b.mzt"))
    assert (same.returncode, "agree" in same.stdout) == (0, True)
    different = command("trace", "diff", str(tmp_path / "b.mzt"), str(tmp_path / "a.mzt"), "--json")
    assert different.returncode == 1
    found = json.loads(different.stdout)
    assert found["first"] > 0
    assert "unet.up_blocks.0" in found["sentence"]  # the first that used what was edited
    exported = command("trace", "export", str(tmp_path / "b.mzt"), str(tmp_path / "b.json"))
    assert exported.returncode == 0
    assert json.loads((tmp_path / "b.json").read_text())["traceEvents"]
    refused = command("trace", "show", str(tmp_path / "b.png"))
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1


def test_the_window_draws_the_series_that_the_engine_writes(command, mezzotint_home: Path) -> None:  # type: ignore[no-untyped-def]
    words = ("debug", "bundled:emoji-64", "--prompt", "red apple", "--steps", "1", "--seed", "3", "--json")
    done = command(*words, "--watch", "out.abs().max() @ aten.conv2d*", typed="c\n")
    assert done.returncode == 0, done.stderr
    run_id = json.loads(done.stdout.splitlines()[-1])["run_id"]
    names = [info.name for info in MetricReader(mezzotint_home / "runs" / run_id / "metrics").series()]
    assert f"{SERIES}out.abs().max() @ aten.conv2d*" in names
