"""A store of pictures behind the scripted engine: pages, deletes and restores as the real one does."""

from __future__ import annotations

from mezzotint_sdk import messages as m
from mezzotint_sdk.records import ArtifactRecord
from tests.app.fake_engine_client import FakeEngineClient

__all__ = ["PictureStore"]


class PictureStore:
    """Ids 1..count; `paths` are used in turn. Prompts are "picture N", and every tenth is also a "cat"."""

    def __init__(self, client: FakeEngineClient, count: int, paths: list[str] | None = None) -> None:
        self.client = client
        self.paths = paths or ["/nowhere/picture.png"]
        self.ids = list(range(count, 0, -1))  # newest first
        client.reply(m.ListArtifacts, self.page)
        client.reply(m.DeleteArtifacts, self.delete)
        client.reply(m.RestoreArtifacts, self.restore)

    def record(self, artifact_id: int) -> ArtifactRecord:
        words = " cat" if artifact_id % 10 == 0 else ""
        return ArtifactRecord(
            artifact_id=artifact_id,
            run_id=f"run{artifact_id}",
            index=0,
            path=self.paths[artifact_id % len(self.paths)],
            width=16,
            height=16,
            nbytes=100,
            seed=artifact_id,
            prompt=f"picture {artifact_id}{words}",
            created=float(artifact_id),
        )

    def found(self, search: str) -> list[int]:
        words = search.casefold().split()
        if not words:
            return self.ids
        return [i for i in self.ids if all(word in self.record(i).prompt.casefold() for word in words)]

    def page(self, body: m.ListArtifacts) -> m.ArtifactPage:
        found = self.found(body.search)
        if body.before_id:
            found_below = [i for i in found if i < body.before_id]
        else:
            found_below = found
        ids = found_below[body.offset : body.offset + body.limit]
        return m.ArtifactPage(artifacts=tuple(map(self.record, ids)), total=len(found))

    def add(self, count: int = 1) -> None:
        for _ in range(count):
            artifact_id = max(self.ids, default=0) + 1
            self.ids.insert(0, artifact_id)
            self.client.emit_event(m.ArtifactAdded(artifact=self.record(artifact_id)))

    def delete(self, body: m.DeleteArtifacts) -> m.Done:
        gone = set(body.artifact_ids)
        self.ids = [i for i in self.ids if i not in gone]
        self.client.emit_event(m.ArtifactsDeleted(artifact_ids=body.artifact_ids))
        return m.Done()

    def restore(self, body: m.RestoreArtifacts) -> m.Done:
        self.ids = sorted({*self.ids, *body.artifact_ids}, reverse=True)
        self.client.emit_event(m.ArtifactsRestored(artifact_ids=body.artifact_ids))
        return m.Done()
