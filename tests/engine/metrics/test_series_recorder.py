from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mezzotint_engine.metrics.process_memory import process_bytes
from mezzotint_engine.metrics.series_recorder import SeriesRecorder
from mezzotint_sdk.errors import StorageError
from mezzotint_sdk.metric_file import MetricReader


def test_points_are_told_once_they_are_in_their_file(tmp_path: Path) -> None:
    told = threading.Event()
    in_file: list[bool] = []

    def tell(name: str, unit: str, steps: tuple[float, ...], *_: object) -> None:
        if name == "loss":
            in_file.append(MetricReader(tmp_path).read(name).steps[-1] == steps[-1])
            told.set()

    recorder = SeriesRecorder(tmp_path, tell)
    recorder.start()
    recorder.add("loss", "", 0, 1.0)
    assert told.wait(30)
    recorder.add("loss", "", 1, 2.0)
    recorder.close()
    assert all(in_file)
    assert MetricReader(tmp_path).read("loss").lows.tolist() == [1.0, 2.0]
    memory = MetricReader(tmp_path).read("memory/worker")
    assert memory.lows[0] == pytest.approx(process_bytes(), rel=0.5)


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    recorder = SeriesRecorder(tmp_path, lambda *_: None)
    recorder.start()

    def add(name: str) -> None:
        for step in range(5000):
            recorder.add(name, "", step, step)

    threads = [threading.Thread(target=add, args=(f"series/{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    counts = {info.name: info.count for info in MetricReader(tmp_path).series()}
    assert [counts[f"series/{number}"] for number in range(4)] == [5000] * 4


def test_a_failure_to_write_reaches_the_job(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("a file, where the folder should be")
    recorder = SeriesRecorder(tmp_path / "metrics", lambda *_: None)
    recorder.add("loss", "", 0, 1.0)
    with pytest.raises(StorageError, match="can't be written"):
        recorder.close()
