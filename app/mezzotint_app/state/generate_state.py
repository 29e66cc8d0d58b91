"""The Generate form as data: the draft of a spec, the models to choose from, and what stands in the way.

The draft lives in the settings, so that the next start begins where this one ended.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from PySide6.QtCore import QObject, Signal

from mezzotint_app.state.changed_model import show_refusal
from mezzotint_app.state.draft_check import draft_problems
from mezzotint_app.state.engine_state import EngineState
from mezzotint_app.state.notice_state import NoticeState
from mezzotint_app.state.settings_state import SeedMode, SettingsState
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import DebugPlan
from mezzotint_sdk.errors import MezzotintError
from mezzotint_sdk.job_spec import MAX_SEED, GenerateSpec, ImageValue, ModelRef
from mezzotint_sdk.records import ModelRecord

if TYPE_CHECKING:
    from mezzotint_app.client.qt_bridge import EngineClient

__all__ = ["GenerateState", "ImageRole"]

ImageRole = Literal["image", "mask"]

RANDOM_SEEDS = 2**32  # what other programs take as well, and still easy to read out


class GenerateState(QObject):
    """`draft` is replaced as a whole at each change; `draftChanged` names the field that changed."""

    draftChanged = Signal(str)
    modelsChanged = Signal()
    blockerChanged = Signal()
    submitted = Signal(list)  # run ids
    imageImported = Signal(str, int, int)  # role, width, height of the picture

    def __init__(
        self,
        client: EngineClient,
        settings: SettingsState,
        engine: EngineState,
        notices: NoticeState,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._client = client
        self._settings = settings
        self._engine = engine
        self._notices = notices
        self.models: tuple[ModelRecord, ...] = ()
        self.has_models = False  # the list has arrived, though it may be empty
        kept = settings.values.draft
        self._is_fresh = kept is None  # nothing chosen yet: the first model sets everything
        self.draft = kept or GenerateSpec(model=ModelRef(path=""))
        self.seed_mode: SeedMode = settings.values.seed_mode
        self.last_seed: int | None = None
        client.snapshotArrived.connect(lambda _snapshot: self.refresh_models())
        engine.changed.connect(self.blockerChanged)

    # --- the draft -------------------------------------------------------------------------------------

    def set(self, **fields: Any) -> None:
        """Change fields of the draft by name. Raises TypeError for a name that there is not."""
        names = [name for name, value in fields.items() if getattr(self.draft, name, ...) != value]
        if not names:
            return
        self.draft = msgspec.structs.replace(self.draft, **fields)
        self._is_fresh = False
        self._settings.set(draft=self.draft)
        for name in names:
            self.draftChanged.emit(name)
        self.blockerChanged.emit()

    def apply_spec(self, spec: GenerateSpec) -> str:
        """Take over all settings of a picture, its seed included (which is then fixed).

        A model whose files have changed since is taken as it is now, or the form could not be run. Returns
        that in one sentence, and "" where all is as it was.
        """
        model = next((model for model in self.models if model.path == spec.model.path), None)
        note = ""
        if model is not None and spec.model.fingerprint and spec.model.fingerprint != model.fingerprint:
            spec = msgspec.structs.replace(
                spec, model=msgspec.structs.replace(spec.model, fingerprint=model.fingerprint)
            )
            note = _changed(model)
        self.set_seed_mode("fixed")
        self.set(**{name: getattr(spec, name) for name in spec.__struct_fields__})
        self._find_unlisted(tells_change=True)
        return note

    def set_seed_mode(self, mode: SeedMode) -> None:
        if mode != self.seed_mode:
            self.seed_mode = mode
            self._settings.set(seed_mode=mode)
            self.draftChanged.emit("seed_mode")

    def roll_seed(self) -> None:
        """Another random seed, now."""
        self.set(seed=secrets.randbelow(RANDOM_SEEDS))

    # --- models ----------------------------------------------------------------------------------------

    @property
    def model(self) -> ModelRecord | None:
        """The record of the draft's model, or None while it isn't known."""
        return next((model for model in self.models if model.path == self.draft.model.path), None)

    def refresh_models(self) -> None:
        self._client.call(m.ListModels(), self._on_models, self._notices.show_error)

    def add_model_folder(self, path: str) -> None:
        """Add a model folder, and choose the first model that is new in the list."""
        known = {model.path for model in self.models}

        def added(reply: m.ModelList) -> None:
            self._on_models(reply)
            new = [model for model in self.models if model.path not in known]
            chosen = new or [model for model in self.models if model.folder == path]
            if chosen:
                self.choose_model(chosen[0].path)
            else:
                self._notices.show(
                    "warning",
                    f"No model was found in {path}; a model's folder holds a model_index.json.",
                )

        self._settings.set(model_folder=path)
        self._client.call(
            m.AddModelFolder(path=path), lambda reply: self._with_list(reply, added), self._told
        )

    def choose_model(self, path: str) -> None:
        """Choose a model; its defaults replace steps, guidance, size and what the new model doesn't have."""
        record = next((model for model in self.models if model.path == path), None)
        fields: dict[str, Any] = {"model": ModelRef(path=path)}
        if record is not None:
            fields["model"] = ModelRef(path=path, fingerprint=record.fingerprint)
            fields |= _defaults(record, self.draft)
        self.set(**fields)

    def _with_list(self, reply: Any, then: Callable[[m.ModelList], None]) -> None:
        if isinstance(reply, m.ModelList):
            then(reply)
        else:
            self._client.call(m.ListModels(), then, self._told)

    def _on_models(self, reply: m.ModelList) -> None:
        # Bundled models first: a newcomer's first picture must not depend on what lies in other folders.
        self.models = tuple(sorted(reply.models, key=lambda model: not model.path.startswith("bundled:")))
        self.has_models = True
        usable = [model for model in self.models if model.problem is None] or list(self.models)
        if usable and self._is_fresh:
            self.choose_model(usable[0].path)
            if not self.draft.prompt and usable[0].example_prompts:
                self.set(prompt=usable[0].example_prompts[0])
        elif usable and not self.draft.model.path:
            self.choose_model(usable[0].path)
        elif (model := self.model) is not None and model.fingerprint != self.draft.model.fingerprint:
            self.set(model=ModelRef(path=model.path, fingerprint=model.fingerprint))
        self.modelsChanged.emit()
        self.blockerChanged.emit()
        self._find_unlisted()

    def _find_unlisted(self, *, tells_change: bool = False) -> None:
        """A run may be of a model in no folder of the list: it joins the list if it is still there."""
        path = self.draft.model.path
        if not path or not self.has_models or self.model is not None:
            return

        def found(reply: m.ModelDescribed) -> None:
            if all(model.path != path for model in self.models):
                self.models = (*self.models, reply.model)
            if self.draft.model.path == path and reply.model.problem is None:
                if tells_change and self.draft.model.fingerprint not in ("", reply.model.fingerprint):
                    self._notices.show("warning", _changed(reply.model))
                self.set(model=ModelRef(path=path, fingerprint=reply.model.fingerprint))
            self.modelsChanged.emit()
            self.blockerChanged.emit()

        # where it can't be found either, the form says so beside its name
        self._client.call(m.DescribeModel(path=path), found, lambda _error: None)

    # --- pictures to start from ------------------------------------------------------------------------

    def import_image(
        self,
        path: str,
        role: ImageRole,
        done: Callable[[], None] | None = None,
    ) -> None:
        """Give the engine a picture file as the source or the mask; `done` is called either way."""

        def imported(reply: m.ImageImported) -> None:
            value = ImageValue(reply.sha256)
            self.set(**({"image": value} if role == "image" else {"mask": value}))
            self.imageImported.emit(role, reply.width, reply.height)
            if done is not None:
                done()

        def failed(error: MezzotintError) -> None:
            self._notices.show_error(error)
            if done is not None:
                done()

        self._client.call(m.ImportImage(path=path), imported, failed)

    # --- going -----------------------------------------------------------------------------------------

    def problems(self) -> dict[str, str]:
        """What is wrong with the draft: field → one sentence. Empty when it can be run."""
        return draft_problems(self.draft, self.model, self.has_models)

    def blocker(self) -> str:
        """Why Generate can't be pressed now, in one sentence; "" when it can."""
        if not self._engine.is_connected:
            return self._engine.sentence or "The engine is starting…"
        if not self.has_models:
            return "The list of models is on its way…"
        return next(iter(self.problems().values()), "")

    def submit(self, debug: DebugPlan | None = None) -> None:
        """Queue the draft as a job, under the op debugger with a plan; nothing happens while `blocker` says
        why not."""
        if self.blocker():
            return
        if self.seed_mode == "random":
            self.roll_seed()
        spec = runnable_spec(self.draft)
        self.last_seed = spec.seed
        self.submit_spec(spec, debug)
        if self.seed_mode == "next":
            self.set(seed=(spec.seed + spec.count) % (MAX_SEED + 1))

    def submit_spec(self, spec: GenerateSpec, debug: DebugPlan | None = None) -> None:
        """Queue a job as it is given; the form is left as it is."""

        def accepted(reply: m.JobsSubmitted) -> None:
            self.submitted.emit(list(reply.run_ids))

        def refused(error: MezzotintError) -> None:
            show_refusal(self._notices, error, lambda: self._submit_as_is(spec, debug))

        self._client.call(m.SubmitJobs(specs=(spec,), debug=debug), accepted, refused)

    def _submit_as_is(self, spec: GenerateSpec, debug: DebugPlan | None) -> None:
        """Queue it for its model as it is now; the list of models was behind as well."""
        self.refresh_models()
        ref = msgspec.structs.replace(spec.model, fingerprint="")
        self.submit_spec(msgspec.structs.replace(spec, model=ref), debug)

    def _told(self, error: MezzotintError) -> None:
        self._notices.show_error(error)


def _changed(model: ModelRecord) -> str:
    return f"The files of {model.name} have changed since, so the picture may come out differently."


def runnable_spec(draft: GenerateSpec) -> GenerateSpec:
    """The draft without what its mode doesn't use, so that equal runs have equal specs."""
    fields: dict[str, Any] = {}
    if draft.mode == "text_to_image":
        fields = {"image": None, "mask": None, "strength": GenerateSpec(model=draft.model).strength}
    elif draft.mode == "image_to_image":
        fields = {"mask": None}
    return msgspec.structs.replace(draft, **fields)


def _defaults(record: ModelRecord, draft: GenerateSpec) -> dict[str, Any]:
    fields: dict[str, Any] = {"steps": record.default_steps, "guidance_scale": record.default_guidance}
    if record.default_width and record.default_height:
        fields |= {"width": record.default_width, "height": record.default_height}
    if record.schedulers and draft.scheduler not in record.schedulers:
        fields["scheduler"] = ""
    if record.modes and draft.mode not in record.modes:
        fields["mode"] = record.modes[0]
    return fields
