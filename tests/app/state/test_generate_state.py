"""The Generate form as data: defaults of models, seeds, what stands in the way, and what is submitted."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mezzotint_app.state.app_state import AppState, build_app_state
from mezzotint_app.state.draft_check import draft_problems
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import BadInputError, ModelChangedError, NotFoundError
from mezzotint_sdk.job_spec import MAX_SEED, ImageValue, ModelRef
from tests.app.app_records import EMOJI, broken_model, spec
from tests.app.fake_engine_client import FakeEngineClient

SHA = "0" * 64


@pytest.fixture
def ready(client: FakeEngineClient, app_state: AppState) -> AppState:
    """Connected, with a broken model of the user's and the bundled one."""
    client.reply(m.ListModels, m.ModelList(models=(broken_model(), EMOJI)))
    client.reply(m.SubmitJobs, lambda body: m.JobsSubmitted(run_ids=("r1",)))
    client.connect_engine()
    return app_state


def test_a_newcomer_gets_the_bundled_model_its_defaults_and_an_example(ready: AppState) -> None:
    generate = ready.generate
    assert [model.path for model in generate.models] == ["bundled:emoji-64", "/models/broken"]
    draft = generate.draft
    assert draft.model.path == "bundled:emoji-64"
    assert draft.model.fingerprint == "f1"
    assert (draft.prompt, draft.steps, draft.guidance_scale, draft.width) == ("red apple", 20, 4.0, 64)
    assert generate.blocker() == ""


def test_the_draft_is_there_at_the_next_start(ready: AppState, mezzotint_home: Path) -> None:
    ready.generate.set(prompt="kite", steps=7)
    ready.generate.set_seed_mode("next")
    ready.close()
    client = FakeEngineClient()
    again = build_app_state(client, mezzotint_home / "settings.json")
    client.reply(m.ListModels, m.ModelList(models=(EMOJI,)))
    client.connect_engine()
    assert (again.generate.draft.prompt, again.generate.draft.steps) == ("kite", 7)
    assert again.generate.seed_mode == "next"
    again.close()


def test_nothing_can_be_submitted_before_the_engine_is_there(
    client: FakeEngineClient, app_state: AppState
) -> None:
    assert app_state.generate.blocker() == "The engine is starting…"
    app_state.generate.submit()
    assert client.calls_of(m.SubmitJobs) == []
    client.connect_engine()
    assert "models" in app_state.generate.blocker()
    client.reply(m.ListModels, m.ModelList(models=()))
    assert app_state.generate.blocker() == "No model is chosen; add a model folder."


def test_submit_sends_the_draft_and_follows_the_run(client: FakeEngineClient, ready: AppState) -> None:
    ready.generate.set_seed_mode("fixed")
    ready.generate.set(prompt="cat", seed=5, count=3)
    heard: list[list[str]] = []
    ready.generate.submitted.connect(heard.append)
    ready.generate.submit()
    (sent,) = client.last_call(m.SubmitJobs).specs
    assert sent == ready.generate.draft
    assert heard == [["r1"]]
    assert ready.generate.last_seed == 5


def test_seed_modes(client: FakeEngineClient, ready: AppState) -> None:
    generate = ready.generate
    generate.set(seed=MAX_SEED, count=2)
    generate.set_seed_mode("next")
    generate.submit()
    assert client.last_call(m.SubmitJobs).specs[0].seed == MAX_SEED
    assert generate.draft.seed == 1, "counts on by the number of pictures, around the end"
    generate.set_seed_mode("random")
    seeds = set()
    for _ in range(8):
        generate.submit()
        seeds.add(client.last_call(m.SubmitJobs).specs[0].seed)
    assert len(seeds) > 1
    assert generate.draft.seed == generate.last_seed, "the seed that was rolled can be seen"


def test_what_the_mode_does_not_use_is_not_sent(client: FakeEngineClient, ready: AppState) -> None:
    value = ImageValue(SHA)
    ready.generate.set(image=value, mask=value, strength=0.3)
    ready.generate.submit()
    sent = client.last_call(m.SubmitJobs).specs[0]
    assert (sent.image, sent.mask, sent.strength) == (None, None, 0.8)
    ready.generate.set(mode="image_to_image")
    ready.generate.submit()
    sent = client.last_call(m.SubmitJobs).specs[0]
    assert (sent.image, sent.mask, sent.strength) == (value, None, 0.3)
    ready.generate.set(mode="inpaint")
    ready.generate.submit()
    assert client.last_call(m.SubmitJobs).specs[0].mask == value


def test_a_spec_is_taken_over_whole_and_its_seed_stays(ready: AppState) -> None:
    told: list[str] = []
    ready.generate.draftChanged.connect(told.append)
    wanted = spec(prompt="dog", seed=77, width=128, scheduler="EulerDiscreteScheduler")
    ready.generate.apply_spec(wanted)
    assert ready.generate.draft == wanted
    assert ready.generate.seed_mode == "fixed"
    assert {"prompt", "seed", "width", "scheduler", "seed_mode"} <= set(told)


def test_settings_of_a_model_that_has_changed_are_taken_for_the_model_as_it_is(ready: AppState) -> None:
    older = msgspec.structs.replace(spec(), model=ModelRef(path=EMOJI.path, fingerprint="older"))
    assert "have changed since" in ready.generate.apply_spec(older)
    assert ready.generate.draft.model.fingerprint == "f1"


def test_settings_of_a_model_in_no_listed_folder_can_be_run_where_it_still_is(
    client: FakeEngineClient, ready: AppState
) -> None:
    elsewhere = msgspec.structs.replace(EMOJI, path="/elsewhere/model", name="Elsewhere", fingerprint="new")
    client.reply(m.DescribeModel, m.ModelDescribed(model=elsewhere))
    ref = ModelRef(path="/elsewhere/model", fingerprint="older")
    ready.generate.apply_spec(msgspec.structs.replace(spec(prompt="x"), model=ref))
    assert ready.generate.model == elsewhere
    assert ready.generate.draft.model.fingerprint == "new"
    assert ready.generate.blocker() == ""
    (notice,) = ready.notices.notices
    assert "Elsewhere have changed since" in notice.sentence
    ready.generate.set(model=ref)  # as it was kept by an earlier window
    ready.generate.refresh_models()
    assert ready.generate.draft.model.fingerprint == "new"
    assert ready.notices.notices == [notice], "nobody has asked for older settings just now"


def test_settings_of_a_model_that_is_gone_say_so_in_the_form(
    client: FakeEngineClient, ready: AppState
) -> None:
    client.reply(m.DescribeModel, NotFoundError("There is no model at /gone."))
    ready.generate.apply_spec(msgspec.structs.replace(spec(prompt="x"), model=ModelRef(path="/gone")))
    assert "not found" in ready.generate.blocker()
    assert ready.notices.notices == []


def test_a_form_whose_model_has_changed_can_be_run_with_the_model_as_it_is(
    client: FakeEngineClient, ready: AppState
) -> None:
    client.reply(m.SubmitJobs, ModelChangedError("The files of Emoji have changed."))
    ready.generate.submit()
    (notice,) = ready.notices.notices
    assert (notice.level, notice.sentence) == ("warning", "The files of Emoji have changed.")
    assert notice.action is not None
    lists = len(client.calls_of(m.ListModels))
    notice.action()
    assert client.last_call(m.SubmitJobs).specs[0].model == ModelRef(path=EMOJI.path)
    assert len(client.calls_of(m.ListModels)) == lists + 1


def test_another_model_brings_its_defaults(client: FakeEngineClient, ready: AppState) -> None:
    other = msgspec.structs.replace(
        EMOJI,
        path="/models/big",
        default_width=512,
        default_height=512,
        default_steps=30,
        modes=("text_to_image",),
        schedulers=("DDIMScheduler",),
    )
    client.reply(m.ListModels, m.ModelList(models=(EMOJI, other)))
    ready.generate.refresh_models()
    ready.generate.set(scheduler="EulerDiscreteScheduler", mode="inpaint", prompt="keep me")
    ready.generate.choose_model("/models/big")
    draft = ready.generate.draft
    assert (draft.width, draft.steps, draft.scheduler, draft.mode) == (512, 30, "", "text_to_image")
    assert draft.prompt == "keep me"


@pytest.mark.parametrize("reply", ["done", "list"])
def test_a_model_folder_is_added_and_chosen(client: FakeEngineClient, ready: AppState, reply: str) -> None:
    new = msgspec.structs.replace(EMOJI, path="/models/new", folder="/models/new")
    models = m.ModelList(models=(EMOJI, new))
    client.reply(m.ListModels, models)
    client.reply(m.AddModelFolder, models if reply == "list" else m.Done())
    ready.generate.add_model_folder("/models/new")
    assert ready.generate.draft.model.path == "/models/new"


def test_a_folder_without_a_model_is_said(client: FakeEngineClient, ready: AppState) -> None:
    client.reply(m.AddModelFolder, m.ModelList(models=(EMOJI,)))
    ready.generate.add_model_folder("/empty")
    assert ready.notices.notices[-1].sentence.startswith("No model was found in /empty; a model's")
    client.reply(m.AddModelFolder, BadInputError("There is no folder /nowhere."))
    ready.generate.add_model_folder("/nowhere")
    assert ready.notices.notices[-1].sentence == "There is no folder /nowhere."


def test_pictures_are_imported_by_content(client: FakeEngineClient, ready: AppState) -> None:
    done: list[bool] = []
    client.reply(m.ImportImage, m.ImageImported(sha256=SHA, width=3, height=4))
    ready.generate.import_image("/a.png", "image", lambda: done.append(True))
    ready.generate.import_image("/m.png", "mask", lambda: done.append(True))
    assert ready.generate.draft.image == ready.generate.draft.mask == ImageValue(SHA)
    client.reply(m.ImportImage, BadInputError("That is not a picture."))
    ready.generate.import_image("/b.txt", "image", lambda: done.append(True))
    assert len(done) == 3, "whoever made a temporary file is told in each case"
    assert ready.notices.notices[-1].sentence == "That is not a picture."


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"width": 60}, "width", "multiple of 8: 56 or 64"),
        ({"height": 9}, "height", "multiple of 8: 8 or 16"),
        ({"width": 7}, "width", "between 8 and 16,384"),
        ({"steps": 0}, "steps", "between 1 and"),
        ({"guidance_scale": -1.0}, "guidance_scale", "between 0 and"),
        ({"seed": -1}, "seed", "whole number"),
        ({"count": 0}, "count", "between 1 and"),
        ({"mode": "image_to_image"}, "image", "Choose a picture"),
        ({"mode": "inpaint", "image": ImageValue(SHA)}, "mask", "Paint over"),
        ({"scheduler": "NoScheduler"}, "scheduler", "does not take NoScheduler; choose another"),
        ({"scheduler": "EulerDiscretScheduler"}, "scheduler", "did you mean EulerDiscrete?"),
        ({"prompt": "x" * (4 * 2**20 + 1)}, "prompt", "shorten it"),
    ],
)
def test_problems_are_named_by_field_and_say_what_to_do(
    fields: dict[str, object], field: str, words: str
) -> None:
    found = draft_problems(msgspec.structs.replace(spec(), **fields), EMOJI, True)
    assert list(found) == [field]
    assert words in found[field]


def test_problems_of_models() -> None:
    assert draft_problems(spec(), EMOJI, True) == {}
    assert "was not found" in draft_problems(spec(), None, True)["model"]
    assert draft_problems(spec(), None, False) == {}, "no list yet, so nothing to complain of"
    assert draft_problems(spec(), broken_model(), True)["model"] == broken_model().problem.message  # type: ignore[union-attr]
    only_text = msgspec.structs.replace(EMOJI, modes=("text_to_image",))
    assert "mode" in draft_problems(spec(mode="inpaint", image=ImageValue(SHA)), only_text, True)
