"""Whether a spec can be run at all, said at submit in one sentence rather than minutes later by a worker."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mezzotint_engine.models.catalog import describe_model
from mezzotint_sdk.errors import BadInputError, ModelChangedError, NotFoundError, error_from_info
from mezzotint_sdk.home import Home
from mezzotint_sdk.job_spec import MAX_SEED, ImageValue, JobSpec
from mezzotint_sdk.records import DeviceInfo, ModelRecord
from mezzotint_sdk.scheduler_names import scheduler_hint

__all__ = ["validated", "with_present_model"]

MAX_JOBS = 10_000


def validated(specs: Sequence[JobSpec], home: Home, devices: Sequence[DeviceInfo]) -> list[JobSpec]:
    """The specs with their models' fingerprints filled in.

    Reads model folders, so it belongs on a background thread. Raises BadInputError, NotFoundError, ModelError
    for the first spec that can't be run.
    """
    if not specs:
        raise BadInputError("No job was given.")
    if len(specs) > MAX_JOBS:
        raise BadInputError(f"{len(specs)} jobs at once are too many; submit at most {MAX_JOBS} at a time.")
    models: dict[str, ModelRecord] = {}
    ready = []
    for spec in specs:
        path = spec.model.path
        if path not in models:
            models[path] = describe_model(path)
        ready.append(_validated_one(spec, models[path], home, devices))
    return ready


def with_present_model(spec: JobSpec) -> JobSpec:
    """The spec for its model as it is now, whatever its files were when the spec was made."""
    return msgspec.structs.replace(spec, model=msgspec.structs.replace(spec.model, fingerprint=""))


def _validated_one(spec: JobSpec, model: ModelRecord, home: Home, devices: Sequence[DeviceInfo]) -> JobSpec:
    if model.problem is not None:
        raise error_from_info(model.problem)
    if spec.model.fingerprint and model.fingerprint and spec.model.fingerprint != model.fingerprint:
        raise ModelChangedError(
            f"The files of {model.name} have changed since these settings were made; "
            "run them with the model as it is now, and the picture may differ."
        )
    multiple = max(1, model.size_multiple)
    for name, value in (("width", spec.width), ("height", spec.height)):
        if value % multiple:
            below = max(multiple, value // multiple * multiple)
            raise BadInputError(
                f"The {name} must be a multiple of {multiple} for {model.name}, not {value}; "
                f"{below} would do."
            )
    if spec.scheduler and model.schedulers and spec.scheduler not in model.schedulers:
        hint = scheduler_hint(spec.scheduler, model.schedulers)
        raise BadInputError(f"{model.name} takes no scheduler {spec.scheduler[:80]}; {hint}")
    if model.modes and spec.mode not in model.modes:
        raise BadInputError(f"{model.name} can't do {spec.mode}; it can do {', '.join(model.modes)}.")
    if spec.seed + spec.count - 1 > MAX_SEED:
        raise BadInputError(f"Seeds end at {MAX_SEED}; with {spec.count} pictures the first must be smaller.")
    if devices and spec.device != "auto" and spec.device not in {device.name for device in devices}:
        known = ", ".join(device.name for device in devices)
        raise BadInputError(f"There is no device {spec.device} here; there is {known}.")
    if spec.mode != "text_to_image":
        _require_input(spec.image, "picture to start from", home)
    if spec.mode == "inpaint":
        _require_input(spec.mask, "mask", home)
    return msgspec.structs.replace(
        spec, model=msgspec.structs.replace(spec.model, fingerprint=model.fingerprint)
    )


def _require_input(image: ImageValue | None, what: str, home: Home) -> None:
    if image is None:
        raise BadInputError(f"This mode needs a {what}; choose one.")
    if not (home.inputs / f"{image.sha256}.png").is_file():
        raise NotFoundError(f"The {what} is not in the data folder any more; choose it again.")
