from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzotint_sdk.job_spec import (
    MAX_SEED,
    GenerateSpec,
    ImageValue,
    ModelRef,
    canonical_json,
    picture_spec,
    spec_digest,
    spec_from_json,
)

MODEL = ModelRef(path="bundled:emoji-64", fingerprint="abc")

specs = st.builds(
    GenerateSpec,
    model=st.builds(ModelRef, path=st.text(max_size=40), fingerprint=st.text(max_size=10)),
    prompt=st.text(max_size=200),
    negative_prompt=st.text(max_size=50),
    steps=st.integers(1, 10_000),
    guidance_scale=st.floats(0, 1000, allow_nan=False),
    seed=st.integers(0, MAX_SEED),
    width=st.integers(8, 16_384),
    count=st.integers(1, 10_000),
    scheduler=st.text(max_size=20),
    image=st.none() | st.just(ImageValue("0" * 64)),
    strength=st.floats(0, 1, allow_nan=False),
    extra=st.dictionaries(
        st.text(max_size=8),
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.text(max_size=8)
        | st.just(ImageValue("a" * 64)),
        max_size=3,
    ),
)


@given(specs)
def test_canonical_json_gives_the_same_spec_and_text_back(spec: GenerateSpec) -> None:
    text = canonical_json(spec)
    back = spec_from_json(text)
    assert back == spec
    assert canonical_json(back) == text
    assert spec_digest(back) == spec_digest(spec)


def test_canonical_json_sorts_its_keys_at_every_level() -> None:
    spec = GenerateSpec(model=MODEL, extra={"b": 1, "a": 2})
    keys = list(json.loads(canonical_json(spec)))
    assert keys == sorted(keys)
    assert canonical_json(spec) == canonical_json(GenerateSpec(model=MODEL, extra={"a": 2, "b": 1}))


@pytest.mark.parametrize(
    "field",
    [
        {"steps": 0},
        {"steps": "20"},
        {"guidance_scale": -1.0},
        {"guidance_scale": float("inf")},
        {"seed": -1},
        {"seed": MAX_SEED + 1},
        {"width": 0},
        {"count": 0},
        {"strength": 1.5},
        {"mode": "telepathy"},
        {"dtype": "float8"},
        {"image": {"type": "image", "sha256": "../../etc/passwd"}},
        {"prompt": 5},
        {"model": None},
    ],
)
def test_a_spec_that_no_run_could_use_is_refused_at_decode(field: dict[str, object]) -> None:
    good = json.loads(canonical_json(GenerateSpec(model=MODEL)))
    with pytest.raises(msgspec.ValidationError):
        spec_from_json(json.dumps({**good, **field}).replace("Infinity", "1e999"))


def test_each_picture_has_a_spec_of_its_own() -> None:
    spec = GenerateSpec(model=MODEL, seed=MAX_SEED - 1, count=3)
    assert [picture_spec(spec, index).seed for index in range(3)] == [MAX_SEED - 1, MAX_SEED, 0]
    assert picture_spec(spec, 2).count == 1
    assert picture_spec(picture_spec(spec, 1), 0) == picture_spec(spec, 1)
