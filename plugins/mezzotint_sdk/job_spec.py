"""What a run depends on: the spec is the whole truth about a result.

Same spec, same machine, fixed threads: same pixels, bit for bit. So nothing that changes a result may live
outside of it, and nothing that doesn't (preview rate, window layout) may live inside.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "MAX_COUNT",
    "MAX_PROMPT_CHARS",
    "MAX_SEED",
    "ArrayValue",
    "GenerateSpec",
    "ImageValue",
    "JobSpec",
    "Mode",
    "ModelRef",
    "ParamField",
    "ParamValue",
    "PluginRef",
    "canonical_json",
    "picture_spec",
    "spec_digest",
    "spec_from_json",
]

MAX_SEED = 2**63 - 1
MAX_COUNT = 10_000
MAX_PROMPT_CHARS = 4 * 1024 * 1024

Seed = Annotated[int, Meta(ge=0, le=MAX_SEED)]
Mode = Literal["text_to_image", "image_to_image", "inpaint"]


class ImageValue(msgspec.Struct, frozen=True, tag="image"):
    """A picture given to a run, kept by content in the home's `inputs/` folder as `<sha256>.png`."""

    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class ArrayValue(msgspec.Struct, frozen=True, tag="array"):
    """An array given to a run, kept by content in the home's `inputs/` folder as `<sha256>.npy`."""

    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


ParamValue = None | bool | int | float | str | list["ParamScalar"] | ImageValue | ArrayValue
ParamScalar = None | bool | int | float | str


class ParamField(msgspec.Struct, frozen=True, kw_only=True):
    """One free parameter of a pipeline, described well enough to build a form field for it."""

    name: str
    kind: Literal["bool", "int", "float", "text", "choice", "image", "array", "list"]
    label: str = ""
    help: str = ""
    default: ParamValue = None
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = False


class ModelRef(msgspec.Struct, frozen=True, kw_only=True):
    """A model by place and by content.

    `path` is a folder or file on the engine's machine, or `bundled:NAME` for one that comes with
    Mezzotint. `fingerprint` is a hash over names, sizes and headers of its files (quick); a hash over all of
    the content may join a run's record later.
    """

    path: str
    fingerprint: str = ""


class PluginRef(msgspec.Struct, frozen=True):
    name: str
    version: str


class GenerateSpec(msgspec.Struct, frozen=True, kw_only=True, tag="generate"):
    """Pictures from a prompt. Picture k of `count` is drawn with seed `seed + k`, alone, so that
    each of them can be drawn again by itself with identical pixels."""

    model: ModelRef
    mode: Mode = "text_to_image"
    prompt: Annotated[str, Meta(max_length=MAX_PROMPT_CHARS)] = ""
    negative_prompt: Annotated[str, Meta(max_length=MAX_PROMPT_CHARS)] = ""
    steps: Annotated[int, Meta(ge=1, le=10_000)] = 20
    guidance_scale: Annotated[float, Meta(ge=0.0, le=1000.0)] = 5.0
    seed: Seed = 0
    width: Annotated[int, Meta(ge=8, le=16_384)] = 64
    height: Annotated[int, Meta(ge=8, le=16_384)] = 64
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT)] = 1
    scheduler: str = ""  # class name, "" is the model's own
    image: ImageValue | None = None
    mask: ImageValue | None = None  # white is drawn anew, black is kept
    strength: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.8
    device: str = "auto"  # "auto", "cpu", "cuda:0", "xpu:0", "mps"
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    attention: str = "auto"
    threads: Annotated[int, Meta(ge=0, le=4096)] = 0  # 0: the engine's choice for this machine
    extra: dict[str, ParamValue] = {}
    plugins: tuple[PluginRef, ...] = ()


JobSpec = GenerateSpec  # becomes a tagged union as kinds of job join (text, training, script)

_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(JobSpec)


def canonical_json(spec: JobSpec) -> str:
    """The one text form of a spec: keys sorted, no white space, floats as their shortest repr."""
    return _ENCODER.encode(spec).decode()


def spec_from_json(text: str | bytes) -> JobSpec:
    """The spec of a canonical (or any equivalent) JSON text.

    Raises msgspec.ValidationError or msgspec.DecodeError where it is not a spec.
    """
    return _DECODER.decode(text)


def spec_digest(spec: JobSpec) -> str:
    """SHA-256 of the canonical form, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(spec).encode()).hexdigest()


def picture_spec(spec: GenerateSpec, index: int) -> GenerateSpec:
    """The spec that draws picture `index` of a run by itself, with identical pixels."""
    return msgspec.structs.replace(spec, seed=(spec.seed + index) % (MAX_SEED + 1), count=1)
