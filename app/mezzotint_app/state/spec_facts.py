"""A spec as titled lines for people: all settings of a picture, and what differs between two."""

from __future__ import annotations

from pathlib import PurePath

from mezzotint_sdk.job_spec import GenerateSpec, ImageValue

__all__ = ["model_name", "spec_differences", "spec_facts"]

MODES = {"text_to_image": "Text to image", "image_to_image": "Image to image", "inpaint": "Inpaint"}


def model_name(spec: GenerateSpec) -> str:
    """What people call the model: the last part of its path."""
    path = spec.model.path.removeprefix("bundled:")
    return PurePath(path).name or path or "unknown"


def spec_facts(spec: GenerateSpec) -> list[tuple[str, str]]:
    """(title, value) of each setting, the important ones first. Prompts are left out: they need more room."""
    facts = [
        ("Model", model_name(spec)),
        ("Size", f"{spec.width} × {spec.height}"),
        ("Steps", f"{spec.steps}"),
        ("Guidance", f"{spec.guidance_scale:g}"),
        ("Seed", f"{spec.seed}"),
        ("Scheduler", spec.scheduler or "model's own"),
        ("Mode", MODES[spec.mode]),
    ]
    if spec.mode != "text_to_image":
        facts += [
            ("Strength", f"{spec.strength:g}"),
            ("Start picture", _image(spec.image)),
            ("Mask", _image(spec.mask)),
        ]
    facts += [
        ("Device", spec.device),
        ("Precision", spec.dtype),
        ("Attention", spec.attention),
        ("Threads", f"{spec.threads}" if spec.threads else "engine's choice"),
    ]
    facts += [(name, f"{value}") for name, value in sorted(spec.extra.items())]
    if spec.plugins:
        facts.append(("Plugins", ", ".join(f"{plugin.name} {plugin.version}" for plugin in spec.plugins)))
    if spec.model.fingerprint:
        facts.append(("Model hash", spec.model.fingerprint[:12]))
    return facts


def spec_differences(first: GenerateSpec, second: GenerateSpec) -> list[tuple[str, str, str]]:
    """(title, value of the first, value of the second) for each setting that isn't equal."""
    found: list[tuple[str, str, str]] = []
    for title, one, other in (
        ("Prompt", first.prompt, second.prompt),
        ("Negative prompt", first.negative_prompt, second.negative_prompt),
    ):
        if one != other:
            found.append((title, one or "none", other or "none"))
    ours, theirs = dict(spec_facts(first)), dict(spec_facts(second))
    for title in [*ours, *(title for title in theirs if title not in ours)]:
        one, other = ours.get(title, "none"), theirs.get(title, "none")
        if one != other:
            found.append((title, one, other))
    return found


def _image(value: ImageValue | None) -> str:
    return value.sha256[:12] if value is not None else "none"
