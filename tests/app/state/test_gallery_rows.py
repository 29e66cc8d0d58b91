"""Sparse rows against a plain list: whatever happens, a row that is in memory holds the right picture."""

from __future__ import annotations

import random

from mezzotint_app.state.gallery_rows import KEPT_ROWS, LONGEST_HEAD, PAGE_ROWS, GalleryRows
from mezzotint_sdk.records import ArtifactRecord
from tests.app.app_records import artifact


def page_of(ids: list[int], rows: GalleryRows, offset: int) -> tuple[ArtifactRecord, ...]:
    """What the engine would answer for this offset below the anchor."""
    below = [i for i in ids if i < rows.anchor_id]
    return tuple(artifact(i, f"r{i}") for i in below[offset : offset + PAGE_ROWS])


def started(count: int) -> tuple[GalleryRows, list[int]]:
    ids = list(range(count, 0, -1))
    rows = GalleryRows()
    rows.start(tuple(artifact(i, f"r{i}") for i in ids[:PAGE_ROWS]), len(ids))
    return rows, ids


def check(rows: GalleryRows, ids: list[int]) -> None:
    assert rows.total == len(ids)
    for row, wanted in enumerate(ids):
        record = rows.record(row)
        assert record is None or record.artifact_id == wanted, f"row {row}"


def test_any_mix_of_new_deleted_and_fetched_pictures_agrees_with_a_plain_list() -> None:
    chance = random.Random(7)
    rows, ids = started(1_000)
    newest = 1_000
    for _ in range(400):
        match chance.randrange(3):
            case 0:
                newest += 1
                ids.insert(0, newest)
                assert rows.add(artifact(newest, "new"))
            case 1:
                first = chance.randrange(len(ids))
                for offset in rows.missing_pages(first, first + 50):
                    rows.put(offset, page_of(ids, rows, offset))
            case _:
                known = [row for row in range(len(ids)) if rows.record(row) is not None]
                chosen = chance.sample(known, 3)
                gone = {ids[row] for row in chosen}
                removed, unknown = rows.remove(gone)
                assert removed == sorted(chosen, reverse=True)
                assert unknown == 0
                ids = [i for i in ids if i not in gone]
        check(rows, ids)


def test_a_long_head_joins_the_body_and_rows_stay() -> None:
    rows, ids = started(500)
    for new in range(501, 501 + LONGEST_HEAD + 10):
        ids.insert(0, new)
        rows.add(artifact(new, "new"))
    check(rows, ids)
    assert rows.anchor_id > 501
    for offset in rows.missing_pages(0, len(ids)):
        rows.put(offset, page_of(ids, rows, offset))
    assert [rows.record(row).artifact_id for row in range(len(ids))] == ids  # type: ignore[union-attr]


def test_what_lies_far_from_the_view_is_let_go() -> None:
    rows, ids = started(50_000)
    for first in range(0, 50_000, PAGE_ROWS):
        for offset in rows.missing_pages(first, first + PAGE_ROWS - 1):
            rows.trim(first, first + 50)
            rows.put(offset, page_of(ids, rows, offset))
            assert rows.known_count <= KEPT_ROWS + 2 * PAGE_ROWS
    assert rows.record(49_999) is not None
    assert rows.record(0) is None


def test_a_new_start_shows_old_records_until_their_pages_come() -> None:
    rows, ids = started(600)
    rows.put(200, page_of(ids, rows, 200))
    rows.start(page_of(ids, rows, 0), 600)
    assert rows.record(300) is not None
    assert rows.missing_pages(300, 300) == [200], "shown, but asked for again"
    rows.put(200, page_of(ids, rows, 200))
    assert rows.missing_pages(300, 300) == []


def test_an_end_that_comes_early_shortens_the_list() -> None:
    rows, _ = started(600)
    rows.end_at(250)
    assert rows.total == 250
    assert rows.missing_pages(240, 600) == [200]


def test_a_picture_that_is_not_new_is_not_put_on_top() -> None:
    rows, ids = started(10)
    assert not rows.add(artifact(10, "again"))
    check(rows, ids)
