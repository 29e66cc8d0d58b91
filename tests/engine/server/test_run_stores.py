"""Queue, runs and pictures in the database, without a server around them."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mezzotint_engine.server.artifact_store import ArtifactStore
from mezzotint_engine.server.database import Database
from mezzotint_engine.server.engine_log import EngineLog
from mezzotint_engine.server.job_queue import JobQueue
from mezzotint_engine.server.recovery import KEEP_DELETED_S, purge_deleted
from mezzotint_engine.server.run_store import RunStore
from mezzotint_sdk.errors import BadInputError, StorageError
from mezzotint_sdk.home import Home
from mezzotint_sdk.job_spec import GenerateSpec
from tests.engine.server.engine_harness import spec

MANY = 100_000


class Stores:
    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.database = Database(self.home.database)
        self.runs = RunStore(self.database)
        self.queue = JobQueue(self.database, self.runs)
        self.artifacts = ArtifactStore(self.database, self.home)

    def add(self, *prompts: str) -> list[str]:
        return [run.run_id for run in self.runs.add([(spec(prompt), "") for prompt in prompts])]

    def add_picture(self, run_id: str, index: int, prompt: str = "p") -> int:
        record = self.artifacts.add(
            run_id,
            index=index,
            file=f"artifacts/{index}.png",
            width=8,
            height=8,
            nbytes=1,
            seed=0,
            prompt=prompt,
        )
        assert record is not None
        return record.artifact_id


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = Stores(tmp_path)
    yield made
    made.database.close()


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(moves=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 8)), max_size=30))
def test_any_moves_give_the_order_that_a_list_would(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[int, int]]
) -> None:
    stores = Stores(tmp_path_factory.mktemp("store"))
    ids = stores.add(*(str(k) for k in range(8)))
    model = list(ids)
    for who, where in moves:
        run_id = ids[who]
        before = ids[where] if where < 8 else ""
        stores.queue.move(run_id, before)
        if run_id != before:
            model.remove(run_id)
            model.insert(model.index(before) if before else len(model), run_id)
        assert list(stores.queue.order()) == model
    stores.database.close()


def test_moving_between_the_same_two_for_ever_keeps_the_order(stores: Stores) -> None:
    first, *rest = stores.add(*(str(k) for k in range(10)))
    for turn in range(200):
        stores.queue.move(rest[turn % 9], rest[(turn + 1) % 9])
        assert stores.queue.order()[0] == first
    positions = [run.position for run in stores.runs.queued()]
    assert len(set(positions)) == 10


def test_a_run_that_is_not_queued_is_not_moved(stores: Stores) -> None:
    a, b = stores.add("a", "b")
    run = stores.runs.get(a)
    assert run is not None
    stores.runs.save(msgspec.structs.replace(run, state="running"))
    with pytest.raises(BadInputError, match="not queued any more"):
        stores.queue.move(a, b)
    with pytest.raises(BadInputError, match="not queued any more"):
        stores.queue.move(b, a)


def test_the_pause_and_the_order_outlive_the_server(stores: Stores, tmp_path: Path) -> None:
    a, b, c = stores.add("a", "b", "c")
    stores.queue.move(c, a)
    stores.queue.set_paused(True)
    stores.database.close()
    again = Stores(tmp_path)
    assert again.queue.paused
    assert again.queue.next() is None
    again.queue.set_paused(False)
    assert again.queue.order() == (c, a, b)
    next_run = again.queue.next()
    assert next_run is not None
    assert next_run.run_id == c
    again.database.close()


@given(prompt=st.text(st.characters(codec="utf-8"), max_size=200))
@settings(max_examples=50, deadline=None)
def test_any_prompt_is_kept_exactly(tmp_path_factory: pytest.TempPathFactory, prompt: str) -> None:
    stores = Stores(tmp_path_factory.mktemp("store"))
    (run_id,) = stores.add(prompt)
    run = stores.runs.get(run_id)
    assert run is not None
    assert isinstance(run.spec, GenerateSpec)
    assert run.spec.prompt == prompt
    stores.database.close()


def test_all_jobs_or_none(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter(["20260101-000000-aaaaaa", "20260101-000000-aaaaaa"])
    monkeypatch.setattr("mezzotint_engine.server.run_store.new_run_id", lambda created: next(ids))
    with pytest.raises(StorageError):
        stores.add("a", "b")
    assert stores.runs.page((), "", 0, 10) == ([], 0)


def test_a_picture_is_registered_once(stores: Stores) -> None:
    (run_id,) = stores.add("a")
    stores.add_picture(run_id, 0)
    again = stores.artifacts.add(
        run_id, index=0, file="artifacts/0.png", width=8, height=8, nbytes=1, seed=0, prompt=""
    )
    assert again is None
    run = stores.runs.get(run_id)
    assert run is not None
    assert run.artifact_count == 1


def test_what_was_deleted_a_week_ago_is_purged(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, gone, partly = stores.add("kept", "gone", "partly")
    for run_id in (kept, gone, partly):
        run = stores.runs.get(run_id)
        assert run is not None
        stores.runs.save(msgspec.structs.replace(run, state="finished"))
        folder = stores.home.run_folder(run_id) / "artifacts"
        folder.mkdir(parents=True)
        for index in (0, 1):
            (folder / f"{index}.png").write_bytes(b"x")
    pictures = {run_id: [stores.add_picture(run_id, k) for k in (0, 1)] for run_id in (kept, gone, partly)}
    stores.runs.set_deleted([gone], True)
    stores.artifacts.set_deleted(pictures[partly][:1], True)
    log = EngineLog(None)
    purge_deleted(stores.home, stores.runs, stores.artifacts, log)
    assert stores.home.run_folder(gone).exists(), "not yet"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + KEEP_DELETED_S + 1)
    purge_deleted(stores.home, stores.runs, stores.artifacts, log)
    assert not stores.home.run_folder(gone).exists()
    assert stores.runs.get(gone) is None
    assert [p.name for p in (stores.home.run_folder(partly) / "artifacts").iterdir()] == ["1.png"]
    assert stores.artifacts.page("", 0, 0, 10)[1] == 3


def test_pages_of_a_hundred_thousand_pictures_are_fast(stores: Stores) -> None:
    """Against one full pass over the table, on the same machine at the same moment."""
    words = [f"word{k}" for k in range(500)]
    chance = random.Random(0)
    (run_id,) = stores.add("many")
    with stores.database.transaction() as connection:
        connection.executemany(
            "INSERT INTO artifacts (run_id, picture, file, width, height, nbytes, seed, prompt,"
            " search_text, created)"
            " VALUES (?, ?, ?, 64, 64, 1000, ?, ?, ?, 0)",
            (
                (run_id, k, f"artifacts/{k}.png", k, text, text)
                for k in range(MANY)
                for text in [" ".join(chance.choices(words, k=30))]
            ),
        )

    def seconds(search: str = "", before: int = 0, offset: int = 0) -> float:
        best = 1e9
        for _ in range(3):
            started = time.perf_counter()
            stores.artifacts.page(search, before, offset, 200)
            best = min(best, time.perf_counter() - started)
        return best

    assert stores.artifacts.page("", 0, 0, 200)[1] == MANY
    full_pass = seconds(search="nothing has this")
    assert seconds() < full_pass / 5
    assert seconds(before=MANY // 2) < full_pass / 5
    assert seconds(offset=MANY - 200) < full_pass
    found, total = stores.artifacts.page("word7 word99", 0, 0, 5000)
    assert total == len(found) > 0
