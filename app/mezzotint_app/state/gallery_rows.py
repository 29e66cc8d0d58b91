"""A long list of pictures of which only the parts around the view are in memory.

Row 0 is the newest picture. Rows are counted from an anchor: what was there when the list was loaded is the
body, numbered by the engine's `offset` below `anchor_id`; what came since is the head. So a new picture moves
every row of the view, but no page that was fetched or is under way.
"""

from __future__ import annotations

from collections.abc import Iterable

from mezzotint_sdk.records import ArtifactRecord

__all__ = ["GalleryRows"]

PAGE_ROWS = 200
KEPT_ROWS = 8_000  # records in memory, some 5 MB
LONGEST_HEAD = 2_000  # then the head becomes part of the body, so that it can be let go as well


class GalleryRows:
    """Row → record, sparse. Knows nothing of Qt or of the engine."""

    def __init__(self) -> None:
        self.anchor_id = 0  # `ListArtifacts.before_id` of the body; 0 is nothing loaded yet
        self._head: list[ArtifactRecord] = []
        self._body: dict[int, ArtifactRecord] = {}
        self._stale: set[int] = set()  # body rows that are shown, but must be asked for again
        self._body_total = 0

    @property
    def total(self) -> int:
        return len(self._head) + self._body_total

    @property
    def known_count(self) -> int:
        """How many records are in memory."""
        return len(self._head) + len(self._body)

    def record(self, row: int) -> ArtifactRecord | None:
        """The picture of a row; None where it isn't in memory."""
        if row < len(self._head):
            return self._head[row] if row >= 0 else None
        return self._body.get(row - len(self._head))

    def row_of(self, artifact_id: int) -> int:
        """The row of a picture in memory, else -1."""
        for row, record in enumerate(self._head):
            if record.artifact_id == artifact_id:
                return row
        for place, record in self._body.items():
            if record.artifact_id == artifact_id:
                return place + len(self._head)
        return -1

    def newest_id(self) -> int:
        return self._head[0].artifact_id if self._head else self.anchor_id - 1

    # --- from the engine -------------------------------------------------------------------------------

    def start(self, first_page: tuple[ArtifactRecord, ...], total: int) -> None:
        """Begin anew with the newest page. Older records stay in view until their pages come again."""
        kept = {row: record for row in range(self.total) if (record := self.record(row)) is not None}
        self.anchor_id = first_page[0].artifact_id + 1 if first_page else 1
        self._head = []
        self._body_total = max(total, len(first_page))
        self._body = {row: record for row, record in kept.items() if row < self._body_total}
        self._stale = set(self._body)
        self.put(0, first_page)

    def forget(self) -> None:
        """Show nothing of the old list: the next `start` is for another search."""
        self._head, self._body, self._stale, self._body_total = [], {}, set(), 0

    def put(self, offset: int, page: tuple[ArtifactRecord, ...]) -> tuple[int, int]:
        """Keep a page of the body; gives the first and last row of it (last < first when it is empty)."""
        for place, record in enumerate(page, start=offset):
            self._body[place] = record
            self._stale.discard(place)
        first = offset + len(self._head)
        return first, first + len(page) - 1

    def end_at(self, place: int) -> None:
        """The body turned out to end here: there are fewer pictures than the engine had said."""
        self._body_total = min(self._body_total, place)
        self._body = {kept: record for kept, record in self._body.items() if kept < place}
        self._stale &= set(self._body)

    def missing_pages(self, first: int, last: int) -> list[int]:
        """Offsets of the body's pages that hold these rows and aren't all in memory, in order."""
        head = len(self._head)
        places = range(max(0, first - head), min(last - head, self._body_total - 1) + 1)
        wanted = {place // PAGE_ROWS for place in places if place not in self._body or place in self._stale}
        return [page * PAGE_ROWS for page in sorted(wanted)]

    def add(self, record: ArtifactRecord) -> bool:
        """Put a new picture on top; False if it isn't newer than all, so that its row isn't known."""
        if record.artifact_id <= self.newest_id():
            return False
        self._head.insert(0, record)
        if len(self._head) > LONGEST_HEAD:
            self._merge_head()
        return True

    def remove(self, artifact_ids: Iterable[int]) -> tuple[list[int], int]:
        """Take pictures out; gives their rows, the highest first, and how many ids weren't in memory."""
        wanted = set(artifact_ids)
        rows = [row for row, record in enumerate(self._head) if record.artifact_id in wanted]
        head = len(self._head)
        places = sorted(place for place, record in self._body.items() if record.artifact_id in wanted)
        found = {self._head[row].artifact_id for row in rows}
        found |= {self._body[place].artifact_id for place in places}
        self._head = [record for record in self._head if record.artifact_id not in wanted]
        if places:
            self._body, self._stale = _without(self._body, self._stale, places)
            self._body_total -= len(places)
        rows += [place + head for place in places]
        return sorted(rows, reverse=True), len(wanted - found)

    def trim(self, first: int, last: int) -> None:
        """Let go of what lies farthest from these rows, when there is too much."""
        if len(self._body) <= KEPT_ROWS:
            return
        middle = (first + last) // 2 - len(self._head)
        near = range(middle - KEPT_ROWS // 4, middle + KEPT_ROWS // 4)
        self._body = {place: record for place, record in self._body.items() if place in near}
        self._stale &= set(self._body)

    def _merge_head(self) -> None:
        shift = len(self._head)
        self.anchor_id = self._head[0].artifact_id + 1
        self._body = {place + shift: record for place, record in self._body.items()}
        self._body.update(enumerate(self._head))
        self._stale = {place + shift for place in self._stale}
        self._body_total += shift
        self._head = []


def _without(
    body: dict[int, ArtifactRecord], stale: set[int], places: list[int]
) -> tuple[dict[int, ArtifactRecord], set[int]]:
    """The body with these places (ascending) taken out and all that lay behind moved up."""
    kept: dict[int, ArtifactRecord] = {}
    kept_stale: set[int] = set()
    gone = 0
    for place in sorted(body):
        if gone < len(places) and places[gone] == place:
            gone += 1
            continue
        kept[place - gone] = body[place]
        if place in stale:
            kept_stale.add(place - gone)
    return kept, kept_stale
