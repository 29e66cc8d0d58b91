"""Runs through the real server: submitted, started, watched, paused, cancelled, moved, found again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from mezzotint_engine.models.catalog import bundled_models_folder
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import BadInputError, ModelChangedError, ModelError, NotFoundError
from mezzotint_sdk.job_spec import ModelRef, canonical_json, spec_from_json
from mezzotint_sdk.records import LogRecord, RunRecord
from tests.engine.server.engine_harness import MODEL, Engine, WireClient, spec

pytestmark = pytest.mark.slow


def test_a_run_from_queue_to_pictures(engine: Engine, client: WireClient) -> None:
    (run_id,) = client.submit("normal", count=2, seed=5)
    run = client.until_final(run_id)
    assert (run.state, run.artifact_count, run.device) == ("finished", 2, "cpu")
    assert run.started is not None
    assert run.finished is not None
    states = [event.run.state for event in client.events(m.RunChanged)]
    assert states[0] == "queued"
    assert "running" in states
    found = client.get(m.GetRun(run_id=run_id))
    assert found.run == run
    assert [artifact.seed for artifact in found.artifacts] == [5, 6]
    assert all(Path(artifact.path).read_bytes().startswith(b"\x89PNG") for artifact in found.artifacts)
    folder = Path(found.folder)
    assert spec_from_json((folder / "spec.json").read_text()).prompt == "normal"
    assert json.loads((folder / "record.json").read_text())["state"] == "finished"
    assert [line.message for line in client.get(m.ReadLog(run_id=run_id)).lines] == ["begun"]
    assert len(client.events(m.ArtifactAdded)) == 2


def test_the_log_tells_of_each_run_and_of_details(engine: Engine, client: WireClient) -> None:
    (run_id,) = client.submit("normal")

    def line(level: str, part: str) -> LogRecord:
        return client.until(
            lambda n: (
                n.body.line
                if isinstance(n.body, m.Logged) and n.body.line.level == level and part in n.body.line.message
                else None
            ),
            part,
        )

    for part in ("started on w", "finished after"):
        told = line("info", part)
        assert (told.topic, told.run_id) == ("run", run_id)
    engine.client()
    assert line("debug", "connected").topic == "wire"


def test_durable_events_have_no_gap_and_name_their_cause(client: WireClient) -> None:
    assert client.welcome is not None
    start = client.welcome.seq
    number = client.send(m.SubmitJobs(specs=(spec("normal"),)))
    (run_id,) = client.answer_to(number).run_ids
    client.until_final(run_id)
    durable = [notice.seq for notice in client.notices if notice.seq]
    assert durable == list(range(durable[0], durable[0] + len(durable)))
    assert durable[0] == start + 1
    queued = next(n for n in client.notices if isinstance(n.body, m.RunChanged))
    assert (queued.request_id, queued.run_id) == (number, run_id)
    snapshot = client.get(m.GetSnapshot())
    assert snapshot.seq >= durable[-1]
    assert snapshot.runs[0].run_id == run_id
    assert snapshot.artifact_total == 1


def test_jobs_run_one_after_the_other_in_order(client: WireClient) -> None:
    run_ids = client.submit("normal a", "normal b", "normal c", "normal d")
    for run_id in run_ids:
        client.until_final(run_id)
    ends = [e.run.run_id for e in client.events(m.RunChanged) if e.run.state == "finished"]
    assert ends == run_ids
    running: set[str] = set()
    for event in client.events(m.RunChanged):
        if event.run.state == "running":
            running.add(event.run.run_id)
        else:
            running.discard(event.run.run_id)
        assert len(running) <= 1


def test_cancel_a_queued_run_and_a_running_one(client: WireClient) -> None:
    first, second = client.submit("normal 0.01", "normal", steps=10_000)
    client.until_state(first, "running")
    client.get(m.CancelRun(run_id=second))
    assert client.until_final(second).state == "cancelled"
    client.get(m.CancelRun(run_id=first[-6:]))
    assert client.until_state(first, "stopping").state == "stopping"
    assert client.until_final(first).state == "cancelled"
    with pytest.raises(BadInputError, match="over already"):
        client.get(m.CancelRun(run_id=first))


def test_cancel_all(client: WireClient) -> None:
    run_ids = client.submit("normal 0.01", "normal", "normal", steps=10_000)
    client.until_state(run_ids[0], "running")
    client.get(m.CancelAll())
    assert [client.until_final(run_id).state for run_id in run_ids] == ["cancelled"] * 3
    assert client.status().queue == ()


def test_pause_and_resume_at_a_step(client: WireClient) -> None:
    (run_id,) = client.submit("normal 0.01", steps=30)
    client.until_state(run_id, "running")
    client.get(m.PauseRun(run_id=run_id))
    client.until_state(run_id, "paused")
    client.get(m.ResumeRun(run_id=run_id))
    assert client.until_final(run_id).state == "finished"
    with pytest.raises(BadInputError, match="only a running one"):
        client.get(m.PauseRun(run_id=run_id))


def test_a_paused_queue_starts_nothing_and_its_order_can_be_changed(client: WireClient) -> None:
    client.get(m.PauseQueue())
    a, b, c, d = client.submit("normal a", "normal b", "normal c", "normal d")
    client.get(m.MoveRun(run_id=d, before=a))
    client.get(m.MoveRun(run_id=a))
    client.get(m.MoveRun(run_id=c, before=b))
    status = client.status()
    assert status.queue_paused
    assert [run.run_id for run in status.queue] == [d, c, b, a]
    assert client.events(m.QueueChanged)[-1].order == (d, c, b, a)
    with pytest.raises(NotFoundError):
        client.get(m.MoveRun(run_id="20200101-000000-ffffff"))
    client.get(m.ResumeQueue())
    for run_id in (a, b, c, d):
        assert client.until_final(run_id).state == "finished"
    ends = [e.run.run_id for e in client.events(m.RunChanged) if e.run.state == "finished"]
    assert ends == [d, c, b, a]


def test_retry_queues_the_same_spec_again(client: WireClient) -> None:
    (first,) = client.submit("fail")
    failed = client.until_final(first)
    assert failed.state == "failed"
    assert failed.error is not None
    assert (failed.error.code, failed.error.message) == ("bad_input", "It was asked.")
    (second,) = client.get(m.RetryRun(run_id=first)).run_ids
    again = client.until_final(second)
    assert again.retry_of == first
    assert canonical_json(again.spec) == canonical_json(failed.spec)


def test_a_run_whose_model_has_changed_runs_again_only_when_that_is_wanted(
    client: WireClient, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(bundled_models_folder() / "emoji-64", folder, copy_function=os.symlink)
    (first,) = client.get(m.SubmitJobs(specs=(spec(model=ModelRef(path=str(folder))),))).run_ids
    before = client.until_final(first).spec.model.fingerprint
    config = folder / "scheduler" / "scheduler_config.json"
    text = config.read_text()
    config.unlink()
    config.write_text(text + " ")
    with pytest.raises(ModelChangedError, match="have changed since"):
        client.get(m.RetryRun(run_id=first))
    (second,) = client.get(m.RetryRun(run_id=first, present_model=True)).run_ids
    again = client.until_final(second)
    assert (again.state, again.retry_of) == ("finished", first)
    assert again.spec.model.fingerprint not in ("", before)


def test_find_a_run_by_a_part_of_its_id(client: WireClient) -> None:
    client.get(m.PauseQueue())
    first, second = client.submit("normal", "normal")
    assert client.get(m.GetRun(run_id=first[-6:])).run.run_id == first
    with pytest.raises(BadInputError, match="more than one"):
        client.get(m.GetRun(run_id=first[:8]))
    with pytest.raises(BadInputError, match="too short"):
        client.get(m.GetRun(run_id=second[-3:]))
    with pytest.raises(NotFoundError, match="no run"):
        client.get(m.GetRun(run_id="nothing-like-it"))


def test_search_runs_and_pictures(client: WireClient) -> None:
    prompts = ("normal 0 Ärger im Wald", "normal 0 red panda", "normal 0 red fox", "normal 0 100% _ sure")
    run_ids = client.submit(*prompts)
    client.until_final(run_ids[-1])

    def runs(search: str) -> list[str]:
        page: m.RunPage = client.get(m.ListRuns(search=search))
        assert page.total == len(page.runs)
        return [run.spec.prompt for run in page.runs]

    assert runs("RED") == ["normal 0 red fox", "normal 0 red panda"]
    assert runs("ärger") == ["normal 0 Ärger im Wald"]
    assert runs("fox red") == ["normal 0 red fox"]
    assert runs("% _") == ["normal 0 100% _ sure"]
    pictures: m.ArtifactPage = client.get(m.ListArtifacts(search="Red"))
    assert [picture.prompt for picture in pictures.artifacts] == ["normal 0 red fox", "normal 0 red panda"]
    newest = client.get(m.ListArtifacts(limit=1)).artifacts[0]
    older: m.ArtifactPage = client.get(m.ListArtifacts(before_id=newest.artifact_id, limit=2))
    assert older.total == 4
    assert [p.artifact_id for p in older.artifacts] == [newest.artifact_id - 1, newest.artifact_id - 2]
    skipped = client.get(m.ListArtifacts(offset=3)).artifacts
    assert [p.prompt for p in skipped] == ["normal 0 Ärger im Wald"]


def test_delete_and_restore(client: WireClient) -> None:
    first, second = client.submit("normal", "normal", count=2)
    client.until_final(second)
    picture = client.get(m.GetRun(run_id=first)).artifacts[0]
    client.get(m.DeleteArtifacts(artifact_ids=(picture.artifact_id,)))
    assert client.get(m.ListArtifacts()).total == 3
    client.get(m.DeleteRuns(run_ids=(second,)))
    assert client.get(m.ListArtifacts()).total == 1
    assert client.get(m.ListRuns()).total == 1
    assert Path(picture.path).exists()
    client.get(m.RestoreRuns(run_ids=(second,)))
    client.get(m.RestoreArtifacts(artifact_ids=(picture.artifact_id,)))
    assert client.get(m.ListArtifacts()).total == 4
    assert client.events(m.ArtifactsDeleted)[0].artifact_ids == (picture.artifact_id,)
    assert client.events(m.RunsRestored)[0].run_ids == (second,)


def test_an_active_run_is_not_deleted(client: WireClient) -> None:
    (run_id,) = client.submit("normal 0.01", steps=10_000)
    client.until_state(run_id, "running")
    with pytest.raises(BadInputError, match="cancel it before"):
        client.get(m.DeleteRuns(run_ids=(run_id,)))
    client.get(m.CancelRun(run_id=run_id))
    client.until_final(run_id)


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"model": ModelRef(path="bundled:none")}, NotFoundError, "no model bundled:none"),
        ({"model": ModelRef(path="/nowhere/at/all")}, NotFoundError, "no model folder"),
        ({"width": 65}, BadInputError, "multiple of"),
        ({"scheduler": "NoSuchScheduler"}, BadInputError, "NoSuchScheduler; it takes .*DDIMScheduler"),
        ({"scheduler": "eulerdiscrete"}, BadInputError, r"did you mean EulerDiscreteScheduler\?"),
        ({"scheduler": "DDIMSheduler"}, BadInputError, r"did you mean DDIMScheduler\?"),
        ({"scheduler": "DPM++ 2M"}, BadInputError, r"did you mean DPMSolverMultistepScheduler\?"),
        ({"seed": 2**63 - 1, "count": 2}, BadInputError, "Seeds end at"),
        ({"mode": "image_to_image"}, BadInputError, "needs a picture"),
        ({"model": ModelRef(path="bundled:emoji-64", fingerprint="f" * 64)}, BadInputError, "have changed"),
    ],
)
def test_a_spec_that_can_not_run_is_refused_in_one_sentence(
    client: WireClient, changes: dict[str, object], error: type[Exception], sentence: str
) -> None:
    refused = msgspec.structs.replace(spec("normal"), **changes)
    with pytest.raises(error, match=sentence):
        client.get(m.SubmitJobs(specs=(spec("normal"), refused)))
    assert client.get(m.ListRuns()).total == 0, "all or none"


def test_a_model_with_a_problem_is_refused_with_it(client: WireClient, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    with pytest.raises(ModelError):
        client.get(m.SubmitJobs(specs=(spec(model=ModelRef(path=str(tmp_path))),)))
    described = client.get(m.DescribeModel(path=str(tmp_path))).model
    assert described.problem is not None


def test_models_are_listed_with_added_folders(client: WireClient, tmp_path: Path) -> None:
    assert MODEL.path in [model.path for model in client.get(m.ListModels()).models]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model_index.json").write_text("{}")
    listed = client.get(m.AddModelFolder(path=str(tmp_path))).models
    assert str(tmp_path / "mine") in [model.path for model in listed]
    assert client.get(m.ListModels()).models == listed
    with pytest.raises(NotFoundError):
        client.get(m.AddModelFolder(path="/nowhere/at/all"))


def test_a_prompt_of_a_megabyte(client: WireClient) -> None:
    prompt = "normal 0 " + "wörd " * 200_000
    (run_id,) = client.submit(prompt)
    run: RunRecord = client.until_final(run_id)
    assert run.state == "finished"
    assert run.abridged
    assert len(run.spec.prompt) < len(prompt)
    whole = client.get(m.GetRun(run_id=run_id)).run
    assert whole.spec.prompt == prompt
    assert not whole.abridged


def test_status_names_workers_and_queue(engine: Engine, client: WireClient) -> None:
    client.submit("normal 0.01", steps=10_000)
    client.until(lambda n: isinstance(n.body, m.RunProgressed), "progress")
    status = client.status()
    assert status.server.pid == engine.process.pid
    assert status.server.home_writable
    assert status.server.warnings == ()
    busy = [worker for worker in status.workers if worker.state == "busy"]
    assert [worker.device for worker in busy] == ["cpu"]
    assert busy[0].pid in [process.pid for process in engine.workers()]
    assert [run.state for run in status.queue] == ["running"]
    client.get(m.CancelAll())
