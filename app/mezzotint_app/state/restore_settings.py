"""Takes the settings of a picture file into the form: ours exactly, A1111's as far as it goes.

What could not be taken over is said, never guessed. A picture without settings is offered as one to start
from.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_sdk.errors import BadMetadataError, MezzotintError
from mezzotint_sdk.job_spec import GenerateSpec
from mezzotint_sdk.png_metadata import PictureSettings, read_settings
from mezzotint_sdk.records import ModelRecord

if TYPE_CHECKING:
    from mezzotint_app.state.app_state import AppState

__all__ = ["offer_as_start", "restore_settings"]


def restore_settings(state: AppState, path: str) -> None:
    """Read a picture file on another thread, and put what it says into the form."""
    name = Path(path).name

    def failed(error: Exception) -> None:
        if isinstance(error, BadMetadataError):
            offer_as_start(state, path, f"{name}: {error.message}", error.detail)
        else:
            sentence = error.message if isinstance(error, MezzotintError) else str(error)
            state.notices.show("error", f"{name} can't be read: {sentence}")

    BackgroundTask(
        lambda: read_settings(path),
        lambda found: _take_over(state, path, found),
        failed,
        owner=state.generate,
    )


def offer_as_start(state: AppState, path: str, sentence: str, detail: str = "") -> None:
    """Say why there are no settings, and offer the picture for image to image."""
    state.notices.show("info", sentence, detail, "Start from this picture", lambda: _start_from(state, path))


def _start_from(state: AppState, path: str) -> None:
    state.generate.set(mode="image_to_image", mask=None)
    state.generate.import_image(path, "image")


def _take_over(state: AppState, path: str, found: PictureSettings) -> None:
    name = Path(path).name
    if found.spec is None:
        sentence = f"{name} carries no settings that Mezzotint can read."
        offer_as_start(state, path, sentence, "\n".join(found.not_understood))
        return
    model = _known_model(found, state.generate.models)
    spec, missed = found.spec, list(found.not_understood)
    if model is not None:
        fields = {"path": model.path}
        if spec.model.path != model.path:
            fields["fingerprint"] = model.fingerprint
        spec = msgspec.structs.replace(spec, model=msgspec.structs.replace(spec.model, **fields))
        missed = [line for line in missed if line != f"Model: {found.model_name}"]
    elif found.source == "a1111":  # it only has a name: the form's own model stays
        spec = msgspec.structs.replace(spec, model=state.generate.draft.model)
    spec = _without_lost_inputs(state, spec, missed)
    changed = state.generate.apply_spec(spec)
    if changed and not missed:
        state.notices.show("warning", f"The form has all settings of {name} now. {changed}")
    elif not missed:
        state.notices.show("info", f"The form has all settings of {name} now.")
    else:
        what = "one setting was" if len(missed) == 1 else f"{len(missed)} settings were"
        state.notices.show(
            "warning",
            f"The form has the settings of {name} now, but {what} not understood.",
            "\n".join([*missed, changed] if changed else missed),
        )


def _known_model(found: PictureSettings, models: tuple[ModelRecord, ...]) -> ModelRecord | None:
    """The model of the list that made the picture: by path, by content, or by its name if that is unique."""
    assert found.spec is not None
    ref = found.spec.model
    tests: tuple[Callable[[ModelRecord], bool], ...] = (
        lambda model: bool(ref.path) and model.path == ref.path,
        lambda model: bool(ref.fingerprint) and model.fingerprint == ref.fingerprint,
        lambda model: bool(found.model_name) and model.name.casefold() == found.model_name.casefold(),
    )
    for fits in tests:
        matching = [model for model in models if fits(model)]
        if len(matching) == 1:
            return matching[0]
    return None


def _without_lost_inputs(state: AppState, spec: GenerateSpec, missed: list[str]) -> GenerateSpec:
    """A picture that was made from another one carries only that one's hash; the file must be here."""
    lost: dict[str, None] = {}
    for field, title in (("image", "The picture it started from"), ("mask", "Its mask")):
        value = getattr(spec, field)
        if value is not None and not (state.home / "inputs" / f"{value.sha256}.png").exists():
            lost[field] = None
            missed.append(f"{title} is not on this machine; choose it again.")
    return msgspec.structs.replace(spec, **lost)
