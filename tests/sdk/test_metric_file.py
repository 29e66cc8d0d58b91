from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint_sdk.errors import BadInputError, MezzotintError, NotFoundError, StorageError
from mezzotint_sdk.metric_file import MetricReader, MetricWriter, SeriesPoints, series_file_name

NAME = "latency/step"


def write(folder: Path, count: int, *, batch: int = 1000, start: int = 0) -> None:
    with MetricWriter(folder, NAME, "ms") as writer:
        for first in range(start, start + count, batch):
            steps = np.arange(first, min(first + batch, start + count))
            writer.append(steps, steps * 0.5, np.sin(steps))


def same(left: SeriesPoints, right: SeriesPoints) -> bool:
    return left.total == right.total and all(
        np.array_equal(getattr(left, part), getattr(right, part))
        for part in ("steps", "lows", "highs", "times")
    )


def test_points_come_back_as_they_were_written(tmp_path: Path) -> None:
    with MetricWriter(tmp_path, NAME, "ms") as writer:
        writer.append(0, 0.25, 3.0)
        writer.append([1, 2], [0.5, 0.75], [float("nan"), float("inf")])
        writer.flush()
    found = MetricReader(tmp_path).read(NAME)
    assert found.unit == "ms"
    assert found.total == 3
    assert found.steps.tolist() == [0, 1, 2]
    assert found.times.tolist() == [0.25, 0.5, 0.75]
    np.testing.assert_array_equal(found.lows, [3.0, np.nan, np.inf])
    assert MetricReader(tmp_path).series()[0].count == 3


def test_thinning_keeps_every_peak(tmp_path: Path) -> None:
    values = np.zeros(100_000)
    values[[3, 31_999, 77_777]] = [5.0, -7.0, 9.0]
    with MetricWriter(tmp_path, NAME) as writer:
        writer.append(np.arange(100_000), np.arange(100_000), values)
    found = MetricReader(tmp_path).read(NAME, max_points=100)
    assert len(found.steps) <= 100
    assert found.total == 100_000
    assert found.highs.max() == 9.0
    assert found.lows.min() == -7.0
    assert 5.0 in found.highs


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 40_000),
    ends=st.tuples(st.floats(-10, 41_000), st.floats(-10, 41_000)),
    points=st.integers(1, 300),
)
def test_any_range_has_the_extremes_of_its_points(
    tmp_path_factory: pytest.TempPathFactory, count: int, ends: tuple[float, float], points: int
) -> None:
    folder = tmp_path_factory.mktemp("m")
    values = np.random.default_rng(count).normal(size=count)
    with MetricWriter(folder, NAME) as writer:
        for part in np.array_split(np.arange(count), 7):
            writer.append(part, part, values[part])
    first, last = min(ends), max(ends)
    found = MetricReader(folder).read(NAME, first, last, points)
    steps = np.arange(count)
    inside = values[(steps >= first) & (steps <= last)]
    assert found.total == len(inside)
    assert len(found.steps) <= points
    assert (np.diff(found.steps) > 0).all()
    if len(inside):
        assert found.lows.min() == inside.min()
        assert found.highs.max() == inside.max()


def test_ten_million_points_are_overviewed_in_a_moment_and_taken_up_again(tmp_path: Path) -> None:
    write(tmp_path, 10_000_000, batch=100_000)
    begun = time.perf_counter()
    overview = MetricReader(tmp_path).read(NAME, max_points=2000)
    MetricReader(tmp_path).read(NAME, 1_000_000, 6_000_000, 2000)
    spent = time.perf_counter() - begun
    raw = time.perf_counter()
    np.fromfile(tmp_path / series_file_name(NAME))
    raw = time.perf_counter() - raw
    assert 1000 < len(overview.steps) <= 2000
    # relative to reading the file once: no absolute times on a shared machine
    assert spent < raw, f"{spent:.3f} s against {raw:.3f} s for reading all of the file"
    with MetricWriter(tmp_path, NAME, "ms") as writer:
        assert writer.count == 10_000_000


def test_missing_lagging_and_damaged_levels_cost_time_but_no_answer(tmp_path: Path) -> None:
    write(tmp_path, 200_000)
    whole = MetricReader(tmp_path).read(NAME, 100, 190_000, 50)
    levels = sorted(tmp_path.glob("*.mzm.*"))
    levels[0].write_bytes(levels[0].read_bytes()[:-1000])
    assert same(MetricReader(tmp_path).read(NAME, 100, 190_000, 50), whole)
    levels[1].write_bytes(b"foreign" * 1000)
    assert same(MetricReader(tmp_path).read(NAME, 100, 190_000, 50), whole)
    for level in levels:
        level.unlink()
    assert same(MetricReader(tmp_path).read(NAME, 100, 190_000, 50), whole)
    write(tmp_path, 1, start=200_000)  # the writer makes them again
    assert sorted(tmp_path.glob("*.mzm.*")) == levels
    assert same(MetricReader(tmp_path).read(NAME, 100, 190_000, 50), whole)


def test_a_torn_tail_is_left_out_and_written_over(tmp_path: Path) -> None:
    write(tmp_path, 100)
    path = tmp_path / series_file_name(NAME)
    with open(path, "ab") as file:
        file.write(b"\x01" * 13)
    assert MetricReader(tmp_path).read(NAME).total == 100
    write(tmp_path, 50, start=100)
    assert MetricReader(tmp_path).read(NAME).steps.tolist() == list(range(150))


@pytest.mark.parametrize("damage", [b"", b"MZMETRIC", os.urandom(2000), b"MZMETRIC" + bytes(2000)])
def test_foreign_files_are_our_error_and_hide_nothing(tmp_path: Path, damage: bytes) -> None:
    write(tmp_path, 10)
    with MetricWriter(tmp_path, "other", "") as writer:
        writer.append(1, 1, 1)
    (tmp_path / series_file_name(NAME)).write_bytes(damage)
    reader = MetricReader(tmp_path)
    assert [info.name for info in reader.series()] == ["other"]
    with pytest.raises(StorageError):
        reader.read(NAME)
    if len(damage) >= 512:
        assert reader.damaged() == (series_file_name(NAME),)
        with pytest.raises(StorageError):
            MetricWriter(tmp_path, NAME, "ms")
        assert (tmp_path / series_file_name(NAME)).read_bytes() == damage


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_flipped_bytes_give_points_or_our_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("m")
    write(folder, 3000)
    path = data.draw(st.sampled_from(sorted(folder.iterdir())))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content)[: data.draw(st.integers(0, len(content)))])
    try:
        assert len(MetricReader(folder).read(NAME, 10, 2500, 20).steps) <= 20
    except MezzotintError:
        pass


def test_what_can_not_be_a_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no metric nothing"):
        MetricReader(tmp_path / "nowhere").read("nothing")
    assert MetricReader(tmp_path / "nowhere").series() == ()
    for name in ("", "x" * 300, "half \ud800"):
        with pytest.raises(BadInputError):
            MetricWriter(tmp_path, name)
    with MetricWriter(tmp_path, NAME) as writer:
        writer.append(5, 0, 0)
        writer.append([], [], [])
        for steps in (4, float("nan"), [6, 5]):
            with pytest.raises(BadInputError):
                writer.append(steps, np.zeros_like(steps), np.zeros_like(steps))
        with pytest.raises(BadInputError):
            writer.append([6, 7], [0], [0])
    with pytest.raises(BadInputError):
        MetricReader(tmp_path).read(NAME, max_points=0)


def test_names_become_files_that_every_platform_takes() -> None:
    names = [
        "a/b",
        "a.b",
        "A/b",
        "a/B",
        "con",
        "..",
        "ä",
        "a b",
        "a%2eb",
        "x" * 200,
        "x" * 199 + "y",
        "ä" * 100,
    ]
    files = [series_file_name(name) for name in names]
    assert len({file.lower() for file in files}) == len(names)
    assert all(len(file) < 200 and file.isascii() and "/" not in file for file in files)
    assert files[0] == "s.a.b.mzm"


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
def test_a_full_disk_is_said_in_a_sentence_and_leaves_whole_records(tmp_path: Path) -> None:
    writer = MetricWriter(tmp_path, NAME)
    writer.append([1, 2], [0, 0], [1, 1])
    with open("/dev/full", "wb", buffering=0) as full:
        own = writer._files[0]
        writer._files[0] = full
        with pytest.raises(StorageError, match="free some space"):
            writer.append(3, 0, 1)
        writer._files[0] = own
    writer.close()
    assert MetricReader(tmp_path).read(NAME).steps.tolist() == [1, 2]


KILLED = """
import sys
from pathlib import Path
import numpy as np
from mezzotint_sdk.metric_file import MetricWriter
writer = MetricWriter(Path(sys.argv[1]), "latency/step", "ms")
while True:
    first = writer.count
    steps = np.arange(first, first + 333)
    writer.append(steps, steps, steps * 2.0)
    print(writer.count, flush=True)
"""


def kill_while_writing(folder: Path, appends: int) -> int:
    """Start a process that writes, kill it after so many appends; returns the last count it told."""
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(appends):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    told = child.stdout.read().split()
    child.stdout.close()
    child.wait()
    return int(told[-1]) if told else 0


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.long)])
def test_what_was_written_survives_a_kill(tmp_path: Path, kills: int) -> None:
    for number in range(kills):
        told = kill_while_writing(tmp_path, 1 + number * 7 % 23)
        found = MetricReader(tmp_path).read(NAME, max_points=10**9)
        assert found.total >= told
        np.testing.assert_array_equal(found.steps, np.arange(found.total))
        np.testing.assert_array_equal(found.lows, found.steps * 2.0)
        thin = MetricReader(tmp_path).read(NAME, max_points=10)
        assert thin.highs[-1] == found.highs[-1]
