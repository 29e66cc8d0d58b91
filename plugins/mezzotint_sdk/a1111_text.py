"""The `parameters` text of A1111's web UI, which most programs read: written from a spec, and read into one.

::

    prompt, which may have several lines
    Negative prompt: text
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: name

Values with a comma, a colon or a line break are quoted as JSON strings.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

import msgspec

from mezzotint_sdk.job_spec import MAX_PROMPT_CHARS, MAX_SEED, GenerateSpec
from mezzotint_sdk.version import __version__

__all__ = ["A1111_KEY", "SAMPLER_CLASSES", "A1111Settings", "from_a1111", "to_a1111"]

A1111_KEY = "parameters"

# A1111's name for a sampler to diffusers' class, as diffusers' documentation pairs them.
SAMPLER_CLASSES = {
    "Euler": "EulerDiscreteScheduler",
    "Euler a": "EulerAncestralDiscreteScheduler",
    "Heun": "HeunDiscreteScheduler",
    "LMS": "LMSDiscreteScheduler",
    "DPM2": "KDPM2DiscreteScheduler",
    "DPM2 a": "KDPM2AncestralDiscreteScheduler",
    "DPM++ 2M": "DPMSolverMultistepScheduler",
    "DPM++ SDE": "DPMSolverSinglestepScheduler",
    "DDIM": "DDIMScheduler",
    "DDPM": "DDPMScheduler",
    "PLMS": "PNDMScheduler",
    "UniPC": "UniPCMultistepScheduler",
    "LCM": "LCMScheduler",
}
_SAMPLER_NAMES = {scheduler: sampler for sampler, scheduler in SAMPLER_CLASSES.items()}
_SAMPLERS_FOLDED = {sampler.lower(): scheduler for sampler, scheduler in SAMPLER_CLASSES.items()}
# Old versions wrote the noise schedule behind the sampler's name.
_SCHEDULE_SUFFIX = re.compile(r"\s+(karras|exponential|polyexponential)$", re.IGNORECASE)

# A1111's own pattern reads a value that looks quoted but is not as far as the next comma; so does this one.
# Names are bounded, so that no text takes quadratic time.
_PAIR = re.compile(r'\s*(\w[\w \-/]{1,60}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_NEGATIVE = "Negative prompt:"
_MIN_PAIRS = 3  # a last line with fewer is part of the prompt
MAX_SETTINGS_CHARS = 1_000_000
MAX_PAIRS = 1000


@dataclass(frozen=True)
class A1111Settings:
    """`spec` holds what could be read, defaults for the rest; its model's path is empty.

    `not_understood` lists the other pairs as "name: value"; `model_name` says which model it was,
    for a person to find.
    """

    spec: GenerateSpec
    not_understood: tuple[str, ...] = ()
    model_name: str = ""
    pairs: dict[str, str] = field(default_factory=dict)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ',:\n"') else value


def to_a1111(spec: GenerateSpec, model_name: str, own_scheduler: str = "") -> str:
    """The text for one picture of a spec. `own_scheduler` is the class of the model's own, for a spec that
    names none: other programs can't know it."""
    scheduler = spec.scheduler or own_scheduler
    sampler = _SAMPLER_NAMES.get(scheduler, scheduler)
    pairs = {
        "Steps": str(spec.steps),
        **({"Sampler": sampler} if sampler else {}),
        "CFG scale": f"{spec.guidance_scale:.15g}",
        "Seed": str(spec.seed),
        "Size": f"{spec.width}x{spec.height}",
        **({"Model hash": spec.model.fingerprint[:10]} if spec.model.fingerprint else {}),
        **({"Model": model_name} if model_name else {}),
        **({"Denoising strength": f"{spec.strength:.15g}"} if spec.mode != "text_to_image" else {}),
        "Version": f"Mezzotint {__version__}",
    }
    settings = ", ".join(f"{name}: {_quoted(value)}" for name, value in pairs.items())
    negative = f"\n{_NEGATIVE} {spec.negative_prompt}" if spec.negative_prompt else ""
    return f"{spec.prompt}{negative}\n{settings}".strip()


def from_a1111(text: str) -> A1111Settings | None:
    """What the text says; None where it is not text of this kind. Any text whatever gives an answer."""
    *lines, last = text.strip().split("\n")
    pairs = _pairs(last)
    if len(pairs) < _MIN_PAIRS:
        return None
    prompt, negative = _prompts(lines)
    rest = dict(pairs)
    missed: list[str] = []
    values: dict[str, object] = {"prompt": prompt, "negative_prompt": negative}
    for name, read in (
        ("Steps", _read_steps),
        ("Sampler", _read_sampler),
        ("CFG scale", _read_guidance),
        ("Seed", _read_seed),
        ("Size", _read_size),
        ("Denoising strength", _read_strength),
    ):
        if name in rest and (found := read(rest[name])) is not None:
            value = rest.pop(name)
            values |= found
            if name == "Sampler" and (suffix := _SCHEDULE_SUFFIX.search(value)):
                missed.append(f"Schedule type: {suffix.group(1)}")
    rest.pop("Version", None)
    missed.extend(f"{name}: {value}" for name, value in rest.items())
    try:
        spec = msgspec.convert({"type": "generate", "model": {"path": ""}, **values}, GenerateSpec)
    except msgspec.ValidationError:
        return None
    return A1111Settings(spec, tuple(missed), pairs.get("Model", ""), pairs)


def _pairs(line: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _PAIR.finditer(line[:MAX_SETTINGS_CHARS]):
        name, value = match.group(1).strip(), match.group(2).strip()
        if value.startswith('"') and value.endswith('"') and len(value) > 1:
            try:
                value = str(json.loads(value))
            except (ValueError, RecursionError):
                pass  # it only looked quoted
        found.setdefault(name, value)
        if len(found) >= MAX_PAIRS:
            break
    return found


def _prompts(lines: list[str]) -> tuple[str, str]:
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in lines:
        stripped = line.strip()
        if stripped.startswith(_NEGATIVE):
            into, stripped = negative, stripped[len(_NEGATIVE) :].strip()
        into.append(stripped)
    return "\n".join(prompt)[:MAX_PROMPT_CHARS], "\n".join(negative)[:MAX_PROMPT_CHARS]


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,32}", text) else None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{0,20}\.?[0-9]{1,32}(e-?[0-9]{1,3})?", text) else None


def _read_steps(text: str) -> dict[str, object] | None:
    steps = _integer(text)
    return {"steps": steps} if steps is not None and 1 <= steps <= 10_000 else None


def _read_guidance(text: str) -> dict[str, object] | None:
    scale = _number(text)
    return {"guidance_scale": scale} if scale is not None and scale <= 1000 else None


def _read_strength(text: str) -> dict[str, object] | None:
    strength = _number(text)
    return {"strength": strength} if strength is not None and strength <= 1 else None


def _read_seed(text: str) -> dict[str, object] | None:
    seed = _integer(text)
    return {"seed": seed} if seed is not None and 0 <= seed <= MAX_SEED else None


def _read_size(text: str) -> dict[str, object] | None:
    match = re.fullmatch(r"([0-9]{1,5})\s*[xX×]\s*([0-9]{1,5})", text)
    if not match:
        return None
    width, height = int(match.group(1)), int(match.group(2))
    return {"width": width, "height": height} if all(8 <= n <= 16_384 for n in (width, height)) else None


def _read_sampler(text: str) -> dict[str, object] | None:
    name = _SCHEDULE_SUFFIX.sub("", text)
    scheduler = _SAMPLERS_FOLDED.get(name.lower())
    if scheduler is None and re.fullmatch(r"[A-Z][A-Za-z0-9]{2,60}Scheduler", name):
        scheduler = name  # what we write for those that A1111 has no name for
    return {"scheduler": scheduler} if scheduler else None
