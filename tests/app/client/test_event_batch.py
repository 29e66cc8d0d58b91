"""Coalescing between threads: nothing durable lost or reordered, no flood of volatile events."""

from __future__ import annotations

import threading

from mezzotint_app.client.event_batch import EventBatch
from mezzotint_sdk import messages as m
from mezzotint_sdk.records import ArrayRef
from tests.app.client.engine_peer import logged


def progress(step: int, run_id: str = "r") -> m.RunProgressed:
    return m.RunProgressed(run_id=run_id, phase="denoise", step=step, steps=9, image_index=0, image_count=1)


def preview(generation: int) -> m.PreviewMade:
    array = ArrayRef("slot", generation, 3, "|u1", (1, 1, 3))
    return m.PreviewMade(run_id="r", image_index=0, step=generation, array=array, cost_ms=1.0)


def metrics(*values: float, name: str = "loss") -> m.MetricsAdded:
    return m.MetricsAdded(run_id="r", name=name, unit="", steps=values, values=values, times=values)


def test_durable_events_keep_their_order() -> None:
    batch = EventBatch()
    events = [logged(str(number)) for number in range(50)]
    for event in events:
        batch.put(event)
    assert batch.take() == events
    assert batch.take() == []


def test_of_volatile_events_the_newest_stays_where_it_came() -> None:
    batch = EventBatch()
    for item in (progress(1), logged("one"), progress(2), progress(5, "other"), progress(3), logged("two")):
        batch.put(item)
    assert batch.take() == [logged("one"), progress(5, "other"), progress(3), logged("two")]


def test_points_add_up_and_none_is_lost() -> None:
    batch = EventBatch()
    for number in range(1000):
        batch.put(metrics(float(number)))
    batch.put(metrics(7.0, name="latency"))
    joined, other = batch.take()
    assert joined.values == joined.steps == joined.times == tuple(float(number) for number in range(1000))
    assert other.name == "latency"


def test_previews_that_nobody_saw_are_handed_back() -> None:
    batch = EventBatch()
    for generation in (1, 2, 3):
        batch.put(preview(generation))
    assert [ref.generation for ref in batch.take_dropped()] == [1, 2]
    assert batch.take_dropped() == ()
    assert batch.take() == [preview(3)]


def test_only_the_first_wakes() -> None:
    batch = EventBatch()
    assert batch.put(logged("one"))
    assert not batch.put(logged("two"))
    batch.take()
    assert batch.put(logged("three"))


def test_a_writer_and_a_reader_at_once_lose_nothing() -> None:
    batch = EventBatch()
    woken = threading.Semaphore(0)
    total = 20_000
    seen: list[float] = []

    def write() -> None:
        for number in range(total):
            if batch.put(metrics(float(number))):
                woken.release()

    writer = threading.Thread(target=write)
    writer.start()
    while len(seen) < total:
        assert woken.acquire(timeout=20.0)
        for item in batch.take():
            seen.extend(item.values)
    writer.join()
    assert seen == [float(number) for number in range(total)]
