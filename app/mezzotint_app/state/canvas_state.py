"""What the canvas shows: the current run's pictures, and which of them, or its live preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mezzotint_app.state.notice_state import NoticeState
from mezzotint_app.state.runs_state import RunsState
from mezzotint_sdk import messages as m
from mezzotint_sdk.records import ACTIVE_STATES, FINAL_STATES, ArtifactRecord, RunRecord

if TYPE_CHECKING:
    from mezzotint_app.client.qt_bridge import EngineClient

__all__ = ["LIVE", "CanvasState"]

LIVE = -1  # position that follows the run: its preview, and the newest picture once it is saved


class CanvasState(QObject):
    """Pictures of the current run in order; `position` is the one in view, or `LIVE`.

    A run that came into view while it went on, and was cancelled before it had a picture, leaves in view
    what was there before it: `is_earlier` then.
    """

    picturesChanged = Signal()
    positionChanged = Signal()
    runChanged = Signal()  # another run, or news of this one

    def __init__(
        self, client: EngineClient, runs: RunsState, notices: NoticeState, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._client = client
        self._runs = runs
        self._notices = notices
        self._wanted_picture = 0
        self.run_id = ""
        self.pictures: list[ArtifactRecord] = []
        self.position = LIVE
        self._earlier: ArtifactRecord | None = None  # in view when this run, still going on, took its place
        runs.currentChanged.connect(self._follow)
        runs.runChanged.connect(self._on_run)
        runs.reset.connect(self._on_reset)
        client.eventArrived.connect(self._on_event)

    @property
    def run(self) -> RunRecord | None:
        return self._runs.run(self.run_id)

    @property
    def is_active(self) -> bool:
        run = self.run
        return run is not None and run.state in ACTIVE_STATES

    @property
    def picture(self) -> ArtifactRecord | None:
        """The saved picture in view; None while there is none. In `LIVE` it is the newest."""
        if not self.pictures:
            return self._earlier if self.is_earlier else None
        if self.position == LIVE:
            return self.pictures[-1]
        return self.pictures[min(self.position, len(self.pictures) - 1)]

    @property
    def is_earlier(self) -> bool:
        """Whether `picture` is an earlier run's, because this one was cancelled before it had any."""
        run = self.run
        is_ended = run is not None and run.state in ("cancelled", "interrupted")
        return is_ended and not self.pictures and self._earlier is not None

    def show(self, position: int) -> None:
        """Bring a picture of this run into view by its place in `pictures`, or `LIVE`."""
        if position != self.position:
            self.position = position
            self.positionChanged.emit()

    def step(self, by: int) -> None:
        """Go on to the next (1) or the one before (-1)."""
        if not self.pictures:
            return
        now = len(self.pictures) - 1 if self.position == LIVE else self.position
        self.show(max(0, min(len(self.pictures) - 1, now + by)))

    def show_picture(self, picture: ArtifactRecord) -> None:
        """Bring any run's picture into view."""
        self._wanted_picture = picture.artifact_id
        self._runs.select(picture.run_id)
        self._show_wanted()

    def _follow(self, run_id: str) -> None:
        run = self._runs.run(run_id)
        is_going_on = run is not None and run.state not in FINAL_STATES
        self._earlier = self.picture if is_going_on else None
        self.run_id = run_id
        self.pictures = []
        self.position = LIVE
        self.runChanged.emit()
        self.picturesChanged.emit()
        self.positionChanged.emit()
        self._fetch()

    def _fetch(self) -> None:
        run = self.run
        if run is None or not (run.artifact_count or run.state in ACTIVE_STATES):
            return
        asked = self.run_id

        def found(reply: m.RunFound) -> None:
            if self.run_id == asked:
                self._add(reply.artifacts)
                self._show_wanted()

        self._client.call(m.GetRun(run_id=asked), found, self._notices.show_error)

    def _on_run(self, run_id: str) -> None:
        if run_id == self.run_id:
            self.runChanged.emit()
            if self.is_earlier:
                self.picturesChanged.emit()  # the picture before this run is in view again

    def _on_reset(self) -> None:
        self.runChanged.emit()
        self._fetch()

    def _on_event(self, event: m.Event) -> None:
        match event:
            case m.ArtifactAdded() if event.artifact.run_id == self.run_id:
                self._add((event.artifact,))
            case m.ArtifactsDeleted():
                gone = set(event.artifact_ids)
                if self._earlier is not None and self._earlier.artifact_id in gone:
                    self._earlier = None
                    self.picturesChanged.emit()
                left = [picture for picture in self.pictures if picture.artifact_id not in gone]
                if len(left) != len(self.pictures):
                    self.pictures = left
                    self.picturesChanged.emit()
                    self.show(LIVE if not left else min(self.position, len(left) - 1))
            case m.ArtifactsRestored():
                self._fetch()
            case _:
                pass

    def _add(self, pictures: tuple[ArtifactRecord, ...]) -> None:
        known = {picture.artifact_id for picture in self.pictures}
        new = [picture for picture in pictures if picture.artifact_id not in known]
        if new:
            self.pictures = sorted((*self.pictures, *new), key=lambda picture: picture.index)
            self.picturesChanged.emit()

    def _show_wanted(self) -> None:
        for position, picture in enumerate(self.pictures):
            if picture.artifact_id == self._wanted_picture:
                self._wanted_picture = 0
                self.show(position)
                return
