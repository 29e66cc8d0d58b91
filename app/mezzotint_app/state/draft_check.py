"""What is wrong with a draft before the engine sees it: one sentence a field, saying what to do."""

from __future__ import annotations

from mezzotint_sdk.job_spec import MAX_COUNT, MAX_PROMPT_CHARS, MAX_SEED, GenerateSpec
from mezzotint_sdk.records import ModelRecord
from mezzotint_sdk.scheduler_names import nearest_scheduler

__all__ = ["draft_problems"]


def draft_problems(draft: GenerateSpec, model: ModelRecord | None, has_models: bool) -> dict[str, str]:
    """Field name → what is wrong with it, in the order of the form.

    `model` is the draft's model, None if the engine doesn't know it; `has_models`: its list is there.
    """
    found: dict[str, str] = {}
    if has_models:
        if not draft.model.path:
            found["model"] = "No model is chosen; add a model folder."
        elif model is None:
            found["model"] = f"The model {draft.model.path} was not found; choose another one."
        elif model.problem is not None:
            found["model"] = model.problem.message
    for name in ("prompt", "negative_prompt"):
        if len(getattr(draft, name)) > MAX_PROMPT_CHARS:
            found[name] = f"The text is longer than {MAX_PROMPT_CHARS:,} characters; shorten it."
    if draft.mode != "text_to_image" and draft.image is None:
        found["image"] = "Choose a picture to start from, or drop one here."
    if draft.mode == "inpaint" and draft.image is not None and draft.mask is None:
        found["mask"] = "Paint over the part that is to be drawn anew."
    if not 1 <= draft.steps <= 10_000:
        found["steps"] = "Steps must be between 1 and 10,000."
    if not 0 <= draft.guidance_scale <= 1000:
        found["guidance_scale"] = "Guidance must be between 0 and 1,000."
    if not 0 <= draft.seed <= MAX_SEED:
        found["seed"] = f"The seed must be a whole number between 0 and {MAX_SEED}."
    multiple = model.size_multiple if model is not None else 8
    for name in ("width", "height"):
        if (sentence := _size_problem(name, getattr(draft, name), multiple)) is not None:
            found[name] = sentence
    if not 1 <= draft.count <= MAX_COUNT:
        found["count"] = f"The count must be between 1 and {MAX_COUNT:,}."
    if model is not None and draft.scheduler and model.schedulers and draft.scheduler not in model.schedulers:
        near = nearest_scheduler(draft.scheduler, model.schedulers).removesuffix("Scheduler")
        hint = f"did you mean {near}?" if near else "choose another scheduler."
        found["scheduler"] = f"This model does not take {draft.scheduler[:80]}; {hint}"
    if model is not None and model.modes and draft.mode not in model.modes:
        found["mode"] = "This model can't do that; choose another mode."
    return found


def _size_problem(name: str, value: int, multiple: int) -> str | None:
    if not 8 <= value <= 16_384:
        return f"The {name} must be between 8 and 16,384 pixels."
    if multiple > 1 and value % multiple:
        below = value // multiple * multiple
        return f"The {name} must be a multiple of {multiple}: {max(multiple, below)} or {below + multiple}."
    return None
