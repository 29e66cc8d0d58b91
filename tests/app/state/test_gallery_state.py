"""The gallery's state: pages on demand, search, new pictures, deleting with undo."""

from __future__ import annotations

import pytest

from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.gallery_rows import PAGE_ROWS
from mezzotint_app.state.gallery_state import GalleryState
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import EngineLostError, NotFoundError
from tests.app.app_records import run_record
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.picture_store import PictureStore


@pytest.fixture
def gallery(app_state: AppState) -> GalleryState:
    return app_state.gallery


def ids_of(gallery: GalleryState, rows: range) -> list[int]:
    records = [gallery.record(row) for row in rows]
    return [record.artifact_id if record is not None else 0 for record in records]


def test_only_pages_in_view_are_asked_for(client: FakeEngineClient, gallery: GalleryState) -> None:
    store = PictureStore(client, 100_000)
    client.emit_snapshot()
    assert gallery.total == 100_000
    gallery.ensure(0, 50)
    assert len(client.calls_of(m.ListArtifacts)) == 1, "the first page came with the start"
    gallery.ensure(50_000, 50_050)
    assert client.last_call(m.ListArtifacts).offset == 50_000 // PAGE_ROWS * PAGE_ROWS
    assert len(client.calls_of(m.ListArtifacts)) == 2
    assert ids_of(gallery, range(50_000, 50_003)) == store.ids[50_000:50_003]
    assert gallery.record(30_000) is None


def test_what_left_the_view_before_its_turn_is_not_asked_for(
    client: FakeEngineClient, gallery: GalleryState
) -> None:
    store = PictureStore(client, 5)
    client.emit_snapshot()
    waiting = FakeEngineClient()
    gallery._client = waiting  # from here on nothing is answered by itself
    waiting.reply(m.ListArtifacts, PictureStore(FakeEngineClient(), 100_000).page)
    gallery.reload()
    waiting._answers.clear()
    for first in range(10_000, 90_000, 1_000):
        gallery.ensure(first, first + 40)
    assert len(waiting.calls_of(m.ListArtifacts)) == 1 + 2, "two are under way, and no more"
    page = PictureStore(FakeEngineClient(), 100_000).page
    waiting.answer(m.ListArtifacts, page)
    assert waiting.last_call(m.ListArtifacts).offset == 89_000 // PAGE_ROWS * PAGE_ROWS, "what is in view now"
    assert store.ids  # the first store answered the snapshot only


def test_new_pictures_come_on_top(client: FakeEngineClient, gallery: GalleryState) -> None:
    store = PictureStore(client, 1_000)
    client.emit_snapshot()
    inserted: list[tuple[int, int]] = []
    gallery.rowsAboutToBeInserted.connect(lambda first, last: inserted.append((first, last)))
    store.add(3)
    assert inserted == [(0, 0)] * 3
    assert ids_of(gallery, range(5)) == store.ids[:5]
    gallery.ensure(600, 620)
    assert ids_of(gallery, range(600, 603)) == store.ids[600:603], "rows below moved with them"


def test_held_pictures_wait_and_are_counted(client: FakeEngineClient, gallery: GalleryState) -> None:
    store = PictureStore(client, 10)
    client.emit_snapshot()
    gallery.hold(True)
    store.add(2)
    assert (gallery.total, gallery.held_count) == (10, 2)
    gallery.hold(False)
    assert (gallery.total, gallery.held_count) == (12, 0)
    assert ids_of(gallery, range(12)) == store.ids


def test_a_search_shows_what_it_finds_and_new_pictures_only_if_they_match(
    client: FakeEngineClient, gallery: GalleryState
) -> None:
    store = PictureStore(client, 1_000)
    client.emit_snapshot()
    gallery.set_search("  CAT ")
    assert client.last_call(m.ListArtifacts).search == "CAT"
    assert gallery.total == 100
    store.add(9)  # 1001 ... 1009: none of them a cat
    assert gallery.total == 100
    store.add(1)
    assert gallery.total == 101
    gallery.set_search("")
    assert gallery.total == 1_010


def test_deleting_takes_rows_out_and_undo_brings_them_back(
    client: FakeEngineClient, gallery: GalleryState, app_state: AppState
) -> None:
    store = PictureStore(client, 300)
    client.emit_snapshot()
    gallery.select([gallery.record(1)])  # type: ignore[list-item]
    gallery.delete([299, 297])
    assert ids_of(gallery, range(3)) == [300, 298, 296]
    assert gallery.total == 298
    assert gallery.selected == []
    notice = app_state.notices.notices[-1]
    assert (notice.sentence, notice.action_title) == ("2 pictures were deleted.", "Undo")
    assert notice.action is not None
    notice.action()
    assert gallery.total == 300
    assert ids_of(gallery, range(5)) == store.ids[:5]


def test_rows_that_are_not_in_memory_are_deleted_as_well(
    client: FakeEngineClient, gallery: GalleryState
) -> None:
    store = PictureStore(client, 12_000)
    client.emit_snapshot()
    gallery.delete_rows([(0, 11_000)])
    assert len(store.ids) == 12_000 - 11_001
    assert gallery.total == len(store.ids)
    assert ids_of(gallery, range(3)) == store.ids[:3]


def test_pictures_deleted_elsewhere_that_are_not_in_memory_lead_to_a_new_list(
    client: FakeEngineClient, gallery: GalleryState
) -> None:
    store = PictureStore(client, 5_000)
    client.emit_snapshot()
    gallery.ensure(0, 20)
    store.delete(m.DeleteArtifacts(artifact_ids=(4, 4_999)))
    assert gallery.total == 4_998
    gallery.ensure(0, 20)
    assert ids_of(gallery, range(5)) == store.ids[:5]


def test_a_picture_that_comes_while_the_list_is_on_its_way_is_not_lost(
    client: FakeEngineClient, gallery: GalleryState
) -> None:
    client.emit_snapshot()  # asks, and waits
    store = PictureStore(FakeEngineClient(), 5)
    early_page = store.page(m.ListArtifacts(limit=PAGE_ROWS))
    client.emit_event(m.ArtifactAdded(artifact=store.record(6)))
    client.answer(m.ListArtifacts, early_page)
    assert ids_of(gallery, range(gallery.total)) == [6, 5, 4, 3, 2, 1]


def test_a_deletion_while_the_list_is_on_its_way_asks_anew(
    client: FakeEngineClient, gallery: GalleryState
) -> None:
    client.emit_snapshot()
    client.emit_event(m.ArtifactsDeleted(artifact_ids=(3,)))
    assert len(client.calls_of(m.ListArtifacts)) == 2
    stale = PictureStore(FakeEngineClient(), 5).page(m.ListArtifacts(limit=PAGE_ROWS))
    client.answer(m.ListArtifacts, stale)
    assert not gallery.is_loaded, "the answer from before the deletion is dropped"


def test_an_error_is_said_and_the_next_snapshot_heals_it(
    client: FakeEngineClient, gallery: GalleryState
) -> None:
    client.reply(m.ListArtifacts, EngineLostError("The engine ended."))
    client.emit_snapshot()
    assert gallery.problem == "The engine ended."
    PictureStore(client, 3)
    client.emit_snapshot()
    assert gallery.problem == ""
    assert gallery.total == 3


def test_runs_are_asked_for_once(client: FakeEngineClient, gallery: GalleryState) -> None:
    found = m.RunFound(run=run_record("r1", "finished"), artifacts=(), folder="/x")
    client.reply(m.GetRun, found)
    got: list[str] = []
    gallery.find_run("r1", lambda run: got.append(run.run_id))
    gallery.find_run("r1", lambda run: got.append(run.run_id))
    assert got == ["r1", "r1"]
    assert len(client.calls_of(m.GetRun)) == 1
    client.reply(m.GetRun, NotFoundError("gone"))
    errors: list[str] = []
    gallery.find_run("r2", lambda run: None, lambda error: errors.append(error.message))
    assert errors == ["gone"]
