"""The gallery: every picture in the store, newest first, of which only what is in view is fetched.

100,000 pictures are 500 pages; the view says with `ensure` which rows it shows, and only their pages are
asked for. What was wanted and has left the view again meanwhile is not asked for any more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from mezzotint_app.state.gallery_rows import PAGE_ROWS, GalleryRows
from mezzotint_app.state.notice_state import NoticeState
from mezzotint_app.state.runs_state import RunsState
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import MezzotintError
from mezzotint_sdk.records import ArtifactRecord, RunRecord

if TYPE_CHECKING:
    from mezzotint_app.client.qt_bridge import EngineClient

__all__ = ["GalleryState"]

IN_FLIGHT = 2  # pages asked for at once: enough to keep the engine busy, few enough to change one's mind
KEPT_RUNS = 64
FEW = 50  # deleted at once, up to which rows are taken out one by one and the view keeps its place
COLLECT_ROWS = 5_000  # page size when ids of a long selection are gathered; the engine gives no more at once


class GalleryState(QObject):
    """Rows with their records, the search, and what is selected."""

    reset = Signal()  # all rows may be others now
    rowsAboutToBeInserted = Signal(int, int)  # first, last
    rowsInserted = Signal()
    rowsAboutToBeRemoved = Signal(int, int)
    rowsRemoved = Signal()
    rowsLoaded = Signal(int, int)  # records of these rows have come
    changed = Signal()  # total, problem, held back: what stands around the grid
    selectionChanged = Signal()

    def __init__(
        self, client: EngineClient, runs: RunsState, notices: NoticeState, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._client = client
        self._notices = notices
        self._rows = GalleryRows()
        self._held: list[ArtifactRecord] = []
        self._holds = False
        self._serial = 0  # rises with each new list; answers for an older one are dropped
        self._is_reloading = False
        self._new_meanwhile: list[ArtifactRecord] = []  # came while a reload was under way
        self._in_flight: set[int] = set()
        self._wanted: list[int] = []
        self._view = (0, 0)
        self._found_runs: OrderedDict[str, RunRecord] = OrderedDict()
        self.search = ""
        self.is_loaded = False
        self.problem = ""  # why the list can't be shown, one sentence
        self.selected: list[ArtifactRecord] = []
        client.snapshotArrived.connect(lambda _snapshot: self.reload())
        client.eventArrived.connect(self._on_event)

    # --- what there is ---------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        return self._rows.total

    @property
    def known_count(self) -> int:
        return self._rows.known_count

    @property
    def held_count(self) -> int:
        """New pictures that wait until the user is back at the top, so that nothing jumps."""
        return len(self._held)

    def record(self, row: int) -> ArtifactRecord | None:
        return self._rows.record(row)

    def row_of(self, artifact_id: int) -> int:
        """The row of a picture in memory, else -1."""
        return self._rows.row_of(artifact_id)

    def ensure(self, first: int, last: int) -> None:
        """The view shows these rows: fetch what isn't in memory, and nothing else any more."""
        self._view = (first, last)
        if self.is_loaded:
            self._wanted = self._rows.missing_pages(first, last)
            self._fetch_next()

    def set_search(self, text: str) -> None:
        text = " ".join(text.split())
        if text != self.search:
            self.search = text
            self.reload(forget=True)

    def select(self, records: Sequence[ArtifactRecord]) -> None:
        """Tell everybody which pictures are selected, the current one first."""
        self.selected = list(records)
        self.selectionChanged.emit()

    def hold(self, holds: bool) -> None:
        """While held, new pictures are counted and not shown."""
        self._holds = holds
        if not holds and self._held:
            held, self._held = self._held, []
            for record in held:
                self._add(record)
            self.changed.emit()

    # --- verbs -----------------------------------------------------------------------------------------

    def delete(self, artifact_ids: Sequence[int]) -> None:
        """Delete pictures, and offer to take it back."""
        ids = tuple(artifact_ids)
        if not ids:
            return
        what = "The picture was deleted." if len(ids) == 1 else f"{len(ids):,} pictures were deleted."

        def deleted(_reply: Any) -> None:
            self._notices.show_undoable(what, lambda: self.restore(ids))

        self._client.call(m.DeleteArtifacts(artifact_ids=ids), deleted, self._notices.show_error)

    def delete_rows(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Delete rows given as (first, last), also those whose records aren't in memory."""
        rows = [row for first, last in ranges for row in range(first, last + 1)]
        records = [self.record(row) for row in rows]
        if all(record is not None for record in records):
            self.delete([record.artifact_id for record in records if record is not None])
            return
        self._collect(set(rows), 0, {}, self._serial)

    def restore(self, artifact_ids: Sequence[int]) -> None:
        self._client.call(
            m.RestoreArtifacts(artifact_ids=tuple(artifact_ids)), None, self._notices.show_error
        )

    def find_run(
        self,
        run_id: str,
        found: Callable[[RunRecord], None],
        failed: Callable[[MezzotintError], None] | None = None,
    ) -> None:
        """The run that made a picture, whole. (Runs in events and snapshots may have shortened prompts.)"""
        known = self._found_runs.get(run_id)
        if known is not None:
            found(known)
            return

        def arrived(reply: m.RunFound) -> None:
            self._found_runs[run_id] = reply.run
            while len(self._found_runs) > KEPT_RUNS:
                self._found_runs.popitem(last=False)
            found(reply.run)

        self._client.call(m.GetRun(run_id=run_id), arrived, failed or self._notices.show_error)

    def reload(self, *, forget: bool = False) -> None:
        """Ask for the newest page and start from there; `forget` shows nothing of the old list."""
        self._serial += 1
        serial = self._serial
        self._in_flight.clear()
        self._wanted = []
        self._is_reloading = True

        def arrived(page: m.ArtifactPage) -> None:
            if serial != self._serial:
                return
            self._is_reloading = False
            self._held = []  # the page has them
            if forget:
                self._rows.forget()
            self._rows.start(page.artifacts, page.total)
            # The engine reads pages beside its events: one may have come that the page doesn't have yet.
            new, self._new_meanwhile = self._new_meanwhile, []
            for record in new:
                if self._matches(record):
                    self._rows.add(record)
            self.is_loaded = True
            self.problem = ""
            self.reset.emit()
            self.changed.emit()
            self.ensure(*self._view)

        def failed(error: MezzotintError) -> None:
            if serial == self._serial:
                self._is_reloading = False
                self.problem = error.message
                self.changed.emit()

        self._client.call(m.ListArtifacts(search=self.search, limit=PAGE_ROWS), arrived, failed)

    # --- pages -----------------------------------------------------------------------------------------

    def _fetch_next(self) -> None:
        while self._wanted and len(self._in_flight) < IN_FLIGHT:
            offset = self._wanted.pop(0)
            if offset not in self._in_flight:
                self._fetch(offset)

    def _fetch(self, offset: int) -> None:
        self._in_flight.add(offset)
        serial, anchor_id = self._serial, self._rows.anchor_id

        def arrived(page: m.ArtifactPage) -> None:
            if serial != self._serial:
                return
            self._in_flight.discard(offset)
            if anchor_id == self._rows.anchor_id:
                self._rows.trim(*self._view)
                first, last = self._rows.put(offset, page.artifacts)
                if len(page.artifacts) < PAGE_ROWS and self._rows.total > last + 1:
                    self._rows.end_at(offset + len(page.artifacts))
                    self.reset.emit()
                    self.changed.emit()
                else:
                    self.rowsLoaded.emit(first, last)
            self._wanted = self._rows.missing_pages(*self._view)
            self._fetch_next()

        def failed(error: MezzotintError) -> None:
            if serial == self._serial:
                self._in_flight.discard(offset)
                self.problem = error.message
                self.changed.emit()

        self._client.call(
            m.ListArtifacts(search=self.search, before_id=anchor_id, offset=offset, limit=PAGE_ROWS),
            arrived,
            failed,
        )

    def _collect(self, rows: set[int], offset: int, found: dict[int, int], serial: int) -> None:
        """Gather row → id page by page from the top, then delete these rows."""
        last = max(rows)

        def arrived(page: m.ArtifactPage) -> None:
            if serial != self._serial:
                self._notices.show("warning", "The gallery changed meanwhile, so nothing was deleted.")
                return
            for row, record in enumerate(page.artifacts, start=offset):
                if row in rows:
                    found[row] = record.artifact_id
            following = offset + len(page.artifacts)
            if page.artifacts and following <= last:
                self._collect(rows, following, found, serial)
            else:
                self.delete(list(found.values()))

        newest = self._rows.newest_id()
        self._client.call(
            m.ListArtifacts(search=self.search, before_id=newest + 1, offset=offset, limit=COLLECT_ROWS),
            arrived,
            self._notices.show_error,
        )

    # --- what the engine tells -------------------------------------------------------------------------

    def _on_event(self, event: m.Event) -> None:
        match event:
            case m.ArtifactAdded() if self._is_reloading:
                self._new_meanwhile.append(event.artifact)
            case m.ArtifactAdded() if self.is_loaded and self._matches(event.artifact):
                if self._holds:
                    self._held.append(event.artifact)
                else:
                    self._add(event.artifact)
                self.changed.emit()
            case m.ArtifactsDeleted() if self._is_reloading:
                self._forget_selected(set(event.artifact_ids))
                self.reload()  # the page under way may still have them
            case m.ArtifactsDeleted() if self.is_loaded:
                self._remove(event.artifact_ids)
            case m.ArtifactsRestored() | m.RunsDeleted() | m.RunsRestored():
                self.reload()
            case _:
                pass

    def _matches(self, record: ArtifactRecord) -> bool:
        prompt = record.prompt.casefold()
        return all(word in prompt for word in self.search.casefold().split())

    def _add(self, record: ArtifactRecord) -> None:
        if record.artifact_id <= self._rows.newest_id():
            return
        self.rowsAboutToBeInserted.emit(0, 0)
        self._rows.add(record)
        self.rowsInserted.emit()

    def _remove(self, artifact_ids: Sequence[int]) -> None:
        gone = set(artifact_ids)
        self._held = [record for record in self._held if record.artifact_id not in gone]
        known = [row for row in map(self.row_of, artifact_ids) if row >= 0] if len(gone) <= FEW else []
        if len(known) < len(gone) or self._in_flight:
            # Some aren't in memory, or a page under way may still have them: only a reload tells the rows.
            self._rows.remove(gone)
            self.reset.emit()
            self.reload()
        else:
            for row in sorted(known, reverse=True):
                record = self.record(row)
                if record is not None:
                    self.rowsAboutToBeRemoved.emit(row, row)
                    self._rows.remove((record.artifact_id,))
                    self.rowsRemoved.emit()
            self.ensure(*self._view)
        self._forget_selected(gone)
        self.changed.emit()

    def _forget_selected(self, gone: set[int]) -> None:
        left = [record for record in self.selected if record.artifact_id not in gone]
        if len(left) != len(self.selected):
            self.select(left)
