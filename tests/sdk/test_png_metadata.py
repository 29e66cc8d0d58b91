from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from mezzotint_sdk.a1111_text import SAMPLER_CLASSES, from_a1111, to_a1111
from mezzotint_sdk.errors import BadMetadataError
from mezzotint_sdk.job_spec import GenerateSpec, ModelRef, canonical_json
from mezzotint_sdk.png_metadata import SIGNATURE, read_settings, read_text


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    pixel = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return SIGNATURE + head + b"".join(chunks) + pixel + chunk(b"IEND", b"")


def with_text(key: str, text: str, *, zip_it: bool = False) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text(key, text, zip=zip_it)
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


SPEC = GenerateSpec(
    model=ModelRef(path="bundled:emoji-64", fingerprint="ab" * 32),
    prompt="red apple, 苹果\nNegative space: 1\0",
    seed=2**63 - 1,
    guidance_scale=0.1 + 0.2,
    scheduler="DDIMScheduler",
    extra={"list": [1, "x", None]},
)


def own_text(**changes: object) -> str:
    own = {"format": 1, "spec": json.loads(canonical_json(SPEC)), "model_name": "emoji-64", **changes}
    return json.dumps(own)


def test_our_own_text_restores_the_spec_exactly() -> None:
    found = read_settings(with_text("mezzotint", own_text(run_id="r")))
    assert found.spec == SPEC
    assert found.source == "mezzotint"
    assert found.model_name == "emoji-64"
    assert found.raw["mezzotint"]["run_id"] == "r"


@pytest.mark.parametrize("text", ["plain", "Latin ü", "苹果 🍎", "x" * 5000])
@pytest.mark.parametrize("zip_it", [False, True])
def test_text_that_pillow_wrote_is_read(tmp_path: Path, text: str, zip_it: bool) -> None:
    data = with_text("parameters", text, zip_it=zip_it)
    assert read_text(data) == {"parameters": text}
    (tmp_path / "a.png").write_bytes(data)
    assert read_text(tmp_path / "a.png") == {"parameters": text}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        SIGNATURE,
        png()[:-6],
        png(b"\xff\xff\xff\xfftEXtx"),
        png(chunk(b"tEXt", b"no separator")),
        png(chunk(b"tEXt", b"\0no keyword")),
        png(chunk(b"zTXt", b"k\0\0not packed")),
        png(chunk(b"zTXt", b"k\0\x07x")),
        png(chunk(b"zTXt", b"k\0\0" + zlib.compress(b"x" * 100)[:-8])),
        png(chunk(b"iTXt", b"k\0")),
        png(chunk(b"iTXt", b"k\0\0\0\0\0\xff\xfe")),
        png(chunk(b"iTXt", b"k\0\x01\x05\0\0x")),
        png(chunk(b"tEXt", b"k\0v")[:-1] + b"!"),
        png(chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(100 * 1024 * 1024)))),
        with_text("mezzotint", "not json"),
        with_text("mezzotint", "[1]"),
        with_text("mezzotint", own_text(format=99)),
        with_text("mezzotint", own_text(spec={"type": "generate"})),
        with_text("mezzotint", own_text(spec=None)),
        with_text("mezzotint", '{"format": 1, "spec": ' + "[" * 100_000),
        with_text("mezzotint", own_text(spec=float("nan"))),
    ],
)
def test_bad_bytes_are_our_error(data: bytes) -> None:
    with pytest.raises(BadMetadataError):
        read_settings(data)


def test_a_file_that_is_not_there_is_our_error(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.png", tmp_path, "a\0b"):
        with pytest.raises(BadMetadataError):
            read_settings(path)


def test_a_picture_of_another_program_says_whose_it_is() -> None:
    found = read_settings(with_text("workflow", '{"nodes": []}'))
    assert (found.spec, found.source) == (None, "none")
    assert "ComfyUI" in found.not_understood[0]
    assert read_settings(png()).source == "none"


A1111 = """a (red:1.2) apple,
<lora:style:0.7> on a table
Negative prompt: blurry,
low quality
Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 1234567890, Size: 512x768, \
Model hash: 6ce0161689, Model: "some, model", \
Denoising strength: 0.45, Hires prompt: "a: \\"b\\"\\nc", Version: v1.10.1"""


def test_a1111_is_read_as_far_as_it_goes() -> None:
    found = read_settings(with_text("parameters", A1111))
    assert found.source == "a1111"
    spec = found.spec
    assert spec is not None
    assert spec.prompt == "a (red:1.2) apple,\n<lora:style:0.7> on a table"
    assert spec.negative_prompt == "blurry,\nlow quality"
    assert (spec.steps, spec.guidance_scale, spec.seed) == (28, 7.5, 1234567890)
    assert (spec.width, spec.height, spec.strength) == (512, 768, 0.45)
    assert spec.scheduler == "DPMSolverMultistepScheduler"
    assert found.model_name == "some, model"
    assert set(found.not_understood) == {
        "Schedule type: Karras",
        "Model hash: 6ce0161689",
        "Model: some, model",
        'Hires prompt: a: "b"\nc',
    }


def test_what_can_not_be_used_is_listed_rather_than_guessed() -> None:
    found = from_a1111(
        "x\nSteps: many, Sampler: Nonesuch, CFG scale: 1e9, Seed: -1, Size: 1x1, Denoising strength: 7"
    )
    assert found is not None
    assert found.spec == GenerateSpec(model=ModelRef(path=""), prompt="x")
    assert len(found.not_understood) == 6


def test_text_without_a_line_of_settings_is_not_a1111s() -> None:
    for text in ("", "a prompt\nwith lines", "Steps: 20, Seed: 1", '{"sui_image_params": {"prompt": "x"}}'):
        assert from_a1111(text) is None
    found = read_settings(with_text("parameters", "just a prompt"))
    assert found.not_understood == ("parameters: just a prompt",)


def test_each_sampler_is_named_as_a1111_does_and_found_again() -> None:
    for sampler, scheduler in SAMPLER_CLASSES.items():
        text = to_a1111(GenerateSpec(model=ModelRef(path="m"), scheduler=scheduler), "m")
        assert f"Sampler: {sampler}," in text
        found = from_a1111(text)
        assert found is not None
        assert found.spec.scheduler == scheduler


def test_the_models_own_scheduler_is_named_where_the_spec_names_none() -> None:
    spec = GenerateSpec(model=ModelRef(path="m"))
    assert "Sampler: Euler a," in to_a1111(spec, "m", "EulerAncestralDiscreteScheduler")
    chosen = GenerateSpec(model=ModelRef(path="m"), scheduler="DDIMScheduler")
    assert "Sampler: DDIM," in to_a1111(chosen, "m", "EulerAncestralDiscreteScheduler")
    assert "Sampler" not in to_a1111(spec, "m")


PROMPTS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=60)


@settings(max_examples=300, deadline=None)
@given(
    prompt=PROMPTS,
    negative=PROMPTS,
    guidance=st.floats(0, 1000),
    seed=st.integers(0, 2**63 - 1),
    name=PROMPTS,
    scheduler=st.sampled_from(["", "DEISMultistepScheduler", "EulerDiscreteScheduler"]),
)
def test_what_we_write_for_a1111_is_read_back(
    prompt: str, negative: str, guidance: float, seed: int, name: str, scheduler: str
) -> None:
    spec = GenerateSpec(
        model=ModelRef(path="m"),
        prompt=prompt,
        negative_prompt=negative,
        guidance_scale=guidance,
        seed=seed,
        scheduler=scheduler,
    )
    found = from_a1111(to_a1111(spec, name))
    assert found is not None
    assert (found.spec.steps, found.spec.seed, found.spec.width) == (spec.steps, seed, 64)
    assert found.spec.guidance_scale == pytest.approx(guidance, rel=1e-12)
    assert found.spec.scheduler == scheduler
    if "Negative prompt:" not in prompt + negative:
        stripped = "\n".join(line.strip() for line in prompt.strip().split("\n"))
        assert found.spec.prompt.strip() == stripped.strip()


LETTERS = st.text(st.sampled_from('abS: ,"\\\n\tteps123x.-é'), max_size=200)


@settings(max_examples=300, deadline=None)
@given(LETTERS)
def test_any_text_is_read_as_a1111s_or_not(text: str) -> None:
    for candidate in (text, f"x\nSteps: {text}", f"Steps: 1, Sampler: {text}, Seed: {text}, Size: {text}"):
        found = from_a1111(candidate)
        assert found is None or isinstance(found.spec, GenerateSpec)


def test_hostile_text_takes_no_quadratic_time() -> None:
    for text in (
        "a" * 500_000,
        'a:"' * 200_000,
        "a: b" * 100_000,
        "Steps:" + " " * 300_000,
        "a:" + '"\\' * 300_000,
    ):
        from_a1111("Steps: 1, Seed: 1, Size: 1x1, " + text)


def read_any(data: bytes) -> None:
    try:
        read_settings(data)
    except BadMetadataError:
        pass


CHUNKS = st.builds(
    chunk,
    st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"IDAT", b"eXIf"]),
    st.builds(
        lambda key, body: key + b"\0" + body,
        st.sampled_from([b"mezzotint", b"parameters", b"", b"k" * 90]),
        st.one_of(
            st.binary(max_size=200),
            st.builds(lambda text: b"\0" + zlib.compress(text), st.binary(max_size=100)),
            st.builds(lambda text: b"\0\0\0\0" + text, st.binary(max_size=100)),
        ),
    ),
)


def with_byte(data: bytes, at: int, value: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes([value]) + data[at + 1 :]


DAMAGED = st.builds(
    with_byte,
    st.sampled_from([with_text("mezzotint", own_text()), with_text("parameters", A1111, zip_it=True)]),
    st.integers(0, 10**6),
    st.integers(0, 255),
)
BYTES = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda rest: SIGNATURE + rest, st.binary(max_size=300)),
    st.builds(lambda chunks: png(*chunks), st.lists(CHUNKS, max_size=5)),
    DAMAGED,
)


@settings(max_examples=400, deadline=None)
@given(BYTES)
def test_any_bytes_give_settings_or_our_error(data: bytes) -> None:
    read_any(data)


@pytest.mark.long
@settings(max_examples=50_000, deadline=None)
@given(BYTES)
def test_any_bytes_at_length(data: bytes) -> None:
    read_any(data)
